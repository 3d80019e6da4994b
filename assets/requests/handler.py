"""How a request is answered: refused or checked, its bars fetched, its rows saved and shown."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import dagster as dg

from assets.markdown import markdown_table
from engine.failure import Failure
from research.audit.stage_profile import RequestProfile
from research.purpose import Purpose
from resources.config.run_settings import RunSettings
from resources.market_data.resource import MarketData
from resources.price_store.incremental import Fetcher
from resources.price_store.store import NoStoredBarsError, PriceStore
from resources.result_store.resource import ResultStore
from resources.universe import Universe
from strategies.base import Strategy
from strategies.errors import GauntletError, did_you_mean
from strategies.registry import get_strategy

if TYPE_CHECKING:
    import polars as pl

    from assets.backtests.stage import BacktestStage
    from resources.price_store.spans import Span
    from resources.result_store.manager import BacktestPersistenceManager

_SHOWN = ("symbol", "total_return", "sharpe_ratio", "max_drawdown", "closed_trades")


class InvalidRequestError(GauntletError):
    """A request asks for something that does not exist or makes no sense."""


class Asked(Protocol):
    """What is asked for."""

    user: str
    symbols: list[str]
    strategy: str
    parameters: dict[str, float]


def checked(asked: Asked, universe: Universe, run_settings: RunSettings) -> Strategy:
    """Refuse what makes no sense before any work is done; return the strategy.

    Its parameters are those that are asked for, and else those of `run_settings`.

    Raises
    ------
    InvalidRequestError, UnknownStrategyError, InvalidParameterError, InvalidSettingsError
        With what was refused, and what is allowed.
    """
    if not asked.user.strip():
        raise InvalidRequestError("user is empty; allowed: the name under which results are kept.")
    if not asked.symbols:
        raise InvalidRequestError("symbols is empty; allowed: one or more of the universe.")
    known = universe.symbols
    for number, symbol in enumerate(asked.symbols):
        if symbol not in known:
            raise InvalidRequestError(
                f"'{symbol[:40]}' is not among the {len(known)} symbols of the "
                f"universe.{did_you_mean(symbol.upper(), known)}"
            )
        if symbol in asked.symbols[:number]:
            raise InvalidRequestError(f"symbols has {symbol} twice; allowed: each once.")
    run_settings.check()
    strategy = get_strategy(asked.strategy)
    of_run = run_settings.parameters.get(strategy.name, {})
    return strategy.from_mapping({**of_run, **asked.parameters})


@dataclass
class Answer:
    """What a request has come to; `rows` are its results as the store has them."""

    stage: "BacktestStage"
    requests: int = 0
    rows: "pl.DataFrame | None" = None
    identifiers: list[str] = field(default_factory=list)

    def profile(self) -> RequestProfile:
        """Return the profile of the request's stage."""
        backtests = self.stage.profile().model_copy(update={"succeeded": len(self.identifiers)})
        return RequestProfile(
            **dict(backtests), source_requests=self.requests, results=tuple(self.identifiers)
        )

    def metadata(self) -> dict[str, Any]:
        """Return what the UI shows of the answer."""
        (strategy,) = self.stage.strategies
        settings = self.stage.run_settings
        return {
            "user": self.stage.user,
            "strategy": strategy.name,
            "parameters": dict(strategy.parameters()),
            "window": f"{settings.start} to {settings.end}",
            "symbols": len(self.stage.requested),
            "succeeded": len(self.identifiers),
            "results": dg.MetadataValue.md(self._table()),
        }

    def _table(self) -> str:
        """Return the results as a table, and what failed below it."""
        shown = (
            [] if self.rows is None else [markdown_table(self.rows.select(_SHOWN).sort("symbol"))]
        )
        failures = self.stage.failures
        failed = [f"- `{one.symbol}` {one.error_class}: {one.message}" for one in failures]
        return "\n".join([*shown, "", *failed])


def fetched(answer: Answer, market_data: MarketData) -> list[str]:
    """Return the symbols whose bars are stored; those that were not are fetched first."""
    stage = answer.stage
    start, end = stage.run_settings.history_start(), stage.run_settings.window().end
    source, ready = market_data.open_source(), []
    fetcher = Fetcher(source, stage.price_store)
    for symbol in stage.requested:
        try:
            listed = stage.universe.listed(symbol, start, end)
            if not _is_stored(stage.price_store, source.name, symbol, listed):
                news = fetcher.fetch(symbol, listed)
                stage.price_store.write(source.name, symbol, news.bars, news.asked)
            ready.append(symbol)
        except Exception as error:  # noqa: BLE001 - one symbol must not spoil the others
            stage.failures.append(Failure.of(symbol, error))
    answer.requests = fetcher.requests
    return ready


def _is_stored(store: PriceStore, source: str, symbol: str, days: "Span") -> bool:
    from resources.price_store.parquet import CorruptBarsError

    try:
        store.load(source, symbol, *days)
    except (NoStoredBarsError, CorruptBarsError):
        return False
    return True


def saved(answer: Answer, result_store: ResultStore) -> None:
    """Save the results, read them back, and count as failed what is not there as it was made.

    A result that is stored already is left to whoever made it: it is the same to the bit.
    """
    import polars as pl

    stage, manager = answer.stage, result_store.manager()
    run_id = stage.context.run.run_id
    kept = []
    for part in stage.backtest_files.parts(run_id):
        tables = stage.backtest_files.read_part(run_id, part)
        with stage.meter.database():
            stored = _intact(manager, tables.results)
            new = tables.results.join(stored, on="id", how="anti")
            trades = tables.trades.join(new, left_on="backtest_id", right_on="id", how="semi")
            of_run = {"run_id": run_id, "purpose": Purpose.REQUEST}
            manager.save_backtests(new, trades, **of_run, cached=stored["id"])
            if not new.is_empty():
                stored = _intact(manager, tables.results)
        kept.append(stored)
        for symbol in set(tables.results["symbol"]) - set(kept[-1]["symbol"]):
            message = f"{symbol}: its result does not read back from the store as it was made."
            stage.failures.append(Failure(symbol, "UnreconciledRowsError", message))
    if kept:
        answer.rows = pl.concat(kept)
        answer.identifiers = answer.rows["id"].to_list()


def _intact(manager: "BacktestPersistenceManager", results: "pl.DataFrame") -> "pl.DataFrame":
    """Return those of the results that the store holds as they were made."""
    from resources.result_store.reconciliation import intact

    identifiers = results["id"].to_list()
    stored = manager.get_backtests_by_ids(identifiers)
    return intact(results, stored, manager.count_trades(identifiers))
