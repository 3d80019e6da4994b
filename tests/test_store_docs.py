"""The diagram, Python, SQL and links of docs/store.md are correct."""

import re
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from docs.draw_store import drawn
from resources.result_store.connection import create_engine_for, parse_url

DOCS = Path(__file__).resolve().parents[1] / "docs"
STORE = (DOCS / "store.md").read_text()


def test_the_diagram_equals_the_models():
    assert drawn(STORE) == STORE


def test_python_examples_run(database: str, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", database)
    names = {"start": date(2021, 1, 1), "end": date(2021, 12, 31)}
    for block in re.findall(r"```python\n(.*?)```", STORE, re.DOTALL):
        exec(block, names)  # noqa: S102 - the example of the document
    assert names["best"] == []
    assert names["trials"].is_empty()  # pyright: ignore[reportAttributeAccessIssue]
    assert names["year"]["backtests"] == 0  # pyright: ignore[reportIndexIssue]


def test_the_sql_example_creates_a_login_that_reads(database: str):
    engine = create_engine_for(parse_url(database))
    (statement,) = re.findall(r"```sql\n(.*?)```", STORE, re.DOTALL)
    login = f"dashboard_{engine.url.database}"
    with engine.begin() as connection:
        connection.execute(sa.text(statement.replace("dashboard", login)))
        connection.exec_driver_sql(f"SET LOCAL ROLE {login}")
        connection.exec_driver_sql("SELECT * FROM leaderboard")
        connection.exec_driver_sql("RESET ROLE")
        connection.exec_driver_sql(f"DROP ROLE {login}")
    engine.dispose()


def test_links_exist():
    for path in re.findall(r"\]\((?!http)([^)]+)\)", STORE):
        assert (DOCS / path).exists(), path
