"""Backtest summaries: results persisted in PostgreSQL, read back and reconciled."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.asset_keys import DATA_ENGINEERING, SUMMARIES, SUMMARIES_KEY, backtests_key
from assets.partitions.partition_reporting import (
    MaterializedPartition,
    StepOutcome,
    report_lost_inputs,
    report_partitions,
)
from assets.partitions.upstream import UpstreamPartition, find_upstream, is_part_of_this_run
from assets.progress import StepProgress
from assets.stage_reporting import close_stage, fail_if_nothing_was_made
from assets.step_failure import failing_in_one_line
from assets.summary_table import SHOWN, render_rows
from engine.failure import Failure
from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import SummariesProfile
from research.purpose import Purpose
from resources.config.run_purpose import find_purpose
from resources.config.run_settings import RunSettings
from resources.dagster_event_log.versions import drop_source
from resources.market_data.resource import MarketData
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import RunRecords
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.stored_backtests import DamagedBacktestsError
from resources.universe import Universe

if TYPE_CHECKING:
    import polars as pl


def build_summaries(
    symbols: dg.PartitionsDefinition, universe: Universe, strategies: Sequence[str]
) -> dg.AssetsDefinition:
    """Return the asset of a universe, downstream of the backtests of all `strategies`."""
    backtests = [backtests_key(name) for name in strategies]

    @dg.asset(
        key=SUMMARIES_KEY,
        deps=backtests,
        partitions_def=symbols,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="results",
        kinds={"postgres"},
        owners=[DATA_ENGINEERING],
        code_version="1",
        description="A symbol's results in PostgreSQL, one row per strategy with its trades, read "
        "back and compared with what was produced. `table` has them: return over the window after "
        "costs, Sharpe ratio per year, deepest drawdown, closed trades, and what buying and "
        "holding the symbol returned.",
    )
    def backtest_summaries(
        context: dg.AssetExecutionContext,
        market_data: MarketData,
        run_settings: RunSettings,
        backtest_files: BacktestFiles,
        result_store: ResultStore,
    ):
        with failing_in_one_line():
            purpose = find_purpose(context.run.tags, market_data, run_settings)
            window = run_settings.window()
        source = market_data.source
        stage = _Stage(context, source, backtest_files, result_store, purpose)
        stage.run(backtests)
        run_records = RunRecords(result_store, source, window, universe, purpose)
        close_stage(context, run_records, SUMMARIES, stage.profile(), stage.failures)
        fail_if_nothing_was_made(stage.failures, len(stage.made))
        made = {SUMMARIES_KEY: stage.made}
        outcome = StepOutcome(source, made, stage.failures, stage.backtests)
        yield from report_partitions(context, outcome)

    return backtest_summaries


@dataclass
class _Stage:
    """One execution of the step: saves what backtests left, a part at a time, and reads it back."""

    context: dg.AssetExecutionContext
    source: str
    backtest_files: BacktestFiles
    result_store: ResultStore
    purpose: Purpose
    meter: StageMeter = field(default_factory=StageMeter)
    failures: list[Failure] = field(default_factory=list)
    # Rows by symbol: to be had, produced, found in the store, and there equal to the produced.
    expected: Counter[str] = field(default_factory=Counter)
    produced: Counter[str] = field(default_factory=Counter)
    saved: Counter[str] = field(default_factory=Counter)
    retrieved: Counter[str] = field(default_factory=Counter)
    # The results, by identifier, that were in the files of their run.
    found: set[str] = field(default_factory=set)
    # What is shown of each symbol, by its strategies, and from what its data version is made.
    rows: dict[str, list[Mapping[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    backtests: dict[dg.AssetKey, dict[str, UpstreamPartition]] = field(default_factory=dict)
    made: dict[str, MaterializedPartition] = field(default_factory=dict)
    # What is wrong with files of backtests, a sentence each.
    damaged: list[str] = field(default_factory=list)

    def run(self, backtests: Sequence[dg.AssetKey]) -> None:
        in_this_run = [key for key in backtests if is_part_of_this_run(self.context, key)]
        wanted_by_run = self._select_wanted(in_this_run or backtests)
        progress = StepProgress(self.context, len(self.expected), "symbols saved")
        for run_id, wanted in wanted_by_run.items():
            for part in self.backtest_files.parts(run_id):
                self._save(run_id, part, wanted)
                self.meter.sample()
                progress.reach(len(self.produced))
        complete = len(in_this_run) or None
        for symbol in self.context.partition_keys:
            self._account(symbol, complete)
        self._report_lost()

    def profile(self) -> SummariesProfile:
        return SummariesProfile(
            **self.meter.read(),
            requested=len(self.context.partition_keys),
            succeeded=len(self.made),
            # What was materialized upstream was produced, whether or not its files are there.
            produced_rows=self.expected.total(),
            saved_rows=self.saved.total(),
            retrieved_rows=self.retrieved.total(),
        )

    def _select_wanted(self, backtests: Sequence[dg.AssetKey]) -> dict[str, "pl.DataFrame"]:
        """Return the identifiers of the results to save, by the run whose files they are in."""
        import polars as pl

        identifiers: dict[str, list[str]] = defaultdict(list)
        for key in backtests:
            self.backtests[key] = find_upstream(
                self.context, key, self.context.partition_keys, self.source
            )
            for symbol, upstream in self.backtests[key].items():
                # A partition's data version is the identifier of its backtest.
                identifiers[upstream.run_id].append(drop_source(upstream.data_version))
                self.expected[symbol] += 1
        schema = {"id": pl.String}
        return {run: pl.DataFrame({"id": some}, schema) for run, some in identifiers.items()}

    def _save(self, run_id: str, part: int, wanted: "pl.DataFrame") -> None:
        from resources.run_artifacts.part_saving import save_part

        manager, own = self.result_store.manager(), self.context.run.run_id
        try:
            with self.meter.database():
                saved = save_part(
                    manager,
                    self.backtest_files,
                    run_id,
                    part,
                    purpose=self._find_purpose(run_id),
                    by_run=own,
                    only=wanted,
                )
        except (DamagedBacktestsError, FileNotFoundError) as error:
            # Nothing of it is stored: its symbols are those that are found in no other part.
            self.damaged.append(str(error))
            self.context.log.error(str(error))
            return
        self.produced.update(saved.produced["symbol"])
        self.found.update(saved.produced["id"])
        self.saved.update(saved.stored["symbol"])
        self.retrieved.update(saved.intact["symbol"])
        for row in saved.intact.select("symbol", "id", *SHOWN).iter_rows(named=True):
            self.rows[row["symbol"]].append(row)

    def _report_lost(self) -> None:
        """Count the backtests as failed whose results are not in the files of their run."""
        lost = {
            key: [
                symbol
                for symbol, upstream in partitions.items()
                if drop_source(upstream.data_version) not in self.found
            ]
            for key, partitions in self.backtests.items()
        }
        why = " ".join(["Its results are not in the files of its run.", *self.damaged])
        report_lost_inputs(self.context, lost, why)

    def _find_purpose(self, run_id: str) -> Purpose:
        """Return the purpose of the run that computed results: a what-if's stay a what-if's."""
        if run_id == self.context.run.run_id:
            return self.purpose
        recorded = self.result_store.manager().get_run(run_id)
        return Purpose(recorded["purpose"]) if recorded else self.purpose

    def _account(self, symbol: str, complete: int | None) -> None:
        """Count a symbol as made, or as failed here; what failed upstream is recorded there.

        `complete` is the number of strategies in this run, None if it has none.
        """
        expected = self.expected[symbol]
        if not expected and complete is None:
            message = f"{symbol} has no backtests of {self.source}: materialize backtests first."
            self.failures.append(Failure(symbol, "MissingBacktestsError", message))
        elif expected and expected >= (complete or 0):
            self._account_rows(symbol, expected)

    def _account_rows(self, symbol: str, expected: int) -> None:
        if self.retrieved[symbol] == expected:
            rows = self.rows[symbol]
            text = "\n".join(sorted(row["id"] for row in rows))
            version = hashlib.sha256(text.encode()).hexdigest()[:32]
            shown = dg.MetadataValue.md(render_rows(rows))
            self.made[symbol] = MaterializedPartition(version, {"rows": expected, "table": shown})
            return
        message = (
            f"{symbol}: of {expected} results {self.produced[symbol]} were in the run's files, "
            f"{self.saved[symbol]} are in the result store, and {self.retrieved[symbol]} of them "
            "equal what was produced."
        )
        if self.produced[symbol] < expected:
            message = " ".join([message, *self.damaged])
        self.failures.append(Failure(symbol, "UnreconciledRowsError", message))
