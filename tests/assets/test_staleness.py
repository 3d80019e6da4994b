"""Exactly the partitions whose inputs or code changed are stale in the UI: real runs."""

from dataclasses import replace
from datetime import date

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver, StaleStatus
from dagster._core.loader import LoadingContextForTest

import assets.backtests.assets
from engine.code_version import code_version
from resources.market_data.sources.synthetic import SyntheticSource
from strategies.base import Strategy
from tests.project import END, SYMBOLS, Project

FEW = SYMBOLS[:4]
RANGE = (FEW[0], FEW[-1])
PARTITIONED = ("prices", "backtests/rsi", "backtests/macd", "backtest_summaries")


def _resolver(
    project: Project, definitions: dg.Definitions | None = None
) -> CachingStaleStatusResolver:
    """Return the resolver by which the UI shows whether a partition is stale."""
    graph = (definitions or project.definitions()).resolve_asset_graph()
    loading = LoadingContextForTest(project.instance)
    return CachingStaleStatusResolver(project.instance, graph, loading)


def _stale(project: Project, definitions: dg.Definitions | None = None) -> set[tuple[str, str]]:
    """Return the stale partitions; fail if any is missing."""
    resolver = _resolver(project, definitions)
    statuses = {
        (asset, symbol): resolver.get_status(dg.AssetKey(asset.split("/")), symbol)
        for asset in PARTITIONED
        for symbol in FEW
    }
    assert StaleStatus.MISSING not in statuses.values()
    return {which for which, status in statuses.items() if status == StaleStatus.STALE}


def _revise(project: Project, symbol: str) -> None:
    """Write bars as they would be after a split today."""
    bars = SyntheticSource().fetch(symbol, date(2022, 1, 3), END)
    halved = bars.with_columns(pl.col("open", "high", "low", "close") / 2)
    halved.drop("adjustment").write_csv(project.feed(symbol))


def test_after_runs_only_results_of_a_changed_strategy_are_stale(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    assert project.run(RANGE).success
    assert _stale(project) == set()
    assert project.run(RANGE, selection=["prices", "backtests/rsi"]).success
    assert _stale(project) == set()

    def changed(strategy: type[Strategy]) -> str:
        return code_version(strategy) + ("changed" if strategy.name == "rsi" else "")

    monkeypatch.setattr(assets.backtests.assets, "code_version", changed)
    definitions = project.definitions()
    assert _stale(project, definitions) == {("backtests/rsi", symbol) for symbol in FEW}
    switched = replace(project, source="synthetic").definitions()
    assert _stale(project, switched) == {(asset, one) for asset in PARTITIONED for one in FEW}


def test_revised_prices_make_only_their_backtests_stale(project: Project):
    assert project.run(RANGE).success
    _revise(project, "S02")
    assert project.run(RANGE, selection=["prices"]).success
    assert _stale(project) == {("backtests/rsi", "S02"), ("backtests/macd", "S02")}
    assert project.run("S02", selection=["backtests/rsi", "backtests/macd"]).success
    assert _stale(project) == {("backtest_summaries", "S02")}
    assert project.run("S02", selection=["backtest_summaries"]).success
    assert _stale(project) == set()


@pytest.mark.parametrize("bad", [None, "S01"])
def test_data_versions_are_right_if_another_symbol_failed(project: Project, bad: str | None):
    assert project.run(RANGE).success
    if bad:
        project.spoil(bad)
    _revise(project, "S02")
    # Three of four symbols are below the limit; their prices are materialized nevertheless.
    assert project.run(RANGE, selection=["prices"]).success == (bad is None)
    assert _stale(project) == {("backtests/rsi", "S02"), ("backtests/macd", "S02")}


def test_a_summary_is_stale_once_another_strategy_has_results(project: Project):
    few = ["prices", "backtests/rsi", "backtest_summaries"]
    assert project.run(RANGE, selection=few).success
    assert project.run("S03", selection=["backtests/macd"]).success
    resolver = _resolver(project)
    key = dg.AssetKey("backtest_summaries")
    assert resolver.get_status(key, "S03") == StaleStatus.STALE
    assert resolver.get_status(key, "S00") == StaleStatus.FRESH
