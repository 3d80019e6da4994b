"""What vectorbt's Portfolio can express of costs has its trades and equity, to 1e-9.

Fees of the value and per order, slippage and lots; its own figures of everything else are for one
order per bar, so direction ``both`` is compared without a fee per order, of which it takes one for
both trades of a turn.
"""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.settings import BacktestSettings, Window
from tests.bars import history, random_bars
from tests.engine.cases import day
from tests.engine.planned import Planned
from tests.strategies.examples import examples

BARS = 300
SIDES = {"long": "longonly", "short": "shortonly", "both": "both"}


def _portfolio(bars: Any, entries: np.ndarray, exits: np.ndarray, case: dict[str, Any]) -> Any:
    index = pd.RangeIndex(BARS)
    later = [np.r_[False, one[:-1]] for one in (entries & ~exits, exits & ~entries)]
    if case["direction"] == "short":
        later.reverse()
    return vbt.Portfolio.from_signals(
        pd.Series(bars.close, index),
        pd.Series(later[0], index),
        pd.Series(later[1], index),
        price=pd.Series(bars.open, index),
        direction=SIDES[case["direction"]],
        fees=case["fees"],
        fixed_fees=case["fixed"],
        slippage=case["slippage"],
        size_granularity=case["lot"],
        init_cash=case["capital"],
        freq="1D",
        engine="rust",
    )


@given(
    seed=st.integers(0, 10_000),
    case=st.fixed_dictionaries(
        {
            "direction": st.sampled_from(["long", "short", "both"]),
            "fees": st.sampled_from([0.0, 0.002]),
            "fixed": st.sampled_from([0.0, 7.5]),
            "slippage": st.sampled_from([0.0, 0.001]),
            "lot": st.sampled_from([1.0, 10.0, 0.25]),
            "capital": st.sampled_from([10_000.0, 250_000.0]),
        }
    ),
)
@examples(60)
def test_fees_per_order_slippage_and_lots_are_vectorbts(seed: int, case: dict[str, Any]):
    if case["direction"] == "both":
        case = case | {"fixed": 0.0}
    rng = np.random.default_rng(seed)
    bars = random_bars(BARS, seed)
    entries, exits = rng.random((2, BARS)) < [[0.1], [0.1]]
    costs = [
        {"model": "percentage", "rate": case["fees"]},
        {"model": "per_order", "amount": case["fixed"]},
        {"model": "slippage", "fraction": case["slippage"]},
        {"model": "lots", "size": case["lot"]},
    ]
    settings = BacktestSettings(
        initial_capital=case["capital"], direction=case["direction"], costs=costs
    )
    plan = Planned(np.flatnonzero(entries).tolist(), np.flatnonzero(exits).tolist())
    outcome = VectorBTEngine(settings).run_batch(
        [history(bars)], plan, Window(day(0), day(BARS - 1))
    )
    result, portfolio = outcome.results[0], _portfolio(bars, entries, exits, case)
    theirs = portfolio.trades.records
    assert len(result.trades) == len(theirs) > 0
    for name in ("entry_idx", "exit_idx", "direction", "status"):
        assert result.trades[name].tolist() == theirs[name].tolist(), name
    for name in ("size", "entry_price", "exit_price", "entry_fees", "exit_fees", "pnl"):
        np.testing.assert_allclose(result.trades[name], theirs[name], 1e-9, 1e-9, err_msg=name)
    np.testing.assert_allclose(result.equity, portfolio.value().to_numpy(), 1e-9)
    assert result.metrics["total_fees"] == pytest.approx(portfolio.orders.fees.sum(), rel=1e-9)
