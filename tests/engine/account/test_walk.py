"""Random accounts agree with dictionaries walked bar by bar: ragged, with halts and delistings."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.account.outcome import AccountOutcome
from engine.account.simulation import simulate_account
from tests.engine.account.cases import Case, cases
from tests.engine.account.walk import Walk, Walked, sum_fills


def _compare(outcome: AccountOutcome, walked: Walked) -> None:
    fills = outcome.fills
    rows = zip(fills["bar"].tolist(), fills["symbol"].tolist(), fills["size"].tolist(), strict=True)
    found, expected = sum_fills(rows), sum_fills(walked.fills)
    assert found.keys() == expected.keys()
    for place, shares in expected.items():
        assert abs(found[place] - shares) <= 1e-9 * max(1.0, abs(shares)), place
    np.testing.assert_allclose(outcome.cash, walked.cash, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(outcome.equity, walked.equity, rtol=1e-9, atol=1e-6)
    assert outcome.counts.missed == walked.missed
    assert outcome.counts.liquidated == walked.liquidated


@settings(max_examples=400, deadline=None)
@given(cases())
def test_random_accounts_agree_with_a_walk(case: Case):
    outcome = simulate_account(case.market, case.targets, case.rules, case.costs)
    outcome.check("drawn")
    _compare(outcome, Walk(case.market, case.targets, case.rules, case.costs).run())


@settings(max_examples=150, deadline=None)
@given(cases(), st.floats(0.1, 0.9))
def test_later_bars_change_nothing_before_them(case: Case, share: float):
    bars = max(2, int(share * len(case.market.dates)))
    short = case.cut(bars)
    whole = simulate_account(case.market, case.targets, case.rules, case.costs)
    part = simulate_account(short.market, short.targets, short.rules, short.costs)
    # What ends on the last bar is closed at its close only in the account that goes on.
    until = bars - 1
    np.testing.assert_allclose(part.equity[:until], whole.equity[:until], rtol=1e-12)
    mine, all_ = (one.fills[one.fills["bar"] < until] for one in (part, whole))
    assert mine.tolist() == all_.tolist()
