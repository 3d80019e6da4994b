"""Keep what-ifs and leaderboards of part of the universe apart from the shared leaderboard.

A run with other than the configured settings has the purpose `what_if`. A leaderboard says how much
of its universe it is of, and whether it was made the shared one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLES = ("run_backtests", "backtest_runs", "leaderboards")
_OLD = "'pipeline', 'request', 'sweep', 'walk_forward', 'portfolio', 'notebook'"
_NEW = "'pipeline', 'what_if', 'request', 'sweep', 'walk_forward', 'portfolio', 'notebook'"
_RANKED = """
    rank, strategy, symbols, ranked_symbols, stale_symbols, median_sharpe_ratio,
    median_total_return, median_annualized_return, median_max_drawdown, worst_max_drawdown,
    mean_win_rate, total_trades, share_beating_benchmark, start_date, end_date, source"""
_COMPARED = """
    purpose, covered_symbols, universe_symbols,
    (scope -> 'settings' ->> 'fees')::double precision AS fees,
    (scope -> 'settings' ->> 'slippage')::double precision AS slippage, made_at"""
_LEADERBOARD = """
SELECT {columns}
FROM leaderboard_rows
JOIN leaderboards USING (run_id)
WHERE run_id = (
    SELECT run_id
    FROM leaderboards
    WHERE {condition}
    ORDER BY made_at DESC, run_id DESC
    LIMIT 1
)
ORDER BY rank, strategy
"""
# What failed in the run of an older leaderboard is not counted as covered: nearly the same.
_MEASURE = """
UPDATE leaderboards
SET covered_symbols = measured.symbols,
    universe_symbols = measured.universe,
    coverage = measured.results / greatest(measured.universe * measured.strategies, 1),
    shared = purpose = 'pipeline'
FROM (
    SELECT
        boards.run_id,
        coalesce(max(ranked.symbols), 0) AS symbols,
        coalesce(sum(ranked.symbols), 0)::double precision AS results,
        jsonb_array_length(boards.scope -> 'universe') AS universe,
        (SELECT count(*) FROM jsonb_object_keys(boards.scope -> 'strategies')) AS strategies
    FROM leaderboards AS boards
    LEFT JOIN leaderboard_rows AS ranked USING (run_id)
    GROUP BY boards.run_id
) AS measured
WHERE measured.run_id = leaderboards.run_id
"""


def upgrade() -> None:
    """Allow the purpose, and measure the leaderboards that there are."""
    _replace_purposes(_NEW)
    for name, kind in (
        ("covered_symbols", sa.Integer()),
        ("universe_symbols", sa.Integer()),
        ("coverage", sa.Double()),
        ("shared", sa.Boolean()),
    ):
        op.add_column("leaderboards", sa.Column(name, kind, nullable=True))
    op.execute(_MEASURE)
    for name in ("covered_symbols", "universe_symbols", "coverage", "shared"):
        op.alter_column("leaderboards", name, nullable=False)
    condition = "purpose = 'pipeline' AND shared"
    _replace_view(_LEADERBOARD.format(columns=f"{_RANKED},{_COMPARED}", condition=condition))


def downgrade() -> None:
    """Give what-ifs, and leaderboards that are not shared, a purpose that is compared with none."""
    op.execute("UPDATE leaderboards SET purpose = 'notebook' WHERE NOT shared")
    for table in ("run_backtests", "backtest_runs"):
        op.execute(f"UPDATE {table} SET purpose = 'notebook' WHERE purpose = 'what_if'")  # noqa: S608
    _replace_view(_LEADERBOARD.format(columns=_RANKED, condition="purpose = 'pipeline'"))
    for name in ("covered_symbols", "universe_symbols", "coverage", "shared"):
        op.drop_column("leaderboards", name)
    _replace_purposes(_OLD)


def _replace_purposes(purposes: str) -> None:
    for table in _TABLES:
        name = op.f(f"ck_{table}_purpose")
        op.drop_constraint(name, table)
        op.create_check_constraint(name, table, f"purpose IN ({purposes})")


def _replace_view(query: str) -> None:
    op.execute("DROP VIEW leaderboard")
    op.execute(f"CREATE VIEW leaderboard AS {query}")
