"""A night: what strategies made of the bars that came since the last one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.costs import CostModel, estimate_growth
from engine.equal_weight import EqualWeight, count_days
from engine.failure import Failure
from engine.history import LONGEST_CLOSURE, History, infer_bars_per_year
from engine.settings import BacktestSettings, Window
from research.audit.integrity import explain_uncountable
from research.forward.expectation import Expectation
from research.forward.known_bars import KnownBars, KnownBarsUpdate
from research.forward.next_positions import NextPosition, describe_next_positions
from research.forward.one_bar_ahead import BarAhead, simulate_ahead
from research.forward.record import ForwardDays, Freeze
from research.trial_collector import compute_returns
from research.universe_curves import UniverseCurves, UniverseCurveSum, close_lost
from strategies.base import Floats, Ints, Strategy

_WEEK = np.timedelta64(LONGEST_CLOSURE)


@dataclass(frozen=True, eq=False)
class Night:
    """What N strategies did in a window up to now, and since the bars that were known.

    Parameters
    ----------
    curves
        Of the whole window. Bars that came late count on the first day after the recorded ones.
    days
        What is to be recorded of each strategy: the days after the known ones.
    freezes
        The state at the last day, where records begin now; else none.
    known
        The bars that all this rests on.
    revised, late
        As in `KnownBarsUpdate`.
    absent
        Symbols without a bar of their last session, which had one in the week before. They are
        taken as ended until they come back; a later backtest knows that they do.
    missing
        Share of the symbols with recorded bars up to the last known day, or a week before it, that
        have none of their last session; 0 where nothing was known.
    next_positions
        By symbol and strategy.
    failures
        Of symbols and strategies: their accounts are missing.
    """

    curves: UniverseCurves
    days: Sequence[ForwardDays]
    freezes: Sequence[Freeze]
    known: KnownBars
    revised: Sequence[str]
    late: Sequence[str]
    absent: Sequence[str]
    missing: float
    next_positions: Sequence[NextPosition]
    failures: Sequence[Failure]


@dataclass(frozen=True)
class NightSpec:
    """What is simulated: strategies on the symbols of a universe, compared with the market."""

    strategies: Sequence[Strategy]
    symbols: Sequence[str]
    window: Window
    settings: BacktestSettings
    market: EqualWeight


def run_night(histories: Iterable[History], spec: NightSpec, known: KnownBars | None) -> Night:
    """Return what is to be recorded of a night.

    The window begins where that of the record does, so that positions, and what they cost when they
    were entered, are those of the one backtest since then. Nothing is simulated but the window:
    the days of a record are its last ones.

    Parameters
    ----------
    histories
        Of the symbols that can be tested, warm-up included.
    known
        The bars that the records of these strategies rest on; None where they begin now. If they
        are of later days than the window has, nothing is new.
    """
    last = spec.market.dates[-1]
    if known is not None and np.datetime64(known.session) >= last:
        run = _NightRun(spec, None)
        run.add_all(histories)
        return run.finish(known)
    run = _NightRun(spec, known)
    run.add_all(histories)
    return run.finish(None)


@dataclass
class _NightRun:
    """Adds up a night, symbol by symbol."""

    spec: NightSpec
    since: KnownBars | None
    failures: list[Failure] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    next_positions: list[NextPosition] = field(default_factory=list)

    def __post_init__(self) -> None:
        spec = self.spec
        count, symbols = len(spec.strategies), len(spec.symbols)
        self.place = {symbol: number for number, symbol in enumerate(spec.symbols)}
        self.number = {id(one): number for number, one in enumerate(spec.strategies)}
        self.total = UniverseCurveSum(spec.strategies, spec.window)
        self.bars = KnownBarsUpdate(spec.symbols, self.since)
        # By calendar day after the known ones: which of them are sessions is known at the end.
        recorded = np.datetime64(self.since.session) if self.since else spec.window.days[1] - 1
        self.first_day = max(recorded + 1, spec.window.days[0])
        days = count_days(spec.window) - int((self.first_day - spec.window.days[0]).astype(int))
        self.accounts = np.full((count, days, symbols), np.nan)
        self.sides = np.zeros((count, days, symbols), dtype=np.int8)
        self.current = np.zeros(symbols, dtype=np.bool_)
        self.joining = np.zeros(count)
        self.holding, self.tested = np.zeros(count, np.int64), np.zeros(count, np.int64)

    def add_all(self, histories: Iterable[History]) -> None:
        """Add symbols in the order given: the same order gives the same bits."""
        for history in histories:
            self._add(history)

    def finish(self, known: KnownBars | None) -> Night:
        """Return the night; nothing of it is new where later days are known."""
        curves = self.total.curves(self.spec.market)
        session = curves.dates[-1].astype(date)
        fresh = np.flatnonzero(curves.dates >= self.first_day)
        begins = self.since is None and known is None
        if self.since is None:
            fresh = fresh[:0]
        rows = range(len(self.spec.strategies))
        return Night(
            curves,
            [self._build_days(curves, row, fresh) for row in rows],
            [self._build_freeze(curves, row, session) for row in rows] if begins else [],
            known or self.bars.finish(session),
            self.bars.revised,
            self.bars.late,
            self.absent,
            self._measure_missing(),
            self.next_positions,
            self.failures,
        )

    def _add(self, history: History) -> None:
        spec, place = self.spec, self.place[history.symbol]
        cut = history.cut_to(spec.window)
        ahead = simulate_ahead(cut, spec.strategies, spec.settings)
        self.failures += ahead.failures
        dates = cut.dates[cut.first :]
        self.current[place] = not cut.ends_before(spec.window)
        if not self.current[place] and dates[-1] >= spec.window.days[1] - _WEEK:
            self.absent.append(history.symbol)
        late, fresh = self.bars.find_late(place, dates)
        self.bars.add(place, cut)
        rows = self._select_countable(ahead)
        if not len(rows):
            return
        numbers = np.array([self.number[id(ahead.strategies[row])] for row in rows])
        returns = close_lost(compute_returns(ahead.equity, spec.settings.initial_capital))[rows]
        if late < fresh < len(dates):
            # Recorded days had none of this: it is in the first day that has its bar.
            returns = returns.copy()
            returns[:, fresh] = np.prod(1.0 + returns[:, late : fresh + 1], axis=1) - 1.0
        holdings = ahead.holdings(rows)
        self.total.add_accounts(cut, numbers, returns, holdings)
        day = (dates[fresh:] - self.first_day).astype(np.int64)
        sides = holdings.sides(len(rows), len(dates))
        self.accounts[numbers[:, np.newaxis], day, place] = returns[:, fresh:]
        self.sides[numbers[:, np.newaxis], day, place] = sides[:, fresh:]
        self._count(numbers, sides[:, -1], cut)
        kept = {id(ahead.strategies[row]) for row in rows}
        positions = zip(ahead.strategies, describe_next_positions(ahead, spec.window), strict=True)
        self.next_positions += [one for strategy, one in positions if id(strategy) in kept]

    def _measure_missing(self) -> float:
        if self.since is None:
            return 0.0
        expected = self.since.through >= np.datetime64(self.since.session) - _WEEK
        return float(1.0 - self.current[expected].mean()) if expected.any() else 0.0

    def _select_countable(self, ahead: BarAhead) -> Ints:
        """Return the rows whose money can be counted; note the others as failures."""
        trades, first = ahead.simulation.trades, ahead.simulation.first.tolist()
        symbol, capital = ahead.history.symbol, self.spec.settings.initial_capital
        kept: list[int] = []
        for row, strategy in enumerate(ahead.strategies):
            absurd = explain_uncountable(symbol, trades[first[row] : first[row + 1]], capital)
            if absurd:
                failed = Failure(symbol, "UncountableMoneyError", absurd, strategy=strategy.name)
                self.failures.append(failed)
            else:
                kept.append(row)
        return np.array(kept, dtype=np.int64)

    def _count(self, numbers: Ints, sides: NDArray[Any], history: History) -> None:
        price = float(history.bars.close[-1])
        spread = None if history.half_spread is None else history.half_spread[-1:]
        costs, capital = self.spec.settings.cost_model, self.spec.settings.initial_capital
        self.tested[numbers] += 1
        self.holding[numbers] += sides != 0
        for side in (1, -1):
            cost = measure_entry_cost(costs, side, price, capital, spread)
            self.joining[numbers] += (sides == side) * cost

    def _build_days(self, curves: UniverseCurves, row: int, fresh: Ints) -> ForwardDays:
        sessions = curves.dates[fresh]
        day = (sessions - self.first_day).astype(np.int64)
        accounts, sides = self.accounts[row][day], self.sides[row][day]
        there = ~np.isnan(accounts)
        return ForwardDays(
            sessions,
            curves.returns[row][fresh],
            curves.market[fresh],
            ((sides != 0) & there).sum(axis=1) / np.maximum(there.sum(axis=1), 1),
            accounts,
            sides,
        )

    def _build_freeze(self, curves: UniverseCurves, row: int, session: date) -> Freeze:
        tested = max(int(self.tested[row]), 1)
        return Freeze(
            session,
            Expectation.of(curves.returns[row], curves.market),
            float(self.holding[row] / tested),
            float(self.joining[row] / tested),
            self.spec.settings.bars_per_year or infer_bars_per_year(curves.dates),
        )


def measure_entry_cost(
    costs: CostModel, side: int, price: float, capital: float, half_spread: Floats | None = None
) -> float:
    """Return what entering a position costs, as a share of the capital that is put into it.

    Parameters
    ----------
    half_spread
        Of the data, as a fraction of the price, shape (1,); None where it has none.
    """
    sides, still_open = np.array([side]), np.zeros(1, dtype=np.bool_)
    prices = np.array([price])
    return -float(estimate_growth(costs, sides, still_open, prices, capital, half_spread)[0])
