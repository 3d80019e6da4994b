"""The average growth of curves of unequal length, against one that is filled day by day."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from research.universe_growth import UnorderedCurvesError, compute_growth


def _curve(name: str, first: int, values: list[float], every: int = 1) -> pl.DataFrame:
    days = [date(2023, 1, 1) + timedelta(days=first + n * every) for n in range(len(values))]
    return pl.DataFrame({"backtest_id": name, "date": days, "equity": values})


# The parts of a run: they may have different days, and one may be empty.
EARLY = _curve("early", 1, [100.0, 200.0, 300.0])
PARTS = [EARLY, _curve("late", 3, [50.0, 25.0]), EARLY.clear()]
BOTH = {"early": "rsi", "late": "rsi"}


def test_growth_is_constant_outside_the_bars_of_a_symbol():
    growth = compute_growth(PARTS, BOTH)
    assert growth["date"].to_list() == [date(2023, 1, day) for day in (2, 3, 4, 5)]
    assert growth["growth"].to_list() == [
        (1.0 + 1.0) / 2,
        (2.0 + 1.0) / 2,
        (3.0 + 1.0) / 2,
        (3.0 + 0.5) / 2,
    ]
    assert compute_growth(PARTS[::-1], BOTH).equals(growth), "whatever the order of the parts"


def test_backtests_that_do_not_count_are_left_out():
    assert compute_growth(PARTS, {"late": "rsi"})["growth"].to_list() == [1.0, 0.5]
    assert compute_growth(PARTS, {}).is_empty()


def test_growth_of_no_curves_is_empty():
    assert compute_growth([], BOTH).is_empty()


def test_growth_equals_that_of_curves_filled_day_by_day():
    random = np.random.default_rng(7)
    curves = {
        f"{strategy} {number}": _curve(
            f"{strategy} {number}",
            int(random.integers(0, 40)),
            (100.0 * np.exp(random.normal(0, 0.1, random.integers(1, 60)).cumsum())).tolist(),
            every=int(random.integers(1, 4)),
        )
        for strategy in ("macd", "rsi", "sma")
        for number in range(25)
    }
    names = list(curves)
    parts = [pl.concat([curves[name] for name in names[begin::10]]) for begin in range(10)]
    growth = compute_growth(parts, {name: name.split()[0] for name in names})
    days = sorted({day for curve in curves.values() for day in curve["date"]})
    for strategy in ("macd", "rsi", "sma"):
        filled = [
            pl.DataFrame({"date": days})
            .join(curve, on="date", how="left")
            .select((pl.col("equity") / curve["equity"][0]).forward_fill().fill_null(1.0))
            .to_series()
            .to_numpy()
            for name, curve in curves.items()
            if name.startswith(strategy)
        ]
        found = growth.filter(growth["strategy"] == strategy)
        assert found["date"].to_list() == days
        np.testing.assert_allclose(found["growth"], np.mean(filled, axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    "part",
    [
        pl.concat([EARLY, PARTS[1], EARLY]),
        EARLY.reverse(),
        pl.concat([EARLY[:1], EARLY[:1]]),
    ],
)
def test_bars_that_do_not_follow_one_another_are_refused(part: pl.DataFrame):
    with pytest.raises(UnorderedCurvesError):
        compute_growth([part], BOTH)
