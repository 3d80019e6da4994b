"""The code location: every asset, check and resource, built from the settings.

Importing this module has no effects. Building the definitions opens no network, no database and
no price file, and imports no heavy library.
"""

import gc
import os
import warnings
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import dagster as dg

from assets.backtests.assets import build_backtests
from assets.calibration import build_calibration_job, build_calibration_spec
from assets.checks.catalogue import build_checks
from assets.forward_record import build_forward_record
from assets.leaderboard import build_leaderboard, build_other_leaderboards_spec
from assets.optimizations import build_optimizations
from assets.portfolios import build_portfolios
from assets.prices import build_prices, get_provider_pool
from assets.requests.op import build_request_spec
from assets.robustness import build_robustness
from assets.summaries import build_summaries
from assets.tear_sheets import build_tear_sheets
from assets.verdicts import build_verdicts
from assets.walk_forward import build_walk_forward
from pipelines.automation.alerts import build_alert_sensors
from pipelines.automation.maintenance import build_maintenance_job, build_maintenance_schedule
from pipelines.automation.nightly import build_nightly_job, build_nightly_schedules
from pipelines.automation.retries import build_retry_job, build_retry_sensor
from pipelines.automation.staleness import build_automation_jobs, build_automation_sensors
from pipelines.backtest_request import build_request_job
from pipelines.partitions import build_backfill_policy, build_symbol_partitions
from pipelines.resources import build_resources
from resources.celery_workers.edition import EDITION_KEY, Edition
from resources.config.environment import EnvironmentSettings
from resources.dagster_event_log.versions import add_source
from resources.portfolios import load_portfolios
from resources.redaction import redact_address, redact_text
from resources.session_table import TABLES
from strategies.registry import registered_strategies


def build_defs(
    settings: EnvironmentSettings, resource_overrides: Mapping[str, Any] | None = None
) -> dg.Definitions:
    """Return the definitions for these settings; tests override resources.

    Raises
    ------
    UniverseError
        When the universe cannot be read.
    PortfolioFileError
        When the definition of a portfolio is refused.
    """
    TABLES.keep_for(settings.home)
    universe = settings.load_universe()
    symbols = build_symbol_partitions(universe.symbols)
    strategies = registered_strategies()
    names = list(strategies)
    portfolios = load_portfolios(
        settings.portfolios, names, universe.symbols, has_sectors=universe.has_sectors
    )
    partitioned = [
        build_prices(symbols, universe, pool=get_provider_pool(settings.source)),
        build_backtests(symbols, universe, strategies, settings.cluster),
        build_summaries(symbols, universe, names),
    ]
    policy = build_backfill_policy(settings.symbols_per_run)
    resources = build_resources(settings) | dict(resource_overrides or {})
    assets = [
        *(one.with_attributes(backfill_policy=policy) for one in partitioned),
        build_leaderboard(universe, strategies),
        build_optimizations(universe, strategies),
        build_walk_forward(universe, strategies),
        build_robustness(universe, strategies),
        build_verdicts(universe, strategies),
        build_portfolios(universe, strategies, portfolios),
        build_tear_sheets(),
        build_forward_record(universe, strategies),
        build_other_leaderboards_spec(),
        build_request_spec(),
        build_calibration_spec(),
    ]
    return dg.Definitions(
        assets=dg.map_asset_specs(partial(_name_source, settings.source), assets),
        asset_checks=build_checks(names, list(portfolios)),
        jobs=[
            build_request_job(universe, resources["run_settings"]),
            build_retry_job(),
            build_nightly_job(),
            *build_automation_jobs(),
            build_maintenance_job(),
            build_calibration_job(),
        ],
        schedules=[
            *build_nightly_schedules(settings, universe),
            build_maintenance_schedule(settings.keep_days),
        ],
        sensors=[
            build_retry_sensor(universe.symbols),
            *build_automation_sensors(universe.symbols),
            *build_alert_sensors(),
        ],
        resources=resources,
        # Steps share one process: they are few, and each process imports everything again.
        executor=dg.in_process_executor,
        metadata={EDITION_KEY: build_edition(settings).compute()},
    )


def build_edition(settings: EnvironmentSettings) -> Edition:
    """Return what runs depend on with these settings: a warm worker must have the same."""
    database = redact_address(os.environ.get("DATABASE_URL", ""))
    files = [path for path in (settings.universe, settings.splits) if path]
    if settings.portfolios:
        files += sorted(settings.portfolios.glob("*.y*ml"))
    return Edition([redact_text(repr(settings)), database], files)


def _name_source(source: str, spec: dg.AssetSpec) -> dg.AssetSpec:
    """Return a spec whose code version names the source: what another one made is stale."""
    version = spec.code_version
    return spec.replace_attributes(code_version=add_source(version, source)) if version else spec


@dg.definitions
def defs() -> dg.Definitions:
    """Return the definitions for the settings of the environment; Dagster calls this.

    They are built again only if something that they are built from has changed since: a run that is
    a fork of a process with definitions has them already.
    """
    settings = EnvironmentSettings.from_environment(os.environ)
    signature = build_edition(settings).read_signature()
    built_from = settings, os.environ.get("DATABASE_URL"), registered_strategies(), signature
    if not _built or _built[0][0] != built_from:
        with warnings.catch_warnings():
            # Backfill policies make a universe one run; Dagster warns that they are in beta.
            warnings.simplefilter("ignore", dg.BetaWarning)
            _built[:] = [(built_from, build_defs(settings))]
        _keep_what_is_loaded()
    return _built[0][1]


_built: list[tuple[object, dg.Definitions]] = []
"""The last definitions, and what they were built from; none before the first."""


@cache
def _keep_what_is_loaded() -> None:
    """Let the collector skip what is there by now, once: it lives as long as the process.

    That is Dagster, nearly all of it. To look through it takes 70 ms of CPU, and 0.4 s at the end
    of a process, such as `dagster asset materialize`, where it is done several times.
    """
    gc.freeze()
