"""Rules of integrity: no look-ahead, no dropped signal, and accounts that balance.

Applied to the real bars of each run, after the fact and independently of the engine: what
a test suite proved on generated bars may not hold on these.
"""

import numpy as np
from numpy.typing import NDArray

from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings
from engine.simulation import Trades
from strategies.base import Bars, Bools, Floats, Signals, Strategy

MOST_GROWTH = 1e15
"""Of money, beyond which its profits and the capital can't be added: float64 has 15 digits. The
best of days of bitcoin, since 2010, are some 1e7."""

CUTS = 8
"""At which look-ahead is looked for, beside the one before the last bar."""

_OF_HOLDING = ("total_interest", "total_borrow_fees")
_LEAST_BARS = 10

# Sums of some thousand products are off by some 1e-13 of what they add up to.
_ROUNDING = 1e-9


def find_look_ahead(strategy: Strategy, history: History, spot: int | None = None) -> int | None:
    """Return the index of the first bar whose signal depends on a later bar; None if none does.

    Signals on the first bars alone must equal those on all bars, up to the cut, and so must the
    strength by which portfolios rank them, to rounding. Tried at eight cuts spread over the
    history, and before the last bar.

    Parameters
    ----------
    spot
        Of the eight cuts, counted from 0, the only one to try before the last bar; None for all. It
        is for strategies that learn, which are fitted again at each cut.
    """
    bars = history.bars
    whole, strength = strategy.signals(bars), strategy.strength(bars)
    last = len(bars) - 1
    # Before the lookback there are no signals, and a strategy may not accept so few bars.
    first = max(1, min(max(strategy.lookback_bars + 1, _LEAST_BARS), last))
    stops = np.linspace(first, last, CUTS + 1, dtype=int).tolist()
    for stop in dict.fromkeys(stops if spot is None else [stops[spot], last]):
        first_bars = _copy_until(bars, stop)
        part = strategy.signals(first_bars)
        other = (part.entries != whole.entries[:stop]) | (part.exits != whole.exits[:stop])
        other |= _differ(strategy.strength(first_bars), strength, stop)
        if other.any():
            return int(other.argmax())
    return None


def find_uncountable(result: BacktestResult) -> str:
    """Return why the money of a result can't be counted; "" where it can."""
    return explain_uncountable(result.symbol, result.trades, result.settings.initial_capital)


def explain_uncountable(symbol: str, trades: Trades, capital: float) -> str:
    """Return why the money of some trades can't be counted; "" where it can.

    A fill, fee or profit that is not a number, or one by which `MOST_GROWTH` is exceeded, comes of
    prices with absurd moves: each may be in range, and what is won by them in a row is not.
    """
    if not len(trades):
        return ""
    amounts = [trades[name] for name in ("entry_fees", "exit_fees", "pnl")]
    paid = [trades["size"] * trades[name] for name in ("entry_price", "exit_price")]
    largest = float(np.abs(np.concatenate([*amounts, *paid])).max())
    if largest <= MOST_GROWTH * capital:
        return ""
    return (
        f"{symbol}: its money can't be counted: an amount of {largest:.3g} was traded with "
        f"a capital of {capital:g}; allowed: {MOST_GROWTH:g} times as much. Are its prices real?"
    )


def measure_imbalance(result: BacktestResult) -> float:
    """Return final value - what capital, trades and cash came to, as a fraction of capital.

    That is the capital, the profit of closed and open trades, and interest less borrow fees. 0.0
    within the rounding error of the sum. NaN where the final value is undefined.
    """
    capital = result.settings.initial_capital
    final = result.metrics["final_value"]
    if final is None:
        return float("nan")
    profits = float(result.trades["pnl"].sum())
    interest, fees = (result.metrics[name] or 0.0 for name in _OF_HOLDING)
    off = final - (capital + profits + interest - fees)
    added = capital + float(np.abs(result.trades["pnl"]).sum()) + abs(interest) + fees
    return 0.0 if abs(off) < _ROUNDING * added else off / capital


def count_dropped_signals(result: BacktestResult, history: History) -> int:
    """Return how many signals inside the window were not filled.

    After the fill of an entry signal there must be a position on its side; no position may be held
    both before and after the fill of an exit signal. By contract, signals that cancel out are not
    filled, nor those of the last bar if the fill would be on the next. A result that lost all its
    capital cannot fill anything: 0. Where a bar has no volume, orders wait for the next that has.
    Orders that costs leave unfilled are counted (`unfilled_orders`), and not dropped.

    Parameters
    ----------
    history
        The bars that the result was computed from.
    """
    if "the capital was lost" in result.undefined.values():
        return 0
    delay = 1 if result.settings.execution == "next_open" else 0
    signals = _compute_signals_in_window(result, history)
    entries, exits = (np.zeros(len(result.dates), dtype=bool) for _ in range(2))
    fills = len(result.dates) - delay
    entries[delay:] = (signals.entries & ~signals.exits)[:fills]
    exits[delay:] = (signals.exits & ~signals.entries)[:fills]
    _postpone(entries, exits, _find_traded(result, history))
    dropped = 0
    for side, (opening, closing) in _select_sides(result.settings, entries, exits).items():
        held, through = _find_held(result, side)
        dropped += int((opening & ~held).sum() + (closing & through).sum())
    return max(dropped - int(result.metrics["unfilled_orders"] or 0), 0)


def _find_traded(result: BacktestResult, history: History) -> Bools:
    """Return the bars of the window on which an order can be filled."""
    volume = history.bars.volume[: result.warm_up + len(result.dates)]
    silent_so_far = np.cumsum(volume) == 0
    traded = (volume > 0) | silent_so_far | (not result.settings.require_volume)
    return traded[result.warm_up :]


def _postpone(entries: Bools, exits: Bools, traded: Bools) -> None:
    """Move signals to the next bar that can fill them, bar by bar."""
    entry = leave = False
    for bar in np.flatnonzero(entries | exits | traded).tolist():
        if entries[bar] or exits[bar]:
            entry, leave = bool(entries[bar]), bool(exits[bar])
        entries[bar], exits[bar] = traded[bar] and entry, traded[bar] and leave
        if traded[bar]:
            entry = leave = False


def _select_sides(
    settings: BacktestSettings, entries: Bools, exits: Bools
) -> dict[int, tuple[Bools, Bools]]:
    """Return the signals that open and that close a position, by the code of its direction."""
    sides = {0: (entries, exits), 1: (exits, entries)}
    traded = {"long": (0,), "short": (1,), "both": (0, 1)}[settings.direction]
    return {side: sides[side] for side in traded}


def _find_held(result: BacktestResult, side: int) -> tuple[Bools, Bools]:
    """Return the bars on which a side was held at the fill, and those on which before and after.

    Filled at the open, a position is held on its first and its last bar; filled at the close, it is
    not held on its last bar.
    """
    at_close = result.settings.execution == "same_close"
    bars = len(result.dates)
    held, through = (np.zeros(bars, dtype=bool) for _ in range(2))
    for trade in result.trades[result.trades["direction"] == side]:
        first, last = int(trade["entry_idx"]), int(trade["exit_idx"])
        # A trade that is open at the end is held beyond its last bar.
        outlived = last if trade["status"] else last + 1
        held[first : outlived if at_close else last + 1] = True
        through[first + 1 : outlived] = True
    return held, through


def _compute_signals_in_window(result: BacktestResult, history: History) -> Signals:
    stop = result.warm_up + len(result.dates)
    signals = result.strategy.signals(_copy_until(history.bars, stop))
    return Signals(signals.entries[result.warm_up :], signals.exits[result.warm_up :])


def _differ(part: Floats | None, whole: Floats | None, stop: int) -> Bools:
    """Return where the strengths of the first bars alone are not those of all bars, (stop,)."""
    if part is None or whole is None:
        return np.full(stop, part is not whole)
    return ~np.isclose(part, whole[:stop], rtol=_ROUNDING, atol=0.0, equal_nan=True)


def _copy_until(bars: Bars, stop: int) -> Bars:
    """Return copies of the first bars: a strategy must not reuse what it cached of longer ones."""

    def part(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values[:stop].copy()

    return Bars(*(part(getattr(bars, name)) for name in Bars.__dataclass_fields__))
