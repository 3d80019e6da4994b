"""Small markets with halts, late listings and delistings, and accounts that trade them."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from engine.account.market import AccountMarket, carry_forward
from engine.account.rules import AccountRules, EqualSlots, ExposureLimits, Targets
from engine.costs import CostModel, PercentageCosts, compose_costs
from strategies.base import Floats, Ints

FIRST_DAY = np.datetime64("2020-01-01")

COMPOSED = (
    {"model": "per_share", "rate": 0.02, "minimum": 1.0, "maximum": 0.05},
    {"model": "half_spread", "basis_points": 5.0},
    {"model": "square_root_impact", "coefficient": 0.5, "volume_share": 0.1},
    {"model": "borrow", "rate": 0.05},
    {"model": "cash_interest", "rate": 0.03},
    {"model": "lots", "size": 1},
)
"""Costs with everything that percentages do not have."""


@dataclass(frozen=True)
class GivenRank:
    """Ranks of a matrix, shape (T, S)."""

    ranks: Floats

    def __call__(self, bar: int, symbols: Ints) -> Floats:
        return self.ranks[bar, symbols]


@dataclass(frozen=True)
class GivenWeights:
    """Weights of a matrix, shape (T, S): by themselves, or each as its share of all."""

    weights: Floats
    joint: bool
    unit: float | None = None

    def weigh(self, bar: int, symbols: Ints, targets: Floats) -> Floats:
        wanted = self.weights[bar, symbols] * targets
        return wanted / np.abs(wanted).sum() if self.joint else wanted


@dataclass(frozen=True)
class Case:
    """An account before it is simulated."""

    market: AccountMarket
    targets: Targets
    rules: AccountRules
    costs: CostModel

    def cut(self, bars: int) -> "Case":
        """Return the first bars only: what ends later goes on in them."""
        market = self.market
        volatility = market.volatility
        short = replace(
            market,
            dates=market.dates[:bars],
            open=market.open[:bars],
            close=market.close[:bars],
            volume=market.volume[:bars],
            volatility=None if volatility is None else volatility[:bars],
            ends=np.where(market.ends < bars - 1, market.ends, bars),
        )
        rules = replace(self.rules, rebalance=self.rules.rebalance[:bars])
        return Case(short, self.targets[:bars], rules, self.costs)


def draw_market(
    random: np.random.Generator,
    bars: int,
    symbols: int,
    *,
    ragged: bool = True,
    deviation: float = 0.03,
) -> AccountMarket:
    """Return prices of random walks; ragged ones have halts, listings and delistings."""
    close = 50.0 * np.exp(np.cumsum(random.normal(0.0, deviation, (bars, symbols)), axis=0))
    open_ = close * np.exp(random.normal(0.0, deviation / 3, (bars, symbols)))
    volume = random.integers(50, 5000, (bars, symbols)).astype(np.float64)
    ends = np.full(symbols, bars)
    days = np.arange(bars)[:, None]
    if ragged:
        halted = random.random((bars, symbols)) < 0.1
        begins = np.where(random.random(symbols) < 0.3, random.integers(0, bars, symbols), 0)
        gone = random.random(symbols) < 0.3
        last = np.maximum(begins, random.integers(bars // 2, bars, symbols))
        ends = np.where(gone & (last < bars - 1), last, bars)
        missing = halted | (days < begins) | (days > ends)
        missing[np.minimum(ends, bars - 1), np.arange(symbols)] &= ends == bars
        open_[missing], close[missing], volume[missing] = np.nan, 0.0, np.nan
        # A bar whose open nothing fills at, for lack of volume.
        quiet = random.random((bars, symbols)) < 0.05
        open_[quiet] = np.nan
    carry_forward(close)
    dates = FIRST_DAY + np.cumsum(random.integers(1, 4, bars))
    volatility = random.uniform(0.005, 0.03, (bars, symbols))
    names = [f"S{one}" for one in range(symbols)]
    return AccountMarket(names, dates, open_, close, volume, ends, volatility=volatility)


def draw_targets(
    random: np.random.Generator, market: AccountMarket, sides: tuple[int, ...], *, fractions: bool
) -> Targets:
    """Return sides that change now and then, on days on which there has been a bar."""
    shape = market.close.shape
    drawn = random.choice(np.array(sides, dtype=np.int8), shape)
    last = np.maximum.accumulate(
        np.where(random.random(shape) < 0.25, np.arange(shape[0])[:, None], 0), axis=0
    )
    targets = np.where(last > 0, np.take_along_axis(drawn, last, axis=0), 0).astype(np.int8)
    targets[market.close == 0] = 0
    if not fractions:
        return targets
    return targets * np.round(np.take_along_axis(random.uniform(0.2, 1.0, shape), last, 0), 1)


@st.composite
def cases(draw: Any, *, plain: bool | None = None) -> Case:
    """Draw an account: any direction, sizes, calendar, limits and costs."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bars, symbols = draw(st.integers(3, 40)), draw(st.integers(1, 8))
    market = draw_market(random, bars, symbols, ragged=draw(st.booleans()))
    sides = draw(st.sampled_from([(1, 0), (-1, 0), (1, -1), (1, 0, -1)]))
    targets = draw_targets(random, market, sides, fractions=draw(st.booleans()))
    is_plain = draw(st.booleans()) if plain is None else plain
    costs = PercentageCosts(0.001, 0.002) if is_plain else compose_costs(COMPOSED)
    return Case(market, targets, _draw_rules(draw, random, market), costs)


def _draw_rules(draw: Any, random: np.random.Generator, market: AccountMarket) -> AccountRules:
    shape = market.close.shape
    slots = draw(st.integers(1, 6))
    kind = draw(st.sampled_from(["slots", "own", "joint"]))
    weights = random.uniform(0.05, 0.6, shape)
    weigher = EqualSlots(slots) if kind == "slots" else GivenWeights(weights, kind == "joint")
    ranks = np.round(random.normal(size=shape), 0)
    ranks[random.random(shape) < 0.1] = np.nan
    calendar = draw(st.booleans())
    return AccountRules(
        capital=10_000.0,
        weigher=weigher,
        rank=GivenRank(ranks),
        slots=slots,
        rebalance=random.random(shape[0]) < (0.2 if calendar else 0.0),
        on_signal=not (kind == "joint" and calendar),
        band=draw(st.sampled_from([0.0, 0.02])),
        minimum_fill=draw(st.sampled_from([0.0, 0.5])),
        limits=draw(st.sampled_from([ExposureLimits(), None])) or _draw_limits(random, shape[1]),
    )


def _draw_limits(random: np.random.Generator, symbols: int) -> ExposureLimits:
    return ExposureLimits(
        weight=random.uniform(0.1, 0.6),
        gross=random.uniform(0.3, 1.6),
        net_low=-random.uniform(0.1, 0.8),
        net_high=random.uniform(0.1, 0.8),
        sector_weight=random.uniform(0.2, 0.7),
        sectors=random.integers(0, 2, symbols),
    )
