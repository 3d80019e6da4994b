"""A trial: one strategy with one parameter set, tried on a universe; and what identifies it.

Every backtest that anybody has run is a trial, whether it won or lost: how good the best one looks
by luck depends on how many there were.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from engine.history import infer_bars_per_year
from research.natural_key import canonical_json
from strategies.base import Floats

BACKTEST_PROTOCOL = "backtest"
"""The whole window with the same parameters; other protocols name how they choose them."""

_NAMESPACE = UUID("0d1f5b0e-55a7-5b0c-8f0e-8f3c5a1f7d11")


@dataclass(frozen=True, eq=False)
class TrialScope:
    """What trials of one universe, window and settings have in common.

    Parameters
    ----------
    source
        Name of the market data source.
    symbols
        Those that were asked for, in the universe's order.
    data_version
        Of the bars of all symbols with a result, see `combine_data_versions`.
    universe_version
        Fingerprint of the equal-weight universe that the residuals are against.
    start_date, end_date
        The window, both inclusive.
    settings
        As they are stored with each result.
    dates
        ``datetime64[D]``, shape (T,): the days of the curves.
    market
        Returns of the equal-weight universe on these days, shape (T,).
    """

    source: str
    symbols: tuple[str, ...]
    data_version: str
    universe_version: str | None
    start_date: date
    end_date: date
    settings: Mapping[str, Any]
    dates: NDArray[np.datetime64]
    market: Floats

    @cached_property
    def bars_per_year(self) -> float:
        """Bars per year for annualization: those of the settings, else what the days show."""
        return self.settings.get("bars_per_year") or infer_bars_per_year(self.dates)

    @cached_property
    def identifier(self) -> UUID:
        """The UUID of the scope; days and market follow from the rest."""
        window = [self.start_date.isoformat(), self.end_date.isoformat()]
        versions = [self.data_version, self.universe_version]
        key = [self.source, list(self.symbols), *versions, *window, dict(self.settings)]
        return uuid5(_NAMESPACE, canonical_json(key))


@dataclass(frozen=True, eq=False)
class Trial:
    """What one trial was, and its curve.

    Parameters
    ----------
    strategy, parameters, code_version
        What was tried.
    protocol
        How its parameters were chosen: `BACKTEST_PROTOCOL`, or the name of a walk-forward.
    tested_symbols
        How many of the scope's symbols have a result.
    activity
        Share of bars with a return other than 0, mean over symbols.
    beta
        Slope of its returns on those of the equal-weight universe.
    residual
        Returns less beta times those of the universe, float32, shape (T,).
    exposure
        As in `research.universe_curves.UniverseCurves`, float16, shape (T,).
    """

    strategy: str
    parameters: Mapping[str, Any]
    code_version: str
    protocol: str
    tested_symbols: int
    activity: float
    beta: float
    residual: NDArray[np.float32]
    exposure: NDArray[np.float16]

    def identify(self, scope: TrialScope) -> UUID:
        """Return the identifier of the trial in a scope; the same trial run again has the same."""
        return trial_id(scope, self.strategy, self.parameters, self.code_version, self.protocol)


def trial_id(
    scope: TrialScope,
    strategy: str,
    parameters: Mapping[str, Any],
    code_version: str,
    protocol: str = BACKTEST_PROTOCOL,
) -> UUID:
    """Return the identifier of what may not have been tried yet."""
    key = [strategy, dict(parameters), code_version, protocol]
    return uuid5(scope.identifier, canonical_json(key))


def combine_data_versions(versions: Iterable[tuple[str, str]]) -> str:
    """Return the version of some symbols' bars together, from symbol and data version of each."""
    text = "\n".join(f"{symbol} {version}" for symbol, version in sorted(versions))
    return sha256(text.encode()).hexdigest()[:32]
