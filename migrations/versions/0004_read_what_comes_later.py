"""Read what comes later: the role for dashboards reads tables that are made after this, too.

Revision 0004. Without it every revision that adds a table would have to think of the role, and the
first that forgot would break a dashboard. Where there is no role, 0003 has told an administrator
how to make it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_READER = "gauntlet_reader"


def upgrade() -> None:
    """Grant SELECT on what this user makes from now on, and on the table of the revision."""
    _change("GRANT", "TO")


def downgrade() -> None:
    """Take both back."""
    _change("REVOKE", "FROM")


def _change(verb: str, side: str) -> None:
    schema = _schema_if_the_role_exists()
    if schema is None:
        return
    op.execute(f"{verb} SELECT ON gauntlet_schema_version {side} {_READER}")
    op.execute(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} {verb} SELECT ON TABLES {side} {_READER}"
    )


def _schema_if_the_role_exists() -> str | None:
    query = "SELECT quote_ident(current_schema()) FROM pg_roles WHERE rolname = :role"
    return op.get_bind().execute(sa.text(query), {"role": _READER}).scalar()
