"""What the price store raises."""

from resources.market_data.source import MarketDataError
from strategies.errors import GauntletError


class PriceStoreError(GauntletError):
    """The price store cannot do what it was asked for."""


class NoStoredBarsError(PriceStoreError):
    """No bars of the symbol are stored, or none in the window."""


class CorruptBarsError(MarketDataError):
    """A file of stored bars is not what was written."""

    @classmethod
    def of(cls, path: str, reason: str) -> "CorruptBarsError":
        """Return the error of a file that is replaced when prices are materialized."""
        return cls(f"{path} is corrupt ({reason}): materialize its symbol's prices again.")


class DistortedBarsError(PriceStoreError):
    """Prices of a symbol jump without an explanation: returns over them mean nothing."""

    def __init__(self, symbol: str, jump: str) -> None:
        super().__init__(f"{symbol}: {jump}")
        self.symbol = symbol
