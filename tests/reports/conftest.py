"""A run of a small universe with what a report has to show: a failure, gaps, and a revision."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from reports.inputs.run_data import RunData, Stores, load_run_data
from tests.postgres import fresh_database
from tests.project import FEW_ASSETS, SYMBOLS, Project
from tests.reports.pages import Site

NAMES = ("macd", "rsi")
RESEARCH = ("optimizations", "walk_forward", "robustness")
EVERYTHING = (
    *FEW_ASSETS,
    *(f"{kind}/{name}" for kind in RESEARCH for name in NAMES),
    *(f"portfolios/{name}" for name in NAMES),
    "verdicts",
    "tear_sheets",
)
FAILED, GAPPY, REVISED = SYMBOLS[3], SYMBOLS[5], SYMBOLS[7]
GAPS = ("2022-08-10", "2022-08-11", "2022-09-05", "2022-09-06")
"""Days without a bar; on the third one the exchange is closed."""

RUN_CONFIG = {
    "ops": {
        "walk_forward": {"config": {"train": 60, "test": 30}},
        "portfolios": {"config": {"priority_orders": 5}},
        "optimizations": {
            "config": {"ranges": {"rsi": {"period": [7, 14]}, "macd": {"fast_period": [8, 12]}}}
        },
    }
}


@dataclass(frozen=True)
class Reported:
    """A project whose newest run has a report, and the report."""

    project: Project
    run: dg.ExecuteInProcessResult

    @cached_property
    def stores(self) -> Stores:
        """Where what the report shows is stored."""
        project = self.project
        files, prices = project.resource("backtest_files"), project.resource("price_store")
        return Stores(project.manager, files, prices)

    @cached_property
    def data(self) -> RunData:
        """What the report is of."""
        return load_run_data(self.stores, self.run.run_id)

    @property
    def root(self) -> Path:
        """The folder of all reports."""
        return Path(self.project.resource("reports").root)

    @cached_property
    def site(self) -> Site:
        """The report as it was written."""
        return Site(self.root / self.run.run_id)


@pytest.fixture(scope="session")
def reported(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reported]:
    """Lend a project after two runs; the second has what is to be shown."""
    folder = tmp_path_factory.mktemp("reported")
    with fresh_database(server) as database, Project.opened(folder, database) as project:
        _leave_out(project, GAPPY, GAPS)
        first = project.run((REVISED, REVISED), selection=["prices"])
        assert first.success, project.why(first)
        _revise(project, REVISED)
        project.spoil(FAILED)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("GAUNTLET_URL", "https://host.example/gauntlet")
            run = project.run(selection=EVERYTHING, run_config=RUN_CONFIG)
        assert run.success, project.why(run)
        yield Reported(project, run)


def _leave_out(project: Project, symbol: str, days: tuple[str, ...]) -> None:
    feed = project.feed(symbol)
    kept = [one for one in feed.read_text().splitlines() if not one.startswith(days)]
    feed.write_text("\n".join(kept) + "\n")


def _revise(project: Project, symbol: str) -> None:
    """Change the volume of one past bar, as a source does that corrects itself."""
    feed = project.feed(symbol)
    bars = pl.read_csv(feed)
    changed = pl.when(pl.col("date") == "2022-07-11").then(pl.col("volume") + 1)
    bars.with_columns(changed.otherwise(pl.col("volume")).alias("volume")).write_csv(feed)
