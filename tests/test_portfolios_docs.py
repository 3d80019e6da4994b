"""The Python, the YAML, the keys and the links of docs/portfolios.md are correct."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from research.portfolio.definition import SIZINGS, PortfolioDefinition, PortfolioLimits
from research.portfolio.parsing import parse_definition
from research.portfolio.priority_luck import SEED
from resources.portfolios import load_portfolios
from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.manager import BacktestPersistenceManager
from resources.run_artifacts.portfolio_files import PortfolioFiles
from resources.universe import load_universe
from strategies.registry import registered_strategies
from tests.research.portfolio.test_portfolio import SIZINGS as GIVEN
from tests.research.portfolio.test_portfolio import simulate
from tests.resources.result_store.portfolio_rows import portfolio_row, store_portfolio

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "portfolios.md").read_text()
SHIPPED = DOCS.parent / "universe.csv"


def test_examples_run_and_show_what_is_stored(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    portfolio = simulate(GIVEN["slots"], orders=2)
    engine = create_engine_for(parse_url(database))
    manager = BacktestPersistenceManager(engine)
    row = portfolio_row(portfolio, "sma_cross")
    manager.save_portfolios("run-1", [row])
    store_portfolio(PortfolioFiles(str(tmp_path / "files")), row, portfolio)
    engine.dispose()
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("GAUNTLET_BACKTEST_FILES", str(tmp_path / "files"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)  # noqa: S102 - the example of the document
    assert names["portfolios"]["name"].to_list() == ["sma_cross"]
    assert names["mine"].equity()["equity"][-1] == portfolio.outcome.curve[-1]
    assert isinstance(names["by_side"], pl.DataFrame)
    assert names["by_side"]["side"].to_list() == ["long"]


def test_the_definition_is_accepted(tmp_path: Path):
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "quiet_trend.yaml").write_text(block)
    found = load_portfolios(tmp_path, list(registered_strategies()), load_universe(SHIPPED).symbols)
    assert found["quiet_trend"].limits.max_positions == 25


def test_keys_sizings_and_defaults_are_those_of_the_code():
    table = PAGE[PAGE.index("| key |") : PAGE.index("Sizes look at")]
    named = set(re.findall(r"`([a-z_]+)`", " ".join(re.findall(r"^\| (.*?) \|", table, re.M))))
    assert named == {one.name for one in fields(PortfolioDefinition)} - {"name"}
    row = next(line for line in table.splitlines() if line.startswith("| `limits`"))
    assert re.findall(r"`([a-z_]+)`", row)[1:] == [one.name for one in fields(PortfolioLimits)]
    sized = PAGE[PAGE.index("| `sizing` | weight") : PAGE.index("The first, and")]
    assert set(SIZINGS) <= set(re.findall(r"`([a-z_]+)`", sized))
    default = parse_definition("x", {}, [])
    said = {
        line.split("|")[1].strip(): line.split("|")[3].strip()
        for line in table.splitlines()
        if line.startswith("| `")
    }
    assert said["`lookback`"] == str(default.lookback)
    assert said["`minimum_fill`"] == f"{default.minimum_fill:g}"
    assert said["`capital`"] == f"{default.capital:,.0f}"
    assert said["`sizing`"] == f"`{default.sizing}`"
    assert SEED == 20


def test_links_exist():
    for target in re.findall(r"\]\((?!http)([^)#]+)", PAGE):
        assert (DOCS / target).exists(), target
