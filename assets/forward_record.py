"""The forward record: what strategies would hold and earn once they are frozen."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.asset_keys import (
    FORWARD_RECORD,
    FORWARD_RECORD_KEY,
    PRICES_KEY,
    RESEARCH,
    RESEARCH_GROUP,
    SUMMARIES_KEY,
)
from assets.markdown import render_markdown
from assets.research_assets import say_none
from assets.stage_reporting import materialize
from assets.step_failure import failing_in_one_line
from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import ForwardProfile
from research.purpose import Purpose
from resources.config.run_purpose import find_purpose
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.files.reports import Reports
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import RunRecords
from resources.universe import Universe
from strategies.base import Strategy

if TYPE_CHECKING:
    import polars as pl

    from assets.forward_stage import ForwardStage

SHOWN = (
    "strategy", "days", "total_return", "cone_low", "cone_high", "inside_cone", "residual_return",
    "decay", "alarms", "last_alarm", "exposure", "joining_cost",
)  # fmt: skip
NEXT_POSITIONS = "next_positions.csv"


def build_forward_record(
    universe: Universe, strategies: Mapping[str, type[Strategy]]
) -> dg.AssetsDefinition:
    """Return the asset for a universe and some strategies by name."""

    @dg.asset(
        key=FORWARD_RECORD_KEY,
        # It is made of prices alone, but only of those whose backtests were kept.
        deps=[PRICES_KEY, SUMMARIES_KEY],
        # Unpartitioned, yet with a policy: a ranged run asks one of every asset it takes along.
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=RESEARCH_GROUP,
        kinds={"postgres", "csv"},
        owners=[RESEARCH],
        code_version="1",
        description="What each strategy holds and earns after the night on which its code, its "
        "parameters and its bars were frozen; days are only added. Compared with what its backtest "
        "lets one expect: inside the 95 % cone or not, and whether its edge decays. Positions of "
        "tomorrow are a CSV file. docs/forward.md says how.",
    )
    def forward_record(
        context: dg.AssetExecutionContext,
        market_data: MarketData,
        price_store: PriceStore,
        run_settings: RunSettings,
        result_store: ResultStore,
        reports: Reports,
        thresholds: Thresholds,
    ) -> Iterator[dg.MaterializeResult]:
        # Here, not above: it brings the whole engine along.
        from assets.forward_stage import ForwardStage
        from assets.research_inputs import load_research_inputs

        meter = StageMeter()
        with failing_in_one_line():
            purpose = find_purpose(context.run.tags, market_data, run_settings)
        window = run_settings.window()
        run_records = RunRecords(result_store, market_data.source, window, universe, purpose)
        inputs = load_research_inputs(
            context, universe, market_data, run_settings, price_store, thresholds, result_store
        )
        if not isinstance(inputs, str) and purpose is not Purpose.PIPELINE:
            inputs = "a what-if is not recorded: its settings are not the configured ones."
        if isinstance(inputs, str):
            run_records.record(context.run, FORWARD_RECORD, _build_profile([], meter), ())
            yield from say_none(context, market_data.source, inputs)
            return
        manager, run_id = result_store.manager(), context.run.run_id
        chosen = [run_settings.strategy_of(one) for one in strategies.values()]
        stage = ForwardStage(run_id, inputs, manager, chosen)
        stage.run()
        records = manager.get_forward_records()
        # Its own: what is current may be of another source or universe.
        going_on = records.filter(records["record_id"].is_in(stage.record_ids))
        positions = manager.get_next_positions(run_id=run_id)
        path = reports.write(NEXT_POSITIONS, positions.write_csv().encode())
        _log(context, stage, going_on)
        profile = _build_profile(going_on.to_dicts(), meter)
        run_records.record(context.run, FORWARD_RECORD, profile, ())
        shown = _describe(stage, going_on, positions, path)
        yield materialize(context, FORWARD_RECORD_KEY, shown)

    return forward_record


def _log(context: dg.AssetExecutionContext, stage: "ForwardStage", records: "pl.DataFrame") -> None:
    parts = [f"{len(stage.begun)} records begin"] if stage.begun else []
    parts.append(f"{stage.new_days} days recorded")
    if stage.recorded:
        parts.append(f"{stage.equal} of {stage.recorded} earlier ones equal this run's backtests")
    context.log.info(", ".join(parts))
    if stage.waiting:
        context.log.warning(f"no days are recorded: {stage.waiting}")
    for failure in stage.failures:
        context.log.warning(f"{failure.symbol} is not recorded: {failure.message}")
    if stage.revised:
        context.log.warning(f"bars that records rest on were revised: {_name(stage.revised)}")
    for row in records.iter_rows(named=True):
        if stage.new_days and row["alarms"] and row["last_alarm"] == row["last_session"]:
            context.log.warning(f"the edge of {row['strategy']} decays: {row['alarms']} alarms")


def _build_profile(records: Sequence[Mapping[str, Any]], meter: StageMeter) -> ForwardProfile:
    """Return what the check of the record judges: the records that go on, or none."""
    symbols = max((row["symbols"] for row in records), default=0)
    return ForwardProfile(
        **meter.read(),
        requested=symbols,
        succeeded=symbols,
        decay={row["strategy"]: row["decay"] or 0.0 for row in records},
        alarm_age={
            row["strategy"]: (row["last_session"] - row["last_alarm"]).days
            for row in records
            if row["last_alarm"]
        },
    )


def _describe(
    stage: "ForwardStage", records: "pl.DataFrame", positions: "pl.DataFrame", path: str
) -> dict[str, Any]:
    """Return what the UI shows of the record."""
    inside = records["inside_cone"].drop_nulls()
    ordered = positions.filter(positions["held"] != positions["next_side"])
    return {
        "new_days": stage.new_days,
        "records_begun": len(stage.begun),
        "inside_cone": f"{inside.sum()} of {len(inside)} strategies",
        "alarms": int(records["alarms"].sum()),
        "equal_to_backtest": f"{stage.equal} of {stage.recorded} recorded days, to the bit",
        "revised": _name(stage.revised),
        "late": _name(stage.late),
        "absent": _name(stage.absent),
        **({"waiting": stage.waiting} if stage.waiting else {}),
        "orders": ordered.height,
        "next_positions": dg.MetadataValue.path(path),
        "record": dg.MetadataValue.md(render_markdown(records.select(SHOWN))),
    }


def _name(symbols: set[str]) -> str:
    return ", ".join(sorted(symbols)) or "none"
