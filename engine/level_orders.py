"""Stops and targets of positions on one bar; `engine.stops` has the rules."""

import numpy as np

from engine.block_accounts import BlockAccounts
from engine.positions import STOP_LOSS, TAKE_PROFIT, TRAILING_STOP
from engine.settings import BacktestSettings
from strategies.base import Bools, Floats, Ints


class LevelOrders:
    """The levels that some settings ask for."""

    def __init__(self, settings: BacktestSettings) -> None:
        self.stop_loss, self.trailing, self.take_profit = (
            np.nan if level is None else level
            for level in (settings.stop_loss, settings.trailing_stop, settings.take_profit)
        )

    def find_hits(
        self, accounts: BlockAccounts, rows: Ints, open_: Floats, high: Floats, low: Floats
    ) -> tuple[Bools, Floats, Ints]:
        """Return which positions reach a level on a bar, the market's price there, and why.

        The best price of the others is moved. All arrays have one element per row.
        """
        # Multiplied by the side, a stop is reached from above and a target from below.
        side = np.sign(accounts.shares[rows])
        paid, best = side * accounts.entry_price[rows], side * accounts.best[rows]
        open_, worst = side * open_, np.minimum(side * high, side * low)
        highest = np.maximum(side * high, side * low)
        fixed = paid * (1.0 - side * self.stop_loss)
        trailing = best * (1.0 - side * self.trailing)
        target = paid * (1.0 + side * self.take_profit)
        # A level that is not set is NaN, and no comparison with it is true.
        trails = (trailing > fixed) | np.isnan(fixed)
        stop = np.where(trails, trailing, fixed)
        hit = (worst <= stop) | (open_ <= stop) | (highest >= target) | (open_ >= target)
        at_open = (open_ <= stop) | (open_ >= target)
        stopped = (open_ <= stop) | ((worst <= stop) & ~(open_ >= target))
        price = side * np.where(at_open, open_, np.where(stopped, stop, target))
        why = np.where(stopped, np.where(trails, TRAILING_STOP, STOP_LOSS), TAKE_PROFIT)
        accounts.best[rows] = side * np.maximum(best, highest)
        return hit, price, why
