"""A whole project in a folder, for tests that run the real graph on real storage.

Its prices are CSV files, one per symbol, which a test can spoil and fix.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from pipelines.automation.failure_reason import find_failure_reason
from pipelines.definitions import build_defs
from pipelines.partitions import build_partition_tags
from pipelines.resources import build_resources, with_defaults
from resources.config.environment import EnvironmentSettings
from resources.dagster_event_log.read_status import PartitionStatus, read_partition_status
from resources.market_data.resource import MarketData
from resources.market_data.sources.synthetic import SyntheticSource
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.resource import ResultStore
from tests import instances

START, END = date(2022, 6, 1), date(2022, 12, 31)
FEW_ASSETS = ("prices", "backtests/rsi", "backtests/macd", "backtest_summaries", "leaderboard")
"""One asset of each kind and a second strategy: a run of all assets takes much longer."""
SYMBOLS = tuple(f"S{number:02}" for number in range(20))


@dataclass
class Project:
    """A project whose universe is `SYMBOLS`; its source is ``files`` unless it is replaced."""

    folder: Path
    instance: dg.DagsterInstance
    result_store: ResultStore
    source: str = "files"

    @classmethod
    @contextmanager
    def opened(cls, folder: Path, database: str) -> Iterator["Project"]:
        """Lend a project in `folder` whose prices are all good."""
        (folder / "prices").mkdir()
        (folder / "universe.csv").write_text("symbol\n" + "\n".join(SYMBOLS) + "\n")
        store = ResultStore(database_url=database, home=str(folder))
        with instances.opened(folder / "dagster") as instance:
            project = cls(folder, instance, store)
            for symbol in SYMBOLS:
                project.fix(symbol)
            yield project

    @property
    def settings(self) -> EnvironmentSettings:
        """The settings, as the environment would give them."""
        given = {"GAUNTLET_PRICES": str(self.folder / "prices")} if self.source == "files" else {}
        if (self.folder / "portfolios").exists():
            given["GAUNTLET_PORTFOLIOS"] = str(self.folder / "portfolios")
        return EnvironmentSettings.from_environment(
            {
                **given,
                "GAUNTLET_SOURCE": self.source,
                "GAUNTLET_UNIVERSE": str(self.folder / "universe.csv"),
                "GAUNTLET_START": START.isoformat(),
                "GAUNTLET_END": END.isoformat(),
                "GAUNTLET_HOME": str(self.folder / "home"),
            }
        )

    @property
    def manager(self) -> BacktestPersistenceManager:
        """The result store."""
        return self.result_store.manager()

    def resource(self, name: str) -> Any:
        """Return a resource as the definitions have it."""
        return build_resources(self.settings)[name]

    def definitions(self, **overrides: Any) -> dg.Definitions:
        """Return the project's definitions, some resources replaced."""
        return build_defs(self.settings, self.overrides() | overrides)

    def overrides(self) -> dict[str, Any]:
        """Return the resources that differ from those of the settings."""
        # As defaults, not as values: they are the configured ones, which run config may override.
        prices = with_defaults(MarketData, source=self.source, prices=str(self.folder / "prices"))
        return {"result_store": self.result_store, "market_data": prices}

    def feed(self, symbol: str) -> Path:
        """Return the CSV file that a symbol's bars are read from."""
        return self.folder / "prices" / f"{symbol}.csv"

    def fix(self, symbol: str) -> None:
        """Write good bars of a symbol."""
        write_good(self.feed(symbol))

    def spoil(self, symbol: str) -> None:
        """Write bars of a symbol whose high is below the low on the last day."""
        write_impossible(self.feed(symbol))

    def run(
        self,
        partitions: str | tuple[str, str] | None = (SYMBOLS[0], SYMBOLS[-1]),
        *,
        selection: Sequence[str] | dg.AssetSelection = FEW_ASSETS,
        definitions: dg.Definitions | None = None,
        run_config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a selection for one partition, a range from first to last, or for none."""
        if not isinstance(selection, dg.AssetSelection):
            selection = dg.AssetSelection.from_coercible(list(selection))
        job = dg.define_asset_job("test_job", selection)
        defs = dg.Definitions.merge(definitions or self.definitions(), dg.Definitions(jobs=[job]))
        # A run from the asset graph selects its assets itself; a run of checks alone does not.
        chosen = sorted(selection.resolve(defs.resolve_asset_graph()))
        return defs.resolve_job_def("test_job").execute_in_process(
            instance=self.instance,
            asset_selection=chosen or None,
            raise_on_error=False,
            tags=_tags(partitions) | dict(tags or {}),
            run_config=dict(run_config or {}),
        )

    def materialized(self, *path: str) -> set[str]:
        """Return the partitions of an asset that Dagster counts as materialized."""
        return self.instance.get_materialized_partitions(dg.AssetKey(path))

    def status(self) -> dict[str, PartitionStatus]:
        """Return the status of the partitions of each of `FEW_ASSETS` as the UI shows it."""
        graph = self.definitions().resolve_asset_graph()
        found = read_partition_status(self.instance, graph)
        named = {key.to_user_string(): status for key, status in found.items()}
        return {name: named[name] for name in FEW_ASSETS if name in named}

    def materialized_by(self, run_id: str, *path: str) -> set[str]:
        """Return the partitions of an asset that one run materialized."""
        page = self.instance.fetch_materializations(dg.AssetKey(path), limit=1000)
        return {str(record.partition_key) for record in page.records if record.run_id == run_id}

    def why(self, result: dg.ExecuteInProcessResult) -> str:
        """Return why a run failed, in one line."""
        return find_failure_reason(self.instance, result.run_id)

    def shown_error(self, result: dg.ExecuteInProcessResult) -> str:
        """Return all that the UI shows of the error of a run's only failed step."""
        (failed,) = [event for event in result.all_events if event.is_step_failure]
        return str(failed.step_failure_data.error)

    def checks(self, result: dg.ExecuteInProcessResult) -> dict[tuple[str, str], Any]:
        """Return the evaluations of a run's checks by asset and name."""
        return {
            (check.asset_key.to_user_string(), check.check_name): check
            for check in result.get_asset_check_evaluations()
        }


def write_good(feed: Path, first: date = date(2022, 1, 3)) -> None:
    """Write a CSV file of good bars of the symbol that it is named after."""
    bars = SyntheticSource().fetch(feed.stem, first, END)
    bars.drop("adjustment").write_csv(feed)


def write_impossible(feed: Path) -> None:
    """Make the high of the last bar lower than its low."""
    lines = feed.read_text().splitlines()
    day, opening, _, low, close, volume = lines[-1].split(",")
    lines[-1] = ",".join([day, opening, str(float(low) / 2), low, close, volume])
    feed.write_text("\n".join(lines))


def _tags(partitions: str | tuple[str, str] | None) -> dict[str, str]:
    if partitions is None:
        return {}
    first, last = (partitions, partitions) if isinstance(partitions, str) else partitions
    return build_partition_tags(first, last)
