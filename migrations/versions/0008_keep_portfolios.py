"""Keep portfolios, and show that of each strategy on the leaderboard."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.columns import check, dates, doubles, finite, integers, json, texts, timestamps

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NUMBERS = (
    *("total_return", "annualized_return", "annualized_volatility", "sharpe_ratio"),
    *("max_drawdown", "universe_return", "universe_sharpe_ratio", "universe_correlation"),
    *("benchmark_return", "doubled_costs_return", "pairs_sharpe_ratio", "mean_gross"),
    *("highest_gross", "mean_net", "mean_positions", "most_positions", "turnover", "fees"),
    *("slippage", "accrued", "largest_volume_share", "final_equity"),
    *("luck_return_low", "luck_return_median", "luck_return_high"),
    *("luck_sharpe_low", "luck_sharpe_median", "luck_sharpe_high"),
)
_SHOWN = ("portfolio_return", "portfolio_sharpe")
