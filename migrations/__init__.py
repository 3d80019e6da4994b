"""The schema of the result store, revision by revision (Alembic)."""
