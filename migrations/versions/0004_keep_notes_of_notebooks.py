"""Keep what a notebook says of a result that it saves: notes, and how long it took."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("run_backtests", sa.Column("notes", sa.Text(), nullable=True))
    op.add_column("run_backtests", sa.Column("execution_time", sa.Double(), nullable=True))
    op.create_check_constraint(
        op.f("ck_run_backtests_took"),
        "run_backtests",
        "execution_time >= 0 AND execution_time < 'Infinity'",
    )


def downgrade() -> None:
    """Remove the columns, with what they hold."""
    op.drop_column("run_backtests", "execution_time")
    op.drop_column("run_backtests", "notes")
