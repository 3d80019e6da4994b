"""Runs of backtests, for tests of what they store and use again."""

from dataclasses import dataclass
from typing import Any

import dagster as dg
import polars as pl

from research.audit.stage_profile import BacktestsProfile, CachedResults
from resources.result_store.run_records import read_profile
from tests.project import SYMBOLS, Project

FEW = SYMBOLS[:3]
RANGE = (FEW[0], FEW[-1])
BACKTESTS = ["backtests/macd", "backtests/rsi"]
SAVED = dg.AssetSelection.from_coercible([*BACKTESTS, "backtest_summaries"])
UNCHECKED = SAVED.without_checks()
OF_RUN = ["run_id", "part"]


@dataclass(frozen=True)
class Ran:
    """A run of backtests, and what it recorded."""

    project: Project
    result: dg.ExecuteInProcessResult

    @property
    def profile(self) -> BacktestsProfile:
        store, run_id = self.project.result_store, self.result.run_id
        profile = read_profile(store, run_id, "backtests", BacktestsProfile)
        assert profile is not None
        return profile

    @property
    def counts(self) -> CachedResults:
        assert self.profile.cached_results is not None
        return self.profile.cached_results

    @property
    def cached(self) -> dict[str, int]:
        return dict(self.counts.hits_by_strategy)

    @property
    def computed(self) -> dict[str, int]:
        return dict(self.counts.misses_by_strategy)

    @property
    def logs(self) -> list[str]:
        logs = self.project.instance.all_logs(self.result.run_id)
        return [str(entry.user_message) for entry in logs]

    @property
    def rows(self) -> pl.DataFrame:
        files, run_id = self.project.resource("backtest_files"), self.result.run_id
        return pl.concat([files.read_part(run_id, part).results for part in files.parts(run_id)])

    @property
    def curves(self) -> pl.DataFrame:
        """The equity of the rows, from the files that the rows name."""
        files, places = self.project.resource("backtest_files"), self.rows.select(OF_RUN).unique()
        equity = pl.concat(files.equity_parts(places.rows()))
        mine = equity.join(self.rows, left_on="backtest_id", right_on="id", how="semi")
        return mine.sort("backtest_id", "date")

    @property
    def partitions(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        """Data version and numbers of each partition, without the address of its picture."""
        made = {}
        for asset in BACKTESTS:
            key = dg.AssetKey(asset.split("/"))
            for record in self.project.instance.fetch_materializations(key, limit=500).records:
                event = record.asset_materialization
                if event and record.run_id == self.result.run_id:
                    version = (event.tags or {})["dagster/data_version"]
                    shown = {name: one for name, one in event.metadata.items() if name != "equity"}
                    made[asset, str(event.partition)] = version, shown
        return made


def run_backtests(
    project: Project,
    partitions: str | tuple[str, str] = RANGE,
    selection: Any = UNCHECKED,
    **settings: Any,
) -> Ran:
    """Run some backtests, which must succeed."""
    config = {"resources": {"run_settings": {"config": settings}}}
    result = project.run(partitions, selection=selection, run_config=config)
    assert result.success, project.why(result)
    return Ran(project, result)


def read_stored(project: Project) -> list[dict[str, Any]]:
    """Return the stored results of a project with their trades, without which run wrote them."""
    rows = [row for symbol in FEW for row in project.manager.get_backtests_by_symbol(symbol)]
    found = [project.manager.get_backtest_by_id(row["id"]) or {} for row in rows]
    ignored = {*OF_RUN, "updated_at"}
    plain = [{name: one[name] for name in one if name not in ignored} for one in found]
    return sorted(plain, key=lambda one: one["id"])
