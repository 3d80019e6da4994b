"""Trials with their curves side by side: what verdicts are reached from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from research.trials import TrialScope
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
