"""The ten bars on which the metrics of these tests were computed by hand.

Opens equal closes, so that fills are easy to see: three closed trades and an open one, without
costs.

    bar      0       1       2       3       4       5      6      7       8       9
    price  100     100     105     110     110   104.5     99    100     120     120
    trade         buy             sell    buy            sell    buy    sell     buy
    equity 10,000  10,000  10,500  11,000  11,000  10,450  9,900  9,900  11,880  11,880

100 shares are bought at 100 and sold at 110 (+1,000), 100 at 110 and 99 (-1,100), 99 at 100 and
120 (+1,980), and 99 at 120 are still held.
"""

from engine.results import BacktestResult
from tests.bars import build_bars
from tests.engine.cases import run

PRICES = [100.0, 100.0, 105.0, 110.0, 110.0, 104.5, 99.0, 100.0, 120.0, 120.0]
EQUITY = [10_000, 10_000, 10_500, 11_000, 11_000, 10_450, 9_900, 9_900, 11_880, 11_880]
RETURNS = [0, 0, 0.05, 500 / 10_500, 0, -0.05, -550 / 10_450, 0, 0.2, 0]


def ten_bars() -> BacktestResult:
    """Return the backtest of the table above."""
    return run(build_bars(PRICES, PRICES), [0, 3, 6, 8], [2, 5, 7])
