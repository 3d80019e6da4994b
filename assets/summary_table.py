"""What the UI shows of a symbol: what each strategy made of it, in few characters.

The table is stored for each symbol and run: bytes count, and the UI shows only a link for more than
1,000 characters.
"""

from collections.abc import Iterable, Mapping
from typing import Any

SHOWN = (
    "strategy", "total_return", "benchmark_return", "sharpe_ratio", "max_drawdown", "closed_trades",
)  # fmt: skip

_HEAD = "|strategy|return|Sharpe|drawdown|trades|\n|---|--:|--:|--:|--:|"


def render_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return results of a symbol as Markdown, by strategy, and last what holding it returned.

    Undefined numbers are "-".
    """
    ordered = sorted(rows, key=lambda row: row["strategy"])
    held = f"|bought and held|{_percent(ordered[-1]['benchmark_return'])}||||"
    return "\n".join([_HEAD, *map(_render_row, ordered), held])


def _render_row(row: Mapping[str, Any]) -> str:
    cells = [
        row["strategy"],
        _percent(row["total_return"]),
        "-" if row["sharpe_ratio"] is None else f"{row['sharpe_ratio']:.2f}",
        _percent(row["max_drawdown"]),
        str(row["closed_trades"]),
    ]
    return f"|{'|'.join(cells)}|"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
