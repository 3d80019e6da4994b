"""The page of failures: what failed in the run, and why."""

from collections.abc import Mapping
from typing import Any

from reports.html import render
from reports.inputs.failures import FailuresInputs
from reports.numbers import show_count
from reports.page import Page
from reports.tables import Cell, Column, Table

PATH, CSV = "failures.html", "failures.csv"

_COLUMNS = (
    Column("Symbol"),
    Column("Strategy", meaning="All of them where none is named."),
    Column("Stage"),
    Column("Reason"),
    Column("Error"),
    Column("Retried", meaning="Whether a retry may help: transient errors are retried by night."),
    Column("When"),
)
_KINDS = (Column("Stage"), Column("Error"), Column("Failures", show_count, numeric=True))
_MISSING = (Column("Symbol"), Column("Strategies without a result", show_count, numeric=True))


def build_failures(inputs: FailuresInputs) -> Page:
    """Return the page of what failed in a run, and of what its leaderboard lacks."""
    table = Table("Failures of this run", _COLUMNS, [_build_row(one) for one in inputs.failures])
    body = render(
        "failures.html",
        inputs=inputs,
        failures=table.render(),
        kinds=Table("By stage and error", _KINDS, inputs.kinds).render(),
        missing=Table("Symbols without all results", _MISSING, inputs.missing).render(),
        csv=CSV,
    )
    return Page(PATH, "Failures", body, {CSV: table.to_csv()})


def _build_row(one: Mapping[str, Any]) -> list[Any]:
    return [
        one["symbol"],
        one["strategy"] or "all",
        one["stage"],
        Cell(one["message"], kind="text"),
        one["error_class"],
        "may help" if one["transient"] else "would not help",
        one["failed_at"],
    ]
