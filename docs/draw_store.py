"""Draws the result store's schema from its models into docs/store.md.

Run ``python docs/draw_store.py``.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from engine.metrics import METRICS
from research.natural_key import NATURAL_KEY
from resources.result_store.models import Backtest, Base

PAGE = Path(__file__).with_name("store.md")
START, END = "<!-- schema: made by docs/draw_store.py -->", "<!-- /schema -->"

# Not foreign keys, since a run is recorded after its rows, but read as such.
_JOINS = (
    ("backtest_runs", "}o--o{", "universe_members", "universe_members_version = version"),
    ("run_backtests", "}o--o|", "backtest_runs", "run_id"),
    ("leaderboards", "|o--o|", "backtest_runs", "run_id"),
    ("failures", "}o--o|", "backtest_runs", "run_id"),
)


def diagram() -> str:
    """Return the schema as a Mermaid diagram; the metrics are one line."""
    return "\n".join(["```mermaid", "erDiagram", *_joins(), *_tables(), "```"])


def _joins() -> Iterator[str]:
    for table in Base.metadata.sorted_tables:
        for key in sorted(table.foreign_keys, key=lambda one: one.parent.name):
            yield f'    {key.column.table.name} ||--o{{ {table.name} : "{key.parent.name}"'
    for left, many, right, on in _JOINS:
        yield f'    {left} {many} {right} : "{on}"'


def _tables() -> Iterator[str]:
    for table in Base.metadata.sorted_tables:
        yield f"    {table.name} {{"
        for column in table.columns:
            if column.name not in METRICS:
                yield f"        {_type(column)} {column.name}{_key(column)}"
        if table.name == Backtest.__tablename__:
            yield '        double metrics "one column per metric, NULL if undefined"'
        yield "    }"


def _type(column: sa.Column) -> str:
    kind = str(column.type.compile(dialect=postgresql.dialect()))
    return kind.lower().partition(" ")[0]


def _key(column: sa.Column) -> str:
    natural = column.table.name == "backtests" and column.name in NATURAL_KEY
    keys = ["PK"] * column.primary_key + ["FK"] * bool(column.foreign_keys) + ["UK"] * natural
    null = ' "NULL"' if column.nullable else ""
    return (f" {', '.join(keys)}" if keys else "") + null


def drawn(page: str) -> str:
    """Return a page with the diagram in its place."""
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n{diagram()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(drawn(PAGE.read_text()))
    sys.stdout.write(f"Drawn into {PAGE}\n")
