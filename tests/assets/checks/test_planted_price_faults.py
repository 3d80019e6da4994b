"""Each check of prices fails when it should: a suspicious feed fails exactly its check."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.store import PriceStore
from resources.price_store.stored_file import StoredFile
from tests.assets.checks.planted import TWELVE, get_failed_checks
from tests.project import END, Project


class _Corrupting(PriceStore):
    """Reads bars that differ from the stored ones."""

    def read_file(self, source: str, symbol: str) -> StoredFile:
        file = super().read_file(source, symbol)
        return replace(file, bars=file.bars.with_columns(high=pl.col("low") / 2))


def test_invalid_stored_bars_fail_only_their_check(project: Project):
    store = _Corrupting(root=project.resource("price_store").root)
    result = project.run(TWELVE, definitions=project.definitions(price_store=store))
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"bars_are_valid"}
    assert failed["bars_are_valid"].metadata["measured"].value == 0.0
    assert "high is below low" in str(failed["bars_are_valid"].metadata["offenders"].value)
    assert not project.materialized("backtests", "rsi")


def _halve_from(bars: pl.DataFrame) -> pl.DataFrame:
    split = pl.when(pl.col("date") >= date(2022, 9, 1)).then(0.5).otherwise(1.0)
    prices = pl.col("open", "high", "low", "close") * split
    return bars.with_columns(prices, volume=pl.col("volume") / split)


def _quote_in_pence(bars: pl.DataFrame) -> pl.DataFrame:
    pence = pl.col("date").is_between(date(2022, 9, 1), date(2022, 9, 8))
    factor = pl.when(pence).then(100.0).otherwise(1.0)
    return bars.with_columns(pl.col("open", "high", "low", "close") * factor)


def _tick(bars: pl.DataFrame) -> pl.DataFrame:
    factor = pl.when(pl.col("date") == date(2022, 9, 1)).then(37.3).otherwise(1.0)
    return bars.with_columns(pl.col("high", "close") * factor)


def _without_november(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.filter(pl.col("date").dt.month() != 11)


def _until_november(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.filter(pl.col("date") < date(2022, 12, 1))


def _silent(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.with_columns(volume=pl.col("volume") * (pl.int_range(pl.len()) % 5 == 0))


FEEDS = {
    "jumps_are_explained": (_halve_from, "the open of 2022-09-01 is 0.50"),
    "jumps_are_explained, unit": (
        _quote_in_pence,
        "the bars of 2022-09-01 to 2022-09-08 are 100 t",
    ),
    "jumps_are_explained, tick": (_tick, "times its neighbours: a bad tick?"),
    "sessions_are_complete": (_without_november, "sessions have no bar, the first on 2022-11-01"),
    "bars_are_up_to_date": (_until_november, "the last bar is of 2022-11-30, 21 sessions behind"),
    "volume_is_traded": (_silent, "200 of 251 sessions have no volume"),
}


@pytest.mark.parametrize("fault", FEEDS)
def test_a_suspicious_feed_fails_only_its_check(project: Project, fault: str):
    change, told = FEEDS[fault]
    check_name = fault.partition(",")[0]
    bars = SyntheticSource().fetch("S00", date(2022, 1, 3), END)
    change(bars).drop("adjustment").write_csv(project.feed("S00"))
    result = project.run("S00")
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {check_name}
    assert failed[check_name].metadata["measured"].value == 0.0
    assert told in str(failed[check_name].metadata["offenders"].value)
    assert not project.materialized("backtests", "rsi")


def test_a_large_move_within_a_session_only_warns(project: Project):
    bars = SyntheticSource().fetch("S00", date(2022, 1, 3), END)
    day = pl.col("date") == date(2022, 9, 1)
    # A split would move the open; this rises during the session and stays there.
    risen = pl.when(pl.col("date") > date(2022, 9, 1)).then(1.45).otherwise(1.0)
    top = pl.max_horizontal("open", "close") * 1.45
    moved = bars.with_columns(pl.col("open", "high", "low", "close") * risen).with_columns(
        high=pl.when(day).then(top).otherwise("high"),
        close=pl.when(day).then(top).otherwise("close"),
    )
    moved.drop("adjustment").write_csv(project.feed("S00"))
    result = project.run("S00")
    assert result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"moves_are_usual"}
    assert failed["moves_are_usual"].severity.value == "WARN"
    assert "2022-09-01 with +4" in str(failed["moves_are_usual"].metadata["offenders"].value)
    assert project.materialized("backtest_summaries") == {"S00"}


def test_bars_that_begin_within_the_window_only_warn(project: Project):
    bars = SyntheticSource().fetch("S00", date(2022, 7, 1), END)
    bars.drop("adjustment").write_csv(project.feed("S00"))
    result = project.run("S00")
    assert result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"window_is_covered"}
    assert failed["window_is_covered"].severity.value == "WARN"
    told = "the first bar is of 2022-07-01, 21 sessions after the window's first"
    assert told in str(failed["window_is_covered"].metadata["offenders"].value)


def test_one_suspicious_symbol_of_many_only_warns(project: Project):
    bars = SyntheticSource().fetch("S03", date(2022, 1, 3), END)
    _halve_from(bars).drop("adjustment").write_csv(project.feed("S03"))
    result = project.run(TWELVE)
    assert result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"jumps_are_explained"}
    assert failed["jumps_are_explained"].severity.value == "WARN"
    assert failed["jumps_are_explained"].metadata["measured"].value == pytest.approx(11 / 12)
    assert "`S03`" in str(failed["jumps_are_explained"].metadata["offenders"].value)
    assert "S03" in project.materialized("backtest_summaries")
