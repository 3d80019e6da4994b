"""Columns and constraints as revisions write them down."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB


def texts(*names: str, nullable: bool = False) -> list[sa.Column]:
    """Return columns of text."""
    return [sa.Column(name, sa.Text(), nullable=nullable) for name in names]


def dates(*names: str, nullable: bool = False) -> list[sa.Column]:
    """Return columns of dates."""
    return [sa.Column(name, sa.Date(), nullable=nullable) for name in names]


def doubles(*names: str, nullable: bool = False) -> list[sa.Column]:
    """Return columns of 64-bit floats."""
    return [sa.Column(name, sa.Double(), nullable=nullable) for name in names]


def integers(*names: str, nullable: bool = False) -> list[sa.Column]:
    """Return columns of integers."""
    return [sa.Column(name, sa.Integer(), nullable=nullable) for name in names]


def timestamps(*names: str) -> list[sa.Column]:
    """Return columns that hold the time of the insert."""
    kind, now = sa.DateTime(timezone=True), sa.text("now()")
    return [sa.Column(name, kind, server_default=now, nullable=False) for name in names]


def json(name: str) -> sa.Column:
    """Return a column of JSON."""
    return sa.Column(name, JSONB(), nullable=False)


def check(name: str, condition: str) -> sa.CheckConstraint:
    """Return a check; its name is taken as it is."""
    return sa.CheckConstraint(condition, name=op.f(f"ck_{name}"))


def finite(*names: str) -> str:
    """Return the condition that none of some columns is NaN or infinite; NULL is allowed."""
    return " AND ".join(f"{name} > '-Infinity' AND {name} < 'Infinity'" for name in names)


def of_backtest(table: str) -> sa.ForeignKeyConstraint:
    """Return the key that lets the rows of a table go with their backtest."""
    name = op.f(f"fk_{table}_backtest_id")
    return sa.ForeignKeyConstraint(["backtest_id"], ["backtests.id"], name, ondelete="CASCADE")
