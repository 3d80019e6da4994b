"""The trials that the points of a sweep are."""

import numpy as np

from research.residuals import compute_residuals
from research.trials import BACKTEST_PROTOCOL, Trial
from research.universe_curves import UniverseCurves


def build_trials(curves: UniverseCurves, code_version: str) -> list[Trial]:
    """Return one trial per curve of a strategy's points, in their order.

    Parameters
    ----------
    code_version
        Of the strategy.
    """
    residuals, betas = compute_residuals(curves.returns, curves.market)
    return [
        Trial(
            strategy=point.name,
            parameters=point.parameters(),
            code_version=code_version,
            protocol=BACKTEST_PROTOCOL,
            tested_symbols=int(curves.symbols[row]),
            activity=float(curves.activity[row]),
            beta=float(betas[row]),
            residual=residuals[row].astype(np.float32),
            exposure=curves.exposure[row].astype(np.float16),
        )
        for row, point in enumerate(curves.strategies)
    ]
