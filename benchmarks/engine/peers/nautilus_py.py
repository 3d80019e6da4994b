# /// script
# requires-python = ">=3.11,<3.14"
# dependencies = ["nautilus_trader==1.221.0"]
# ///
"""The work of the benchmark `peers` in NautilusTrader: one symbol after the other."""

import json
import sys
import time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model import BarType, Money, TraderId, Venue
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

SYMBOL = TestInstrumentProvider.equity(symbol="SYMBOL", venue="SIM")
BARS = BarType.from_str("SYMBOL.SIM-1-DAY-LAST-EXTERNAL")
NAMES = ("open", "high", "low", "close", "volume")


class CrossConfig(StrategyConfig, frozen=True):
    pass


class Cross(Strategy):
    def __init__(self) -> None:
        super().__init__(CrossConfig())
        self.fast, self.slow = SimpleMovingAverage(10), SimpleMovingAverage(20)
        self.above: bool | None = None

    def on_start(self) -> None:
        self.register_indicator_for_bars(BARS, self.fast)
        self.register_indicator_for_bars(BARS, self.slow)
        self.subscribe_bars(BARS)

    def on_bar(self, bar: Any) -> None:
        if not self.slow.initialized:
            return
        above = self.fast.value > self.slow.value
        if self.above is False and above and self.portfolio.is_flat(SYMBOL.id):
            cash = float(self.portfolio.account(Venue("SIM")).balance_free(USD))
            size = int(cash * 0.95 / float(bar.close))
            self._send(OrderSide.BUY, size)
        elif self.above and not above and self.portfolio.is_net_long(SYMBOL.id):
            self._send(OrderSide.SELL, int(self.portfolio.net_position(SYMBOL.id)))
        self.above = above

    def _send(self, side: OrderSide, size: int) -> None:
        order = self.order_factory.market(SYMBOL.id, side, SYMBOL.make_qty(Decimal(size)))
        self.submit_order(order)


def run(bars: list[Any]) -> int:
    engine = BacktestEngine(
        BacktestEngineConfig(
            trader_id=TraderId("PEER-001"), logging=LoggingConfig(bypass_logging=True)
        )
    )
    engine.add_venue(
        Venue("SIM"), OmsType.NETTING, AccountType.CASH, [Money(10_000, USD)], base_currency=USD
    )
    engine.add_instrument(SYMBOL)
    engine.add_data(bars)
    engine.add_strategy(Cross())
    engine.run()
    positions = len(engine.cache.positions()) + len(engine.cache.position_snapshots())
    _ = engine.portfolio.analyzer.get_performance_stats_returns()
    engine.dispose()
    return positions


loaded = np.load(sys.argv[1])
index = pd.DatetimeIndex(loaded["dates"], tz="UTC")
wrangler = BarDataWrangler(BARS, SYMBOL)
histories = [
    wrangler.process(pd.DataFrame({name: loaded[name][row] for name in NAMES}, index))
    for row in range(loaded["close"].shape[0])
]
begun, trades = time.process_time(), 0
for history in histories:
    trades += run(history)
seconds = time.process_time() - begun
print(json.dumps({"backtests": len(histories), "seconds": seconds, "trades": trades}))
