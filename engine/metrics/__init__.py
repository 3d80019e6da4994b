"""What a backtest is measured by: one function per metric, with its formula and source.

Here: what is computed from an equity curve, its trades and its benchmarks.
Not here: fills and costs (engine.simulation), rankings and statistics over many backtests.
"""

from engine.metrics import benchmark, equity, trades
from engine.metrics.catalogue import LOWER_IS_BETTER, METRICS, Metric, require_metric

__all__ = [
    "LOWER_IS_BETTER",
    "METRICS",
    "Metric",
    "benchmark",
    "equity",
    "require_metric",
    "trades",
]
