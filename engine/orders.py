"""A block's orders: signals cut to the window and moved to the bars that fill them."""

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.costs import PercentageCosts, uses_spread_column
from engine.errors import InvalidSignalsError, UnusableBarsError
from engine.failure import Failure
from engine.fill_bars import FillBars
from engine.history import TradedHistory
from engine.settings import BacktestSettings
from strategies.base import Bools, Floats, Signals, Strategy
from strategies.errors import GauntletError
from strategies.indicator_cache import CacheStats, indicator_cache

_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Orders:
    """What the simulation needs of a block: N backtests over H symbols of T bars each.

    Parameters
    ----------
    symbol_of
        Index of each backtest's symbol, shape (N,).
    open, high, low, close
        Prices of the window's bars, shape (H, T). Where nothing can be filled for lack of volume,
        all but the close are NaN.
    entries, exits
        Signals on the bar that fills them, shape (N, T); never both on one bar.
    waited
        Where the signal of an earlier bar has waited for volume, shape (N, T).
    settings
        With ``next_open`` a signal fills at its bar's open, otherwise at its close.
    bars_per_year
        For annualization, of each symbol, shape (H,).
    bars
        What costs other than percentages depend on; None with these.
    """

    symbol_of: NDArray[np.int64]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    entries: Bools
    exits: Bools
    waited: Bools
    settings: BacktestSettings
    bars_per_year: Floats
    bars: FillBars | None = None

    @property
    def fill_price(self) -> Floats:
        """The market's price at a signal's fill, shape (H, T)."""
        return self.close if self.settings.execution == "same_close" else self.open


def build_orders(
    histories: Sequence[TradedHistory],
    strategies: Sequence[Strategy],
    settings: BacktestSettings,
    indicators: CacheStats | None = None,
) -> tuple[Orders, list[tuple[int, int]], list[Failure]]:
    """Return a block's orders, the (history, strategy) of each backtest, and the failures.

    The histories have the same number of bars in the window. Signals are computed on the whole
    history, so that indicators are warm; only those inside the window are kept. With ``next_open``
    they move to the next bar: the last bar's are dropped, and the first fill is at the second
    bar's open. An entry and an exit on the same bar cancel out. Signals that would fill on a bar
    without volume wait for the next bar with volume. `indicators` is counted up.
    """
    shape = (len(histories) * len(strategies), histories[0].traded_bars)
    entries, exits = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
    backtests: list[tuple[int, int]] = []
    failures: list[Failure] = []
    for symbol, history in enumerate(histories):
        try:
            history.check()
            require_range(history, settings)
            require_spread(history, settings.costs or ())
        except UnusableBarsError as error:
            failures.append(Failure.of(history.symbol, error))
            continue
        given: list[Signals] = []
        first_row = len(backtests)
        with indicator_cache(indicators):
            for number, strategy in enumerate(strategies):
                try:
                    given.append(_compute_signals(strategy, history))
                except Exception as error:  # noqa: BLE001 - the others continue
                    failures.append(_describe_failure(history.symbol, strategy, error))
                else:
                    backtests.append((symbol, number))
        rows = slice(first_row, len(backtests))
        _place([one.entries for one in given], history.first, settings, entries[rows])
        _place([one.exits for one in given], history.first, settings, exits[rows])
    entries, exits = entries[: len(backtests)], exits[: len(backtests)]
    both = entries & exits
    entries ^= both
    exits ^= both
    symbol_of = np.array([symbol for symbol, _ in backtests], dtype=np.int64)
    prices = {name: _stack(histories, name) for name in _PRICES}
    waited = np.zeros_like(entries)
    if settings.require_volume:
        _wait_for_volume(histories, symbol_of, prices, entries, exits, waited)
    year = np.array([settings.bars_per_year or history.bars_per_year for history in histories])
    orders = Orders(
        symbol_of,
        **prices,
        entries=entries,
        exits=exits,
        waited=waited,
        settings=settings,
        bars_per_year=year,
        bars=FillBars.of(histories) if needs_bar_loop(settings) else None,
    )
    return orders, backtests, failures


def needs_bar_loop(settings: BacktestSettings) -> bool:
    """Return whether costs depend on more than the value of each fill."""
    return not isinstance(settings.cost_model, PercentageCosts)


def require_spread(history: TradedHistory, costs: Sequence[Any]) -> None:
    """Refuse bars without half-spreads where costs take them of the data.

    Raises
    ------
    UnusableBarsError
        When there are none.
    """
    if uses_spread_column(costs) and history.half_spread is None:
        raise UnusableBarsError(
            f"{history.symbol} has no half_spread, which costs take of the data; needed: that "
            "column in its price file (in a notebook, History.half_spread), or basis_points in "
            "costs."
        )


def require_range(history: TradedHistory, settings: BacktestSettings) -> None:
    """Refuse bars without highs and lows where stops need them.

    Raises
    ------
    UnusableBarsError
        When a stop needs a high or low that is missing.
    """
    if settings.has_stops and not history.has_range:
        raise UnusableBarsError(
            f"{history.symbol} has no high or no low; stop_loss, trailing_stop and take_profit "
            "are filled against them."
        )


def _compute_signals(strategy: Strategy, history: TradedHistory) -> Signals:
    signals, shape = strategy.signals(history.bars), history.bars.close.shape
    for name in ("entries", "exits"):
        given = np.asarray(getattr(signals, name, None))
        if given.dtype.char != "?" or given.shape != shape:
            raise InvalidSignalsError(
                f"{strategy.name} returned {name} of {given.dtype} {given.shape} for "
                f"{history.symbol}; needed: Signals with bool {shape}, one per bar."
            )
    return signals


def _describe_failure(symbol: str, strategy: Strategy, error: Exception) -> Failure:
    """Return the failure of a strategy, with the line of code that raised."""
    failure = Failure.of(symbol, error, strategy.name)
    if isinstance(error, GauntletError):
        return failure
    at = traceback.extract_tb(error.__traceback__)[-1]
    return replace(failure, message=f"{failure.message} ({Path(at.filename).name}:{at.lineno})")


def _place(given: Sequence[Bools], first: int, settings: BacktestSettings, rows: Bools) -> None:
    """Write a symbol's signals of one kind into its rows, on the bars that fill them."""
    if not given:
        return
    if settings.execution == "same_close":
        rows[:] = np.stack(given)[:, first:]
    else:
        rows[:, 1:] = np.stack(given)[:, first:-1]


def _wait_for_volume(
    histories: Sequence[TradedHistory],
    symbol_of: NDArray[np.int64],
    prices: Mapping[str, Floats],
    entries: Bools,
    exits: Bools,
    waited: Bools,
) -> None:
    """Take the prices that can't be filled for lack of volume, and let signals wait for volume."""
    for symbol, history in enumerate(histories):
        traded = find_traded(history)
        if traded.all():
            continue
        for name in ("open", "high", "low"):
            prices[name][symbol, ~traded] = np.nan
        for row in np.flatnonzero(symbol_of == symbol):
            _delay(entries[row], exits[row], waited[row], traded)


def find_traded(history: TradedHistory) -> Bools:
    """Return which of the window's bars can fill an order, shape (T,)."""
    has_volume = history.bars.volume > 0
    # Of a feed that has shown no volume yet, nothing is known; later bars must not decide it.
    return (has_volume | ~np.logical_or.accumulate(has_volume))[history.first :]


def _delay(entries: Bools, exits: Bools, waited: Bools, traded: Bools) -> None:
    """Move one backtest's signals to the next bar that can fill them; the last of several counts.

    Those after the last such bar are dropped. `waited` becomes true where a signal has moved to.
    """
    at = np.flatnonzero(entries | exits)
    bars = np.append(np.flatnonzero(traded), len(traded))
    to = bars[np.searchsorted(bars, at)]
    at, to = at[to < len(traded)], to[to < len(traded)]
    # Of several signals of one bar, NumPy keeps what is assigned last.
    waited[to] = at < to
    for signals in (entries, exits):
        moved = np.zeros_like(signals)
        moved[to] = signals[at]
        signals[:] = moved


def _stack(histories: Sequence[TradedHistory], price: str) -> Floats:
    """Return a price of the window's bars, shape (H, T)."""
    return np.stack([getattr(history.bars, price)[history.first :] for history in histories])
