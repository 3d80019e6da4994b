"""The forward record of a project: nights one after the other against one long backtest."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.settings import Window
from research.forward.next_positions import find_next_positions
from research.universe_curves import compute_universe_curves
from resources.config.run_purpose import PURPOSE_TAG
from resources.price_store.history_loader import load_histories
from resources.price_store.spans import HistorySpec
from strategies.registry import registered_strategies
from tests.postgres import fresh_database
from tests.project import START, SYMBOLS, Project

STRATEGIES = [one() for one in registered_strategies().values()]
PIPELINE = {PURPOSE_TAG: "pipeline"}


@dataclass(frozen=True)
class Recorded:
    """A project whose record began on 2022-12-19, and what its nights showed until 2022-12-28."""

    project: Project
    shown: list[dict[str, Any]]
    positions: pl.DataFrame
    records: pl.DataFrame


@pytest.fixture(scope="module")
def recorded(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Lend a project with nights: some are missing, one is repeated, one is of an older window."""
    folder = tmp_path_factory.mktemp("forward")
    with fresh_database(server) as database, Project.opened(folder, database) as project:
        shown = [_run(project, f"2022-12-{day}") for day in (19, 20, 21, 27, 27, 22, 28)]
        positions, records = (
            project.manager.get_next_positions(),
            project.manager.get_forward_records(),
        )
        yield Recorded(project, shown, positions, records)


def _run(
    project: Project, end: str, tags: dict[str, str] = PIPELINE, **settings: Any
) -> dict[str, Any]:
    """Run the night of a day; return what the UI shows of it."""
    config = {"resources": {"run_settings": {"config": {"end": end, **settings}}}}
    result = project.run(selection=["prices", "forward_record"], run_config=config, tags=tags)
    assert result.success, project.why(result)
    (made,) = result.asset_materializations_for_node("forward_record")
    check = project.checks(result)["forward_record", "edges_do_not_decay"]
    shown = {name: one.value for name, one in made.metadata.items()}
    return {**shown, "check": (check.passed, check.description)}


def _load(project: Project, end: date) -> list[Any]:
    first = project.resource("run_settings").history_start()
    specs = [HistorySpec(symbol, first, end, None, end) for symbol in SYMBOLS]
    loaded = load_histories(project.resource("price_store"), "files", specs)
    return [one.history for _, one in loaded if not isinstance(one, Exception)]


def _backtest(project: Project, end: date) -> tuple[Any, dict[tuple[str, str], Any]]:
    """Return universe curves, and results by strategy and symbol, of one backtest of all days."""
    histories, window = _load(project, end), Window(START, end)
    market = EqualWeight.of(histories, window)
    outcomes = list(VectorBTEngine().run_batches(histories, STRATEGIES, window, market))
    curves = compute_universe_curves(outcomes, STRATEGIES, window, market)
    results = [result for outcome in outcomes for result in outcome.results]
    return curves, {(one.strategy.name, one.symbol): one for one in results}


def _assert_equal_to_backtest(project: Project, first: str, end: date) -> None:
    curves, results = _backtest(project, end)
    later = curves.dates >= np.datetime64(first)
    until = pl.col("session") <= end
    forward = project.manager.get_forward().filter(until)
    accounts = project.manager.get_forward_accounts().filter(until)
    for row, strategy in enumerate(STRATEGIES):
        days = forward.filter(strategy=strategy.name)
        assert days["session"].to_list() == curves.dates[later].tolist()
        for name, expected in (("universe", curves.returns[row]), ("market", curves.market)):
            assert days[f"{name}_return"].to_numpy().tobytes() == expected[later].tobytes()
        for symbol in SYMBOLS:
            equity = results[strategy.name, symbol].equity
            earned = (equity[1:] - equity[:-1]) / equity[:-1]
            found = accounts.filter(strategy=strategy.name, symbol=symbol)["account_return"]
            assert found.to_numpy().tobytes() == earned[later[1:]].tobytes(), symbol


def test_nights_equal_the_later_backtest_to_the_bit(recorded: Recorded):
    project, shown, count = recorded.project, recorded.shown, len(STRATEGIES)
    begun = [one["records_begun"] for one in shown]
    assert begun == [count, 0, 0, 0, 0, 0, 0]
    assert [one["new_days"] // count for one in shown] == [0, 1, 1, 3, 0, 0, 1]
    assert {one["revised"] + one["late"] + one["absent"] for one in shown} == {"none" * 3}
    assert shown[-1]["equal_to_backtest"] == f"{5 * count} of {5 * count} recorded days, to the bit"
    assert shown[-1]["record"].count("\n") == count + 1
    # Other tests add nights of their own to this project.
    highest = max(recorded.records["decay"].drop_nulls().to_list())
    assert shown[-1]["check"] == (
        highest < 0.8,
        f"0 of {count} records have alarmed in 30 days; highest decay {highest:.2f}, limit 1.00.",
    )
    _assert_equal_to_backtest(project, "2022-12-20", date(2022, 12, 28))
    records = project.manager.get_forward_records()
    assert set(records.filter(pl.col("strategy") != "rsi")["session"]) == {date(2022, 12, 19)}


def test_positions_of_tomorrow_are_those_of_the_run(recorded: Recorded):
    project, table = recorded.project, recorded.positions
    end = date(2022, 12, 28)
    settings = project.resource("run_settings").backtest_settings()
    expected, _ = find_next_positions(_load(project, end), STRATEGIES, Window(START, end), settings)
    by_pair = {(one.strategy, one.symbol): one for one in expected}
    assert table.height == len(by_pair) == len(STRATEGIES) * len(SYMBOLS)
    for row in table.iter_rows(named=True):
        one = by_pair[row["strategy"], row["symbol"]]
        assert {name: row[name] for name in vars(one)} == vars(one)
    ordered = sum(one.held != one.next_side for one in expected)
    assert recorded.shown[-1]["orders"] == ordered > 0
    one = table.row(5, named=True)
    few = project.manager.get_next_positions(one["strategy"], one["symbol"], one["run_id"])
    assert few.rows(named=True) == [one]


def test_a_what_if_is_not_recorded(recorded: Recorded):
    before = recorded.project.manager.get_forward_records()
    shown = _run(recorded.project, "2022-12-30", tags={})
    assert shown.pop("check") == (
        True,
        "0 of 0 records have alarmed in 30 days; highest decay 0.00, limit 1.00.",
    )
    assert shown == {"why": "a what-if is not recorded: its settings are not the configured ones."}
    assert recorded.project.manager.get_forward_records().equals(before)


def test_other_parameters_begin_a_record_and_the_old_one_stays(recorded: Recorded):
    project = recorded.project
    before = project.manager.get_forward("rsi")
    (old,) = project.manager.get_forward_records("rsi").rows(named=True)
    changed = {"rsi": {"period": 10}}
    assert _run(project, "2022-12-28", parameters=changed)["records_begun"] == 1
    assert _run(project, "2022-12-29", parameters=changed)["new_days"] == len(STRATEGIES)
    new, kept = project.manager.get_forward_records("rsi").rows(named=True)
    assert (new["current"], new["days"], new["session"]) == (True, 1, date(2022, 12, 28))
    assert kept == {**old, "current": False}
    assert project.manager.get_forward("rsi").height == 1
    assert project.manager.get_forward(record=old["record_id"]).equals(before)
    # The old one goes on where it stopped.
    last = _run(project, "2022-12-29")
    assert last["new_days"] == 1
    (first, *_) = project.manager.get_forward_records("rsi").rows(named=True)
    assert (first["record_id"], first["current"], first["days"]) == (old["record_id"], True, 7)
    csv = pl.read_csv(Path(last["next_positions"]))
    assert csv["action"].to_list() == project.manager.get_next_positions()["action"].to_list()


def test_a_revised_history_is_said_and_what_was_recorded_stays(project: Project):
    _run(project, "2022-12-19")
    _run(project, "2022-12-20")
    before = project.manager.get_forward()
    feed = project.feed("S03")
    bars = pl.read_csv(feed)
    prices = ["open", "high", "low", "close"]
    feed.write_text(bars.with_columns(pl.col(prices) * 1.25).write_csv())
    shown = _run(project, "2022-12-21")
    assert shown["revised"] == "S03"
    after = project.manager.get_forward()
    assert after.filter(pl.col("session") < date(2022, 12, 21)).equals(before)
    new = after.filter(session=date(2022, 12, 21))
    assert new["revised"].to_list() == [["S03"]] * len(STRATEGIES)
    assert set(project.manager.get_forward_records()["revised_symbols"]) == {1}
    # Said once: what is known now is the revised history.
    assert _run(project, "2022-12-22")["revised"] == "none"


def test_a_night_without_most_bars_is_not_recorded(project: Project):
    _run(project, "2022-12-19")
    for symbol in SYMBOLS[:4]:
        feed = project.feed(symbol)
        lines = feed.read_text().splitlines()
        feed.write_text("\n".join(line for line in lines if line[:10] < "2022-12-20"))
    shown = _run(project, "2022-12-20")
    assert shown["new_days"] == 0
    assert shown["waiting"].startswith("20% of the symbols have no bar of the last session")
    assert project.manager.get_next_positions(symbol="S00")["stale"].all()
    for symbol in SYMBOLS[:4]:
        project.fix(symbol)
    shown = _run(project, "2022-12-21")
    assert (shown["new_days"], shown["late"]) == (2 * len(STRATEGIES), "none")
    _assert_equal_to_backtest(project, "2022-12-20", date(2022, 12, 21))


def test_the_record_of_another_source_is_not_shown(project: Project):
    for day in (19, 20):
        _run(project, f"2022-12-{day}")
    own = _run(project, "2022-12-20")
    project.source = "synthetic"
    other = _run(project, "2022-12-20")
    project.source = "files"
    assert other["record"] != own["record"]
    assert _run(project, "2022-12-20")["record"] == own["record"]
