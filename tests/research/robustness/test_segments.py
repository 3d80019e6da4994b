"""Years and regimes of a residual curve: by hand, and without looking ahead."""

import numpy as np
import pytest

from research.robustness.segments import REGIMES, find_regimes, split_regimes, split_years

DATES = np.arange("2021-12-30", "2022-01-04", dtype="datetime64[D]")


def test_years_have_their_own_performance():
    years = split_years(np.array([0.01, 0.03, -0.01, 0.0, 0.02]), DATES, 252)
    assert list(years) == ["2021", "2022"]
    assert years["2021"].bars == 2
    assert years["2021"].annual_return == pytest.approx(0.02 * 252)
    assert years["2021"].annual_sharpe == pytest.approx(np.sqrt(2) * np.sqrt(252))
    assert years["2022"].annual_return == pytest.approx(0.01 / 3 * 252)


def test_regime_is_the_tercile_of_the_volatility_before():
    rng = np.random.default_rng(1)
    market = rng.standard_normal(500) * np.repeat([0.01, 0.03, 0.002, 0.01], 125)
    regimes = find_regimes(market)
    assert (regimes[:126] == -1).all()
    assert (regimes[126:] >= 0).all()
    assert regimes[200:250].tolist() == [2] * 50
    assert regimes[330:375].tolist() == [0] * 45
    residual = rng.standard_normal(500)
    split = split_regimes(residual, market, 252)
    assert list(split) == list(REGIMES)
    assert sum(one.bars for one in split.values()) == 374
    assert split["volatile"].annual_return == pytest.approx(residual[regimes == 2].mean() * 252)


def test_no_day_changes_its_own_or_an_earlier_regime():
    market = np.random.default_rng(2).standard_normal(300)
    regimes = find_regimes(market)
    for day in (150, 200, 299):
        changed = market.copy()
        changed[day:] *= 50
        np.testing.assert_array_equal(find_regimes(changed)[: day + 1], regimes[: day + 1])
    assert (find_regimes(market[:126]) == -1).all()
