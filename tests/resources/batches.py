"""Ragged histories for a batch, one of them too short for any trade, and their tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from research.run_spec import IdentifiedResult, RunSpec
from resources.config.run_settings import stored_settings
from resources.run_artifacts.backtest_tables import BacktestTables, build_tables
from tests.bars import random_history

WINDOW = Window(date(2021, 2, 1), date(2022, 9, 1))

# In the window, in bars: 2, 12, 92, 305, 372, 372, 578 (longer than it).
HISTORIES = [
    random_history(f"S{seed}", length, seed)
    for seed, length in enumerate([30, 40, 120, 333, 400, 400, 777])
]


@dataclass(frozen=True)
class Provenance:
    """Where some results come from."""

    run_id: str
    source: str
    warmup_days: int
    data_versions: Mapping[str, str]
    code_versions: Mapping[str, str]
    universe_version: str | None = None


def tables_of(
    results: Sequence[BacktestResult], provenance: Provenance, part: int = 0
) -> BacktestTables:
    """Return the tables of results that share a window and settings."""
    settings = results[0].settings if results else BacktestSettings()
    version = provenance.universe_version
    spec = RunSpec(
        run_id=provenance.run_id,
        source=provenance.source,
        strategies=[result.strategy for result in results],
        window=results[0].window if results else WINDOW,
        settings=settings,
        stored_settings=stored_settings(settings, provenance.warmup_days),
        code_versions=provenance.code_versions,
        universe=cast("Any", SimpleNamespace(version=version)) if version else None,
    )
    identified = []
    for one in results:
        data = provenance.data_versions[one.symbol]
        identifier = spec.identify(one.symbol, one.strategy, data, one.bars_per_year)
        identified.append(IdentifiedResult(identifier, data, one))
    return build_tables(identified, spec, part)
