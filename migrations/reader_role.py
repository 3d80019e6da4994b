"""The role for dashboards: it reads what is there and what comes later, and changes nothing.

The role belongs to the server, not to this database, and any number of databases may be migrated
at once; where this user may not create roles, an administrator is told how to.
"""

import logging

import sqlalchemy as sa
from alembic import op

_LOG = logging.getLogger(__name__)

_ROLE = "gauntlet_reader"

# Two databases that are migrated at once may both find no role: the second one's is refused, which
# is as good. Without the privilege nothing is lost but the role.
_CREATE_ROLE = f"""
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{_ROLE}') THEN
        CREATE ROLE {_ROLE} NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation OR insufficient_privilege THEN NULL;
END
$$
"""


def create_role() -> None:
    """Create the role, if the server has none and this user may, and let it read everything.

    What this user creates from now on is included: else every revision that adds a table would
    have to think of the role, and the first that forgot would break a dashboard.
    """
    op.execute(_CREATE_ROLE)
    schema, user = op.get_bind().execute(_names()).one()
    if not _exists():
        _LOG.warning(
            "This user may not create the role %s; an administrator can: %s",
            _ROLE,
            _instructions(schema, user),
        )
        return
    op.execute(f"GRANT USAGE ON SCHEMA {schema} TO {_ROLE}")
    _change_privileges(schema, "GRANT", "TO")


def revoke_default_privileges() -> None:
    """Take back what `create_role` granted; the role stays, for other databases may use it."""
    if _exists():
        schema, _ = op.get_bind().execute(_names()).one()
        _change_privileges(schema, "REVOKE", "FROM")


def _change_privileges(schema: str, verb: str, side: str) -> None:
    op.execute(f"{verb} SELECT ON gauntlet_schema_version {side} {_ROLE}")
    op.execute(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} {verb} SELECT ON TABLES {side} {_ROLE}"
    )


def _names() -> sa.TextClause:
    return sa.text("SELECT quote_ident(current_schema()), quote_ident(current_user)")


def _exists() -> bool:
    known = sa.text("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :role)")
    return bool(op.get_bind().execute(known, {"role": _ROLE}).scalar())


def _instructions(schema: str, user: str) -> str:
    """Return what makes the role and lets it read what is there and what `user` makes later."""
    return (
        f"CREATE ROLE {_ROLE} NOLOGIN; GRANT USAGE ON SCHEMA {schema} TO {_ROLE}; "
        f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {_ROLE}; "
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {user} IN SCHEMA {schema} "
        f"GRANT SELECT ON TABLES TO {_ROLE};"
    )
