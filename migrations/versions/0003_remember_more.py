"""Remember more: seeds, the universe of each run, and a role that reads.

Revision 0003. The role belongs to the server, not to this database, and any number of databases
may be migrated at once; where this user may not create roles, an administrator is told how to.
As in every revision everything is written out, the views' SQL too.
"""

import logging

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LOG = logging.getLogger(__name__)

_READER = "gauntlet_reader"

_LATEST_BACKTESTS_BEFORE = """
SELECT DISTINCT ON (symbol, strategy) *
FROM backtests
ORDER BY symbol, strategy, updated_at DESC, id DESC
"""

_LATEST_BACKTESTS = """
SELECT backtests.*
FROM backtests
JOIN (
    SELECT DISTINCT ON (symbol, strategy) id
    FROM backtests
    ORDER BY symbol, strategy, updated_at DESC, id DESC
) AS newest USING (id)
"""

_LEADERBOARD = """
WITH comparison AS (
    SELECT source, start_date, end_date, settings
    FROM backtests
    ORDER BY updated_at DESC, id DESC
    LIMIT 1
), versions AS (
    SELECT DISTINCT ON (strategy) strategy, parameters, code_version
    FROM backtests
    JOIN comparison USING (source, start_date, end_date, settings)
    ORDER BY strategy, updated_at DESC, id DESC
), newest AS (
    SELECT DISTINCT ON (symbol, strategy) backtests.*
    FROM backtests
    JOIN comparison USING (source, start_date, end_date, settings)
    JOIN versions USING (strategy, parameters, code_version)
    ORDER BY symbol, strategy, updated_at DESC, id DESC
), standing AS (
    SELECT
        newest.*,
        sharpe_ratio IS NOT NULL AND coalesce(closed_trades, 0) >= 5 AS ranked
    FROM newest
    WHERE NOT EXISTS (
        SELECT FROM failures
        WHERE failures.symbol = newest.symbol
            AND failures.source = newest.source
            AND failures.start_date = newest.start_date
            AND failures.end_date = newest.end_date
            AND (failures.strategy IS NULL OR failures.strategy = newest.strategy)
            AND failures.failed_at > newest.updated_at
    )
), ranking AS (
    SELECT
        strategy,
        count(*) AS symbols,
        count(*) FILTER (WHERE ranked) AS ranked_symbols,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY sharpe_ratio)
            FILTER (WHERE ranked) AS median_sharpe_ratio,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY total_return)
            FILTER (WHERE ranked) AS median_total_return,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY annualized_return)
            FILTER (WHERE ranked) AS median_annualized_return,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY max_drawdown)
            FILTER (WHERE ranked) AS median_max_drawdown,
        min(max_drawdown) AS worst_max_drawdown,
        avg(win_rate) FILTER (WHERE ranked) AS mean_win_rate,
        sum(total_trades) AS total_trades,
        avg((total_return > benchmark_return)::int)::float8 AS beat_benchmark,
        start_date,
        end_date,
        source
    FROM standing
    GROUP BY strategy, start_date, end_date, source
)
SELECT
    CASE WHEN representative THEN row_number() OVER (
        ORDER BY representative DESC, median_sharpe_ratio DESC NULLS LAST, strategy
    ) END AS rank,
    ranking.*
FROM ranking
CROSS JOIN LATERAL (
    SELECT 2 * ranked_symbols >= (SELECT count(DISTINCT symbol) FROM standing) AS representative
) AS judged
ORDER BY rank, strategy
"""


# Two databases that are migrated at once may both find no role: the second one's is refused, which
# is as good. Without the privilege nothing is lost but the role.
_CREATE_ROLE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{_READER}') THEN
        CREATE ROLE {_READER} NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END
$$
"""


def upgrade() -> None:
    """Add tables, columns, indexes and the role; every row that is there stays as it is."""
    empty = sa.text("'{}'::jsonb")
    op.add_column("backtests", sa.Column("seeds", JSONB(), server_default=empty, nullable=False))
    op.alter_column("backtests", "seeds", server_default=None)
    op.create_check_constraint(
        op.f("ck_backtests_seeds"), "backtests", "jsonb_typeof(seeds) = 'object'"
    )
    op.create_check_constraint(
        op.f("ck_backtest_runs_profile"), "backtest_runs", "jsonb_typeof(profile) = 'object'"
    )
    _create_universe_members()
    _replace_indexes()
    op.execute(f"CREATE OR REPLACE VIEW latest_backtests AS {_LATEST_BACKTESTS}")
    op.execute(f"CREATE OR REPLACE VIEW leaderboard AS {_LEADERBOARD}")
    _let_the_reader_read()


def downgrade() -> None:
    """Drop what was added. The role stays: other databases of the server may use it."""
    op.execute("DROP VIEW leaderboard")
    op.execute("DROP VIEW latest_backtests")
    op.drop_index("ix_backtest_runs_started_at", "backtest_runs")
    op.drop_index("ix_backtests_symbol_newest", "backtests")
    op.drop_index("ix_backtests_symbol_strategy", "backtests")
    op.create_index(
        "ix_backtests_symbol_strategy", "backtests", ["symbol", "strategy", "updated_at"]
    )
    op.drop_index("ix_backtests_strategy", "backtests")
    op.create_index("ix_backtests_strategy", "backtests", ["strategy", "updated_at"])
    op.drop_column("backtest_runs", "universe_members_version")
    op.drop_table("universe_members")
    op.drop_constraint(op.f("ck_backtest_runs_profile"), "backtest_runs")
    op.drop_column("backtests", "seeds")
    op.execute(f"CREATE VIEW latest_backtests AS {_LATEST_BACKTESTS_BEFORE}")
    op.execute(f"CREATE VIEW leaderboard AS {_LEADERBOARD}")


def _create_universe_members() -> None:
    op.create_table(
        "universe_members",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("sector", sa.Text(), nullable=True),
        sa.Column("listed_from", sa.Date(), nullable=True),
        sa.Column("listed_to", sa.Date(), nullable=True),
        sa.CheckConstraint("listed_from <= listed_to", name=op.f("ck_universe_members_listing")),
        sa.PrimaryKeyConstraint("version", "symbol", name=op.f("pk_universe_members")),
    )
    op.add_column("backtest_runs", sa.Column("universe_members_version", sa.Text(), nullable=True))


def _replace_indexes() -> None:
    """Let each way of reading find its rows, newest first, without sorting them."""
    op.drop_index("ix_backtests_symbol_strategy", "backtests")
    op.create_index(
        "ix_backtests_symbol_strategy",
        "backtests",
        ["symbol", "strategy", sa.text("updated_at DESC"), sa.text("id DESC")],
    )
    op.drop_index("ix_backtests_strategy", "backtests")
    op.create_index("ix_backtests_strategy", "backtests", ["strategy", "updated_at", "id"])
    op.create_index("ix_backtests_symbol_newest", "backtests", ["symbol", "updated_at", "id"])
    op.create_index("ix_backtest_runs_started_at", "backtest_runs", ["started_at"])


def _let_the_reader_read() -> None:
    op.execute(_CREATE_ROLE)
    names = sa.text("SELECT quote_ident(current_schema()), quote_ident(current_user)")
    name, user = op.get_bind().execute(names).one()
    known = sa.text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
    if not op.get_bind().execute(known, {"role": _READER}).scalar():
        _LOG.warning(
            "This user may not create the role %s; an administrator can: %s",
            _READER,
            _for_an_administrator(name, user),
        )
        return
    op.execute(f"GRANT USAGE ON SCHEMA {name} TO {_READER}")
    tables = "backtests, trades, backtest_runs, failures, universe_members"
    op.execute(f"GRANT SELECT ON {tables}, latest_backtests, leaderboard TO {_READER}")


def _for_an_administrator(schema: str, user: str) -> str:
    """Return what makes the role and lets it read what is there and what `user` makes later."""
    return (
        f"CREATE ROLE {_READER} NOLOGIN; GRANT USAGE ON SCHEMA {schema} TO {_READER}; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {_READER}; "
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {user} IN SCHEMA {schema} "
        f"GRANT SELECT ON TABLES TO {_READER};"
    )
