"""The part of a strategy's page on costs, luck, first days and neighbouring parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from reports.numbers import show_change, show_count, show_p_value, show_percent, show_ratio
from reports.pages.section import Section, join, paragraph
from reports.tables import Cell, Column, Table
from strategies.parameters import describe_parameters

_PERFORMANCE = (
    Column("What is changed"),
    Column("Days", show_count, numeric=True),
    Column("Sharpe", show_ratio, "Of the returns beyond the market, per year.", numeric=True),
    Column("Return", show_change, "Beyond the market, per year.", numeric=True),
)
_INTERVALS = (
    Column("Level", show_percent, "Share of such intervals that hold the truth.", numeric=True),
    Column("Sharpe", show_ratio, "Of the returns beyond the market, per year.", numeric=True),
    Column("Sharpe, low", show_ratio, numeric=True),
    Column("Sharpe, high", show_ratio, numeric=True),
    Column("Return", show_change, "Beyond the market, per year.", numeric=True),
    Column("Return, low", show_change, numeric=True),
    Column("Return, high", show_change, numeric=True),
)
_ENTRIES = (
    Column("Positions", show_count, numeric=True),
    Column("p-value", show_p_value,
           "Share of other places in time at which the same positions earn as much.", numeric=True),
    Column("Log return", show_ratio, "Mean over symbols, costs included.", numeric=True),
    Column("Elsewhere", show_ratio, "Mean of the same over the other places.", numeric=True),
    Column("Places", show_count, numeric=True),
)  # fmt: skip
_SHUFFLE = (
    Column("Trades", show_count, numeric=True),
    Column("Drawdown", show_percent, "At the ends of trades, mean over symbols.", numeric=True),
    Column("5%", show_percent, "Of random orders of the trades.", numeric=True),
    Column("Median", show_percent, numeric=True),
    Column("95%", show_percent, numeric=True),
    Column("As deep", show_percent, "Share of orders with as deep a drawdown.", numeric=True),
)


def list_robustness_sections(stored: Mapping[str, Any] | None) -> list[Section]:
    """Return costs doubled, and the other tests of robustness, as their file has them."""
    if stored is None:
        nothing = paragraph("There are no tests of robustness on this universe and window.")
        return [Section("costs", "Costs doubled", nothing)]
    return [
        Section("costs", "Costs doubled", _show_costs(stored)),
        Section("robustness", "Robustness", _show_tests(stored)),
        Section("periods", "Years and markets", _show_periods(stored)),
    ]


def _show_costs(stored: Mapping[str, Any]) -> Markup:
    rows = [
        _build_row("as in this run", stored["own"]),
        _build_row("everything that trading costs doubled", stored["doubled_costs"]),
    ]
    return join(Table("Simulated again at twice the costs", _PERFORMANCE, rows).render())


def _show_tests(stored: Mapping[str, Any]) -> Markup:
    own, intervals = stored["own"], stored["intervals"]
    ends = [intervals["level"]]
    for name in ("annual_sharpe", "annual_return"):
        ends += [own[name], *intervals[name]]
    entries, shuffle = stored["random_entries"], stored["trade_shuffle"]
    tables = (
        Table("Intervals", _INTERVALS, [ends]),
        Table("Other first days and neighbouring parameters", _PERFORMANCE, [*_list(stored)]),
        Table("Random entries", _ENTRIES, [_pick(entries, "positions", "p_value", "log_return",
                                                 "expected", "places")]),
        Table("Trades in another order", _SHUFFLE, [_pick(shuffle, "trades", "drawdown", "low",
                                                          "median", "high", "deeper")]),
    )  # fmt: skip
    permuted = stored["day_permutation"]
    told = (
        ""
        if permuted is None
        else paragraph(
            f"Permuted days: p-value {show_p_value(permuted['p_value'])}; the sweep's highest "
            f"Sharpe ratio is {show_ratio(permuted['statistic'])}."
        )
    )
    return join(*(one.render() for one in tables), told)


def _list(stored: Mapping[str, Any]) -> Iterator[list[Any]]:
    yield _build_row("nothing", stored["own"])
    for one in stored["shifted_starts"]:
        told = f"begun on {one['start']}"
        unshifted = show_ratio(one["unshifted"]["annual_sharpe"])
        yield _build_row(Cell(told, note=f"{unshifted} on the same days, begun earlier"),
                         one["performance"])  # fmt: skip
    for one in stored["jittered"]:
        changed = describe_parameters(one["parameters"])
        yield _build_row(changed, one["performance"])


def _show_periods(stored: Mapping[str, Any]) -> Markup:
    columns = (Column("Period"), *_PERFORMANCE[1:])
    regimes = {f"{name} market": one for name, one in stored["regimes"].items()}
    rows = [_build_row(name, one) for name, one in (stored["years"] | regimes).items()]
    return join(Table("Performance by year, and by volatility of the market", columns, rows)
                .render())  # fmt: skip


def _build_row(name: Any, performance: Mapping[str, Any]) -> list[Any]:
    return [name, *_pick(performance, "bars", "annual_sharpe", "annual_return")]


def _pick(stored: Mapping[str, Any], *names: str) -> list[Any]:
    return [stored[name] for name in names]
