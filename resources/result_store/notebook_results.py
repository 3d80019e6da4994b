"""What `VectorBTEngine.run_backtest` returns, as rows of the result store and as a trial."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.code_version import gauntlet_version
from engine.metrics import METRICS
from research.errors import InvalidResultError
from research.holdings import Holdings
from research.natural_key import seeds_of
from research.trial_collector import compute_returns
from research.trials import BACKTEST_PROTOCOL, Trial, TrialScope, combine_data_versions
from research.universe_curves import close_lost

_SAME = (
    "symbol", "strategy", "parameters", "start_date", "end_date", "settings", "bars_per_year",
    "source", "data_version", "code_version", "price_basis", "first_session", "last_session",
    "ended_early", "undefined",
)  # fmt: skip
"""What the dict calls as the store does."""

_NEEDED = (*_SAME, "metrics", "trades", "equity_curve")


def build_rows(result: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the row of a backtest, and those of its trades.

    Raises
    ------
    InvalidResultError
        When it is not such a dict, or something of it is missing.
    """
    if not isinstance(result, Mapping):
        raise InvalidResultError(
            f"vectorbt_results is a {type(result).__name__}; needed: the dict that "
            "VectorBTEngine.run_backtest returns."
        )
    missing = [name for name in _NEEDED if name not in result]
    missing += [name for name in METRICS if name not in result.get("metrics", {})]
    if missing:
        raise InvalidResultError(
            f"vectorbt_results has no {', '.join(missing[:5])}; needed: the dict that "
            "VectorBTEngine.run_backtest returns, as it is."
        )
    row = {name: result[name] for name in _SAME} | {
        "data_points": len(result["equity_curve"]),
        "execution": result["settings"]["execution"],
        "gauntlet_version": gauntlet_version(),
        # That of what turns stored prices into rows, which had no part in it.
        "row_version": "notebook",
        "seeds": seeds_of(result["parameters"]),
        **{name: result["metrics"][name] for name in METRICS},
    }
    return row, [_build_trade(trade) for trade in result["trades"]]


def build_trial(result: Mapping[str, Any]) -> tuple[TrialScope, Trial]:
    """Return the trial that a result of `build_rows` is: one strategy on one symbol.

    There is no universe to compare it with: the market is 0 on all days, and the curve is not
    residual but raw, with a beta of 0.

    Raises
    ------
    InvalidResultError
        When the equity curve is none.
    """
    curve, version = result["equity_curve"], result["data_version"]
    try:
        dates = np.asarray(curve.index, dtype="datetime64[D]")
        equity = np.asarray(curve, dtype=np.float64).reshape(1, len(dates))
        returns = close_lost(compute_returns(equity, float(result["settings"]["initial_capital"])))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidResultError(
            f"equity_curve is no curve ({error}); needed: the pandas series that "
            "VectorBTEngine.run_backtest returns."
        ) from None
    scope = TrialScope(
        source=result["source"],
        symbols=(result["symbol"],),
        data_version=combine_data_versions([(result["symbol"], version)]),
        universe_version=None,
        start_date=result["start_date"],
        end_date=result["end_date"],
        settings=result["settings"],
        dates=dates,
        market=np.zeros(len(dates)),
    )
    trial = Trial(
        strategy=result["strategy"],
        parameters=result["parameters"],
        code_version=result["code_version"],
        protocol=BACKTEST_PROTOCOL,
        tested_symbols=1,
        activity=float((returns != 0.0).mean()),
        beta=0.0,
        residual=returns[0].astype(np.float32),
        exposure=_measure_exposure(dates, result["trades"]),
    )
    return scope, trial


def _measure_exposure(
    dates: NDArray[np.datetime64], trades: Sequence[Mapping[str, Any]]
) -> NDArray[np.float16]:
    """Return the side that is held at the close before each day."""
    entered, left = (
        np.array([one[name] for one in trades], dtype="datetime64[D]")
        for name in ("entry_date", "exit_date")
    )
    held = Holdings.on_days(
        dates,
        np.zeros(len(trades), dtype=np.int64),
        entered,
        left,
        np.array([one["status"] == "open" for one in trades], dtype=np.bool_),
        np.array([one["direction"] == "long" for one in trades], dtype=np.bool_),
    )
    return np.append(0, held.sides(1, len(dates))[0, :-1]).astype(np.float16)


def _build_trade(trade: Mapping[str, Any]) -> dict[str, Any]:
    return {"trade_return" if name == "return" else name: value for name, value in trade.items()}
