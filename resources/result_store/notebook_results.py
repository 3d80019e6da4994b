"""What `VectorBTEngine.run_backtest` returns, as rows of the result store."""

from collections.abc import Mapping
from typing import Any

from engine.code_version import gauntlet_version
from engine.metrics import METRICS
from research.errors import InvalidResultError
from research.natural_key import seeds_of

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


def _build_trade(trade: Mapping[str, Any]) -> dict[str, Any]:
    return {"trade_return" if name == "return" else name: value for name, value in trade.items()}
