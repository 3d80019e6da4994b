"""One account that shares its cash, ours and vectorbt's: what both simulate, and its memory.

``python -m benchmarks.shared_cash own|vectorbt SYMBOLS BARS`` prints, as JSON, by how many MB the
resident memory of a process that has its inputs grows while it simulates.
"""

import json
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.memory_worker import peak_mb, resident_mb
from benchmarks.universe import WINDOW, universe
from engine.account.market import AccountMarket
from engine.account.rules import AccountRules, EqualSlots, Targets
from engine.account.simulation import simulate_account
from engine.costs import PercentageCosts
from engine.settings import BacktestSettings
from research.audit.stage_meter import reset_peak
from research.portfolio.calendar import find_rebalances
from research.portfolio.priority import MomentumRank
from research.portfolio.targets import find_sides
from strategies.base import Floats
from strategies.sma_cross import SmaCross

SLOTS, COSTS, CAPITAL = 20, PercentageCosts(0.001, 0.001), 1_000_000.0


@dataclass(frozen=True, eq=False)
class SharedCash:
    """An account of some symbols: twenty equal slots, rebalanced every month."""

    market: AccountMarket
    targets: Targets
    rules: AccountRules

    @classmethod
    def of(cls, symbols: int, bars: int) -> "SharedCash":
        """Return the account of random walks under sma_cross."""
        cut = [one.cut_to(WINDOW) for one in universe(symbols, bars)]
        market = AccountMarket.of(cut, WINDOW)
        # Random walks end where they end: nothing is delisted.
        market.ends[:] = bars
        sides = find_sides(cut, [SmaCross()], BacktestSettings(), market.dates)
        targets = sides.sides[SmaCross.name]
        rank = MomentumRank(market, targets, 63)
        calendar = find_rebalances(market, "monthly")
        return cls(market, targets, AccountRules(CAPITAL, EqualSlots(SLOTS), rank, SLOTS, calendar))

    def simulate(self) -> Floats:
        """Return the equity at each close."""
        return simulate_account(self.market, self.targets, self.rules, COSTS).equity

    def list_orders(self) -> "SharedCashOrders":
        """Return the orders that the account made, as vectorbt takes them."""
        outcome, market = (
            simulate_account(self.market, self.targets, self.rules, COSTS),
            self.market,
        )
        bars, symbols = market.close.shape
        size = np.full((bars, symbols), np.nan)
        sequence = np.tile(np.arange(symbols), (bars, 1))
        for bar in np.unique(outcome.fills["bar"]).tolist():
            fills = outcome.fills[outcome.fills["bar"] == bar]
            ordered = fills["symbol"].astype(np.int64)
            size[bar, ordered] = self.targets[bar - 1, ordered] / SLOTS
            sequence[bar] = [*ordered, *np.setdiff1d(np.arange(symbols), ordered)]
        before = np.vstack([market.close[:1], market.close[:-1]])
        return SharedCashOrders(market.open, market.close, before, size, sequence)


@dataclass(frozen=True, eq=False)
class SharedCashOrders:
    """Prices, sizes and the sequence of each bar's orders, shape (T, S)."""

    open: Floats
    close: Floats
    before: Floats
    size: Floats
    sequence: Any

    def simulate(self) -> Floats:
        """Return the value of vectorbt's Portfolio at each close."""
        import pandas as pd
        import vectorbt as vbt

        portfolio = vbt.Portfolio.from_orders(
            pd.DataFrame(self.close, copy=False),
            size=self.size,
            size_type="targetpercent",
            price=self.open,
            val_price=self.before,
            fees=COSTS.fees,
            slippage=COSTS.slippage,
            init_cash=CAPITAL,
            cash_sharing=True,
            group_by=True,
            call_seq=self.sequence,
            freq="1D",
        )
        return portfolio.value().to_numpy().ravel()


def measure_growth(what: str, symbols: int, bars: int) -> dict[str, float]:
    """Return by how many MB the resident memory grows at its peak while one is simulated."""
    small = SharedCash.of(20, 252)
    case = SharedCash.of(symbols, bars)
    if what == "own":
        small.simulate()
        run = case.simulate
    else:
        small.list_orders().simulate()  # compiles
        run = case.list_orders().simulate
    start = resident_mb()
    reset_peak()
    run()
    return {"grown_mb": peak_mb() - start}


if __name__ == "__main__":
    found = measure_growth(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(found) + "\n")
