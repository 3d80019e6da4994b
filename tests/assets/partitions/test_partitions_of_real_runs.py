"""Exactly the symbols that succeeded are materialized: real runs on a real instance."""

from dataclasses import replace

import dagster as dg
import pytest

from resources.dagster_event_log.read_status import PartitionStatus
from resources.market_data.resource import MarketData
from strategies.registry import registered_strategies
from tests.project import SYMBOLS, Project

BAD = {"S03", "S07", "S08"}
GOOD = set(SYMBOLS) - BAD
ASSETS = [("prices",), ("backtests", "rsi"), ("backtests", "macd"), ("backtest_summaries",)]


def _break(project: Project) -> None:
    """Break three symbols in three ways: no file, an impossible bar, only a header."""
    project.feed("S03").unlink()
    project.spoil("S07")
    project.feed("S08").write_text("date,open,high,low,close,volume\n")


def test_good_symbols_are_materialized_and_failures_recorded(project: Project):
    _break(project)
    result = project.run(selection=["*"])
    assert result.success
    strategies = [("backtests", name) for name in registered_strategies()]
    for asset in [*ASSETS, *strategies]:
        assert project.materialized(*asset) == GOOD, asset
    assert result.asset_materializations_for_node("leaderboard")
    assert set(project.manager.get_backtests_by_run(result.run_id)["symbol"]) == GOOD
    failures = project.manager.get_failures(result.run_id)
    assert [(row["stage"], row["symbol"], row["error_class"]) for row in failures] == [
        ("prices", "S03", "UnknownSymbolError"),
        ("prices", "S07", "BadBarsError"),
        ("prices", "S08", "NoBarsError"),
    ]
    assert "S07: bad bar on 2022-12-30: high is below low" in failures[1]["message"]


def _each(good: set[str], failed: set[str], missing: set[str]) -> dict[str, PartitionStatus]:
    status = PartitionStatus(frozenset(good), frozenset(failed), frozenset(missing))
    return {"/".join(asset): status for asset in ASSETS}


def test_symbols_that_fail_after_a_success_are_failed(project: Project):
    assert project.status() == _each(set(), set(), set(SYMBOLS))
    assert project.run().success
    assert project.status() == _each(set(SYMBOLS), set(), set())
    _break(project)
    today = project.run()
    assert today.success
    for asset in ASSETS:
        assert project.materialized_by(today.run_id, *asset) == GOOD, asset
    assert project.status() == _each(GOOD, BAD, set())
    assert project.manager.get_leaderboard()["symbols"].unique().to_list() == [len(GOOD)]
    assert project.manager.get_backtests_by_symbol("S03")
    assert _why_failed(project, "prices", "S07").startswith("BadBarsError: S07: bad bar on 2022-12")
    assert _why_failed(project, "backtest_summaries", "S07") == "S07 failed before this step."

    for symbol in sorted(BAD):
        project.fix(symbol)
        assert project.run(symbol).success
    assert project.status() == _each(set(SYMBOLS), set(), set())
    assert project.manager.get_leaderboard()["symbols"].unique().to_list() == [len(SYMBOLS)]


def _why_failed(project: Project, asset: str, symbol: str) -> str:
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[symbol])
    (record,) = project.instance.event_log_storage.fetch_failed_materializations(wanted, 9).records
    event = record.event_log_entry.dagster_event
    assert event
    return event.asset_failed_to_materialize_data.asset_materialization_failure.description or ""


def test_after_a_switch_of_source_its_partitions_are_missing(project: Project):
    assert project.run().success
    switched = replace(project, source="synthetic")
    assert switched.status() == _each(set(), set(), set(SYMBOLS))
    refused = switched.run("S00", selection=["backtests/rsi", "backtest_summaries"])
    assert switched.why(refused) == (
        "backtests: MissingPricesError: S00 has no prices of synthetic: "
        "materialize prices/S00 first."
    )
    refused = switched.run("S01", selection=["backtest_summaries"])
    assert "S01 has no backtests of synthetic: materialize" in switched.why(refused)
    # Listed after the window: it has no bars, and fails.
    few, tomorrow = set(SYMBOLS[1:3]), "2099-01-01"
    rows = [f"{one},{tomorrow if one == 'S00' else ''}" for one in SYMBOLS]
    (project.folder / "universe.csv").write_text("\n".join(["symbol,listed_from", *rows, ""]))
    lenient = {"resources": {"thresholds": {"config": {"success_rate": 0.5}}}}
    assert switched.run(("S00", "S02"), run_config=lenient).success
    others = set(SYMBOLS) - few - {"S00"}
    assert switched.status() == _each(few, {"S00"}, others)
    assert project.status() == _each(others, {"S00"}, few), "switched back"


def test_run_config_with_another_source_is_told(project: Project):
    other = {"resources": {"market_data": {"config": {"source": "synthetic"}}}}
    definitions = replace(project, source="synthetic").definitions(
        market_data=MarketData.configure_at_launch()
    )
    assert project.run("S05", run_config=other, definitions=definitions).success
    assert project.status() == _each(set(), set(), set(SYMBOLS))


def test_below_the_threshold_nothing_downstream_is_materialized(project: Project):
    for symbol in SYMBOLS[:4]:
        project.spoil(symbol)
    result = project.run()
    assert not result.success
    assert project.materialized("prices") == set(SYMBOLS[4:])
    for asset in ASSETS:
        assert asset == ("prices",) or not project.materialized(*asset), asset
    assert not result.asset_materializations_for_node("leaderboard")
    assert project.why(result) == (
        "check success_rate_above_threshold of prices failed. "
        "16 of 20 symbols succeeded: 80.0%, limit 85%. Failed: S00, S01, S02, S03."
    )


def test_a_single_failed_symbol_fails_its_run_in_one_line(project: Project):
    project.spoil("S07")
    result = project.run("S07")
    assert not result.success
    reason = "prices: BadBarsError: S07: bad bar on 2022-12-30: high is below low"
    assert project.why(result).startswith(reason)
    assert not project.materialized("prices")


def test_no_stored_run_has_the_tag_that_defers_events(project: Project):
    _break(project)
    stored = project.instance.get_run_by_id(project.run().run_id)
    assert stored is not None
    assert not [tag for tag in stored.tags if "defer" in tag]


@pytest.mark.parametrize("bad", [set(), BAD])
def test_partitions_have_metadata_even_if_others_failed(project: Project, bad: set[str]):
    if bad:
        _break(project)
    project.run()
    for asset, fields in (
        (("prices",), {"bars", "first_session", "last_session", "outcome", "path"}),
        (("backtests", "rsi"), {"total_return", "sharpe_ratio", "max_drawdown", "equity"}),
        (("backtest_summaries",), {"rows"}),
    ):
        page = project.instance.fetch_materializations(dg.AssetKey(asset), limit=100)
        assert {record.partition_key for record in page.records} == set(SYMBOLS) - bad
        for record in page.records:
            materialization = record.asset_materialization
            assert materialization is not None
            assert fields <= set(materialization.metadata), asset
            if asset == ("backtests", "rsi"):
                _assert_shows_the_row(project, record)
            assert materialization.tags
            assert materialization.tags["dagster/code_version"], asset


def _assert_shows_the_row(project: Project, record: dg.EventLogRecord) -> None:
    """Require that a partition's numbers in the UI are those of its row in the store."""
    materialization = record.asset_materialization
    assert materialization is not None
    rows = project.manager.get_backtests_by_symbol(str(record.partition_key))
    (row,) = [row for row in rows if row["strategy"] == "rsi"]
    shown = {name: one.value for name, one in materialization.metadata.items()}
    assert shown == {
        **{
            name: row[name]
            for name in ("total_return", "sharpe_ratio", "max_drawdown", "closed_trades")
        },
        "equity": f"![{row['first_session']} to {row['last_session']}]"
        f"(/backtests/{row['run_id']}/{row['part']}/{row['id']}.svg)",
    }
