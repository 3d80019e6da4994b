"""The table of verdicts: what each criterion found, and its limit."""

from collections.abc import Mapping, Sequence
from typing import Any

from reports.inputs.criteria import CRITERIA, SHARE, CriterionResult, list_criteria
from reports.numbers import show_count, show_p_value, show_percent
from reports.tables import Cell, Column, Table


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
            Column(f"{name}: loses", show_percent, question, numeric=True)
            if value == SHARE
            else Column(f"{name}: p", show_p_value, question, numeric=True)
            for name, _, value, question in CRITERIA
        ),
        Column("Deflated Sharpe", show_p_value, "Probability that the best parameters have a "
               "Sharpe ratio above that of the best of as many worthless ones.", numeric=True),
        Column("Trials", show_count, "Parameter sets of this strategy.", numeric=True),
        Column("Why"),
    ]  # fmt: skip
    rows = [_build_row(row) for row in verdicts]
    return Table("Verdicts: each criterion, and its limit", columns, rows)


def _build_row(row: Mapping[str, Any]) -> list[Any]:
    return [
        row["strategy"],
        Cell(row["verdict"], kind=f"verdict {row['verdict']}"),
        *map(_judge, list_criteria(row)),
        row["dsr"],
        row["trials"],
        Cell(row["reason"] or "passes all criteria", kind="text"),
    ]


def _judge(one: CriterionResult) -> Cell:
    """Return the number of a criterion, whether it passes, and the limit that decides it."""
    limit = f"{one.limit:.0%}" if one.is_share else f"{one.limit:g}"
    if one.passed:
        return Cell(one.value, kind="good", note=f"passes, limit {limit}")
    return Cell(one.value, kind="bad", note=f"fails, limit {limit}")
