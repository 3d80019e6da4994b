"""The table of verdicts: what each criterion found, and its limit."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reports.numbers import is_undefined, show_count, show_p_value, show_percent
from reports.tables import Cell, Column, Table

CRITERIA = {
    "grid_p_value": "Grid: p",
    "best_p_value": "Best point: p",
    "loss_share": "Selection loses",
    "walk_forward_p_value": "Walk-forward: p",
}
"""The four criteria in their order, by the column that each is judged by; the lower, the better."""

_SHARES = ("loss_share",)


def build_criteria(verdicts: Sequence[Mapping[str, Any]]) -> Table:
    """Return one row per strategy: its verdict, why, and each criterion against its limit.

    Parameters
    ----------
    verdicts
        Rows with `research.verdicts.rows.VERDICTS_SCHEMA`.
    """
    columns = [
        Column("Strategy"),
        Column("Verdict"),
        *(
            Column(heading, show_percent if name in _SHARES else show_p_value, numeric=True)
            for name, heading in CRITERIA.items()
        ),
        Column("Deflated Sharpe", show_p_value, "Probability that the best parameters have a "
               "Sharpe ratio above that of the best of as many worthless ones.", numeric=True),
        Column("Trials", show_count, "Parameter sets of this strategy.", numeric=True),
        Column("Why"),
    ]  # fmt: skip
    rows = [_build_row(row) for row in verdicts]
    return Table("Verdicts: each criterion, and its limit", columns, rows)


def _build_row(row: Mapping[str, Any]) -> list[Any]:
    limits = json.loads(row["limits"])
    return [
        row["strategy"],
        Cell(row["verdict"], kind=f"verdict {row['verdict']}"),
        *(_judge(name, row[name], limits.get(name)) for name in CRITERIA),
        row["dsr"],
        row["trials"],
        Cell(row["reason"] or "passes all criteria", kind="text"),
    ]


def _judge(name: str, value: float | None, limit: float | None) -> Cell:
    """Return the number of a criterion, whether it passes, and the limit that decides it."""
    if is_undefined(value) or value is None or limit is None:
        return Cell(None, note="not measured")
    shown = f"{limit:.0%}" if name in _SHARES else f"{limit:g}"
    if value <= limit:
        return Cell(value, kind="good", note=f"passes, limit {shown}")
    return Cell(value, kind="bad", note=f"fails, limit {shown}")
