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
_LEADERBOARD = """
SELECT
    rank, strategy, verdict, symbols, ranked_symbols, stale_symbols, median_sharpe_ratio,
    median_total_return, median_annualized_return, median_max_drawdown, worst_max_drawdown,
    mean_win_rate, total_trades, share_beating_benchmark,{shown} start_date, end_date, source,
    purpose, covered_symbols, universe_symbols,
    (scope -> 'settings' ->> 'fees')::double precision AS fees,
    (scope -> 'settings' ->> 'slippage')::double precision AS slippage, made_at
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


def upgrade() -> None:
    """Create the table, and add the columns."""
    op.create_table(
        "portfolios",
        *texts("run_id", "name"),
        sa.Column("identity", sa.Uuid(), nullable=False),
        json("definition"),
        json("parameters"),
        json("code_versions"),
        *texts("source"),
        *dates("start_date", "end_date"),
        json("settings"),
        sa.Column("universe", ARRAY(sa.Text()), nullable=False),
        *texts("costs"),
        *integers("symbols", "fills", "missed", "cut", "capped", "waited", "liquidated"),
        *integers("breaches"),
        *doubles(*_NUMBERS, nullable=True),
        *timestamps("made_at"),
        check("portfolios_definition", "jsonb_typeof(definition) = 'object'"),
        check("portfolios_finite", finite(*_NUMBERS)),
        sa.PrimaryKeyConstraint("run_id", "name", name="pk_portfolios"),
    )
    op.create_index("ix_portfolios_made_at", "portfolios", ["made_at", "run_id"])
    op.create_index("ix_portfolios_name", "portfolios", ["name", "made_at"])
    op.execute("DROP VIEW leaderboard")
    for column in doubles(*_SHOWN, nullable=True):
        op.add_column("leaderboard_rows", column)
    shown = f"\n    {', '.join(_SHOWN)},"
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD.format(shown=shown)}")


def downgrade() -> None:
    """Remove the portfolios."""
    op.execute("DROP VIEW leaderboard")
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD.format(shown='')}")
    for name in _SHOWN:
        op.drop_column("leaderboard_rows", name)
    op.drop_table("portfolios")
