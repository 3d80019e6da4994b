"""Who comes first: places and ranks by hand, accounts that they decide, and any account walked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.account.market import AccountMarket
from engine.account.simulation import simulate_account
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.portfolio.parsing import parse_definition
from research.portfolio.portfolio import Portfolio, simulate_portfolio
from research.portfolio.priority import MomentumRank, StrengthRank, build_rank, find_places
from research.portfolio.strengths import StrategyStrengths
from research.portfolio.universe import build_portfolio_universe
from strategies.base import Bars, Floats, Ints, Signals, Strategy
from tests.engine.account.cases import Case, cases
from tests.engine.account.walk import Walk

NAN = np.nan
NAMES = ("S0", "S1", "S2")
ALL = np.arange(3)
BARS = 80
RANDOM = np.random.default_rng(4)
CLOSE: Any = 100.0 * np.cumprod(1.0 + RANDOM.normal(0, [0.01, 0.02, 0.04], (BARS, 3)), axis=0)
FIRST_DAY = np.datetime64("2021-01-01")


def _market() -> AccountMarket:
    dates = np.busday_offset(FIRST_DAY, np.arange(BARS), roll="forward")
    return AccountMarket(NAMES, dates, CLOSE, CLOSE, CLOSE, np.full(3, BARS))


def _rank(priority: str, targets: Any, *strategies: StrategyStrengths) -> list[int]:
    """Return the symbols in the order of their ranks at the close of bar 70."""
    definition = parse_definition("x", {"lookback": 60, "priority": priority}, NAMES)
    given = np.tile(np.asarray(targets), (BARS, 1))
    rank = build_rank(definition, _market(), given, strategies)
    return np.argsort(rank(70, ALL), kind="stable").tolist()


def _say(weight: float, sides: list[int], strengths: list[float] | None) -> StrategyStrengths:
    given = None if strengths is None else np.tile(np.array(strengths, dtype=np.float32), (BARS, 1))
    return StrategyStrengths(weight, np.tile(np.array(sides, dtype=np.int8), (BARS, 1)), given)


MOMENTUM = np.argsort(-(CLOSE[70] / CLOSE[10])).tolist()


def test_momentum_comes_first_and_of_shorts_the_weakest():
    assert _rank("momentum", [1, 1, 1]) == MOMENTUM
    assert _rank("momentum", [-1, -1, -1]) == MOMENTUM[::-1]
    early = MomentumRank(_market(), np.ones(CLOSE.shape, dtype=np.int8), 60)
    assert np.isnan(early(59, ALL)).all()


def test_the_universe_comes_in_its_order():
    assert _rank("universe", [1, 1, 1], _say(1.0, [1, 1, 1], [1.0, 2.0, 3.0])) == [0, 1, 2]


def test_the_strongest_comes_first_and_of_shorts_the_weakest():
    assert _rank("strength", [1, 1, 1], _say(1.0, [1, 1, 1], [0.2, 0.3, 0.1])) == [1, 0, 2]
    assert _rank("strength", [-1, -1, -1], _say(1.0, [-1, -1, -1], [0.2, 0.3, 0.1])) == [2, 0, 1]


def test_of_unknown_strengths_momentum_decides():
    known = MOMENTUM[-1]  # the weakest by momentum
    strengths = [1.0 if one == known else NAN for one in range(3)]
    ranked = _rank("strength", [1, 1, 1], _say(1.0, [1, 1, 1], strengths))
    assert ranked == [known, *MOMENTUM[:-1]]
    equal = _say(1.0, [1, 1, 1], [0.5, 0.5, 0.5])
    assert _rank("strength", [1, 1, 1], equal) == MOMENTUM


def test_without_a_strength_momentum_decides():
    assert _rank("strength", [1, 1, 1], _say(1.0, [1, 1, 1], None)) == MOMENTUM


def test_places_are_those_among_all_symbols():
    every = np.array([5.0, 1.0, NAN, 3.0, 3.0], dtype=np.float32)
    places = find_places(every, every, np.ones(5))
    assert places.tolist() == [7 / 8, 1 / 8, 0.0, 4 / 8, 4 / 8]
    shorts = find_places(every, every, -np.ones(5))
    assert shorts.tolist() == [1 / 8, 7 / 8, 0.0, 4 / 8, 4 / 8]
    nothing = np.full(2, NAN, dtype=np.float32)
    assert find_places(nothing, nothing, np.ones(2)).tolist() == [0.0, 0.0]


def test_what_more_strategies_want_comes_first():
    one = _say(0.5, [1, 1, 1], [0.3, 0.2, 0.1])
    other = _say(0.5, [0, 0, 1], [0.3, 0.2, 0.1])
    assert _rank("strength", [0.5, 0.5, 1.0], one, other) == [2, 0, 1]


def test_strengths_of_other_units_count_by_their_places():
    # Places of the first: 1/6, 3/6, 5/6; of the second, in other units: 5/6, 3/6, 1/6.
    one, other = [0.01, 0.02, 0.03], [900.0, 500.0, 100.0]
    sides = [1, 1, 1]
    heavier = _rank("strength", sides, _say(0.6, sides, one), _say(0.4, sides, other))
    assert heavier == [2, 1, 0]  # 0.43, 0.5, 0.57
    lighter = _rank("strength", sides, _say(0.4, sides, one), _say(0.6, sides, other))
    assert lighter == [0, 1, 2]
    # A strategy without a strength counts by momentum.
    alike = _say(0.9, sides, None), _say(0.1, sides, one)
    assert _rank("strength", sides, *alike) == MOMENTUM


def test_a_strategy_that_wants_another_side_has_no_say():
    buys, sells = _say(0.7, [1, 1, 1], [1.0, 2.0, 3.0]), _say(0.3, [-1, -1, -1], [1.0, 9.0, 2.0])
    assert _rank("strength", [0.4, 0.4, 0.4], buys, sells) == [2, 1, 0]


@dataclass(frozen=True)
class Planted(Strategy):
    """Enters everything on bar 2 of the history, and ranks it by what the test says."""

    name: ClassVar[str] = "rsi"

    @property
    def lookback_bars(self) -> int:
        return 0

    def signals(self, bars: Bars) -> Signals:
        at = np.arange(len(bars))
        return Signals(at == 2, at == 5)

    def strength(self, bars: Bars) -> Floats:
        # By volume: an order that neither prices nor places have.
        return bars.volume / 100.0


class Misshapen(Planted):
    """Gives a strength for one symbol that has a bar too few."""

    name: ClassVar[str] = "rsi"

    def strength(self, bars: Bars) -> Floats:
        return bars.volume[1:] if bars.volume[0] > 200 else bars.volume


class Peeking(Planted):
    """Ranks by the last close of the history, whenever that is."""

    name: ClassVar[str] = "rsi"

    def strength(self, bars: Bars) -> Floats:
        return np.full(len(bars), bars.close[-1])


def _history(symbol: str, closes: Sequence[float], volume: float) -> History:
    close = np.array(closes)
    dates = np.busday_offset(np.datetime64("2021-01-04"), np.arange(len(close)))
    bars = Bars(close, close, close, close, np.full(len(close), volume))
    return History(symbol, dates, bars)


HISTORIES = [
    _history("S0", [10.0, 10.0, 11.0, 11.0, 12.0, 12.0, 12.0, 12.0], 100.0),
    _history("S1", [20.0, 20.0, 20.0, 20.0, 30.0, 30.0, 30.0, 30.0], 300.0),
    _history("S2", [30.0, 30.0, 30.0, 30.0, 31.0, 31.0, 31.0, 31.0], 200.0),
]


def _simulate(
    strategy: Strategy, priority: str, histories: list[History] | None = None, **more: Any
) -> tuple[Portfolio, Sequence[Any]]:
    some = histories or HISTORIES
    end = max(one.dates[-1] for one in some).astype(date)
    window = Window(date(2021, 1, 4), end)
    given = {"strategies": "rsi", "slots": 1, "priority": priority, "capital": 1000.0, **more}
    definition = parse_definition("mine", given, NAMES)
    universe = build_portfolio_universe(
        some,
        [definition],
        {"rsi": strategy},
        BacktestSettings(fees=0.0, slippage=0.0),
        window,
        equal_weight=EqualWeight.of(some, window),
        bars_per_year=252.0,
    )
    return simulate_portfolio(definition, universe, orders=0), universe.failures


def _list_entries(portfolio: Portfolio) -> list[tuple[int, str, float]]:
    fills = portfolio.outcome.fills
    return [
        (int(one["bar"]), NAMES[one["symbol"]], float(one["size"]))
        for one in fills[fills["size"] > 0]
    ]


def test_strength_decides_which_signal_gets_the_one_slot():
    # All three signal at the close of bar 2. S1 has the most volume: 1000 / 20 = 50 shares at the
    # open of bar 3, sold at the open of 30 on bar 6.
    portfolio, failures = _simulate(Planted(), "strength")
    assert not failures
    assert _list_entries(portfolio) == [(3, "S1", 50.0)]
    assert portfolio.outcome.equity.tolist() == [1000.0] * 4 + [1500.0] * 4
    by_place, _ = _simulate(Planted(), "universe")
    assert [symbol for _, symbol, _ in _list_entries(by_place)] == ["S0"]


def test_a_strength_of_the_wrong_shape_fails_on_its_symbol():
    portfolio, (failure,) = _simulate(Misshapen(), "strength")
    assert (failure.symbol, failure.strategy) == ("S1", "rsi")
    assert failure.message == (
        "rsi returned a strength of float64 (7,); needed: float64 (8,), one per bar, or None."
    )
    assert [symbol for _, symbol, _ in _list_entries(portfolio)] == ["S2"]


def test_a_strength_that_nobody_ranks_by_is_not_asked_for():
    _, failures = _simulate(Misshapen(), "momentum")
    assert not failures


@pytest.mark.parametrize(("strategy", "same"), [(Planted(), True), (Peeking(), False)])
def test_a_strength_that_looks_ahead_is_seen_in_a_prefix(strategy: Strategy, same: bool):
    # Until bar 3 S2 has the highest close, on the last bar S1.
    rising = _history("S1", [20.0] * 4 + [40.0] * 4, 300.0)
    every = [HISTORIES[0], rising, HISTORIES[2]]
    cut = [replace(one, dates=one.dates[:4], bars=_cut(one.bars, 4)) for one in every]
    part, whole = (_list_entries(_simulate(strategy, "strength", some)[0]) for some in (cut, every))
    assert (part == whole) is same


def _cut(bars: Bars, stop: int) -> Bars:
    return Bars(*(getattr(bars, name)[:stop] for name in Bars.__dataclass_fields__))


@dataclass
class RankedWalk(Walk):
    """A walk that ranks by dictionaries of what each strategy says."""

    says: Sequence[tuple[float, dict[tuple[int, int], int], dict[tuple[int, int], float]]] = ()
    lookback: int = 3

    def rank(self, decided: int, symbols: list[int]) -> list[int]:
        return sorted(symbols, key=lambda one: self.find_key(decided, one))

    def find_key(self, bar: int, symbol: int) -> tuple[float, ...]:
        want = float(self.targets[bar, symbol])
        side = 1 if want > 0 else -1
        places = 0.0
        for weight, sides, strengths in self.says:
            if sides[bar, symbol] != side:
                continue
            every = [strengths[bar, one] for one in range(len(self.market.symbols))]
            mine, known = every[symbol], [one for one in every if not math.isnan(one)]
            if math.isnan(mine):
                continue
            weaker = sum(one * side < mine * side for one in known)
            equal = sum(one == mine for one in known)
            places += weight * (weaker + equal / 2) / len(known)
        before = self.market.close[bar - self.lookback, symbol] if bar >= self.lookback else 0.0
        rise = float(self.market.close[bar, symbol]) / float(before) if before else NAN
        unknown = math.isnan(rise)
        return (
            -round(abs(want), 9),
            -round(places, 9),
            unknown,
            0.0 if unknown else -side * rise,
            symbol,
        )


def _draw_strategies(random: np.random.Generator, case: Case) -> list[StrategyStrengths]:
    """Draw two strategies of which at least one wants what the account wants."""
    shape = case.targets.shape
    wanted = np.sign(case.targets).astype(np.int8)
    sides = [wanted, np.where(random.random(shape) < 0.5, wanted, 0).astype(np.int8)]
    found = []
    for weight, side in zip((0.3, 0.7), sides, strict=True):
        # Rounded, so that some are equal.
        strengths = np.round(random.normal(size=shape), 1).astype(np.float32)
        strengths[random.random(shape) < 0.2] = NAN
        found.append(StrategyStrengths(weight, side, strengths))
    return found


def _tell(values: Any) -> dict[tuple[int, int], Any]:
    return {
        (int(bar), int(symbol)): one.item()
        for (bar, symbol), one in np.ndenumerate(np.asarray(values))
    }


@settings(max_examples=200, deadline=None)
@given(cases(), st.integers(0, 2**32 - 1))
def test_accounts_ranked_by_strength_agree_with_a_walk(case: Case, seed: int):
    strategies = _draw_strategies(np.random.default_rng(seed), case)
    momentum = MomentumRank(case.market, case.targets, 3)
    rules = replace(case.rules, rank=StrengthRank(case.targets, strategies, momentum))
    outcome = simulate_account(case.market, case.targets, rules, case.costs)
    says = [(one.weight, _tell(one.sides), _tell(one.strengths)) for one in strategies]
    walked = RankedWalk(case.market, case.targets, rules, case.costs, says).run()
    np.testing.assert_allclose(outcome.equity, walked.equity, rtol=1e-9, atol=1e-6)
    assert outcome.counts.missed == walked.missed


def test_ranks_do_not_depend_on_who_else_competes():
    one = _say(1.0, [1, 1, 1], [0.2, 0.3, 0.1])
    definition = parse_definition("x", {"lookback": 60}, NAMES)
    rank = build_rank(definition, _market(), np.ones(CLOSE.shape, dtype=np.int8), [one])
    some: Ints = np.array([0, 2])
    assert rank(70, some).tolist() == [0.0, 1.0]
