"""Tables in Markdown, as the Dagster UI shows them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def render_markdown(frame: "pl.DataFrame", digits: int = 3) -> str:
    """Return a table in Markdown: floats with `digits`, and a dash for what is undefined.

    Cells are not padded: the UI shows only a link for more than 1,000 characters.
    """
    aligned = ["--:" if dtype.is_numeric() else "---" for dtype in frame.dtypes]
    cells = [[_render_cell(value, digits) for value in row] for row in frame.rows()]
    return "\n".join(f"|{'|'.join(line)}|" for line in [frame.columns, aligned, *cells])


def _render_cell(value: Any, digits: int) -> str:
    if value is None:
        return "-"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)
