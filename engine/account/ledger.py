"""What an account has: cash and shares, each fill, and what they were worth at every close."""

import numpy as np

from engine.account.market import AccountMarket
from engine.account.outcome import FILL, AccountOutcome, OrderCounts
from engine.costs import CostModel, accrue
from strategies.base import Floats


class Ledger:
    """The books of one account; nothing in it decides.

    Between fills cash and shares stay, so closes are written when the next fill, or a decision,
    needs them.

    Attributes
    ----------
    cash
        Money now, in the currency of the prices.
    held
        Shares by symbol, negative for shorts; only what is held.
    shares
        The same of all symbols, shape (S,).
    equity
        Cash and positions at each close that is written, shape (T,).
    """

    def __init__(self, market: AccountMarket, costs: CostModel, capital: float) -> None:
        bars, symbols = market.close.shape
        self._market, self._costs, self._capital = market, costs, capital
        self.cash = float(capital)
        self.held: dict[int, float] = {}
        self.shares = np.zeros(symbols)
        self.equity, self._cash_at, self._accrued = (np.zeros(bars) for _ in range(3))
        self._fills: list[tuple[int, int, float, float, float, float, int]] = []
        rates = costs.find_cash_rates(market.dates)
        self._rates = rates if rates.any() or costs.borrow_rate else None
        self._days = np.append(np.diff(market.dates).astype(np.float64), 0.0)
        self._known = market.first
        self._cash_at[: self._known] = self.equity[: self._known] = self.cash

    def add_fill(
        self,
        bar: int,
        symbol: int,
        size: float,
        price: float,
        market_price: float,
        fees: float,
        reason: int,
    ) -> None:
        """Book a fill, see `engine.account.outcome.FILL`; closes before it are written."""
        self.mark_until(bar)
        self.cash -= size * price + fees
        shares = self.held.pop(symbol, 0.0) + size
        self.shares[symbol] = shares
        if shares:
            self.held[symbol] = shares
        self._fills.append((bar, symbol, size, price, market_price, fees, reason))

    def mark_until(self, bar: int) -> None:
        """Write cash and equity of the bars before one, and pay the interest until it."""
        start = self._known
        if start >= bar:
            return
        self._known = bar
        if self._rates is None:
            self._cash_at[start:bar] = self.cash
            self.equity[start:bar] = self.cash + self._value(start, bar)
            return
        for one in range(start, bar):
            self._cash_at[one] = self.cash
            self.equity[one] = self.cash + self._value(one, one + 1).item()
            if one + 1 < len(self.equity):
                self._accrue(one, self._rates[one])

    def close(self, counts: OrderCounts) -> AccountOutcome:
        """Write the closes up to the last, and return what became of the account."""
        self.mark_until(len(self.equity))
        fills = np.array(self._fills, dtype=FILL)
        return AccountOutcome(
            self._market, self._capital, fills, self._cash_at, self.equity, self._accrued, counts
        )

    def _value(self, start: int, stop: int, *, short: bool = False) -> Floats:
        """Return what all positions, or the short ones, are worth at some closes.

        Of the symbols that are held alone: not by BLAS, whose sums depend on the processor.
        """
        held = np.flatnonzero(self.shares < 0.0 if short else self.shares)
        return (self._market.close[start:stop].take(held, axis=1) * self.shares[held]).sum(axis=1)

    def _accrue(self, bar: int, rate: float) -> None:
        """Add the interest, and take the fees, of the days from the close of a bar to the next."""
        short = -self._value(bar, bar + 1, short=True)
        cash, rates, days = (np.array([one]) for one in (self.cash, rate, self._days[bar]))
        interest, fees = accrue(cash, short, rates, self._costs.borrow_rate, days)
        self._accrued[bar + 1] = (interest - fees).item()
        self.cash += float(self._accrued[bar + 1])
