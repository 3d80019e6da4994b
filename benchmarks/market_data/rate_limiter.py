"""Do many processes keep to one provider's rate limit, and use it?

Eight processes fetch 400 symbols from a server on this machine that speaks Yahoo's protocol, counts
requests within the last second as they arrive, and refuses those beyond 20 with a 429. They share a
rate limiter of 20 requests per second, in a file or in PostgreSQL. Nobody asks twice: a refused
symbol is counted. Two may be: between its slot and the server, a busy machine may hold a request up
for longer than the 75 ms that the limiter leaves room for. "Used" is the rate at which requests
arrived, from the first to the last, as a share of the limit. Each way runs once: it takes as long
as the limit says.

Compared with: pyrate-limiter's own `Limiter` of 20 per second on a SQLite bucket with a file lock
that all processes share, which lets out twenty at once; one such `Limiter` in the memory of each
process, which knows nothing of the others; and no limiter at all.
"""

import multiprocessing
import sys
import tempfile
from dataclasses import dataclass

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE
from benchmarks.market_data.rate_limiter_worker import (
    ALONE,
    BUCKET,
    DATABASE,
    FILE,
    FREE,
    WINDOW,
    work,
)
from benchmarks.report import Report, Table, Verdict
from resources.market_data.sources.synthetic import SyntheticSource
from resources.result_store.resource import ResultStore
from tests.yahoo_server import Listed, YahooServer

RATE = 20
USED_AT_LEAST = {FILE: "used", DATABASE: "used_database"}
"""The limit of each of ours; a slot costs round trips to the database, which a busy machine
delays."""


@dataclass(frozen=True)
class Seen:
    """What the server saw of one way: requests, those refused, the seconds from first to last."""

    requests: int
    refused: int
    seconds: float

    @property
    def used(self) -> float:
        """Share of the rate limit at which requests arrived."""
        return (self.requests - 1) / self.seconds / RATE


def run(options: Options) -> Report:
    """Judge how many were refused, and how much of the rate limit was used."""
    processes, symbols = (2, 20) if options.quick else (8, 400)
    report = Report()
    seen: dict[str, Seen] = {}
    with tempfile.TemporaryDirectory(prefix="gauntlet-benchmark-") as folder:
        for way in (FILE, DATABASE, BUCKET, ALONE, FREE):
            CONSOLE.print(f"{processes} processes, {symbols} symbols: {way}")
            place = _database() if way == DATABASE else folder
            seen[way] = _fetch(way, place, processes, symbols)
    for way, least in USED_AT_LEAST.items():
        _judge(way, seen[way], least, options, report)
    report.tables.append(_table(f"{processes} processes, {symbols} symbols", seen))
    return report


def _database() -> str:
    """Return the URL of an embedded PostgreSQL, which lives until this process ends."""
    home = tempfile.mkdtemp(prefix="gauntlet-benchmark-")
    return ResultStore(home=home).manager().engine.url.render_as_string(hide_password=False)


def _fetch(way: str, place: str, processes: int, symbols: int) -> Seen:
    bars = SyntheticSource().fetch("AAPL", *WINDOW)
    names = [f"S{number}" for number in range(symbols)]
    context = multiprocessing.get_context("spawn")
    with (
        YahooServer.running() as server,
        context.Manager() as manager,
        context.Pool(processes) as pool,
    ):
        server.listed = dict.fromkeys(names, Listed(bars))
        server.limit = RATE
        # All begin when all have loaded what they need.
        ready = manager.Barrier(processes)
        shares = [names[first::processes] for first in range(processes)]
        jobs = [(way, server.url, place, RATE, share, ready) for share in shares]
        refused = sum(pool.starmap(work, jobs, chunksize=1))
        if refused != server.refused or len(server.arrived) != symbols:
            raise RuntimeError(f"{way}: the server and the processes count differently")
        return Seen(symbols, refused, server.arrived[-1] - server.arrived[0])


def _judge(way: str, seen: Seen, least: str, options: Options, report: Report) -> None:
    limits = options.limits
    what = f"Requests refused, {way}"
    report.verdicts.append(Verdict(what, seen.refused, "at most", limits["refused"]))
    what = f"Share of the rate limit that is used, {way}"
    report.verdicts.append(Verdict(what, seen.used, "at least", limits[least]))


def _table(title: str, seen: dict[str, Seen]) -> Table:
    rows = [
        [
            way,
            f"{it.requests}",
            f"{it.refused}",
            f"{it.seconds:.1f}",
            f"{it.requests / it.seconds:.1f}",
            f"{it.used:.0%}",
        ]
        for way, it in seen.items()
    ]
    columns = ["Way", "Requests", "refused", "s", "requests/s", "of the limit"]
    return Table(title, columns, rows)


BENCHMARK = Benchmark(
    "rate_limiter",
    __doc__ or "",
    {"refused": 2, "used": 0.90, "used_database": 0.90},
    run,
    "market_data",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
