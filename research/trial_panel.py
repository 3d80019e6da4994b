"""Trials with their curves side by side: what verdicts are reached from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from research.trials import Trial, TrialScope
from strategies.base import Floats, Ints


@dataclass(frozen=True, eq=False)
class TrialPanel:
    """N trials on the days of one scope, by strategy and parameters.

    Parameters
    ----------
    scope
        Its days and market are those of the curves.
    identifiers, scope_ids, strategies, parameters, code_versions, protocols
        Of each trial, N each; the scopes that they were recorded in.
    tested_symbols, activity, betas
        As in `research.trials.Trial`, shape (N,).
    residuals, exposures
        As they are stored, shape (N, T).
    """

    scope: TrialScope
    identifiers: Sequence[UUID]
    scope_ids: Sequence[UUID]
    strategies: Sequence[str]
    parameters: Sequence[Mapping[str, Any]]
    code_versions: Sequence[str]
    protocols: Sequence[str]
    tested_symbols: Ints
    activity: Floats
    betas: Floats
    residuals: NDArray[np.float32]
    exposures: NDArray[np.float16]

    @classmethod
    def of(cls, scope: TrialScope, trials: Sequence[Trial]) -> "TrialPanel":
        """Return the panel of trials that were just made, all in one scope."""
        return cls(
            scope=scope,
            identifiers=[one.identify(scope) for one in trials],
            scope_ids=[scope.identifier] * len(trials),
            strategies=[one.strategy for one in trials],
            parameters=[one.parameters for one in trials],
            code_versions=[one.code_version for one in trials],
            protocols=[one.protocol for one in trials],
            tested_symbols=np.array([one.tested_symbols for one in trials]),
            activity=np.array([one.activity for one in trials]),
            betas=np.array([one.beta for one in trials]),
            residuals=np.array([one.residual for one in trials]),
            exposures=np.array([one.exposure for one in trials]),
        )
