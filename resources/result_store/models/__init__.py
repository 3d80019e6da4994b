"""The tables of the result store. A change here needs a revision in `migrations/versions`."""

from resources.result_store.models.backtests import Backtest, Trade
from resources.result_store.models.base import Base
from resources.result_store.models.forward import (
    ForwardBarsRow,
    ForwardDayRow,
    ForwardRecordRow,
    NextPositionRow,
)
from resources.result_store.models.leaderboards import Leaderboard, LeaderboardRow
from resources.result_store.models.portfolios import PortfolioRow
from resources.result_store.models.runs import FailureRow, Run, RunBacktest, UniverseMember
from resources.result_store.models.trials import TrialRecord, TrialScopeRow
from resources.result_store.models.verdicts import VerdictRow

__all__ = [
    "Backtest",
    "Base",
    "FailureRow",
    "ForwardBarsRow",
    "ForwardDayRow",
    "ForwardRecordRow",
    "Leaderboard",
    "LeaderboardRow",
    "NextPositionRow",
    "PortfolioRow",
    "Run",
    "RunBacktest",
    "Trade",
    "TrialRecord",
    "TrialScopeRow",
    "UniverseMember",
    "VerdictRow",
]
