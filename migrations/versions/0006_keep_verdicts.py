"""Keep verdicts, and show them on the leaderboard."""

import sqlalchemy as sa
from alembic import op

from migrations.columns import check, doubles, finite, integers, json, texts, timestamps

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_VERDICTS = "'rejected', 'promising', 'deployable'"
_DEFINED = ("grid_p_value", "best_p_value", "loss_share", "walk_forward_p_value")
_NULLABLE = (
    *("grid_sharpe_ratio", "best_sharpe_ratio", "psr", "dsr", "min_track_record_years"),
    *("min_backtest_years", "overfitting_share", "walk_forward_sharpe_ratio"),
)
_LEADERBOARD = """
SELECT
    rank, strategy, {verdict}symbols, ranked_symbols, stale_symbols, median_sharpe_ratio,
    median_total_return, median_annualized_return, median_max_drawdown, worst_max_drawdown,
    mean_win_rate, total_trades, share_beating_benchmark, start_date, end_date, source,
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
    """Create the table, and add the column."""
    op.create_table(
        "verdicts",
        *texts("run_id", "strategy"),
        sa.Column("scope_id", sa.Uuid(), nullable=False),
        *texts("verdict", "reason", "hedge"),
        *doubles(*_DEFINED),
        *doubles(*_NULLABLE, nullable=True),
        json("best_parameters"),
        *texts("walk_forward_protocol"),
        *integers("walk_forward_protocols", "trials", "active_trials", "competing_trials"),
        *doubles("effective_trials"),
        json("limits"),
        *timestamps("made_at"),
        check("verdicts_verdict", f"verdict IN ({_VERDICTS})"),
        check("verdicts_hedge", "hedge IN ('share', 'positions')"),
        check("verdicts_finite", finite(*_DEFINED, *_NULLABLE, "effective_trials")),
        sa.PrimaryKeyConstraint("run_id", "strategy", name="pk_verdicts"),
        sa.ForeignKeyConstraint(
            ["scope_id"], ["trial_scopes.id"], name=op.f("fk_verdicts_scope_id")
        ),
    )
    op.create_index("ix_verdicts_made_at", "verdicts", ["made_at", "run_id"])
    op.create_index("ix_verdicts_scope_id", "verdicts", ["scope_id"])
    op.add_column("leaderboard_rows", sa.Column("verdict", sa.Text(), nullable=True))
    op.create_check_constraint(
        op.f("ck_leaderboard_rows_verdict"), "leaderboard_rows", f"verdict IN ({_VERDICTS})"
    )
    op.execute("DROP VIEW leaderboard")
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD.format(verdict='verdict, ')}")


def downgrade() -> None:
    """Remove the verdicts."""
    op.execute("DROP VIEW leaderboard")
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD.format(verdict='')}")
    op.drop_column("leaderboard_rows", "verdict")
    op.drop_table("verdicts")
