"""A local server with the part of Yahoo's chart protocol that is used.

It is given raw bars and events, and adjusts them like Yahoo. It can respond with errors, once or
always. It counts requests, and can refuse them by a sliding window as providers do.

``python -m tests.yahoo_server 8090`` serves made-up bars of universe.csv's symbols, each with a
split and a dividend, at http://127.0.0.1:8090 until it is interrupted.
"""

import json
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import isnan
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

import polars as pl

CHART = "/v8/finance/chart/"


@dataclass
class Listed:
    """The data of one symbol: bars as traded, and events by their ex-date."""

    bars: pl.DataFrame
    splits: Mapping[date, tuple[int, int]] = field(default_factory=dict)
    dividends: Mapping[date, float] = field(default_factory=dict)
    zone: str = "America/New_York"
    opens: clock = clock(9, 30)
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A response instead of a chart: a status, a body and headers, or none in time."""

    status: int = 200
    body: str | bytes = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: bool = False
    cut: int = 0


class YahooServer:
    """The server: its data, its next responses, and the requests that it received."""

    def __init__(self, port: int = 0) -> None:
        self.listed: dict[str, Listed] = {}
        self.instead: dict[str, deque[Answer]] = {}
        self.always: Answer | None = None
        self.asked: list[str] = []
        self.queries: list[dict[str, str]] = []
        self.refused = 0
        self.limit: int | None = None
        self.arrived: list[float] = []
        self._within: deque[float] = deque()
        self._refuse_until = 0.0
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._http = _Http(("127.0.0.1", port), self._handler())
        # More connections wait at once than the default of five.
        self._http.socket.listen(128)

    @property
    def url(self) -> str:
        """The URL of the server."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @classmethod
    @contextmanager
    def running(cls, port: int = 0) -> Iterator["YahooServer"]:
        """Lend a server, on any free port."""
        server = cls(port)
        thread = threading.Thread(target=server._http.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server._released.set()
            server._http.shutdown()
            thread.join()
            server._http.server_close()

    def next(self, symbol: str, *answers: Answer) -> None:
        """Set the responses to the next requests for a symbol, in order."""
        self.instead.setdefault(symbol, deque()).extend(answers)

    def refuse_for(self, seconds: float) -> None:
        """Refuse all requests for `seconds` from now on, and count them."""
        self._refuse_until = time.monotonic() + seconds

    def _answer(self, symbol: str, query: dict[str, str]) -> Answer:
        with self._lock:
            self.asked.append(symbol)
            self.queries.append(query)
            refusal = self._refusal()
            queued = self.instead.get(symbol)
            if refusal is None and queued:
                return queued.popleft()
        return refusal or self.always or self._chart(symbol, query)

    def _refusal(self) -> Answer | None:
        """Return a 429 while refusing, or if there were too many requests within a second."""
        now = time.monotonic()
        self.arrived.append(now)
        while self._within and now - self._within[0] >= 1:
            self._within.popleft()
        self._within.append(now)
        if now < self._refuse_until or (self.limit and len(self._within) > self.limit):
            self.refused += 1
            return Answer(429, "Too Many Requests", {"Retry-After": "1"})
        return None

    def _chart(self, symbol: str, query: dict[str, str]) -> Answer:
        listed = self.listed.get(symbol)
        if listed is None:
            return _error(404, "Not Found", "No data found, symbol may be delisted")
        return Answer(body=json.dumps(chart(symbol, listed, query), allow_nan=False))

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        yahoo = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                symbol = unquote(parts.path.removeprefix(CHART))
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                answer = yahoo._answer(symbol, query)
                if answer.hang:
                    yahoo._released.wait()
                self._send(answer)

            def _send(self, answer: Answer) -> None:
                body = answer.body.encode() if isinstance(answer.body, str) else answer.body
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body) + answer.cut))
                self.end_headers()
                self.wfile.write(body)
                self.close_connection = bool(answer.cut)

        return Handler


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Log nothing about clients that disconnected early."""


def chart(symbol: str, listed: Listed, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the response of Yahoo: adjusted for all splits, whatever the window."""
    first, last = (datetime.fromtimestamp(int(query[n]), UTC) for n in ("period1", "period2"))
    zone = ZoneInfo(listed.zone)

    def begins(day: date) -> datetime:
        return datetime.combine(day, listed.opens, zone)

    days = [day for day in listed.bars["date"] if first <= begins(day) < last]
    rows = listed.bars.filter(pl.col("date").is_in(days)).to_dicts()
    later = [_later(listed.splits, row["date"]) for row in rows]
    quote = {
        name: [_known(row[name], 1 / by) for row, by in zip(rows, later, strict=True)]
        for name in ("open", "high", "low", "close")
    }
    quote["volume"] = [_known(row["volume"], by) for row, by in zip(rows, later, strict=True)]
    meta = {
        "symbol": symbol,
        "currency": "USD",
        "instrumentType": "EQUITY",
        "exchangeTimezoneName": listed.zone,
        "dataGranularity": query["interval"],
        "validRanges": ["1d", "max"],
        "priceHint": 2,
        **listed.meta,
    }
    events = {"splits": {}, "dividends": {}}
    for day, (new, old) in listed.splits.items():
        stamp = int(begins(day).timestamp())
        events["splits"][str(stamp)] = {"date": stamp, "numerator": new, "denominator": old}
    for day, amount in listed.dividends.items():
        stamp = int(begins(day).timestamp())
        today = amount / _later(listed.splits, day)
        events["dividends"][str(stamp)] = {"date": stamp, "amount": today}
    inside = {
        kind: {
            key: event
            for key, event in those.items()
            if first.timestamp() <= event["date"] < last.timestamp()
        }
        for kind, those in events.items()
    }
    result: dict[str, Any] = {"meta": meta, "indicators": {"quote": [quote if rows else {}]}}
    if rows:
        result["timestamp"] = [int(begins(row["date"]).timestamp()) for row in rows]
        result["events"] = {kind: those for kind, those in inside.items() if those}
        # The values of the real Yahoo differ slightly between requests.
        result["indicators"]["adjclose"] = [{"adjclose": quote["close"]}]
    return {"chart": {"result": [result], "error": None}}


def _later(splits: Mapping[date, tuple[int, int]], day: date) -> float:
    by = 1.0
    for when, (new, old) in splits.items():
        by *= new / old if when > day else 1
    return by


def _known(value: float | None, times: float) -> float | None:
    return None if value is None or isnan(value) else value * times


def _error(status: int, code: str, description: str) -> Answer:
    told = {"chart": {"result": None, "error": {"code": code, "description": description}}}
    return Answer(status, json.dumps(told))


def nothing_then(start: date) -> Answer:
    """Return the response of Yahoo for a window in which a known symbol was not traded."""
    said = f"Data doesn't exist for startDate = {start}, endDate = {start + timedelta(days=1)}"
    return _error(400, "Bad Request", said)


def _serve(port: int) -> None:
    from resources.market_data.sources.synthetic import SyntheticSource
    from resources.universe import load_universe

    source, yesterday = SyntheticSource(), datetime.now(UTC).date() - timedelta(days=1)
    split, dividends = date(2022, 6, 6), {date(2022, 11, 4): 0.25}
    by = pl.when(pl.col("date") < split).then(4.0).otherwise(1.0)
    prices = [pl.col(name) * by for name in ("open", "high", "low", "close")]
    with YahooServer.running(port) as server:
        for symbol in load_universe(Path("universe.csv")).symbols:
            bars = source.fetch(symbol, date(2015, 1, 1), yesterday)
            traded = bars.with_columns(*prices, pl.col("volume") / by)
            server.listed[symbol] = Listed(traded, {split: (4, 1)}, dividends)
        sys.stdout.write(f"Answering as Yahoo does at {server.url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        _serve(int(sys.argv[1]))
