"""The list of metrics, which the engine computes and the result store keeps columns for.

A metric is a function of `MetricInputs` with the decorator `metric`; its name is the function's,
and its docstring is what people read. Names are vectorbt's own where it has the metric.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

from engine.errors import InvalidSettingsError
from engine.metrics.inputs import MetricInputs
from strategies.errors import did_you_mean

Kind = Literal["fraction", "ratio", "money", "count"]
Needs = Literal["nothing", "closed trades", "benchmark", "universe"]
Compute = Callable[[MetricInputs], NDArray[Any]]


@dataclass(frozen=True)
class Metric:
    """One metric.

    Parameters
    ----------
    name
        Column name, key in `BacktestResult.metrics`.
    kind
        ``fraction`` (0.05 is 5 %), ``ratio`` (no unit), ``money`` (the currency of the prices)
        or ``count``.
    needs
        What it takes to be defined: ``nothing``, ``closed trades``, a ``benchmark`` that moves, or
        a ``universe``.
    otherwise
        Why it is undefined when it has all that it needs.
    of_returns
        Whether it is computed from bar-by-bar returns, which end when the capital is lost.
    description
        Meaning, formula and source.
    compute
        Returns the values of a block's backtests, shape (N,); NaN or infinite where undefined.
    """

    name: str
    kind: Kind
    needs: Needs
    otherwise: str
    of_returns: bool
    description: str
    compute: Compute


METRICS: dict[str, Metric] = {}
"""All metrics by name, in the order in which tables show them."""

LOWER_IS_BETTER = frozenset(
    {
        "annualized_volatility",
        "downside_volatility",
        "losing_trades",
        "max_drawdown_duration",
        "total_fees",
        "total_slippage",
        "total_borrow_fees",
        "unfilled_orders",
        "turnover",
    }
)
"""Metrics whose best value is the lowest; drawdowns and losses are negative, so not among them."""


def metric(
    kind: Kind,
    otherwise: str = "not a finite number",
    *,
    needs: Needs = "nothing",
    of_returns: bool = False,
) -> Callable[[Compute], Compute]:
    """Add the decorated function to `METRICS`."""

    def add(compute: Compute) -> Compute:
        name, text = compute.__name__, inspect.getdoc(compute) or ""
        METRICS[name] = Metric(name, kind, needs, otherwise, of_returns, text, compute)
        return compute

    return add


def require_metric(name: str) -> str:
    """Return the name of a metric.

    Raises
    ------
    InvalidSettingsError
        With the valid names.
    """
    if name not in METRICS:
        raise InvalidSettingsError(
            f"There is no metric '{name}'.{did_you_mean(str(name), METRICS)} "
            f"Metrics are: {', '.join(METRICS)}."
        )
    return name
