"""What is simulated: markets without an edge, and with edges of several sizes."""

from dataclasses import dataclass, replace

from engine.settings import BacktestSettings
from research.calibration.markets import SimulatedMarket

_FREE = BacktestSettings(fees=0.0, slippage=0.0)
_CORRELATIONS = (0.3, 0.6)


@dataclass(frozen=True)
class Case:
    """A kind of market and how it is traded.

    Parameters
    ----------
    name
        As in the tables, without its correlation.
    market
        What is drawn; without an edge every verdict but rejected is false.
    settings
        With or without costs.
    """

    name: str
    market: SimulatedMarket
    settings: BacktestSettings

    @property
    def has_edge(self) -> bool:
        """Whether there is something to find."""
        return self.market.edge != "none"


def list_cases() -> list[Case]:
    """Return all cases, those without an edge first, each at both correlations."""
    noise = SimulatedMarket()
    nulls = [
        Case("noise", noise, _FREE),
        Case("noise, with costs", noise, BacktestSettings()),
        Case("10 % drift per year", replace(noise, drift=0.10), _FREE),
        Case("GARCH, Student-t", replace(noise, tails="garch"), _FREE),
    ]
    edges = [
        *((f"trend, {size:.3f}", SimulatedMarket("trend", size)) for size in (0.08, 0.115, 0.137)),
        *((f"reversion, {size:.2f}", SimulatedMarket("reversion", size)) for size in (0.25, 0.43)),
        ("trend of the market, 0.12", SimulatedMarket("market_trend", 0.12)),
    ]
    planted = [Case(name, market, BacktestSettings()) for name, market in edges]
    return [
        replace(case, market=replace(case.market, correlation=correlation))
        for correlation in _CORRELATIONS
        for case in (*nulls, *planted)
    ]
