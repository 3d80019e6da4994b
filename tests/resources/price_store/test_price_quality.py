"""Suspicious bars are reported with rule, day and figure; limits are inclusive as documented."""

from datetime import date
from fractions import Fraction

import polars as pl
import pytest

from resources.config.thresholds import Thresholds
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.price_quality import PRICE_RULES, find_broken_rules
from resources.splits import Splits
from resources.trading_calendar import TradingCalendar, get_calendar

END = date(2022, 12, 30)
BARS = SyntheticSource().fetch("AAPL", date(2021, 1, 4), END)
PRICES = ("open", "high", "low", "close")


def _found(
    bars: pl.DataFrame, last_asked: date = END, first_asked: date | None = None, **limits: float
) -> dict[str, str]:
    asked = first_asked or bars["date"][0], last_asked
    found = find_broken_rules(
        "AAPL",
        bars,
        asked,
        Thresholds(**limits),  # pyright: ignore[reportArgumentType]
        get_calendar(),
        Splits(),
    )
    assert set(found) <= set(PRICE_RULES)
    return found


def _times(bars: pl.DataFrame, factor: float, first: date, *columns: str) -> pl.DataFrame:
    later = pl.when(pl.col("date") >= first).then(factor).otherwise(1.0)
    return bars.with_columns(pl.col(*columns) * later)


def test_good_bars_are_not_suspicious():
    assert _found(BARS) == {}


def _split(bars: pl.DataFrame, ratio: float, first: date) -> pl.DataFrame:
    return _times(_times(bars, 1 / ratio, first, *PRICES), ratio, first, "volume")


@pytest.mark.parametrize("ratio", [2, 3, 1.5, 4, 7, 10, 15, 20, 50, 1 / 2, 1 / 10, 1 / 190])
def test_an_unadjusted_split_is_detected(ratio: float):
    found = _found(_split(BARS, ratio, date(2022, 6, 1)))
    assert set(found) == {"jumps_are_explained"}
    assert "the open of 2022-06-01 is" in found["jumps_are_explained"]


def test_a_gap_that_looks_like_a_split_only_is_unusual():
    gap = _times(BARS, 1 / 2, date(2022, 6, 1), *PRICES)
    assert set(_found(gap)) == {"moves_are_usual"}
    assert set(_found(gap, split_odds=0.01)) == {"jumps_are_explained"}


def test_a_night_in_the_file_of_splits_is_explained():
    split = _split(BARS, 2, date(2022, 6, 1))
    asked = BARS["date"][0], END
    for day, broken in ((1, "moves_are_usual"), (2, "jumps_are_explained")):
        known = Splits({"AAPL": {date(2022, 6, day): Fraction(1)}})
        found = find_broken_rules("AAPL", split, asked, Thresholds(), get_calendar(), known)
        assert set(found) == {broken}


def test_further_jumps_are_named_by_their_days():
    twice = _split(_split(BARS, 2, date(2021, 9, 1)), 20, date(2022, 6, 1))
    assert _found(twice)["jumps_are_explained"].endswith("adjustment? Also on 2022-06-01")
    days = [date(2022, month, 1) for month in (2, 3, 4, 6)]
    many = BARS
    for day in days:
        many = _split(many, 20, day)
    assert _found(many)["jumps_are_explained"].endswith("2022-03-01, 2022-04-01, 2022-06-01")
    assert " and 1 more" in _found(_split(many, 20, date(2022, 7, 1)))["jumps_are_explained"]


def test_a_split_in_the_adjustment_is_not_suspicious():
    raw = _split(BARS, 2, date(2022, 6, 1))
    explained = _times(raw, 2.0, date(2022, 6, 1), "adjustment")
    assert _found(explained) == {}


def test_a_split_that_is_half_in_the_adjustment_is_detected():
    raw = _split(BARS, 3, date(2022, 6, 1))
    half = _times(raw, 2.0, date(2022, 6, 1), "adjustment")
    assert "a 3-for-2 split" in _found(half)["jumps_are_explained"]


def test_a_gap_on_the_day_of_an_adjusted_split_is_no_split():
    adjusted = _times(_split(BARS, 2, date(2022, 6, 1)), 2.0, date(2022, 6, 1), "adjustment")
    assert _found(_times(adjusted, 1 / 1.5, date(2022, 6, 1), *PRICES)) == {}


def test_a_fall_by_half_within_a_session_is_not_a_split():
    crash = pl.when(pl.col("date") == date(2022, 6, 1))
    fallen = BARS.with_columns(
        low=crash.then(pl.col("low") * 0.5).otherwise(pl.col("low")),
        close=crash.then(pl.col("low") * 0.5).otherwise(pl.col("close")),
    )
    after = _times(fallen, 0.5, date(2022, 6, 2), *PRICES)
    told = _found(after)
    assert told == {"moves_are_usual": "1 unusual days, the largest 2022-06-01 with -52%"}
    assert _found(after, unusual_move=0.53) == {}


def test_missing_sessions_are_counted_by_the_calendar():
    gone = BARS.filter(~pl.col("date").is_between(date(2022, 3, 1), date(2022, 3, 31)))
    assert _found(gone) == {
        "sessions_are_complete": "23 of 503 sessions have no bar, the first on 2022-03-01"
    }
    assert _found(gone, missing_sessions=23 / 503) == {}


def _moved(years: int) -> pl.DataFrame:
    """Return bars on the sessions of other years."""
    first = date(BARS["date"][0].year - years, 1, 1)
    days = get_calendar().sessions(first, date(first.year + 2, 12, 31))[: BARS.height - 10]
    return BARS.head(len(days)).with_columns(date=pl.Series(days))


@pytest.mark.parametrize("years", [30, 55])
def test_sessions_are_known_since_1953(years: int):
    old = _moved(years)
    last = old["date"][-1]
    assert _found(old, last_asked=last) == {}
    every_other = old.gather_every(2)
    assert set(_found(every_other, last_asked=last)) >= {"sessions_are_complete"}


def test_what_cannot_be_measured_is_reported():
    ancient = BARS.with_columns(pl.col("date").dt.offset_by("-80y").alias("date"))
    told = "not measured: sessions of XNYS before 1953-01-02 are not known"
    ancient = ancient.unique("date", keep="first", maintain_order=True)
    assert _found(ancient, last_asked=ancient["date"][-1]) == {
        "sessions_are_complete": told,
        "bars_are_up_to_date": told,
        "window_is_covered": told,
    }


def test_a_history_that_begins_after_the_window_is_reported():
    assert _found(BARS, first_asked=date(2020, 12, 30)) == {}
    told = "the first bar is of 2021-01-04, 4 sessions after the window's first"
    assert _found(BARS, first_asked=date(2020, 12, 28)) == {"window_is_covered": told}
    assert _found(BARS, first_asked=date(2020, 12, 28), late_sessions=4) == {}
    assert _found(BARS, first_asked=date(2021, 6, 1)) == {}


def test_days_to_come_are_not_stale(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(TradingCalendar, "last_day_over", lambda _: date(2023, 1, 3))
    assert _found(BARS, last_asked=date(2099, 12, 31)) == {}
    monkeypatch.setattr(TradingCalendar, "last_day_over", lambda _: date(2023, 1, 6))
    told = "the last bar is of 2022-12-30, 4 sessions behind"
    assert _found(BARS, last_asked=date(2099, 12, 31)) == {"bars_are_up_to_date": told}


def test_a_history_may_begin_late_but_not_end_early():
    assert _found(BARS.filter(pl.col("date") > date(2022, 1, 1))) == {}
    short = BARS.filter(pl.col("date") <= date(2022, 12, 23))
    told = "the last bar is of 2022-12-23, 4 sessions behind"
    assert _found(short) == {"bars_are_up_to_date": told}
    assert _found(short, stale_sessions=4) == {}
    assert _found(short, last_asked=date(2022, 12, 27)) == {}


def test_bars_of_days_without_a_session_are_reported():
    found = find_broken_rules(
        "7203.T",
        SyntheticSource({"7203.T": "XTKS"}.get).fetch("7203.T", date(2021, 1, 4), END),
        (date(2021, 1, 4), END),
        Thresholds(),
        get_calendar(),
        Splits(),
    )
    assert set(found) == {"sessions_are_complete"}
    told = "bars are of days on which XNYS was closed, the first of 2021-01-18: does the universe"
    assert told in found["sessions_are_complete"]


def test_sessions_without_volume_are_counted():
    silent = BARS.with_columns(
        volume=pl.when(pl.int_range(pl.len()) < 60).then(0.0).otherwise(pl.col("volume"))
    )
    assert _found(silent) == {"volume_is_traded": "60 of 503 sessions have no volume"}
    assert _found(silent, silent_sessions=0.2) == {}
    assert _found(BARS.with_columns(volume=pl.lit(0.0))) == {}, "a feed without volume"


def test_invalid_bars_break_only_their_rule():
    bad = BARS.with_columns(high=pl.col("low") / 2)
    assert set(_found(bad)) == {"bars_are_valid"}
    assert "high is below low" in _found(bad)["bars_are_valid"]


def test_a_single_bar_is_not_suspicious():
    assert _found(BARS[-1:]) == {}
