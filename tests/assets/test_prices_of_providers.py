"""Prices from a remote provider: runs against a local server that responds like Yahoo."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import dagster as dg
import polars as pl
import pytest

from assets.prices import get_provider_pool
from pipelines.definitions import build_defs
from resources.config.environment import EnvironmentSettings
from resources.market_data.resource import _get_breaker
from resources.market_data.sources.synthetic import SyntheticSource
from tests.project import END, SYMBOLS, Project
from tests.yahoo_server import Answer, Listed, YahooServer

FIVE = (SYMBOLS[0], SYMBOLS[4])
START = date(2022, 1, 3)


@pytest.fixture
def yahoo(monkeypatch: pytest.MonkeyPatch) -> Iterator[YahooServer]:
    """Lend a server that lists the project's symbols, and set its URL as that of the source."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    _get_breaker.cache_clear()
    with YahooServer.running() as server:
        monkeypatch.setenv("GAUNTLET_YAHOO_URL", server.url)
        for symbol in SYMBOLS:
            server.listed[symbol] = Listed(SyntheticSource().fetch(symbol, START, END))
        yield server
    _get_breaker.cache_clear()


def _definitions(project: Project) -> dg.Definitions:
    variables = {
        "GAUNTLET_SOURCE": "yahoo",
        "GAUNTLET_RATE": "1000",
        "GAUNTLET_UNIVERSE": str(project.folder / "universe.csv"),
        "GAUNTLET_START": "2022-06-01",
        "GAUNTLET_END": END.isoformat(),
        "GAUNTLET_HOME": str(project.folder / "home"),
    }
    overrides = {"result_store": project.result_store}
    return build_defs(EnvironmentSettings.from_environment(variables), overrides)


def _run(
    project: Project, partitions: str | tuple[str, str] = FIVE, **config: Any
) -> tuple[dg.ExecuteInProcessResult, Mapping[str, Any]]:
    """Materialize prices; return the run and its stored profile."""
    run_config = {"resources": {"market_data": {"config": {"backoff_seconds": 0, **config}}}}
    result = project.run(
        partitions,
        selection=["prices"],
        definitions=_definitions(project),
        run_config=run_config,
    )
    run = project.manager.get_run(result.run_id)
    assert run is not None
    return result, run["profile"]["prices"]


def test_bars_are_fetched_by_several_threads_and_stored_in_order(
    project: Project, yahoo: YahooServer
):
    result, profile = _run(project)
    assert result.success, project.why(result)
    assert project.materialized("prices") == set(SYMBOLS[:5])
    events = result.asset_materializations_for_node("prices")
    assert [event.partition for event in events] == list(SYMBOLS[:5])
    assert sorted(yahoo.asked) == list(SYMBOLS[:5])
    assert (profile["source_requests"], profile["source_bars_saved"]) == (5, 0)
    store = project.resource("price_store")
    assert store.read("yahoo", "S00").equals(yahoo.listed["S00"].bars)


def test_the_next_run_fetches_only_new_bars(project: Project, yahoo: YahooServer):
    whole = yahoo.listed["S00"].bars
    yahoo.listed["S00"] = Listed(whole.filter(pl.col("date") < date(2022, 12, 1)))
    thresholds = {"resources": {"thresholds": {"config": {"stale_sessions": 100}}}}
    project.run(
        "S00", selection=["prices"], definitions=_definitions(project), run_config=thresholds
    )
    yahoo.listed["S00"] = Listed(whole)
    result, profile = _run(project, "S00")
    assert result.success, project.why(result)
    assert project.resource("price_store").read("yahoo", "S00").equals(whole)
    (event,) = result.asset_materializations_for_node("prices")
    assert event.metadata["outcome"].value == "extended"
    assert profile["source_requests"] == 1
    assert profile["source_bars_saved"] > 200
    yahoo.listed["S00"] = Listed(whole, {date(2022, 12, 28): (2, 1)})
    result, profile = _run(project, "S00")
    (event,) = result.asset_materializations_for_node("prices")
    assert event.metadata["outcome"].value == "revised"
    assert (profile["source_requests"], profile["source_refetches"]) == (2, 1)
    _, profile = _run(project, "S00", incremental=False)
    assert profile["source_bars_saved"] == 0


def test_a_failing_request_is_a_transient_error_of_its_symbol(project: Project, yahoo: YahooServer):
    yahoo.next("S02", *[Answer(503)] * 2)
    del yahoo.listed["S03"]
    result, profile = _run(project, attempts=2)
    assert project.materialized("prices") == {"S00", "S01", "S04"}
    failures = project.manager.get_failures(result.run_id)
    told = {row["symbol"]: (row["error_class"], row["transient"]) for row in failures}
    assert told == {
        "S02": ("SourceUnavailableError", True),
        "S03": ("UnknownSymbolError", False),
    }
    assert profile["source_requests"] == len(yahoo.asked) == 6


def test_a_provider_that_is_down_opens_the_circuit(project: Project, yahoo: YahooServer):
    yahoo.always = Answer(503)
    result, _ = _run(project, (SYMBOLS[0], SYMBOLS[-1]), attempts=2)
    assert not result.success
    # Either its own error or that of the open circuit, which has the same reason.
    assert "Yahoo failed (HTTP 503)" in project.why(result)
    assert len(yahoo.asked) < 2 * len(SYMBOLS)
    classes = {row["error_class"] for row in project.manager.get_failures(result.run_id)}
    assert {"CircuitOpenError"} <= classes <= {"SourceUnavailableError", "CircuitOpenError"}


def test_only_steps_that_fetch_from_a_provider_use_a_pool(project: Project):
    assert get_provider_pool("yahoo") == "provider_yahoo"
    for definitions, pool in [
        (_definitions(project), "provider_yahoo"),
        (project.definitions(), None),
    ]:
        (node,) = [
            asset
            for asset in definitions.assets or []
            if isinstance(asset, dg.AssetsDefinition) and dg.AssetKey("prices") in asset.keys
        ]
        assert node.op.pool == pool
