"""The stored results of a project, as frames."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import cached_property, partial
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import polars as pl

from gauntlet.home import StoreNotFoundError, find_home, holds_results
from gauntlet.stored_portfolio import StoredPortfolio
from research.purpose import Purpose
from resources.result_store.connection import configured_url, create_engine_for, resolve_url
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.resource import ResultStore
from resources.result_store.retry import RETRY_TIMEOUT_SECONDS, with_retry_timeout
from resources.result_store.schema import has_schema
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.portfolio_files import PortfolioFiles
from strategies.errors import GauntletError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

Frames = Literal["polars", "pandas"]


class UnknownFramesError(GauntletError):
    """Frames of a kind that does not exist, or whose library is not installed."""


def open_store(
    home: str | os.PathLike[str] | None = None,
    *,
    database_url: str | None = None,
    frames: Frames = "polars",
) -> "Gauntlet":
    """Return the stored results of a project.

    Parameters
    ----------
    home
        The project's folder, or that of its data; None to find it, see `gauntlet.home.find_home`.
    database_url
        URL of a PostgreSQL; None for DATABASE_URL, and without that for the embedded one.
    frames
        What methods return: ``polars`` or ``pandas``.

    Raises
    ------
    StoreNotFoundError
        When there are no results. Nothing is created: neither a folder nor a database.
    UnknownFramesError
        When there are no such frames, or ``pandas`` without pyarrow.
    DatabaseUnreachableError, SchemaMismatchError
        When the database can't be reached, or is that of a newer version.
    """
    if frames not in {"polars", "pandas"}:
        raise UnknownFramesError(f"frames is {frames!r}; allowed: polars, pandas.")
    if frames == "pandas" and find_spec("pyarrow") is None:
        raise UnknownFramesError(
            "frames='pandas' needs pyarrow, which is not installed: make setup EXTRAS=notebooks."
        )
    given = configured_url(database_url)
    try:
        folder = find_home(home)
    except StoreNotFoundError:
        if not given:
            raise
        folder = Path(home or os.environ.get("GAUNTLET_HOME") or ".data").expanduser().absolute()
    _require_results(given, folder)
    return Gauntlet(folder, ResultStore(home=str(folder), database_url=database_url), frames)


class Gauntlet:
    """The stored results of a project; make it with `gauntlet.open`.

    Every method reads when it is called: what a run stores meanwhile is there.

    Attributes
    ----------
    home
        Folder of the data.
    store
        The result store, for everything that is not here.
    """

    def __init__(self, home: Path, result_store: ResultStore, frames: Frames) -> None:
        self.home = home
        self._result_store = result_store
        self._frames = frames

    @cached_property
    def store(self) -> BacktestPersistenceManager:
        """The result store, its schema brought up to date."""
        return self._result_store.manager()

    def leaderboard(self, run_id: str | None = None) -> "pl.DataFrame | pd.DataFrame":
        """Return the newest shared leaderboard, or that of a run, best first.

        Each strategy with its verdict: of many, one is best by luck as well. That of a what-if, or
        of less of the universe than the shared one, is found by its run alone.
        """
        return self._convert(self.store.get_leaderboard(run_id))

    def verdicts(self, run_id: str | None = None) -> "pl.DataFrame | pd.DataFrame":
        """Return the verdicts of the pipeline's newest run that reached any, or of a run.

        By strategy, with the number that each criterion found, its limit, and how much was tried;
        what can't be computed is null, as is the track record that a strategy without profit would
        need.
        """
        return self._convert(self.store.get_verdicts(run_id))

    def portfolios(self, run_id: str | None = None) -> "pl.DataFrame | pd.DataFrame":
        """Return the pipeline's newest portfolio of each name, or those of a run, by name.

        That of each strategy has its name. What the luck of the priority could have made of one is
        in the columns `luck_*`; they are null where no entry was missed.
        """
        return self._convert(self.store.get_portfolios(run_id))

    def portfolio(self, name: str, run_id: str | None = None) -> "StoredPortfolio":
        """Return a portfolio with its tables: the pipeline's newest of that name, or a run's.

        Raises
        ------
        StoreNotFoundError
            When there is none.
        """
        found = self.store.get_portfolios(run_id)
        row = found.filter(found["name"] == name)
        if row.is_empty():
            known = found["name"].to_list()
            raise StoreNotFoundError(
                f"There is no portfolio {name!r} in this store.{did_you_mean(name, known)} "
                f"There are: {', '.join(known) or 'none'}."
            )
        facts = row.row(0, named=True)
        files = PortfolioFiles(self._backtest_files)
        return StoredPortfolio(facts, partial(files.read, name, facts["identity"]), self._convert)

    def results(
        self,
        symbol: str | None = None,
        strategy: str | None = None,
        purpose: Purpose | str = Purpose.PIPELINE,
    ) -> "pl.DataFrame | pd.DataFrame":
        """Return the newest result of each symbol and strategy, every metric a column.

        Parameters
        ----------
        symbol, strategy
            Only this one; None for all.
        purpose
            Of what kind of run, as in ``notebook`` or ``request``.
        """
        return self._convert(self._read(symbol, strategy, purpose))

    def trades(
        self,
        symbol: str | None = None,
        strategy: str | None = None,
        purpose: Purpose | str = Purpose.PIPELINE,
    ) -> "pl.DataFrame | pd.DataFrame":
        """Return the trades of what `results` returns, with their symbol and strategy."""
        rows = self._read(symbol, strategy, purpose)
        trades = self.store.get_trades(rows["id"])
        return self._convert(_label(trades, rows, ["strategy", "symbol", "trade_no"]))

    def equity(
        self,
        symbol: str | None = None,
        strategy: str | None = None,
        purpose: Purpose | str = Purpose.PIPELINE,
    ) -> "pl.DataFrame | pd.DataFrame":
        """Return the equity at each close of what `results` returns, by symbol and date.

        Curves are in the files of the runs: what `maintenance` removed, and what a notebook
        saved, has none.
        """
        rows = self._read(symbol, strategy, purpose)
        parts = list(self._read_curves(rows))
        curves = pl.concat(parts) if parts else pl.DataFrame(schema=_EQUITY)
        return self._convert(_label(curves, rows, ["strategy", "symbol", "date"]))

    def repeat(self, backtest_id: UUID | str) -> dict[str, Any]:
        """Return a stored result computed again by the code of today, from the same bars.

        As `VectorBTEngine.run_backtest` returns it; ``["metrics"]`` has the numbers, of which those
        against the equal-weight universe are None.

        Raises
        ------
        StoreNotFoundError
            When there is no such result.
        NoStoredBarsError, CorruptBarsError
            When its bars are not stored any more.
        """
        # Here, not above: it brings the whole engine along.
        from gauntlet.repeat import repeat_backtest
        from resources.price_store.store import PriceStore

        stored = self.store.get_backtest_by_id(backtest_id, with_trades=False)
        if stored is None:
            raise StoreNotFoundError(f"There is no result {backtest_id} in this store.")
        given = os.environ.get("GAUNTLET_PRICE_STORE", "").strip()
        return repeat_backtest(stored, PriceStore(root=given or str(self.home / "prices")))

    def failures(self, run_id: str) -> "pl.DataFrame | pd.DataFrame":
        """Return what failed in a run, one row per stage, symbol and strategy; times are in UTC."""
        return self._convert(pl.DataFrame(self.store.get_failures(run_id), schema=_FAILURES))

    def trials(
        self,
        strategy: str | None = None,
        *,
        source: str | None = None,
        symbols: Sequence[str] | str | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
        user: str | None = None,
        purpose: Purpose | str | None = None,
        protocol: str | None = None,
    ) -> "pl.DataFrame | pd.DataFrame":
        """Return every trial that anybody has run, oldest first; losers too, none is ever deleted.

        A trial is a strategy with its parameters over a universe; `residual_return` and
        `residual_sharpe_ratio` are per year, of its curve without its share of the market's moves,
        and of a walk-forward's tested bars.
        Arguments are as in `BacktestPersistenceManager.get_trials`, each a value that the trials
        have.
        """
        found = self.store.get_trials(
            strategy,
            source=source,
            symbols=symbols,
            start_date=start_date,
            end_date=end_date,
            user=user,
            purpose=purpose,
            protocol=protocol,
        )
        return self._convert(found)

    def next_positions(
        self,
        strategy: str | None = None,
        symbol: str | None = None,
        *,
        run_id: str | None = None,
    ) -> "pl.DataFrame | pd.DataFrame":
        """Return what each strategy holds of each symbol, and what it does on the next bar.

        As the newest run has left it, or another one; `bar` is the last one that it rests on, and
        `stale` says whether the symbol has missed a session since.
        """
        return self._convert(self.store.get_next_positions(strategy, symbol, run_id))

    def forward_records(self, strategy: str | None = None) -> "pl.DataFrame | pd.DataFrame":
        """Return each strategy as it was frozen, and where its forward record stands.

        Inside the 95 % cone of its backtest or not, and how often decay was found. `current` is
        the record that goes on; the others are of earlier code, parameters or settings.
        """
        return self._convert(self.store.get_forward_records(strategy))

    def forward(
        self, strategy: str | None = None, record: UUID | str | None = None
    ) -> "pl.DataFrame | pd.DataFrame":
        """Return the days of each strategy since it was frozen, of its record that goes on.

        Parameters
        ----------
        record
            Another record, by its identifier; None for those that go on.
        """
        return self._convert(self.store.get_forward(strategy, record))

    def forward_accounts(
        self, strategy: str | None = None, record: UUID | str | None = None
    ) -> "pl.DataFrame | pd.DataFrame":
        """Return the same days symbol by symbol: what each account earned, and what it holds."""
        return self._convert(self.store.get_forward_accounts(strategy, record))

    def save(
        self,
        result: Mapping[str, Any],
        execution_time: float | None = None,
        notes: str | None = None,
    ) -> UUID:
        """Save what `VectorBTEngine.run_backtest` returned, as `save_backtest_result` does."""
        return self.store.save_backtest_result(result, execution_time, notes)

    def _read(
        self, symbol: str | None, strategy: str | None, purpose: Purpose | str
    ) -> pl.DataFrame:
        return self.store.get_newest_backtests(symbol, strategy, purpose)

    def _read_curves(self, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
        files = BacktestFiles(root=self._backtest_files)
        places = rows.filter(rows["run_id"] != "").select("run_id", "part").unique()
        for place in places.sort("run_id", "part").rows():
            with suppress(FileNotFoundError):
                for curves in files.equity_parts([place]):
                    yield curves.join(rows, left_on="backtest_id", right_on="id", how="semi")

    @property
    def _backtest_files(self) -> str:
        given = os.environ.get("GAUNTLET_BACKTEST_FILES", "").strip()
        return given or str(self.home / "backtests")

    def _convert(self, frame: pl.DataFrame) -> "pl.DataFrame | pd.DataFrame":
        return frame if self._frames == "polars" else frame.to_pandas()

    def _describe(self) -> dict[str, object]:
        rows = self._read(None, None, Purpose.PIPELINE)
        windows = rows.select("source", "start_date", "end_date").unique().sort(pl.all()).rows()
        return {
            "data": self.home,
            "database": self._result_store.describe(),
            "results": f"{rows.height} of {rows['symbol'].n_unique()} symbols and "
            f"{rows['strategy'].n_unique()} strategies",
            "of": "; ".join(f"{source}, {start} to {end}" for source, start, end in windows),
        }

    def __repr__(self) -> str:
        """Return what is stored, as text."""
        lines = [f"{name}: {value}" for name, value in self._describe().items()]
        return "\n".join(["Gauntlet", *lines])

    def _repr_html_(self) -> str:
        """Return what is stored, as the table that a notebook shows."""
        cells = (
            f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>"
            for name, value in self._describe().items()
        )
        return f"<table>{''.join(cells)}</table>"


_EQUITY = {"backtest_id": pl.String(), "date": pl.Date(), "equity": pl.Float64()}
_FAILURES = {
    "id": pl.Int64(),
    **dict.fromkeys(
        ("run_id", "stage", "symbol", "strategy", "error_class", "message", "source"), pl.String()
    ),
    **dict.fromkeys(("start_date", "end_date"), pl.Date()),
    "transient": pl.Boolean(),
    "failed_at": pl.Datetime("us", "UTC"),
}
"""The columns of failures, those of a run in which nothing failed too."""


def _label(frame: pl.DataFrame, rows: pl.DataFrame, order: list[str]) -> pl.DataFrame:
    """Return rows of backtests with their symbol and strategy first, sorted."""
    names = rows.select(pl.col("id").alias("backtest_id"), "symbol", "strategy")
    columns = ["symbol", "strategy", *(name for name in frame.columns if name != "backtest_id")]
    return frame.join(names, on="backtest_id").sort(order).select(*columns, "backtest_id")


def _require_results(given: str, home: Path) -> None:
    """Refuse a database without the schema of this project."""
    if not given and not holds_results(home):
        raise StoreNotFoundError(f"There are no results in {home}.")
    engine = create_engine_for(resolve_url(given or None, home))
    try:
        found = has_schema(with_retry_timeout(engine, RETRY_TIMEOUT_SECONDS))
    finally:
        engine.dispose()
    if not found:
        raise StoreNotFoundError(
            "The database has no results of this project yet: run `make run` first."
        )
