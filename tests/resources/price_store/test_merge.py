from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.market_data.bars import validate_bars
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.merge import Difference, merge

BARS = SyntheticSource().fetch("AAPL", date(2021, 1, 1), date(2021, 3, 31))
SPANS = st.tuples(st.integers(0, 40), st.integers(1, 20)).map(lambda span: BARS.slice(*span))


@settings(deadline=None)
@given(SPANS, SPANS)
def test_a_merge_of_agreeing_bars_is_their_union(stored, fetched):
    merged, outcome, _ = merge(stored, fetched)
    validate_bars("AAPL", merged)
    if not set(stored["date"]) & set(fetched["date"]):
        assert (outcome, merged.equals(fetched)) == ("replaced", True)
    else:
        assert set(merged["date"]) == set(stored["date"]) | set(fetched["date"])
        assert outcome == ("unchanged" if merged.equals(stored) else "extended")


@settings(deadline=None)
@given(SPANS, SPANS, st.integers(0, 19), st.sampled_from(["close", "adjustment", "volume"]))
def test_a_revised_bar_in_the_overlap_replaces_all_bars(stored, fetched, row, column):
    row %= fetched.height
    revised = fetched.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(pl.col(column) * 1.001).otherwise(column)
    )
    shared = set(stored["date"]) & set(fetched["date"])
    merged, outcome, difference = merge(stored, revised)
    if not shared:
        assert (outcome, merged.equals(revised)) == ("replaced", True)
    elif fetched["date"][row] in shared:
        assert (outcome, merged.equals(revised)) == ("revised", True)
        assert difference == Difference(fetched["date"][row], 1)
    else:
        assert outcome == "extended"


@pytest.mark.parametrize(("whole", "part"), [(0, 1), (1, 0)], ids=["new in fetched", "gone"])
def test_a_bar_missing_in_the_overlap_is_a_revision(whole: int, part: int):
    sides = [BARS.head(9), BARS.head(9).filter(pl.col("date") != BARS["date"][4])]
    _, outcome, difference = merge(sides[whole], sides[part])
    assert (outcome, difference) == ("revised", Difference(BARS["date"][4], 1))


def test_adjacent_bars_without_overlap_are_not_merged():
    merged, outcome, difference = merge(BARS[:5], BARS[5:9])
    assert outcome == "replaced"
    assert merged.equals(BARS[5:9])
    assert difference == Difference(BARS["date"][0], 5)


def test_withdrawn_bars_differ_on_every_day():
    asked = (BARS["date"][0], BARS["date"][-1])
    _, outcome, difference = merge(BARS[:5], BARS[20:], asked)
    assert (outcome, difference) == ("replaced", Difference(BARS["date"][0], 5))
