"""The files of backtests as a resource of Dagster."""

import dagster as dg
from pydantic import Field

from resources.run_artifacts.stored_backtests import StoredBacktests


class BacktestFiles(dg.ConfigurableResource, StoredBacktests):
    """Backtest tables under one root, one folder per run."""

    root: str = Field(description="Folder or fsspec URL under which backtests are stored.")
