"""Bars of Yahoo, against a local server with its protocol."""

import json
from datetime import date, datetime
from datetime import time as clock
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from resources.market_data.bars import BadBarsError, data_version
from resources.market_data.source import (
    MarketDataError,
    NoBarsError,
    SourceUnavailableError,
    UnknownSymbolError,
)
from tests.resources.market_data.sources.yahoo import BARS, END, START, yahoo_on
from tests.yahoo_server import Answer, Listed, YahooServer, chart, nothing_then

SPLIT, EX_DATE, SECOND_SPLIT = date(2021, 6, 1), date(2021, 3, 15), date(2021, 9, 1)
LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"
WINDOW = {"period1": "1609459200", "period2": "1640995200", "interval": "1d"}


def test_bars_are_as_traded_and_fetched_with_one_request(yahoo: YahooServer):
    source = yahoo_on(yahoo)
    assert source.fetch("AAPL", START, END).equals(BARS)
    assert yahoo.asked == ["AAPL"]
    assert source.requests == 1


def test_splits_and_dividends_become_the_adjustment(yahoo: YahooServer):
    splits = {SPLIT: (4, 1), SECOND_SPLIT: (1, 2)}
    yahoo.listed["AAPL"] = Listed(BARS, splits, {EX_DATE: 8.0, date(2021, 7, 1): 3.0})
    bars = yahoo_on(yahoo).fetch("AAPL", START, END)
    assert bars.drop("adjustment", "volume").equals(BARS.drop("adjustment", "volume"))
    # Yahoo gives whole shares, adjusted for splits until today.
    assert bars["volume"].to_list() == pytest.approx(BARS["volume"].to_list(), abs=2)
    expected = []
    for day in BARS["date"]:
        factor = 1.0
        for when, (new, old) in splits.items():
            factor *= old / new if when > day else 1
        for when, amount in ((EX_DATE, 8.0), (date(2021, 7, 1), 3.0)):
            before = BARS.filter(pl.col("date") < when)["close"][-1]
            factor *= 1 - amount / before if when > day else 1
        expected.append(factor)
    assert bars["adjustment"].to_list() == pytest.approx(expected, rel=1e-12)
    assert len(set(expected)) == 5


def test_bars_of_any_window_have_the_same_bits(yahoo: YahooServer):
    yahoo.listed["AAPL"] = Listed(BARS, {SPLIT: (4, 1)}, {date(2021, 7, 1): 3.0, EX_DATE: 8.0})
    source = yahoo_on(yahoo)
    whole = source.fetch("AAPL", START, END)
    for first, last in [(START, EX_DATE), (date(2021, 2, 1), date(2021, 2, 26)), (EX_DATE, SPLIT)]:
        part = source.fetch("AAPL", first, last)
        assert part.equals(whole.filter(pl.col("date").is_between(first, last)))


def test_noise_in_yahoos_adjusted_close_does_not_matter(yahoo: YahooServer):
    yahoo.listed["AAPL"] = Listed(BARS, {}, {EX_DATE: 8.0})
    answer = chart("AAPL", yahoo.listed["AAPL"], WINDOW)
    adjusted = answer["chart"]["result"][0]["indicators"]["adjclose"][0]
    noisy = {"adjclose": [close * 1.0000003 for close in adjusted["adjclose"]]}
    answer["chart"]["result"][0]["indicators"]["adjclose"] = [noisy]
    yahoo.next("AAPL", Answer(body=json.dumps(answer)))
    source = yahoo_on(yahoo)
    assert data_version(source.fetch("AAPL", START, END)) == data_version(
        source.fetch("AAPL", START, END)
    )


@pytest.mark.parametrize(
    ("zone", "opens"),
    [
        ("America/New_York", clock(9, 30)),
        ("Australia/Sydney", clock(10)),  # on the day before, in UTC
        ("Asia/Tokyo", clock(9)),
        ("Europe/London", clock(0)),  # as funds and currencies begin
        ("Pacific/Auckland", clock(10)),
    ],
)
def test_the_session_of_a_bar_is_its_day_at_the_exchange(
    yahoo: YahooServer, zone: str, opens: clock
):
    yahoo.listed["AAPL"] = Listed(BARS, zone=zone, opens=opens)
    first, last = date(2021, 3, 8), date(2021, 4, 9)  # over the change of clocks
    assert (
        yahoo_on(yahoo)
        .fetch("AAPL", first, last)
        .equals(BARS.filter(pl.col("date").is_between(first, last)))
    )


@pytest.mark.parametrize(("now", "kept"), [(clock(12), False), (clock(16), True)])
def test_an_unfinished_session_has_no_bar(yahoo: YahooServer, now: clock, kept: bool):
    day = BARS["date"][-1]
    zone = ZoneInfo("America/New_York")

    def at(moment: clock) -> int:
        return int(datetime.combine(day, moment, zone).timestamp())

    period = {"start": at(clock(9, 30)), "end": at(clock(16)), "gmtoffset": 0, "timezone": "EST"}
    sessions = {"pre": dict(period), "regular": dict(period), "post": dict(period)}
    meta = {"currentTradingPeriod": sessions, "regularMarketTime": at(now)}
    yahoo.listed["AAPL"] = Listed(BARS, meta=meta)
    bars = yahoo_on(yahoo).fetch("AAPL", START, END)
    assert (bars["date"][-1] == day) is kept


def test_a_day_without_trade_has_no_bar_but_its_dividend(yahoo: YahooServer):
    row = BARS["date"].to_list().index(EX_DATE)
    nothing = BARS.with_columns(
        pl.when(pl.col("date") == EX_DATE).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("open", "high", "low", "close", "volume")
    )
    yahoo.listed["AAPL"] = Listed(nothing, {}, {EX_DATE: 8.0})
    bars = yahoo_on(yahoo).fetch("AAPL", START, END)
    assert bars["date"].to_list() == [day for day in BARS["date"] if day != EX_DATE]
    before = BARS["close"][row - 1]
    assert bars["adjustment"].to_list()[row - 1 : row + 1] == [1 - 8.0 / before, 1.0]


def _without(path: list[Any]) -> str:
    """Return the response for AAPL without one part."""
    answer = chart("AAPL", Listed(BARS), WINDOW)
    part: Any = answer
    for step in path[:-1]:
        part = part[step]
    del part[path[-1]]
    return json.dumps(answer)


_QUOTE = ["chart", "result", 0, "indicators", "quote", 0]


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(chart("AAPL", Listed(BARS), WINDOW))[:5000],
        "",
        "null",
        "[]",
        "{}",
        '{"chart": null}',
        "<html>Will be right back</html>",
        "<html>Please agree to cookies</html>",
        _without(["chart", "result", 0, "timestamp"]),
        _without(["chart", "result", 0, "timestamp", -1]),
        _without([*_QUOTE, "close", -1]),
        _without([*_QUOTE, "volume"]),
        _without(["chart", "result", 0, "meta", "exchangeTimezoneName"]),
        _without(["chart", "result", 0, "meta", "dataGranularity"]),
    ],
    ids=lambda body: body[:12] or "empty",
)
def test_an_incomplete_response_is_refused_by_symbol(yahoo: YahooServer, body: str):
    yahoo.next("AAPL", Answer(body=body))
    with pytest.raises(MarketDataError, match=r"^AAPL: Yahoo('s answer is broken| answered)") as no:
        yahoo_on(yahoo).fetch("AAPL", START, END)
    assert not no.value.transient
    assert "\n" not in str(no.value)


@pytest.mark.parametrize("column", ["open", "high", "low", "close"])
def test_a_bar_with_a_missing_cell_is_refused_by_symbol_and_date(yahoo: YahooServer, column: str):
    day = date(2021, 5, 3)
    hole = pl.when(pl.col("date") == day).then(None).otherwise(pl.col(column))
    yahoo.listed["AAPL"] = Listed(BARS.with_columns(hole.alias(column)))
    with pytest.raises(BadBarsError, match=f"AAPL: bad bar on {day}: {column} is missing"):
        yahoo_on(yahoo).fetch("AAPL", START, END)


def test_a_dividend_larger_than_the_price_is_a_bad_bar(yahoo: YahooServer):
    yahoo.listed["AAPL"] = Listed(BARS, {}, {EX_DATE: 1e6})
    with pytest.raises(BadBarsError, match=r"AAPL: bad bar on .*: adjustment is not positive"):
        yahoo_on(yahoo).fetch("AAPL", START, END)


def test_a_response_for_another_symbol_is_refused(yahoo: YahooServer):
    yahoo.next("AAPL", Answer(body=json.dumps(chart("MSFT", Listed(BARS), WINDOW))))
    with pytest.raises(MarketDataError, match="AAPL: Yahoo answered for another symbol, 'MSFT'"):
        yahoo_on(yahoo).fetch("AAPL", START, END)


def test_responses_of_another_interval_or_period_are_refused(yahoo: YahooServer):
    weeks = chart("AAPL", Listed(BARS), WINDOW | {"interval": "1wk"})
    early = chart("AAPL", Listed(BARS), WINDOW)
    yahoo.next("AAPL", Answer(body=json.dumps(weeks)), Answer(body=json.dumps(early)))
    source = yahoo_on(yahoo)
    with pytest.raises(BadBarsError, match="AAPL: Yahoo answered with bars of '1wk', not of days"):
        source.fetch("AAPL", START, END)
    with pytest.raises(BadBarsError, match="from 2021-01-04 on, and was asked from 2021-10-01"):
        source.fetch("AAPL", date(2021, 10, 1), END)


def test_an_unknown_symbol_is_reported_with_yahoos_message(yahoo: YahooServer):
    with pytest.raises(UnknownSymbolError) as refused:
        yahoo_on(yahoo).fetch("NOPE", START, END)
    assert str(refused.value) == (
        "NOPE: not in source 'yahoo', which says: No data found, symbol may be delisted."
    )


def test_each_response_without_bars_is_recognized(yahoo: YahooServer):
    source = yahoo_on(yahoo)
    yahoo.next("AAPL", nothing_then(START))
    with pytest.raises(NoBarsError, match=r"AAPL: .* which says: Data doesn't exist for startDate"):
        source.fetch("AAPL", START, END)
    with pytest.raises(NoBarsError, match="AAPL: source 'yahoo' has no bars from 2022-01-03 on"):
        source.fetch("AAPL", date(2022, 1, 3), date(2022, 12, 31))
    with pytest.raises(NoBarsError, match=r"from 2020-01-01 to 2020-12-31 \(it has 2021-01-04 to"):
        source.fetch("AAPL", date(2020, 1, 1), date(2020, 12, 31))


def test_permanent_refusals_are_not_transient(yahoo: YahooServer):
    said = {"chart": {"result": None, "error": {"code": "Bad Request", "description": "Invalid"}}}
    yahoo.next("AAPL", Answer(401), Answer(403), Answer(422, json.dumps(said)))
    source = yahoo_on(yahoo)
    for words in ["HTTP 401: it wants a login", "HTTP 403", r"HTTP 422\), which says: Invalid"]:
        with pytest.raises(MarketDataError, match=f"AAPL: .*{words}") as refused:
            source.fetch("AAPL", START, END)
        assert not refused.value.transient
    assert len(yahoo.asked) == 3


@pytest.mark.parametrize(
    ("answer", "words", "seconds"),
    [
        (Answer(429, headers={"Retry-After": "7"}), "was asked too .* retry after 7 s", 7.0),
        (Answer(429), r"was asked too often \(HTTP 429\)\.$", None),
        (Answer(500), r"failed \(HTTP 500\)", None),
        (Answer(503, headers={"Retry-After": "120"}), "failed .* retry after 120 s", 120.0),
        (
            Answer(429, headers={"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}),
            ".* retry after 0 s",
            0.0,
        ),
        (Answer(429, headers={"Retry-After": "9" * 400}), ".* retry after 86400 s", 86400.0),
        (
            Answer(429, headers={"Retry-After": "Fri, 01 Jan 2100 00:00:00 GMT"}),
            ".* retry after 86400 s",
            86400.0,
        ),
        (Answer(429, headers={"Retry-After": "soon"}), r".*\(HTTP 429\)\.$", None),
        (Answer(body="{}", cut=100), "gave no complete answer", None),
    ],
)
def test_a_failed_response_is_a_transient_error(
    yahoo: YahooServer, answer: Answer, words: str, seconds: float | None
):
    yahoo.next("AAPL", answer)
    with pytest.raises(SourceUnavailableError, match=f"^AAPL: Yahoo {words}") as refused:
        yahoo_on(yahoo).fetch("AAPL", START, END)
    assert refused.value.transient
    assert refused.value.retry_after == seconds
    assert len(yahoo.asked) == 1


def test_timeouts_and_stopped_servers_are_transient_errors(yahoo: YahooServer):
    yahoo.next("AAPL", Answer(hang=True))
    with pytest.raises(SourceUnavailableError, match=r"AAPL: .* within 0\.2 s"):
        yahoo_on(yahoo, timeout_seconds=0.2).fetch("AAPL", START, END)
    with YahooServer.running() as gone:
        source = yahoo_on(gone)
    with pytest.raises(SourceUnavailableError, match="AAPL: Yahoo gave no complete answer"):
        source.fetch("AAPL", START, END)


def test_a_symbol_never_changes_the_path_of_the_request(yahoo: YahooServer):
    for symbol in ["../quote", "AAPL?x", "AAPL/..", ""]:
        with pytest.raises(UnknownSymbolError, match="is not a symbol"):
            yahoo_on(yahoo).fetch(symbol, START, END)
    yahoo.listed["^GSPC"] = yahoo.listed["EURUSD=X"] = yahoo.listed["BRK-B"] = Listed(BARS)
    for symbol in ["^GSPC", "EURUSD=X", "BRK-B"]:
        assert yahoo_on(yahoo).fetch(symbol, START, END).height == BARS.height
    assert yahoo.asked == ["^GSPC", "EURUSD=X", "BRK-B"]
