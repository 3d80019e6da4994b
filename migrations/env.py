"""What Alembic runs for every command: connect, and bring the schema to a revision.

`resources.result_store.schema.upgrade` hands its connection over. On the command line
(``alembic current``, ``alembic revision --autogenerate``) the database is found as everywhere:
DATABASE_URL, else the embedded PostgreSQL under GAUNTLET_HOME.
"""

import os
from pathlib import Path

from alembic import context
from sqlalchemy import Connection

from resources.result_store.connection import create_engine_for, resolve_url
from resources.result_store.models import Base
from resources.result_store.schema import VERSION_TABLE


def migrate(connection: Connection) -> None:
    """Run the migrations that were asked for on `connection`."""
    context.configure(
        connection=connection, target_metadata=Base.metadata, version_table=VERSION_TABLE
    )
    with context.begin_transaction():
        context.run_migrations()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
else:
    engine = create_engine_for(resolve_url(None, Path(os.environ.get("GAUNTLET_HOME") or ".data")))
    with engine.begin() as own_connection:
        migrate(own_connection)
