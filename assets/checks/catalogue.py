"""Which gates each stage has."""

from collections.abc import Mapping, Sequence

import dagster as dg

from assets.checks import cache, costs, integrity, quality, rates
from assets.checks.gates import Gate, build_gates
from assets.stages import BACKTESTS, PRICES, PRICES_KEY, SUMMARIES, SUMMARIES_KEY, backtests_key

GATES: Mapping[str, Sequence[Gate]] = {
    PRICES: [rates.SUCCESS, *quality.QUALITY],
    BACKTESTS: [
        rates.SUCCESS_OF_STRATEGY,
        costs.WALL_TIME,
        costs.MEMORY_GROWTH,
        costs.MEMORY_SLOPE,
        costs.SCALING,
        integrity.NO_LOOK_AHEAD,
        integrity.SIGNALS_FILLED,
        integrity.ACCOUNTS_BALANCE,
        cache.KNOWN_RESULTS,
    ],
    SUMMARIES: [rates.SAVED, rates.RETRIEVED, costs.DATABASE_TIME],
}
"""The gates of each stage; those of backtests hold for the asset of every strategy."""


def build_checks(strategies: Sequence[str]) -> list[dg.AssetChecksDefinition]:
    """Return the checks of all stages."""
    keys = {
        PRICES: [PRICES_KEY],
        BACKTESTS: [backtests_key(name) for name in strategies],
        SUMMARIES: [SUMMARIES_KEY],
    }
    return [build_gates(stage, keys[stage], gates) for stage, gates in GATES.items()]
