"""One simulation of what walk-forward chose: curves that could have been traded."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.backtest import VectorBTEngine
from engine.costs import uses_spread_column
from engine.equal_weight import EqualWeight
from engine.errors import UnusableBarsError
from engine.failure import Failure
from engine.history import History, TradedHistory
from engine.outcomes import BatchOutcome
from engine.settings import BacktestSettings, Window
from research.composite import Composite
from research.holdings import Holdings
from research.universe_curves import UniverseCurves, UniverseCurveSum
from strategies.base import Floats, Ints, Strategy

Plan = Sequence[Strategy]
"""The point of each fold."""


def stitch(
    plans: Sequence[Plan],
    starts: NDArray[np.datetime64],
    histories: Iterable[History],
    window: Window,
    engine: VectorBTEngine,
    universe: EqualWeight,
) -> tuple[UniverseCurves, list[Failure]]:
    """Return the curves of plans over a universe, and what could not be tested.

    The curves have all days of the window, with zeros before the first fold; their activity is
    that of the bars from there on. Folds begin on days of the universe: each symbol's begin with
    its first bar from that day on. Symbols whose folds begin at the same bars go through the engine
    together, with all plans at once, each alone where stops follow from its half-spreads; all are
    added up in the order given: what is together decides no bit.

    Parameters
    ----------
    plans
        One per strategy.
    starts
        First day of each fold, ascending, shape (K,).
    window
        That of the sweep which the points were chosen from: what a point holds when it takes over
        is counted from its first bar.
    """
    own_spread = _needs_own_spread(engine.settings)
    groups = _Groups.of(histories, window, starts, each_alone=own_spread)
    parts: dict[str, list[_Part]] = defaultdict(list)
    for (first, bounds, _), group in groups.alike.items():
        spread = group[0].cut_to(window).half_spread if own_spread else None
        composites = [
            Composite(tuple(plan), bounds, first, engine.settings, spread) for plan in plans
        ]
        for outcome in engine.run_batches(group, composites, window):
            groups.failures += outcome.failures
            for part in _split(outcome):
                parts[part.history.symbol].append(part)
    ordered = [part for symbol in groups.symbols for part in parts[symbol]]
    total = UniverseCurveSum([plan[-1] for plan in plans], window)
    for part in ordered:
        total.add_accounts(part.history, part.plans, part.returns, part.holdings)
    activity = _measure_activity(ordered, len(plans), starts[0])
    return replace(total.curves(universe), activity=activity), groups.failures


def _needs_own_spread(settings: BacktestSettings) -> bool:
    """Return whether what a composite holds depends on the half-spreads of its symbol."""
    return settings.has_stops and uses_spread_column(settings.costs or ())


@dataclass
class _Groups:
    """Symbols by where the window and the folds begin, among their bars; or each alone."""

    symbols: list[str] = field(default_factory=list)
    alike: dict[tuple[int, tuple[int, ...], str], list[History]] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        histories: Iterable[History],
        window: Window,
        starts: NDArray[np.datetime64],
        *,
        each_alone: bool,
    ) -> "_Groups":
        groups = cls()
        for history in histories:
            try:
                cut = history.cut_to(window)
            except UnusableBarsError as error:
                groups.failures.append(Failure.of(history.symbol, error))
                continue
            bounds = tuple(cut.dates.searchsorted(starts).tolist())
            key = cut.first, bounds, history.symbol if each_alone else ""
            groups.alike.setdefault(key, []).append(history)
            groups.symbols.append(history.symbol)
        return groups


@dataclass(frozen=True, eq=False)
class _Part:
    """Returns of some plans on one symbol, bar by bar, shape (n, bars in the window)."""

    history: TradedHistory
    plans: Ints
    returns: Floats
    holdings: Holdings


def _split(outcome: BatchOutcome) -> Iterator[_Part]:
    """Yield what a batch has of each symbol; large blocks hold some of the plans only."""
    for one in outcome.blocks:
        for number, history in enumerate(one.block.histories):
            rows = np.flatnonzero(one.symbol_of == number)
            plans = one.block.first_strategy + one.strategy_of[rows]
            holdings = Holdings.of(one.trades, one.first, rows)
            yield _Part(history, plans, one.measurement.returns[rows], holdings)


def _measure_activity(parts: Iterable[_Part], plans: int, start: np.datetime64) -> Floats:
    """Return the share of bars from a day on with a return, mean over symbols, shape (plans,)."""
    active, symbols = np.zeros(plans), np.zeros(plans)
    for part in parts:
        bars = len(part.history.dates) - int(part.history.dates.searchsorted(start))
        if bars:
            active[part.plans] += (part.returns[:, -bars:] != 0.0).mean(axis=1)
            symbols[part.plans] += 1
    return active / np.maximum(symbols, 1)
