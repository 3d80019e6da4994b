"""What the page of portfolios shows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from reports.inputs.run_data import RunData
from resources.run_artifacts.portfolio_files import PortfolioFiles


@dataclass(frozen=True, eq=False)
class PortfolioTables:
    """The files of a portfolio that the page shows.

    Parameters
    ----------
    equity
        At each close, with `research.portfolio.frames.EQUITY_SCHEMA`.
    attribution
        Profit by symbol and side, with `research.portfolio.attribution.ATTRIBUTION_SCHEMA`.
    """

    equity: pl.DataFrame
    attribution: pl.DataFrame


@dataclass(frozen=True, eq=False)
class PortfoliosInputs:
    """What the page shows.

    Parameters
    ----------
    rows
        The portfolios of the run by name, with `research.portfolio.row_frames.PORTFOLIOS_SCHEMA`.
    tables
        By name of the portfolio; one whose files were removed is missing.
    symbols
        Those that have a page in the report.
    """

    rows: Sequence[Mapping[str, Any]]
    tables: Mapping[str, PortfolioTables]
    symbols: Collection[str] = ()


def load_portfolios(data: RunData) -> PortfoliosInputs:
    """Return the portfolios that the run made, with what their files say."""
    rows = data.stores.results.get_portfolios(data.run_id).to_dicts()
    files = PortfolioFiles(data.stores.files.root)
    read = {row["name"]: _read(files, row["name"], row["identity"]) for row in rows}
    known = {name: one for name, one in read.items() if one is not None}
    return PortfoliosInputs(rows, known, frozenset(data.backtests["symbol"]))


def _read(files: PortfolioFiles, name: str, identity: str) -> PortfolioTables | None:
    try:
        return PortfolioTables(
            files.read(name, identity, "equity"), files.read(name, identity, "attribution")
        )
    except FileNotFoundError:
        return None
