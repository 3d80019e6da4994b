"""What all models share: the names of constraints, types, and two conditions."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, Double, MetaData, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase


class Base(DeclarativeBase):
    """Root of the models: constraint names that are the same in every database, and types."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        str: Text,
        float: Double,
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
    }


def finite(columns: Iterable[str]) -> str:
    """Return the condition that none of `columns` is NaN or infinite; NULL is allowed.

    PostgreSQL takes NaN for equal to itself and above every number, so one range does it.
    """
    return " AND ".join(f"{name} > '-Infinity' AND {name} < 'Infinity'" for name in columns)


def one_of(column: str, words: Iterable[str]) -> str:
    """Return the condition that a column holds one of some words."""
    quoted = ", ".join(f"'{word}'" for word in words)
    return f"{column} IN ({quoted})"
