"""The assets: their names, their keys, and who owns them."""

import dagster as dg

from research.stages import OPTIMIZATIONS, PORTFOLIOS, ROBUSTNESS, WALK_FORWARD

PRICES = "prices"
BACKTESTS = "backtests"
SUMMARIES = "backtest_summaries"
LEADERBOARD = "leaderboard"
OTHER_LEADERBOARDS = "other_leaderboards"
REQUESTS = "backtest_requests"
VERDICTS = "verdicts"
CALIBRATION = "calibration"
TEAR_SHEETS = "tear_sheets"
FORWARD_RECORD = "forward_record"

RESEARCH_GROUP = "research"
"""The group of what is concluded from results over the whole universe, and made of it only."""

PRICES_KEY = dg.AssetKey(PRICES)
SUMMARIES_KEY = dg.AssetKey(SUMMARIES)
REQUESTS_KEY = dg.AssetKey(REQUESTS)
VERDICTS_KEY = dg.AssetKey(VERDICTS)
FORWARD_RECORD_KEY = dg.AssetKey(FORWARD_RECORD)
CALIBRATION_KEY = dg.AssetKey(CALIBRATION)
LEADERBOARD_KEY = dg.AssetKey(LEADERBOARD)
TEAR_SHEETS_KEY = dg.AssetKey(TEAR_SHEETS)
OTHER_LEADERBOARDS_KEY = dg.AssetKey(OTHER_LEADERBOARDS)

DATA_ENGINEERING, RESEARCH = "team:data-engineering", "team:research"
"""Owners in the Dagster UI: of bars and rows, and of results."""


def backtests_key(strategy: str) -> dg.AssetKey:
    """Return the asset of one strategy's backtests."""
    return dg.AssetKey([BACKTESTS, strategy])


def optimizations_key(strategy: str) -> dg.AssetKey:
    """Return the asset of one strategy's sweep."""
    return dg.AssetKey([OPTIMIZATIONS, strategy])


def walk_forward_key(strategy: str) -> dg.AssetKey:
    """Return the asset of one strategy's walk-forward."""
    return dg.AssetKey([WALK_FORWARD, strategy])


def robustness_key(strategy: str) -> dg.AssetKey:
    """Return the asset of one strategy's tests of robustness."""
    return dg.AssetKey([ROBUSTNESS, strategy])


def portfolios_key(name: str) -> dg.AssetKey:
    """Return the asset of a portfolio: of a strategy by its name, or of a definition's file."""
    return dg.AssetKey([PORTFOLIOS, name])
