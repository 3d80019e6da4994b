"""Scopes and trials as rows of the ledger, and back; what cannot be stored is refused."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.errors import InvalidResultError
from research.trials import BACKTEST_PROTOCOL, Trial, TrialScope
from resources.result_store import validation

_DAY = np.dtype("datetime64[D]")
_DATES, _MARKET = np.dtype("<i4"), np.dtype("<f8")
_RESIDUAL, _EXPOSURE = np.dtype("<f4"), np.dtype("<f2")

# As in engine.metrics.reductions: a deviation below it is rounding, and a ratio to it no number.
_ROUNDING = 1e-15


def build_scope_row(scope: TrialScope) -> dict[str, Any]:
    """Return the row of a scope.

    Raises
    ------
    InvalidResultError
        When days do not ascend, or the market is not a finite number on each of them.
    InvalidArgumentError
        For a window, a name or symbols that cannot be.
    """
    start, end = validation.require_period(scope.start_date, scope.end_date)
    dates = np.asarray(scope.dates)
    if dates.dtype != _DAY or dates.ndim != 1 or not len(dates):
        raise InvalidResultError(f"A scope's dates need dtype {_DAY}, shape (T,), and T from 1.")
    if not (dates[1:] > dates[:-1]).all():
        raise InvalidResultError("A scope's dates do not ascend; needed: each day once, in order.")
    return {
        "id": scope.identifier,
        "source": validation.require_text("source", scope.source),
        "symbols": validation.require_texts("symbols", scope.symbols),
        "data_version": validation.require_text("data_version", scope.data_version),
        "universe_version": scope.universe_version,
        "start_date": start,
        "end_date": end,
        "settings": dict(scope.settings),
        "dates": dates.astype(_DATES).tobytes(),
        "market": _encode("market", scope.market, _MARKET, len(dates)),
    }


def build_trial_rows(scope: TrialScope, trials: Iterable[Trial]) -> list[dict[str, Any]]:
    """Return one row per trial of a scope, each once, by identifier.

    Raises
    ------
    InvalidResultError
        When a curve is not a finite number on each day, or another number is not finite.
    """
    rows = {trial.identify(scope): trial for trial in trials}
    return [
        {"id": one, "scope_id": scope.identifier, **_build_row(rows[one], scope)}
        for one in sorted(rows)
    ]


def read_scope(row: Mapping[str, Any]) -> TrialScope:
    """Return the scope of a row."""
    return TrialScope(
        source=row["source"],
        symbols=tuple(row["symbols"]),
        data_version=row["data_version"],
        universe_version=row["universe_version"],
        start_date=row["start_date"],
        end_date=row["end_date"],
        settings=row["settings"],
        dates=read_dates(row["dates"]),
        market=np.frombuffer(row["market"], _MARKET),
    )


def read_dates(stored: bytes) -> NDArray[np.datetime64]:
    """Return the days of a scope."""
    return np.frombuffer(stored, _DATES).astype(_DAY)


def read_residual(stored: bytes) -> NDArray[np.float32]:
    """Return the curve of a trial."""
    return np.frombuffer(stored, _RESIDUAL)


def read_exposure(stored: bytes) -> NDArray[np.float16]:
    """Return the exposure of a trial."""
    return np.frombuffer(stored, _EXPOSURE)


def _build_row(trial: Trial, scope: TrialScope) -> dict[str, Any]:
    name = trial.strategy
    for number in ("activity", "beta"):
        if not math.isfinite(getattr(trial, number)):
            raise InvalidResultError(f"{number} of a trial of {name} is no finite number.")
    days = len(scope.dates)
    curve = _encode(f"residual of a trial of {name}", trial.residual, _RESIDUAL, days)
    tested = _select_tested(trial, read_residual(curve).astype(np.float64))
    mean, sharpe = _annualize(tested, scope.bars_per_year)
    return {
        "strategy": validation.require_text("strategy", name),
        "parameters": dict(trial.parameters),
        "code_version": validation.require_text("code_version", trial.code_version),
        "protocol": validation.require_text("protocol", trial.protocol),
        "tested_symbols": int(trial.tested_symbols),
        "activity": float(trial.activity),
        "beta": float(trial.beta),
        "residual_return": mean,
        "residual_sharpe_ratio": sharpe,
        "residual": curve,
        "exposure": _encode(f"exposure of a trial of {name}", trial.exposure, _EXPOSURE, days),
    }


def _select_tested(trial: Trial, curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a curve without the zeros that stand for bars before a walk-forward's first test."""
    return curve if trial.protocol == BACKTEST_PROTOCOL else curve[np.argmax(curve != 0.0) :]


def _annualize(curve: NDArray[np.float64], bars_per_year: float) -> tuple[float, float | None]:
    """Return mean and Sharpe ratio per year; the latter None without variance."""
    mean = float(curve.mean())
    deviation = float(curve.std(ddof=1)) if len(curve) > 1 else 0.0
    sharpe = mean / deviation * math.sqrt(bars_per_year) if deviation > _ROUNDING else None
    return mean * bars_per_year, sharpe


def _encode(name: str, values: Any, dtype: np.dtype[Any], length: int) -> bytes:
    array = np.asarray(values)
    if array.shape != (length,):
        raise InvalidResultError(f"{name} has shape {array.shape}; needed: {(length,)}, its days.")
    with np.errstate(over="ignore"):
        encoded = array.astype(dtype)
    if not np.isfinite(encoded).all():
        day = int(np.isfinite(encoded).argmin())
        raise InvalidResultError(f"{name} is {array[day]} on day {day}; needed: finite numbers.")
    return encoded.tobytes()
