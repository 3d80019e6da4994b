"""How long do the requests of twenty concurrent users take, ten of them at a time?

Each request is for one of five strategies on five symbols of 50, drawn at random with a fixed seed:
20 runs of the job `backtest_request`, launched at once through GraphQL on a real webserver with its
daemon, queue and code server, on two years of daily bars whose prices were fetched before. The time
is from the first launch to the end of the last run, the CPU time that of all these processes, runs
included. Every request must succeed, and its run must hold exactly the rows of its symbols,
strategy and user. The last lines are of one request while there is no other.

The baseline is Dagster's default run launcher with its code server, which start each run as a new
Python, on an instance that has the same settings otherwise: the same requests, round by round.
Where Redis is installed, four warm workers (docs/celery.md) have their turn too.
"""

import random
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import yaml

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.clock import cpu_seconds_of
from benchmarks.harness import CONSOLE
from benchmarks.report import Report, Table, Verdict
from pipelines.partitions import build_partition_tags
from resources.result_store.resource import ResultStore
from tests.pipelines.graphql import ended, launch_request, launch_run
from tests.pipelines.webserver import Webserver, running_webserver
from tests.redis import Redis
from tests.resources.celery_workers.served import running_worker, use_workers

SYMBOLS = tuple(f"S{number:03}" for number in range(50))
STRATEGIES = ("sma_cross", "rsi", "macd", "bollinger", "momentum")
OURS, STOCK = "this project", "Dagster's default run launcher"
WARM = "this project's warm workers"

_DAGSTER_DEV = ("-m", "dagster", "dev", "--port")
_WITHIN = 900.0
_EACH = 5
_MOST_ROUNDS = 2


@dataclass(frozen=True)
class Request:
    """What one user requests."""

    user: str
    symbols: tuple[str, ...]
    strategy: str


@dataclass(frozen=True)
class Burst:
    """The outcome of requests that were launched at once."""

    seconds: float
    cpu_seconds: float
    requests: int
    succeeded: int
    mixed_up: int


Bursts = Mapping[str, list[Burst]]


def run(options: Options) -> Report:
    """Launch the requests of each round on each instance in turn."""
    rounds = 1 if options.quick else min(options.rounds, _MOST_ROUNDS)
    starts: dict[str, Callable[[], AbstractContextManager[Webserver]]] = {
        OURS: partial(running_webserver, _lay_out),
        STOCK: partial(running_webserver, _lay_out_stock, _DAGSTER_DEV),
    }
    if shutil.which("redis-server") and not options.quick:
        starts[WARM] = _running_warm_workers
    bursts: dict[str, list[Burst]] = {name: [] for name in starts}
    alone: dict[str, list[Burst]] = {name: [] for name in starts}
    with ExitStack() as stack:
        webservers = {name: stack.enter_context(start()) for name, start in starts.items()}
        for webserver in webservers.values():
            _fetch_prices(webserver)
        for number in range(rounds):
            requests = draw_requests(2 if options.quick else 20, number)
            for name, webserver in webservers.items():
                CONSOLE.print(f"round {number + 1}: {len(requests)} requests, {name}", style="dim")
                bursts[name].append(_launch_all(webserver, requests))
                if not options.quick:
                    alone[name].append(_launch_all(webserver, draw_requests(1, rounds + number)))
    return _report(bursts, alone, options)


def draw_requests(users: int, number: int = 0) -> list[Request]:
    """Return the requests of so many users in a round: the same at each call."""
    rng = random.Random(20 + number)  # noqa: S311 - a scenario, not a secret
    return [
        Request(f"user{user:02}", tuple(rng.sample(SYMBOLS, _EACH)), rng.choice(STRATEGIES))
        for user in range(users)
    ]


def _fetch_prices(webserver: Webserver) -> None:
    fetched = launch_run(webserver, build_partition_tags(SYMBOLS[0], SYMBOLS[-1]), ["prices"])
    if ended(webserver, fetched) != "SUCCESS":
        raise SystemExit(f"The prices could not be fetched:\n{webserver.log_tail()}")


def _launch_all(webserver: Webserver, requests: Sequence[Request]) -> Burst:
    cpu, begun = webserver.cpu_seconds(), time.perf_counter()
    runs = {one: launch_request(webserver, one.user, one.symbols, one.strategy) for one in requests}
    statuses = [ended(webserver, run_id, _WITHIN) for run_id in runs.values()]
    seconds, cpu = time.perf_counter() - begun, webserver.cpu_seconds() - cpu
    succeeded = statuses.count("SUCCESS")
    return Burst(seconds, cpu, len(runs), succeeded, _count_mixed_up(webserver, runs))


def _count_mixed_up(webserver: Webserver, runs: Mapping[Request, str]) -> int:
    """Return how many runs hold other rows than those of their request."""
    store = ResultStore(home=str(webserver.folder / ".data")).manager()
    wrong = 0
    for one, run_id in runs.items():
        rows, run = store.get_backtests_by_run(run_id), store.get_run(run_id)
        found = sorted(rows["symbol"]), set(rows["strategy"]), run and run["run_user"]
        wrong += found != (sorted(one.symbols), {one.strategy}, one.user)
    return wrong


def _lay_out(folder: Path) -> dict[str, str]:
    (folder / "universe.csv").write_text("\n".join(["symbol", *SYMBOLS]) + "\n")
    return {"GAUNTLET_START": "2022-01-01", "GAUNTLET_END": "2023-12-31"}


def _lay_out_stock(folder: Path) -> dict[str, str]:
    settings = yaml.safe_load((folder / "dagster.yaml").read_text())
    del settings["run_launcher"]
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    return _lay_out(folder)


@contextmanager
def _running_warm_workers() -> Iterator[Webserver]:
    """Lend a webserver with a Redis and a worker, whose CPU time is counted as well."""
    redis, environment = Redis(), {}
    redis.start()

    def lay_out(folder: Path) -> dict[str, str]:
        environment.update(_lay_out(folder) | use_workers(folder, redis))
        return environment

    try:
        with (
            running_webserver(lay_out) as webserver,
            running_worker(webserver, environment, "--processes", "4") as worker,
        ):
            yield replace(
                webserver,
                cpu_seconds=lambda: webserver.cpu_seconds() + cpu_seconds_of(worker),
            )
    finally:
        redis.kill()


def _report(bursts: Bursts, alone: Bursts, options: Options) -> Report:
    ours = [
        one
        for all_of in (bursts, alone)
        for name in all_of
        if name != STOCK
        for one in all_of[name]
    ]
    succeeded = sum(one.succeeded for one in ours) / sum(one.requests for one in ours)
    stock = f"on {STOCK}, times ours"
    times = {"times_stock": f"Time {stock}", "times_stock_cpu": f"CPU time {stock}"}
    measured = {
        "times_stock": median(_compare(bursts, "seconds")),
        "times_stock_cpu": median(_compare(bursts, "cpu_seconds")),
    }
    return Report(
        [
            Verdict("Requests that succeed", 100 * succeeded, "at least", 100.0, "%"),
            Verdict("Requests mixed up", sum(one.mixed_up for one in ours), "at most", 0.0),
            *(
                Verdict(what, measured[limit], "at least", options.limits[limit], "x")
                for limit, what in times.items()
            ),
        ],
        [
            Table(
                "Requests launched at once, and one alone",
                ["Runs are started by", "Requests", "s", "CPU s each", "Succeeded", "Mixed up"],
                [
                    _row(name, one)
                    for all_of in (bursts, alone)
                    for name in all_of
                    for one in all_of[name]
                ],
            )
        ],
    )


def _compare(bursts: Bursts, measure: str) -> list[float]:
    """Return the baseline's times as multiples of ours, by round."""
    pairs = zip(bursts[STOCK], bursts[OURS], strict=True)
    return [getattr(stock, measure) / getattr(own, measure) for stock, own in pairs]


def _row(name: str, one: Burst) -> list[str]:
    each = one.cpu_seconds / one.requests
    shown = [f"{one.seconds:.1f}", f"{each:.2f}", f"{one.succeeded} of {one.requests}"]
    return [name, str(one.requests), *shown, str(one.mixed_up)]


BENCHMARK = Benchmark(
    "concurrent_requests",
    __doc__ or "",
    {"times_stock": 3.0, "times_stock_cpu": 3.0},
    run,
    "orchestration",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
