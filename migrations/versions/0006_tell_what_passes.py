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
    """Add the column, false in all rows there are."""
    op.add_column(
        "failures",
        sa.Column("transient", sa.Boolean, nullable=False, server_default=sa.false()),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_column("failures", "transient")
