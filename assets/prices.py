"""Daily bars, one partition per symbol, in the price store."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from assets.asset_keys import DATA_ENGINEERING, PRICES, PRICES_KEY
from assets.ordered_fetch import map_ordered
from assets.partitions.partition_reporting import (
    MaterializedPartition,
    StepOutcome,
    report_partitions,
)
from assets.price_notes import describe_notes, describe_wide_spreads
from assets.progress import with_progress
from assets.stage_reporting import close_stage, fail_if_nothing_was_made
from assets.step_failure import failing_in_one_line
from engine.failure import Failure
from engine.settings import Window
from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import PriceQuality, PricesProfile
from resources.config.run_purpose import find_purpose
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.market_data.resource import MarketData
from resources.market_data.source import THROTTLED, PriceSource, SourceNotes
from resources.price_store.incremental import Fetched, Fetcher
from resources.price_store.price_quality import find_broken_rules
from resources.price_store.store import PriceStore
from resources.price_store.write_plan import WriteResult
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import RunRecords
from resources.trading_calendar import find_calendar
from resources.universe import Universe

if TYPE_CHECKING:
    from resources.price_store.spans import Span


def get_provider_pool(source: str) -> str | None:
    """Return the pool of steps that fetch from a remote provider; None for local sources.

    Its limit is in dagster.yaml. The rate limiter protects the provider, whatever that limit; the
    pool queues runs that would only wait for each other's requests.
    """
    return f"provider_{source}" if source in THROTTLED else None


def build_prices(
    symbols: dg.PartitionsDefinition, universe: Universe, pool: str | None = None
) -> dg.AssetsDefinition:
    """Return the asset for a universe; a symbol's bars are those of its listing."""

    @dg.asset(
        key=PRICES_KEY,
        pool=pool,
        partitions_def=symbols,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="market_data",
        kinds={"polars", "parquet"},
        owners=[DATA_ENGINEERING],
        code_version="1",
        description="Daily bars of a symbol, raw and with their adjustment factor, for the window "
        "and a warm-up before it. One Parquet file per symbol in the price store.",
    )
    def prices(
        context: dg.AssetExecutionContext,
        market_data: MarketData,
        price_store: PriceStore,
        run_settings: RunSettings,
        result_store: ResultStore,
        thresholds: Thresholds,
    ):
        # Invalid settings are refused before anything is fetched.
        with failing_in_one_line():
            run_settings.check(market_data.source)
            purpose = find_purpose(context.run.tags, market_data, run_settings)
            window, source = run_settings.window(), market_data.open_source(universe)
            splits = market_data.load_splits()
        fetcher = Fetcher(source, price_store, splits, universe.calendar_of)
        stage = _PricesStage(context, universe, source, fetcher, price_store, thresholds, window)
        stage.run(run_settings.history_start(), window.end)
        for row in universe.refused:
            context.log.warning(f"left out of the universe: {row}")
        if to_come := _describe_days_to_come(window, stage.stored):
            context.log.warning(to_come)
        if bias := universe.describe_survivorship_bias(window.start, window.end):
            context.log.warning(bias)
        run_records = RunRecords(result_store, source.name, window, universe, purpose)
        close_stage(context, run_records, PRICES, stage.profile(), stage.failures)
        fail_if_nothing_was_made(stage.failures, len(stage.stored))
        made = {
            symbol: MaterializedPartition(
                bars.data_version,
                _build_metadata(bars, stage.notes[symbol]),
            )
            for symbol, bars in stage.stored.items()
        }
        outcome = StepOutcome(source.name, {PRICES_KEY: made}, stage.failures)
        yield from report_partitions(context, outcome)

    return prices


@dataclass
class _PricesStage:
    """One execution of the step: fetches, stores and inspects each symbol's bars."""

    context: dg.AssetExecutionContext
    universe: Universe
    source: PriceSource
    fetcher: Fetcher
    price_store: PriceStore
    thresholds: Thresholds
    window: Window
    meter: StageMeter = field(default_factory=StageMeter)
    stored: dict[str, WriteResult] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    # What the source found out about the bars that are stored, by symbol.
    notes: dict[str, SourceNotes] = field(default_factory=dict)
    # The median of the half-spreads, by symbol that has any.
    half_spreads: dict[str, float] = field(default_factory=dict)
    # What is suspicious, by quality rule and symbol.
    offenders: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))

    def run(self, start: date, end: date) -> None:
        def fetch(symbol: str) -> tuple["Span", Fetched]:
            listed = self.universe.listed(symbol, start, end)
            return listed, self.fetcher.fetch(symbol, listed)

        symbols = self.context.partition_keys
        # Fetched by one or more threads, and stored by this one in the order of the symbols.
        pending = map_ordered(fetch, symbols, self.fetcher.threads)
        for symbol in with_progress(self.context, symbols, "symbols fetched"):
            try:
                self.stored[symbol] = self._store(symbol, *next(pending)())
            except Exception as error:  # noqa: BLE001 - one symbol must not spoil the others
                self.failures.append(Failure.of(symbol, error))
            self.meter.sample()
        for line in describe_notes(self.notes):
            self.context.log.info(line)
        if wide := describe_wide_spreads(self.half_spreads):
            self.context.log.warning(wide)

    def profile(self) -> PricesProfile:
        return PricesProfile(
            **self.meter.read(),
            requested=len(self.context.partition_keys),
            succeeded=len(self.stored),
            source_requests=self.fetcher.requests,
            source_bars_saved=self.fetcher.bars_saved,
            source_refetches=self.fetcher.refetched,
            quality=PriceQuality(symbols=len(self.stored), offenders=self.offenders),
        )

    def _store(self, symbol: str, listed: "Span", fetched: Fetched) -> WriteResult:
        stored = self.price_store.write(
            self.source.name, symbol, fetched.bars, fetched.requested, fetched.splits
        )
        for change in _describe_changes(symbol, stored):
            self.context.log.warning(change)
        self.notes[symbol] = fetched.notes
        # Read back: what is inspected is what backtests will read.
        file = stored.file or self.price_store.read_file(self.source.name, symbol)
        kept = file.select(*listed)
        if "half_spread" in kept.columns:
            self.half_spreads[symbol] = cast("float", kept["half_spread"].median())
        asked = max(listed[0], self.window.start), listed[1]
        days = kept["date"].to_numpy().astype("datetime64[D]")
        calendar = find_calendar(self.universe.calendar_of(symbol), days)
        for rule, text in find_broken_rules(
            symbol, kept, asked, self.thresholds, calendar, self.fetcher.splits
        ).items():
            self.offenders[rule][symbol] = text
        return replace(stored, file=None)


def _describe_days_to_come(window: Window, stored: Mapping[str, WriteResult]) -> str:
    """Return that the window ends in the future, if it does; "" if bars reach its end."""
    newest = max((one.last for one in stored.values()), default=window.end)
    if window.end <= max(newest, datetime.now(UTC).date()):
        return ""
    return (
        f"the window ends on {window.end}, in the future; bars end on {newest}, and so do results"
    )


def _describe_changes(symbol: str, stored: WriteResult) -> list[str]:
    """Return what happened to bars that were stored before, for the run's log."""
    changes = []
    if stored.quarantined:
        changes.append(f"{symbol}: its stored file was corrupt; moved to {stored.quarantined}")
    if stored.revision:
        revision = stored.revision
        changes.append(
            f"{symbol}: {stored.outcome}, {revision.changed_bars} bars differ from "
            f"{revision.first_changed} on; the superseded bars are kept in {revision.path}"
        )
    return changes


def _build_metadata(stored: WriteResult, notes: SourceNotes) -> dict[str, Any]:
    revision = stored.revision
    kept = {"quarantined": dg.MetadataValue.path(stored.quarantined)} if stored.quarantined else {}
    if revision:
        kept |= {
            "previous_version": revision.data_version,
            "previous_path": dg.MetadataValue.path(revision.path),
            "first_changed": revision.first_changed.isoformat(),
            "changed_bars": revision.changed_bars,
        }
    noted = {
        "price_basis": notes.basis,
        "repaired_bars": notes.repaired,
        "dropped_rows": notes.dropped,
    }
    # Stored for each symbol and run: what is not so is not said, and tags have the data version.
    return (
        kept
        | {name: value for name, value in noted.items() if value}
        | {
            "path": dg.MetadataValue.path(stored.path),
            "bars": stored.rows,
            "first_session": stored.first.isoformat(),
            "last_session": stored.last.isoformat(),
            "outcome": stored.outcome,
            "fetched_at": stored.fetched_at.isoformat(),
        }
    )
