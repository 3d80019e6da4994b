"""How a request is handled: validated, its bars fetched, its results saved and shown."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import dagster as dg

from assets.markdown import render_markdown
from engine.failure import Failure
from research.audit.stage_profile import RequestProfile
from research.purpose import Purpose
from resources.config.run_settings import RunSettings
from resources.market_data.resource import MarketData
from resources.price_store.errors import CorruptBarsError, NoStoredBarsError
from resources.price_store.incremental import Fetcher
from resources.trading_calendar import find_calendar
from resources.universe import Universe
from strategies.base import Strategy
from strategies.errors import GauntletError, did_you_mean
from strategies.registry import get_strategy

if TYPE_CHECKING:
    import polars as pl

    from assets.backtests.stage import BacktestStage, StageInputs
    from resources.price_store.spans import Span

_SHOWN = ("symbol", "total_return", "sharpe_ratio", "max_drawdown", "closed_trades")


class InvalidRequestError(GauntletError):
    """A request asks for something that does not exist or makes no sense."""


class RequestSpec(Protocol):
    """What is asked for."""

    user: str
    symbols: list[str]
    strategy: str
    parameters: dict[str, Any]


def validate_request(spec: RequestSpec, universe: Universe, run_settings: RunSettings) -> Strategy:
    """Refuse what makes no sense before any work is done; return the strategy.

    Its parameters are those that are asked for, and else those of `run_settings`.

    Raises
    ------
    InvalidRequestError, UnknownStrategyError, InvalidParameterError, InvalidSettingsError
        With what was refused, and what is allowed.
    """
    if not spec.user.strip():
        raise InvalidRequestError("user is empty; allowed: the name under which results are kept.")
    if not spec.symbols:
        raise InvalidRequestError("symbols is empty; allowed: one or more of the universe.")
    known = universe.symbols
    for number, symbol in enumerate(spec.symbols):
        if symbol not in known:
            raise InvalidRequestError(
                f"'{symbol[:40]}' is not among the {len(known)} symbols of the "
                f"universe.{did_you_mean(symbol.upper(), known)}"
            )
        if symbol in spec.symbols[:number]:
            raise InvalidRequestError(f"symbols has {symbol} twice; allowed: each once.")
    run_settings.check()
    strategy = get_strategy(spec.strategy)
    of_run = run_settings.parameters.get(strategy.name, {})
    return strategy.from_mapping({**of_run, **spec.parameters})


@dataclass
class RequestResult:
    """What came of a request.

    Parameters
    ----------
    stage
        The step that computes its backtests.
    source_requests
        How often the source was asked for bars.
    rows
        Its results as the result store has them, a frame per part.
    """

    user: str
    stage: "BacktestStage"
    source_requests: int = 0
    rows: "list[pl.DataFrame]" = field(default_factory=list)

    @property
    def identifiers(self) -> list[str]:
        """The identifiers of its results."""
        return [identifier for rows in self.rows for identifier in rows["id"]]

    def profile(self) -> RequestProfile:
        """Return the profile of the request's stage."""
        backtests = self.stage.profile().model_copy(update={"succeeded": len(self.identifiers)})
        return RequestProfile(**dict(backtests), source_requests=self.source_requests)

    def metadata(self) -> dict[str, Any]:
        """Return what the UI shows of the result."""
        (strategy,) = self.stage.strategies
        settings = self.stage.inputs.run_settings
        return {
            "user": self.user,
            "strategy": strategy.name,
            "parameters": dict(strategy.parameters()),
            "window": f"{settings.start} to {settings.end}",
            "symbols": len(self.stage.requested),
            "succeeded": len(self.identifiers),
            "results": dg.MetadataValue.md(self._render_table()),
        }

    def _render_table(self) -> str:
        """Return the results as a table, and what failed below it."""
        import polars as pl

        shown = [render_markdown(pl.concat(self.rows).select(_SHOWN).sort("symbol"))]
        failed = [
            f"- `{one.symbol}` {one.error_class}: {one.message}" for one in self.stage.failures
        ]
        return "\n".join([*(shown if self.rows else []), "", *failed])


def fetch_missing_bars(result: RequestResult, market_data: MarketData) -> list[str]:
    """Return the symbols whose bars are stored; those that were not are fetched first."""
    stage, inputs = result.stage, result.stage.inputs
    settings = inputs.run_settings
    start, end = settings.history_start(), settings.window().end
    source, ready = market_data.open_source(inputs.universe), []
    fetcher = Fetcher(
        source, inputs.price_store, market_data.load_splits(), inputs.universe.calendar_of
    )
    for symbol in stage.requested:
        try:
            listed = inputs.universe.listed(symbol, start, end)
            if not _is_stored(inputs, fetcher, source.name, symbol, listed):
                fetched = fetcher.fetch(symbol, listed)
                inputs.price_store.write(
                    source.name, symbol, fetched.bars, fetched.requested, fetched.splits
                )
            ready.append(symbol)
        except Exception as error:  # noqa: BLE001 - one symbol must not spoil the others
            stage.failures.append(Failure.of(symbol, error))
    result.source_requests = fetcher.requests
    return ready


def _is_stored(
    inputs: "StageInputs", fetcher: Fetcher, source: str, symbol: str, days: "Span"
) -> bool:
    """Return whether the stored bars are those that the source would be asked for now."""
    try:
        stored = inputs.price_store.read_file(source, symbol)
        stored.select(*days)
    except (NoStoredBarsError, CorruptBarsError):
        return False
    shown = stored.bars["date"].to_numpy().astype("datetime64[D]")
    calendar = find_calendar(inputs.universe.calendar_of(symbol), shown)
    is_split = stored.label.splits == fetcher.splits.describe(symbol)
    return is_split and not stored.is_outdated(days[1], calendar)


def save_results(result: RequestResult) -> None:
    """Save the results, read them back, and count as failed what is not there as it was made."""
    from resources.run_artifacts.part_saving import save_part

    stage, inputs = result.stage, result.stage.inputs
    run_id, files = stage.context.run.run_id, inputs.backtest_files
    for part in files.parts(run_id):
        with stage.meter.database():
            manager = inputs.result_store.manager()
            saved = save_part(manager, files, run_id, part, purpose=Purpose.REQUEST)
        result.rows.append(saved.intact)
        for symbol in set(saved.produced["symbol"]) - set(saved.intact["symbol"]):
            message = f"{symbol}: its result does not read back from the store as it was made."
            stage.failures.append(Failure(symbol, "UnreconciledRowsError", message))
