"""Daily bars, one partition a symbol, in the price store."""

from collections import defaultdict
from typing import Any

import dagster as dg

from assets.partition_truth import Made, report_partitions
from assets.progress import with_progress
from assets.stages import PRICES, PRICES_KEY, close_stage, fail_if_nothing_was_made
from engine.failure import Failure
from resources.market_data.resource import MarketData
from resources.price_quality import suspicions
from resources.price_store import PriceStore, StoredBars
from resources.result_store.resource import ResultStore
from resources.run_log import RunLog
from resources.run_profile import StageProfile
from resources.run_settings import RunSettings
from resources.thresholds import Thresholds
from resources.universe import Universe


def build_prices(symbols: dg.PartitionsDefinition, universe: Universe) -> dg.AssetsDefinition:
    """Return the asset for a universe; a symbol's bars are those of its listing."""

    @dg.asset(
        key=PRICES_KEY,
        partitions_def=symbols,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="market_data",
        kinds={"polars", "parquet"},
        code_version="1",
        description="Daily bars of a symbol, raw and with their adjustment factor; the window "
        "and a warm-up before it. One Parquet file a symbol in the price store.",
    )
    def prices(
        context: dg.AssetExecutionContext,
        market_data: MarketData,
        price_store: PriceStore,
        run_settings: RunSettings,
        result_store: ResultStore,
        thresholds: Thresholds,
    ):
        profile = StageProfile()
        # What makes no sense is refused here already, before anything is fetched.
        run_settings.check()
        source = market_data.open_source()
        start, end = run_settings.history_start(), run_settings.window().end
        stored: dict[str, StoredBars] = {}
        failures: list[Failure] = []
        offenders: dict[str, dict[str, str]] = defaultdict(dict)
        for symbol in with_progress(context, context.partition_keys, "symbols fetched"):
            try:
                listed = universe.listed(symbol, start, end)
                bars = source.fetch(symbol, *listed)
                stored[symbol] = price_store.write(source.name, symbol, bars, listed)
                # Read back: what is judged is what backtests will be given.
                kept = price_store.load(source.name, symbol, *listed)
                for rule, text in suspicions(symbol, kept, listed[1], thresholds).items():
                    offenders[rule][symbol] = text
            except Exception as error:  # noqa: BLE001 - one symbol must not spoil the others
                failures.append(Failure.of(symbol, error))
                stored.pop(symbol, None)
            profile.sample()
        quality = {"symbols": len(stored), "offenders": offenders}
        counts = {"requested": len(context.partition_keys), "succeeded": len(stored)}
        run_log = RunLog(result_store, source.name, run_settings.window())
        summary = profile.summary(**counts) | {"quality": quality}
        close_stage(context, run_log, PRICES, summary, failures)
        fail_if_nothing_was_made(failures, len(stored))
        made = {symbol: Made(bars.data_version, _metadata(bars)) for symbol, bars in stored.items()}
        yield from report_partitions(context, {PRICES_KEY: made}, upstream={})

    return prices


def _metadata(stored: StoredBars) -> dict[str, Any]:
    return {
        "path": dg.MetadataValue.path(stored.path),
        "bars": stored.rows,
        "first_session": stored.first.isoformat(),
        "last_session": stored.last.isoformat(),
        "data_version": stored.data_version,
        "outcome": stored.outcome,
    }
