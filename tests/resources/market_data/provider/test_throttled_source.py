"""Requests are retried up to a limit, and paused on Retry-After or repeated failures."""

from pathlib import Path

import pytest

from resources.market_data.provider.circuit_breaker import CircuitOpenError
from resources.market_data.provider.rate_limiter import RateLimitExhaustedError
from resources.market_data.source import MarketDataError, SourceUnavailableError, UnknownSymbolError
from tests.resources.market_data.sources.yahoo import BARS, END, START, throttled_on
from tests.yahoo_server import Answer, Listed, YahooServer

DOWN, TOO_MANY = Answer(503), Answer(429)


def test_transient_errors_are_retried_until_a_response(yahoo: YahooServer, tmp_path: Path):
    yahoo.next("AAPL", DOWN, TOO_MANY)
    source = throttled_on(yahoo, tmp_path, attempts=3)
    assert source.fetch("AAPL", START, END).equals(BARS)
    assert source.requests == len(yahoo.asked) == 3


def test_retries_end_after_the_configured_attempts(yahoo: YahooServer, tmp_path: Path):
    yahoo.always = DOWN
    source = throttled_on(yahoo, tmp_path, attempts=3)
    with pytest.raises(SourceUnavailableError, match=r"^AAPL: Yahoo failed \(HTTP 503\)\.$"):
        source.fetch("AAPL", START, END)
    assert source.requests == len(yahoo.asked) == 3


def test_a_response_without_bars_is_not_retried(yahoo: YahooServer, tmp_path: Path):
    source = throttled_on(yahoo, tmp_path)
    yahoo.next("AAPL", Answer(body="{"))
    with pytest.raises(UnknownSymbolError, match="NOPE"):
        source.fetch("NOPE", START, END)
    with pytest.raises(MarketDataError, match="AAPL: Yahoo's answer is broken"):
        source.fetch("AAPL", START, END)
    assert yahoo.asked == ["NOPE", "AAPL"]


def test_retry_after_pauses_all_users_of_the_rate_limiter(yahoo: YahooServer, tmp_path: Path):
    yahoo.listed["MSFT"] = Listed(BARS)
    yahoo.refuse_for(1.0)
    # The server counts the requests that it refuses: one of each source.
    first, second = throttled_on(yahoo, tmp_path), throttled_on(yahoo, tmp_path)
    assert first.fetch("AAPL", START, END).height == BARS.height
    assert yahoo.refused == 1
    yahoo.next("AAPL", Answer(429, headers={"Retry-After": "1"}))
    with pytest.raises(SourceUnavailableError):
        throttled_on(yahoo, tmp_path, attempts=1).fetch("AAPL", START, END)
    yahoo.refuse_for(0.9)
    assert second.fetch("MSFT", START, END).height == BARS.height
    assert yahoo.refused == 1


def test_a_retry_after_beyond_the_patience_fails_at_once(yahoo: YahooServer, tmp_path: Path):
    yahoo.next("AAPL", Answer(429, headers={"Retry-After": "86400"}))
    source = throttled_on(yahoo, tmp_path, patience_seconds=60)
    for symbol in ("AAPL", "MSFT"):
        exhausted = f"^{symbol}: rate limit of 'yahoo' exhausted; next slot in 86400 s exceeds"
        with pytest.raises(RateLimitExhaustedError, match=exhausted):
            source.fetch(symbol, START, END)
    assert yahoo.asked == ["AAPL"]


def test_a_provider_that_keeps_failing_opens_the_circuit(yahoo: YahooServer, tmp_path: Path):
    yahoo.always = DOWN
    source = throttled_on(yahoo, tmp_path, attempts=3, failures=5)
    with pytest.raises(SourceUnavailableError, match="AAPL: Yahoo failed"):
        source.fetch("AAPL", START, END)
    for symbol in ["MSFT", "IBM", "GOOG"]:
        with pytest.raises(CircuitOpenError, match=f"^{symbol}: circuit of 'yahoo' open.*503"):
            source.fetch(symbol, START, END)
    assert yahoo.asked == ["AAPL"] * 3 + ["MSFT"] * 2


def test_a_response_after_the_rest_closes_the_circuit(yahoo: YahooServer, tmp_path: Path):
    yahoo.always = DOWN
    source = throttled_on(yahoo, tmp_path, attempts=1, failures=2, rest_seconds=0)
    for _ in range(3):
        with pytest.raises(SourceUnavailableError):
            source.fetch("AAPL", START, END)
    yahoo.always = None
    assert source.fetch("AAPL", START, END).equals(BARS)
    yahoo.next("AAPL", DOWN)
    with pytest.raises(SourceUnavailableError, match="Yahoo failed"):
        source.fetch("AAPL", START, END)  # one failure alone does not open it again
    assert source.fetch("AAPL", START, END).equals(BARS)


def test_unknown_symbols_do_not_open_the_circuit(yahoo: YahooServer, tmp_path: Path):
    source = throttled_on(yahoo, tmp_path, attempts=1, failures=2)
    for _ in range(5):
        with pytest.raises(UnknownSymbolError):
            source.fetch("NOPE", START, END)
    assert source.fetch("AAPL", START, END).equals(BARS)
