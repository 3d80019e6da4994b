"""Backfills that are split into runs of a few symbols: a real webserver and daemon."""

from collections.abc import Iterator

import pytest

from tests.pipelines.graphql import (
    assets,
    backfill_ended,
    launch_backfill,
    launch_run,
    materialized,
)
from tests.pipelines.graphql import ended as run_ended
from tests.pipelines.webserver import SYMBOLS, Webserver, running_webserver
from tests.project import FEW_ASSETS

# One worker of pytest-xdist: two webservers at once would starve each other.
pytestmark = [pytest.mark.ui, pytest.mark.xdist_group("ui")]


@pytest.fixture(scope="module")
def webserver() -> Iterator[Webserver]:
    with running_webserver(lambda _: {"GAUNTLET_SYMBOLS_PER_RUN": "4"}) as started:
        yield started


def test_a_backfill_is_split_into_runs_and_one_leaderboard_run(webserver: Webserver):
    backfill = backfill_ended(webserver, launch_backfill(webserver, SYMBOLS, FEW_ASSETS))
    assert backfill["status"] == "COMPLETED_SUCCESS"
    assert [run["status"] for run in backfill["runs"]] == ["SUCCESS"] * 3
    assert materialized(webserver)["backtest_summaries"] == set(SYMBOLS)
    assert len(assets(webserver)["leaderboard"]["assetMaterializations"]) == 1


def test_a_run_over_a_range_is_still_one_run(webserver: Webserver):
    tags = {
        "dagster/asset_partition_range_start": SYMBOLS[0],
        "dagster/asset_partition_range_end": SYMBOLS[-1],
    }
    run_id = launch_run(webserver, tags, ["prices"])
    assert run_ended(webserver, run_id) == "SUCCESS", webserver.log_tail()
    assert materialized(webserver)["prices"] == set(SYMBOLS)
