"""Bars that fill closed days are dropped; bars that were traded on such days are not."""

from datetime import date

import polars as pl
import pytest

from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.padding import drop_padding

BARS = SyntheticSource().fetch("AAPL", date(2021, 1, 4), date(2023, 12, 29))


def _fill(volume: float | None = None, flat: bool = False) -> pl.DataFrame:
    """Return bars of all days, those of closed days with the values before them."""
    filled = BARS.upsample("date", every="1d")
    closed = filled["open"].is_null()
    filled = filled.with_columns(pl.exclude("date").forward_fill())
    changes = {name: pl.col("close") for name in ("open", "high", "low")} if flat else {}
    if volume is not None:
        changes["volume"] = pl.lit(volume)
    return filled.with_columns(
        **{name: pl.when(closed).then(new).otherwise(pl.col(name)) for name, new in changes.items()}
    )


@pytest.mark.parametrize(
    "filled",
    [_fill(), _fill(volume=0.0), _fill(volume=0.0, flat=True)],
    ids=["whole bars", "without volume", "flat, without volume"],
)
@pytest.mark.parametrize("calendar", [None, "XNYS"])
def test_a_file_filled_to_all_days_has_its_sessions(filled: pl.DataFrame, calendar: str | None):
    assert (BARS.height, filled.height) == (753, 1090)
    bars, dropped = drop_padding(filled, calendar)
    assert bars.equals(BARS)
    assert dropped == 1090 - 753


def test_a_file_filled_to_all_weekdays_has_its_sessions():
    filled = _fill().filter(pl.col("date").dt.weekday() <= 5)
    bars, dropped = drop_padding(filled, None)
    assert bars.equals(BARS)
    assert dropped == filled.height - 753 == 27


@pytest.mark.parametrize("first", ["2022-01-01", "2022-01-02", "2022-01-16"])
@pytest.mark.parametrize("filled", [_fill(), _fill(volume=0.0)], ids=["whole bars", "volume"])
def test_a_window_that_begins_on_a_closed_day_has_its_sessions(filled: pl.DataFrame, first: str):
    later = pl.col("date") >= date.fromisoformat(first)
    assert drop_padding(filled.filter(later), None)[0].equals(BARS.filter(later))


def test_a_first_bar_is_kept_where_others_of_closed_days_traded():
    filled = _fill().filter(pl.col("date") >= date(2022, 1, 1))
    traded = pl.when(pl.col("date") == date(2022, 5, 8)).then(1.01).otherwise(1.0)
    filled = filled.with_columns(pl.col("close", "high") * traded)
    assert drop_padding(filled, "XNYS")[0]["date"][:2].to_list() == [
        date(2022, 1, 1),
        date(2022, 1, 3),
    ]


def test_a_suspended_symbol_keeps_the_bars_of_sessions():
    day = pl.col("date").is_between(date(2022, 3, 1), date(2022, 3, 31))
    before = BARS.filter(pl.col("date") < date(2022, 3, 1))["close"][-1]
    flat = [pl.when(day).then(before).otherwise(name).alias(name) for name in BARS.columns[1:5]]
    volume = pl.when(day).then(0.0).otherwise("volume").alias("volume")
    suspended = BARS.with_columns(*flat, volume)
    bars, dropped = drop_padding(suspended, None)
    assert bars.equals(suspended)
    assert dropped == 0


def test_bars_that_were_traded_on_closed_days_are_kept():
    every_day = SyntheticSource({"BTC-USD": "24/7"}.get).fetch(
        "BTC-USD", date(2021, 1, 1), date(2021, 12, 31)
    )
    for calendar in (None, "24/7", "XNYS"):
        bars, dropped = drop_padding(every_day, calendar)
        assert (bars.height, dropped) == (365, 0)


def test_a_market_that_never_closes_keeps_its_quiet_days():
    every_day = SyntheticSource({"BTC-USD": "24/7"}.get).fetch(
        "BTC-USD", date(2021, 1, 1), date(2021, 12, 31)
    )
    saturday = pl.col("date") == date(2021, 5, 8)
    quiet = every_day.with_columns(
        pl.when(saturday).then(pl.exclude("date").shift(1)).otherwise(pl.exclude("date"))
    )
    assert drop_padding(quiet, None)[1] == 0
