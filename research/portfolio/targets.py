"""What strategies want of each symbol at each close, for one account to trade."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.account.rules import Targets
from engine.costs import ComposedCosts, FillMarket, PercentageCosts, parse_costs
from engine.costs.prices import HalfSpread, Slippage
from engine.failure import Failure
from engine.history import TradedHistory
from engine.orders import build_orders
from engine.positions import OPEN, SIDES, SIGNAL, Positions
from engine.settings import BacktestSettings
from engine.stops import find_positions_with_stops
from research.failures import add_failures
from research.portfolio.strengths import RecordedStrength, Strengths
from strategies.base import Bools, Strategy

Sides = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class StrategySides:
    """The side that each strategy wants, by name, each of shape (T, S), and what failed.

    Strengths, of the same shape, are those of the strategies that were asked for them, and have
    some.
    """

    sides: Mapping[str, Sides]
    failures: Sequence[Failure]
    strengths: Mapping[str, Strengths] = field(default_factory=dict)


def find_sides(
    histories: Sequence[TradedHistory],
    strategies: Sequence[Strategy],
    settings: BacktestSettings,
    dates: NDArray[np.datetime64],
    *,
    ranked: Collection[str] = (),
) -> StrategySides:
    """Return the side that each strategy wants of each symbol at each close of `dates`.

    That is the side of the last signal, 0 before the first one in the window, and on days without a
    bar what it was on the day before. With stops it is the side of the symbol's own backtest, as if
    that could pay for every position: what a stop closes is left at the next open. Where a strategy
    fails it wants nothing.

    Parameters
    ----------
    ranked
        Names of strategies whose strength is wanted as well; on days without a bar it is that of
        the day before.
    """
    shape = len(dates), len(histories)
    asked = [RecordedStrength(one) if one.name in ranked else one for one in strategies]
    sides = {one.name: np.zeros(shape, dtype=np.int8) for one in strategies}
    strengths: dict[str, Strengths] = {}
    failures: list[Failure] = []
    for column, history in enumerate(histories):
        rows, backtests, failed = _find_rows(history, asked, settings)
        add_failures(failures, failed)
        at = np.searchsorted(history.dates[history.first :], dates, side="right") - 1
        for row, number in zip(rows, backtests, strict=True):
            sides[strategies[number].name][:, column] = np.where(at < 0, 0, row[at])
        for one in asked:
            found = one.take() if isinstance(one, RecordedStrength) else None
            if found is not None:
                known = strengths.setdefault(one.name, np.full(shape, np.nan, np.float32))
                known[:, column] = np.where(at < 0, np.nan, found[history.first :][at])
    return StrategySides(sides, failures, strengths)


def combine_sides(sides: Mapping[str, Sides], weights: Mapping[str, float]) -> Targets:
    """Return what several strategies want together: the sum of their sides by their weights.

    Of one strategy it is the side itself.
    """
    if len(weights) == 1:
        return sides[next(iter(weights))]
    total = sum(weight * sides[name] for name, weight in weights.items())
    # 0.1 + 0.2 - 0.3 is not 0: what is left of a sum of shares is no position.
    return np.where(np.abs(total) < 1e-9, 0.0, total)  # noqa: PLR2004


def _find_rows(
    history: TradedHistory, strategies: Sequence[Strategy], settings: BacktestSettings
) -> tuple[Sides, list[int], list[Failure]]:
    """Return the sides of one symbol on its own bars, one row per strategy that did not fail."""
    if settings.has_stops:
        own = replace(settings, execution="next_open", costs=None, fees=0.0)
        own = replace(own, slippage=_find_slippage(settings))
        orders, backtests, failures = build_orders([history], strategies, own)
        rows = _hold(find_positions_with_stops(orders), orders.entries.shape)
        return rows, [number for _, number in backtests], failures
    # Signals on the bar of their close: when they fill is for the account.
    own = replace(settings, execution="same_close", require_volume=False)
    orders, backtests, failures = build_orders([history], strategies, own)
    rows = follow_signals(orders.entries, orders.exits, *SIDES[settings.direction])
    return rows, [number for _, number in backtests], failures


def follow_signals(entries: Bools, exits: Bools, entry: int, exit_: int) -> Sides:
    """Return the side after the last signal at each bar, 0 before the first, shape (N, T)."""
    signalled = entries | exits
    last = np.where(signalled, np.arange(entries.shape[1]), 0)
    np.maximum.accumulate(last, axis=1, out=last)
    side = np.where(entries, np.int8(entry), np.int8(exit_))
    side[~signalled] = 0
    return np.take_along_axis(side, last, axis=1)


def _find_slippage(settings: BacktestSettings) -> float:
    """Return what a fill's price is worse by, without what depends on its size or its day.

    Levels of stops are measured from such prices; no more is known before an account decides.
    """
    costs = settings.cost_model
    if isinstance(costs, PercentageCosts):
        return costs.slippage
    parts = parse_costs(settings.costs or ())
    market, side = FillMarket.of_price(np.ones(1), np.zeros(1)), np.ones(1, dtype=np.int64)
    known = [one for one in parts if isinstance(one, (HalfSpread, Slippage))]
    return ComposedCosts.of(known).bound_price(market, side).item() - 1.0


def _hold(positions: Positions, shape: tuple[int, int]) -> Sides:
    """Return the sides of positions, as they are known at each close."""
    change = np.zeros((shape[0], shape[1] + 1), dtype=np.int8)
    side = positions.side.astype(np.int8)
    by_signal = positions.reason == SIGNAL
    left = np.where(by_signal, positions.exit_bar - 1, positions.exit_bar)
    left = np.where(positions.reason == OPEN, shape[1], left)
    entered = positions.entry_bar - 1
    np.add.at(change, (positions.backtest, entered), side)
    np.subtract.at(change, (positions.backtest, np.maximum(left, entered)), side)
    return change.cumsum(axis=1, dtype=np.int8)[:, :-1]
