"""What remains of strategies when trading costs twice as much, whatever the costs are made of."""

from collections.abc import Sequence

from engine.equal_weight import EqualWeight
from engine.failure import Failure
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.robustness.performance import Performance
from research.robustness.simulation import simulate_universe
from strategies.base import Strategy


def simulate_doubled_costs(
    histories: Sequence[History],
    strategies: Sequence[Strategy],
    settings: BacktestSettings,
    window: Window,
    universe: EqualWeight,
    bars_per_year: float,
    failures: list[Failure] | None = None,
) -> list[Performance]:
    """Return the performance of each strategy, simulated again at doubled costs.

    What could not be tested is added to `failures`.
    """
    dear = simulate_universe(
        histories,
        strategies,
        settings.scale_costs(2.0),
        window,
        universe=universe,
        failures=failures,
    )
    return [Performance.of(one, bars_per_year) for one in dear.residuals]
