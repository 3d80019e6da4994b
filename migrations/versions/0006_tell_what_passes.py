"""Tell what passes: failures say whether trying again may help.

Revision 0006. Failures of before are not known to be transient, so nobody tries them again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, false in all rows there are, and the index by which retries are found."""
    op.add_column(
        "failures",
        sa.Column("transient", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.create_index(
        "ix_failures_transient", "failures", ["failed_at"], postgresql_where=sa.text("transient")
    )


def downgrade() -> None:
    """Remove both."""
    op.drop_index("ix_failures_transient", "failures")
    op.drop_column("failures", "transient")
