"""Keep interest, borrow fees and unfilled orders of backtests, and what doubled costs leave.

The leaderboard names a composition of costs, and has the Sharpe ratios beyond the market at the
costs of the run and at twice as much.
"""

import sqlalchemy as sa
from alembic import op

from migrations.columns import doubles, finite

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MEASURED = (
    *("total_return", "annualized_return", "annualized_volatility", "downside_volatility"),
    *("sharpe_ratio", "sortino_ratio", "calmar_ratio", "omega_ratio", "max_drawdown"),
    *("recovery_factor", "value_at_risk", "conditional_value_at_risk", "final_value"),
    *("peak_value", "benchmark_return", "excess_return", "alpha", "beta", "information_ratio"),
    *("universe_return", "universe_excess_return", "universe_alpha", "universe_beta"),
    *("universe_information_ratio", "win_rate", "profit_factor", "expectancy"),
    *("average_trade_return", "best_trade", "worst_trade", "average_trade_duration"),
    *("payoff_ratio", "kelly_fraction", "exposure", "turnover", "total_fees", "total_slippage"),
)
_MONEY = ("total_borrow_fees", "total_interest")
_RATIOS = ("residual_sharpe_ratio", "doubled_costs_sharpe_ratio")
_LATEST_BACKTESTS = """
WITH RECURSIVE pairs AS (
    (
        SELECT symbol, strategy
        FROM run_backtests
        WHERE purpose = 'pipeline'
        ORDER BY symbol, strategy
        LIMIT 1
    )
    UNION ALL
    SELECT following.symbol, following.strategy
    FROM pairs
    CROSS JOIN LATERAL (
        SELECT symbol, strategy
        FROM run_backtests
        WHERE purpose = 'pipeline' AND (symbol, strategy) > (pairs.symbol, pairs.strategy)
        ORDER BY symbol, strategy
        LIMIT 1
    ) AS following
)
SELECT newest.*
FROM pairs
CROSS JOIN LATERAL (
    SELECT backtests.*
    FROM run_backtests AS members
    JOIN backtests ON backtests.id = members.backtest_id
    WHERE members.purpose = 'pipeline'
        AND members.symbol = pairs.symbol AND members.strategy = pairs.strategy
    ORDER BY members.saved_at DESC, members.backtest_id DESC
    LIMIT 1
) AS newest
"""
_LEADERBOARD = """
SELECT
    rank, strategy, verdict, symbols, ranked_symbols, stale_symbols, median_sharpe_ratio,
    median_total_return, median_annualized_return, median_max_drawdown, worst_max_drawdown,
    mean_win_rate, total_trades, share_beating_benchmark, portfolio_return, portfolio_sharpe,
{doubled}start_date, end_date, source,
    purpose, covered_symbols, universe_symbols,
    (scope -> 'settings' ->> 'fees')::double precision AS fees,
    (scope -> 'settings' ->> 'slippage')::double precision AS slippage,{costs} made_at
FROM leaderboard_rows
JOIN leaderboards USING (run_id)
WHERE run_id = (
    SELECT run_id
    FROM leaderboards
    WHERE purpose = 'pipeline' AND shared
    ORDER BY made_at DESC, run_id DESC
    LIMIT 1
)
ORDER BY rank, strategy
"""
_ADDED = {
    "doubled": "    residual_sharpe_ratio, doubled_costs_sharpe_ratio, ",
    "costs": "\n    scope -> 'settings' ->> 'costs' AS costs,",
}


def upgrade() -> None:
    """Add the columns, and show them in the views."""
    op.execute("DROP VIEW latest_backtests")  # it keeps the columns that it was made with
    for column in doubles(*_MONEY, nullable=True):
        op.add_column("backtests", column)
    op.add_column("backtests", sa.Column("unfilled_orders", sa.Integer(), nullable=True))
    _renew_finite(*_MEASURED, *_MONEY)
    op.execute(f"CREATE VIEW latest_backtests AS {_LATEST_BACKTESTS}")
    op.execute("DROP VIEW leaderboard")
    for column in doubles(*_RATIOS, nullable=True):
        op.add_column("leaderboard_rows", column)
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD.format(**_ADDED)}")


def downgrade() -> None:
    """Remove the columns."""
    op.execute("DROP VIEW leaderboard")
    for name in _RATIOS:
        op.drop_column("leaderboard_rows", name)
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD.format(doubled='    ', costs='')}")
    op.execute("DROP VIEW latest_backtests")
    _renew_finite(*_MEASURED)
    for name in (*_MONEY, "unfilled_orders"):
        op.drop_column("backtests", name)
    op.execute(f"CREATE VIEW latest_backtests AS {_LATEST_BACKTESTS}")


def _renew_finite(*columns: str) -> None:
    name = op.f("ck_backtests_finite")
    op.drop_constraint(name, "backtests")
    op.create_check_constraint(name, "backtests", finite(*sorted(columns)))
