"""The processes of production work together, and viewers can only view."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.deploy.stack import running_stack
from tests.pipelines.graphql import ended, launch_run, materialized
from tests.pipelines.webserver import Webserver
from tests.postgres import fresh_database

pytestmark = pytest.mark.ui

_LAUNCH = """
    mutation { launchPipelineExecution(executionParams: {
        mode: "default", selector: { repositoryLocationName: "gauntlet",
        repositoryName: "__repository__", pipelineName: "retry_failed" } }) {
        __typename } }
"""


@pytest.fixture
def stack(server: str, database: str) -> Iterator[dict[str, Webserver]]:
    """Lend webserver and viewer of a running stack with empty databases."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-stack-"))
    with (
        fresh_database(server, migrated=False) as history,
        running_stack(folder, history.replace("+psycopg:", "+psycopg2:"), database) as running,
    ):
        yield running
    shutil.rmtree(folder)


def test_a_run_fills_both_databases_and_a_viewer_only_views(
    stack: dict[str, Webserver], database: str
):
    run_id = launch_run(
        stack["webserver"],
        {"dagster/partition": "AAPL", "user": "ann"},
        ["prices", "backtests/rsi", "backtest_summaries"],
    )
    assert ended(stack["webserver"], run_id) == "SUCCESS"
    conninfo = database.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(conninfo) as connection:
        rows = connection.execute("SELECT symbol, strategy, run_id FROM latest_backtests")
        assert rows.fetchall() == [("AAPL", "rsi", run_id)]

    assert materialized(stack["viewer"])["prices"] == {"AAPL"}
    refused = stack["viewer"].query(_LAUNCH)["launchPipelineExecution"]
    assert refused["__typename"] == "UnauthorizedError"
