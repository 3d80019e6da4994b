"""Say which version of a strategy's code a verdict is of."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; what was judged before stands beside no result any more."""
    op.add_column("verdicts", sa.Column("code_version", sa.Text(), nullable=True))


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("verdicts", "code_version")
