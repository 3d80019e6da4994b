"""Tell results apart by their bars per year, and count the fills that waited for volume.

Bars per year follow the calendar of the symbol: another calendar makes another result.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NATURAL_KEY = (
    *("symbol", "strategy", "parameters", "start_date", "end_date", "settings", "source"),
    *("data_version", "code_version", "universe_version"),
)
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


def upgrade() -> None:
    """Add the columns, and bars per year to the natural key."""
    op.execute("DROP VIEW latest_backtests")  # it keeps the columns that it was made with
    op.add_column("backtests", sa.Column("delayed_fills", sa.Integer(), nullable=True))
    op.add_column("universe_members", sa.Column("calendar", sa.Text(), nullable=True))
    _replace_natural_key(*_NATURAL_KEY, "bars_per_year")
    op.execute(f"CREATE VIEW latest_backtests AS {_LATEST_BACKTESTS}")


def downgrade() -> None:
    """Remove the columns; refused by the database where two results differ in nothing else."""
    op.execute("DROP VIEW latest_backtests")  # it keeps the columns that it was made with
    op.drop_column("backtests", "delayed_fills")
    op.drop_column("universe_members", "calendar")
    _replace_natural_key(*_NATURAL_KEY)
    op.execute(f"CREATE VIEW latest_backtests AS {_LATEST_BACKTESTS}")


def _replace_natural_key(*columns: str) -> None:
    name = op.f("uq_backtests_natural_key")
    op.drop_constraint(name, "backtests")
    op.create_unique_constraint(
        name,
        "backtests",
        columns,
        deferrable=True,
        postgresql_nulls_not_distinct=True,
    )
