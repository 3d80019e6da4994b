"""The Python and the links of docs/notebooks.md are correct."""

import asyncio
import re
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from resources.result_store.connection import create_engine_for, parse_url
from tests.bars import random_frame
from tests.project import Project

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTEBOOKS = (DOCS / "notebooks.md").read_text()


class Provider:
    def get_stock_data(self, symbol: str, start_date: str, end_date: str, interval: str):
        return random_frame(1100, seed=1)


def test_examples_run_in_order(
    project: Project, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert project.run("S00").success
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("GAUNTLET_HOME", str(project.folder / "home"))
    monkeypatch.chdir(tmp_path)
    engine = create_engine_for(parse_url(database))
    shown = _run_examples(engine)
    assert shown["board"]["strategy"].to_list() == ["macd", "rsi"]
    assert shown["results"]["symbol"].to_list() == ["S00"]
    assert shown["trades"].is_empty()  # AAPL is not among the symbols of this project
    written = pd.read_excel(tmp_path / "results.xlsx")
    assert written["total_return"].tolist() == pytest.approx(
        shown["frame"]["total_return"].tolist()
    )
    assert len(pd.read_csv(tmp_path / "results.csv")) == 1
    assert shown["tuned"]["total_combinations_tested"] == 4
    assert {one["strategy"] for one in shown["compared"]["rankings"]} == {"rsi", "momentum"}
    assert shown["identifier"] == shown["saved"]
    assert shown["store"].get_backtest_by_id(shown["saved"]) is None
    engine.dispose()


def _run_examples(engine: sa.Engine) -> dict[str, Any]:
    source = "\n".join(re.findall(r"```python\n(.*?)```", NOTEBOOKS, re.DOTALL))
    program = f"async def example():\n{textwrap.indent(source, '    ')}\n    return locals()\n"
    with Session(engine) as session:
        names: dict[str, Any] = {"provider": Provider(), "session": session}
        exec(program, names)  # noqa: S102 - the examples of the document
        return asyncio.run(names["example"]())


def test_links_exist():
    for path in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", NOTEBOOKS):
        assert (DOCS / path).exists(), path
