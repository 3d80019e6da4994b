"""Portfolios as a run stores them: their rows and files."""

from datetime import date
from typing import Any
from uuid import UUID

from research.portfolio.attribution import attribute_profit
from research.portfolio.frames import build_equity, build_trades, build_weights
from research.portfolio.measures import describe_portfolio
from research.portfolio.portfolio import Portfolio
from research.portfolio.rows import flatten_facts
from resources.run_artifacts.portfolio_files import PortfolioFiles

IDENTITY = UUID("11111111-2222-3333-4444-555555555555")


def portfolio_row(portfolio: Portfolio, name: str, **changes: Any) -> dict[str, Any]:
    """Return the row of a portfolio, under another name."""
    facts = describe_portfolio(portfolio) | {"pairs_sharpe_ratio": 0.5}
    return {
        **flatten_facts(facts),
        "name": name,
        "identity": IDENTITY,
        "parameters": {name: {"fast_period": 10}},
        "code_versions": {name: "abc"},
        "source": "files",
        "start_date": date(2000, 6, 1),
        "end_date": date(2001, 7, 30),
        "settings": {"fees": 0.001},
        "universe": list(portfolio.market.symbols),
        **changes,
    }


def store_portfolio(files: PortfolioFiles, row: dict[str, Any], portfolio: Portfolio) -> None:
    """Write the files of a portfolio."""
    tables = {
        "weights": build_weights(portfolio),
        "trades": build_trades(portfolio),
        "equity": build_equity(portfolio),
        "attribution": attribute_profit(portfolio),
    }
    files.write(row["name"], row["identity"], describe_portfolio(portfolio), tables)
