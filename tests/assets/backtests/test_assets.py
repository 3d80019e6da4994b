"""Backtests: which prices they use, what they store, and what a failing strategy affects."""

from dataclasses import dataclass

import dagster as dg
import polars as pl
import pytest

from assets.backtests.assets import build_backtests
from assets.checks.catalogue import build_checks
from assets.prices import build_prices
from assets.summaries import build_summaries
from engine import code_version
from pipelines.partitions import build_symbol_partitions
from pipelines.resources import build_resources
from resources.dagster_event_log.versions import drop_source
from resources.market_data.resource import MarketData
from resources.universe import Universe
from strategies.base import Bars, Signals, Strategy, parameter
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross
from tests.project import END, START, SYMBOLS, Project

RSI = ["backtests/rsi"]


@dataclass(frozen=True)
class Fragile(Strategy):
    """Raises on a close above `ceiling`."""

    ceiling: float = parameter(1000.0, minimum=0.0, sweep=(1000.0,))

    @property
    def lookback_bars(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        if bars.close.max() > self.ceiling:
            raise OverflowError(f"a close of {bars.close.max():.2f} is too high for me")
        return Signals(bars.close > bars.open, bars.close < bars.open)


def test_without_prices_the_error_says_to_materialize_them(project: Project):
    result = project.run("S00", selection=RSI)
    assert not result.success
    assert project.why(result) == (
        "backtests: MissingPricesError: S00 has no prices of files: materialize prices/S00 first."
    )


def test_prices_of_an_earlier_run_are_used_for_their_window(project: Project):
    assert project.run("S00", selection=["prices"]).success
    assert project.run("S00", selection=RSI).success
    assert project.materialized("backtests", "rsi") == {"S00"}
    assert not project.materialized("backtests", "macd")
    config = {"resources": {"run_settings": {"config": {"start": "2021-06-01"}}}}
    result = project.run("S00", selection=RSI, run_config=config)
    assert not result.success
    assert "materialize prices for this window first" in project.why(result)


def test_files_of_a_run_have_results_curves_and_code_versions(project: Project):
    result = project.run((SYMBOLS[0], SYMBOLS[2]))
    files = project.resource("backtest_files")
    tables = files.read_part(result.run_id, 0)
    assert tables.results.height == 3 * 2
    (equity,) = files.equity_parts([(result.run_id, 0)])
    window = equity.select(pl.col("date").min().alias("a"), pl.col("date").max().alias("b"))
    assert START <= window["a"][0] <= window["b"][0] <= END
    points = equity.filter(backtest_id=tables.results["id"][0]).height
    assert points == tables.results["data_points"][0]
    versions = dict(tables.results.select("strategy", "code_version").iter_rows())
    graph = project.definitions().resolve_asset_graph()
    assert versions == {
        name: drop_source(graph.get(dg.AssetKey(["backtests", name])).code_version or "")
        for name in ("rsi", "macd")
    }
    assert versions["rsi"] != versions["macd"]


def test_a_smaller_batch_size_gives_the_same_rows_in_more_parts(project: Project):
    whole = project.run((SYMBOLS[0], SYMBOLS[4]), selection=["prices", *RSI])
    config = {"resources": {"run_settings": {"config": {"batch_size": 2}}}}
    parts = project.run((SYMBOLS[0], SYMBOLS[4]), selection=RSI, run_config=config)
    files = project.resource("backtest_files")
    assert files.parts(parts.run_id) == [0, 1, 2]
    read = [files.read_part(parts.run_id, part) for part in range(3)]
    split = pl.concat([part.results for part in read])
    together = files.read_part(whole.run_id, 0)
    assert split.drop("run_id", "part").equals(together.results.drop("run_id", "part"))
    assert split["part"].to_list() == [0, 0, 1, 1, 2]
    assert pl.concat([part.trades for part in read]).equals(together.trades)
    curves = [
        files.equity_parts([(run.run_id, part) for part in range(parts_of)])
        for run, parts_of in ((parts, 3), (whole, 1))
    ]
    assert pl.concat(curves[0]).equals(pl.concat(curves[1]))


def test_a_failure_affects_only_its_symbol_and_strategy(project: Project):
    assert project.run((SYMBOLS[0], SYMBOLS[7]), selection=["prices"]).success
    store = project.resource("price_store")
    highest = {symbol: store.read("files", symbol)["close"].max() for symbol in SYMBOLS[:8]}
    worst = max(highest, key=highest.__getitem__)
    second = sorted(highest.values())[-2]

    @dataclass(frozen=True)
    class Touchy(Fragile):
        ceiling: float = parameter(second, minimum=0.0, sweep=(1.0,))

    Touchy.name = "touchy"
    definitions = _definitions(project, {"touchy": Touchy, "rsi": Rsi})
    result = project.run((SYMBOLS[0], SYMBOLS[7]), selection=["*"], definitions=definitions)
    assert result.success, project.why(result)
    others = set(SYMBOLS[:8]) - {worst}
    assert project.materialized("backtests", "touchy") == others
    assert project.materialized("backtests", "rsi") == set(SYMBOLS[:8])
    assert project.materialized("backtest_summaries") == others
    (failure,) = project.manager.get_failures(result.run_id)
    assert (failure["symbol"], failure["strategy"]) == (worst, "touchy")
    assert failure["error_class"] == "OverflowError"
    assert "too high for me" in failure["message"]


def test_a_failing_strategy_blocks_downstream_but_no_other(project: Project):
    @dataclass(frozen=True)
    class Broken(Fragile):
        ceiling: float = parameter(0.0, minimum=0.0, sweep=(1.0,))

    Broken.name = "broken"
    definitions = _definitions(project, {"broken": Broken, "sma_cross": SmaCross})
    result = project.run((SYMBOLS[0], SYMBOLS[1]), selection=["*"], definitions=definitions)
    assert not result.success
    assert project.why(result).startswith(
        "check success_rate_above_threshold of backtests/broken failed. 0 of 2 symbols"
    )
    assert project.materialized("backtests", "sma_cross") == set(SYMBOLS[:2])
    assert not project.materialized("backtest_summaries")


def test_code_edited_during_the_run_leaves_no_result(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    assert project.run(selection=["prices"]).success
    monkeypatch.setattr(code_version, "_read", lambda _: b"edited = True")
    result = project.run(selection=["backtests/rsi"])
    assert not result.success
    assert "The code of rsi was edited while this run used it" in project.why(result)
    assert not project.materialized("backtests", "rsi")
    monkeypatch.undo()
    result = project.run(selection=["backtests/rsi"])
    assert result.success
    assert len(project.materialized("backtests", "rsi")) == len(SYMBOLS)


def test_strategies_have_different_code_versions():
    specs = {
        spec.key.path[-1]: spec.code_version
        for spec in build_backtests(
            build_symbol_partitions(SYMBOLS), Universe(()), {"rsi": Rsi, "sma_cross": SmaCross}
        ).specs
    }
    assert specs["rsi"] != specs["sma_cross"]


def test_a_symbol_is_traded_only_while_it_was_listed(project: Project):
    listed = "symbol,listed_from,listed_to\nS00,2022-08-01,2022-09-30\nS01,,2021-05-05\n"
    (project.folder / "universe.csv").write_text(listed)
    result = project.run(("S00", "S01"), selection=["prices"])
    assert not result.success
    (failure,) = project.manager.get_failures(result.run_id)
    assert failure["message"] == (
        "S01 was listed from the beginning to 2021-05-05, on no day from 2021-06-01 to 2022-12-31."
    )
    assert project.run("S00", selection=["prices", *RSI, "backtest_summaries"]).success
    (row,) = project.manager.get_backtests_by_symbol("S00")
    assert row["first_session"].isoformat() == "2022-08-01"
    assert row["last_session"].isoformat() == "2022-09-30"
    assert row["ended_early"]


def test_a_symbol_without_bars_is_one_failure_for_all_strategies(project: Project):
    config = {
        "resources": {"run_settings": {"config": {"start": "2022-12-31", "end": "2022-12-31"}}}
    }
    result = project.run((SYMBOLS[0], SYMBOLS[1]), run_config=config)
    assert not result.success
    failures = project.manager.get_failures(result.run_id)
    assert [(row["symbol"], row["strategy"]) for row in failures] == [("S00", None), ("S01", None)]


@pytest.mark.parametrize("execution", ["same_close", "next_open"])
def test_the_execution_is_stored_with_the_result(project: Project, execution: str):
    config = {"resources": {"run_settings": {"config": {"execution": execution}}}}
    selection = ["prices", *RSI, "backtest_summaries"]
    result = project.run("S00", selection=selection, run_config=config)
    assert result.success, project.why(result)
    (row,) = project.manager.get_backtests_by_symbol("S00")
    assert row["execution"] == row["settings"]["execution"] == execution


def _definitions(project: Project, strategies: dict[str, type[Strategy]]) -> dg.Definitions:
    symbols, universe = build_symbol_partitions(SYMBOLS), project.settings.load_universe()
    resources = build_resources(project.settings) | {
        "result_store": project.result_store,
        "market_data": MarketData(source="files", prices=str(project.feed("S00").parent)),
    }
    return dg.Definitions(
        assets=[
            build_prices(symbols, universe),
            build_backtests(symbols, universe, strategies),
            build_summaries(symbols, universe, list(strategies)),
        ],
        asset_checks=build_checks(list(strategies)),
        resources=resources,
        executor=dg.in_process_executor,
    )
