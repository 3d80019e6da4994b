"""How long do the requests of twenty concurrent users take, ten of them at a time?

Each request is for one of five strategies on five symbols of 50, drawn at random with a fixed seed:
20 runs of the job `backtest_request`, launched at once through GraphQL on a real webserver with its
daemon, queue and code server, on two years of daily bars whose prices were fetched before. The time
is from the first launch to the end of the last run; most of it is the start of 20 processes. Every
request must succeed, and its run must hold exactly the rows of its symbols, strategy and user.

The baseline is Dagster's defaults: the same runs on an instance without this project's
dagster.yaml.
"""

import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE
from benchmarks.report import Report, Table, Verdict
from pipelines.partitions import build_partition_tags
from resources.result_store.resource import ResultStore
from tests.pipelines.graphql import ended, launch_request, launch_run
from tests.pipelines.webserver import Webserver, running_webserver

SYMBOLS = tuple(f"S{number:03}" for number in range(50))
STRATEGIES = ("sma_cross", "rsi", "macd", "bollinger", "momentum")
OURS, STOCK = "this project's dagster.yaml", "Dagster's defaults"

_WITHIN = 900.0
_EACH = 5


@dataclass(frozen=True)
class Request:
    """What one user requests."""

    user: str
    symbols: tuple[str, ...]
    strategy: str


@dataclass(frozen=True)
class Burst:
    """The outcome of one burst of requests."""

    seconds: float
    requests: int
    succeeded: int
    mixed_up: int


def run(options: Options) -> Report:
    """Launch the requests on each instance in turn."""
    requests = draw_requests(4 if options.quick else 20)
    bursts: dict[str, list[Burst]] = {OURS: [], STOCK: []}
    for number in range(1 if options.quick else min(options.rounds, 2)):
        for name in (OURS, STOCK):
            CONSOLE.print(f"round {number + 1}: {len(requests)} requests, {name}", style="dim")
            bursts[name].append(_burst(name, requests))
    return _report(bursts, options)


def draw_requests(users: int) -> list[Request]:
    """Return the requests of so many users: the same at each call."""
    rng = random.Random(20)  # noqa: S311 - a scenario, not a secret
    return [
        Request(f"user{number:02}", tuple(rng.sample(SYMBOLS, _EACH)), rng.choice(STRATEGIES))
        for number in range(users)
    ]


def _burst(name: str, requests: list[Request]) -> Burst:
    with running_webserver(_lay_out_stock if name == STOCK else _lay_out) as webserver:
        fetched = launch_run(webserver, build_partition_tags(SYMBOLS[0], SYMBOLS[-1]), ["prices"])
        if ended(webserver, fetched) != "SUCCESS":
            raise SystemExit(f"The prices could not be fetched:\n{webserver.log_tail()}")
        begun = time.perf_counter()
        runs = {
            one: launch_request(webserver, one.user, one.symbols, one.strategy) for one in requests
        }
        statuses = [ended(webserver, run_id, _WITHIN) for run_id in runs.values()]
        seconds = time.perf_counter() - begun
        return Burst(seconds, len(runs), statuses.count("SUCCESS"), _mixed_up(webserver, runs))


def _mixed_up(webserver: Webserver, runs: Mapping[Request, str]) -> int:
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
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return _lay_out(folder)


def _report(bursts: Mapping[str, list[Burst]], options: Options) -> Report:
    ours = bursts[OURS]
    seconds = max(one.seconds for one in ours)
    succeeded = sum(one.succeeded for one in ours) / sum(one.requests for one in ours)
    faster = sorted(
        stock.seconds / own.seconds for own, stock in zip(ours, bursts[STOCK], strict=True)
    )
    rows = [
        [name, f"{one.seconds:.1f} s", f"{one.succeeded} of {one.requests}", str(one.mixed_up)]
        for name, ones in bursts.items()
        for one in ones
    ]
    return Report(
        [
            Verdict("Time of all requests", seconds, "below", options.limits["seconds"], "s"),
            Verdict("Requests that succeed", 100 * succeeded, "at least", 100.0, "%"),
            Verdict("Requests mixed up", sum(one.mixed_up for one in ours), "at most", 0.0),
            Verdict(
                "Time on Dagster's defaults, times ours",
                faster[len(faster) // 2],
                "at least",
                options.limits["times_stock"],
                "x",
            ),
        ],
        [
            Table(
                "Bursts of requests",
                ["Instance", "From first launch to last end", "Succeeded", "Mixed up"],
                rows,
            )
        ],
    )


BENCHMARK = Benchmark(
    "concurrent_requests",
    __doc__ or "",
    {"seconds": 600.0, "times_stock": 0.8},
    run,
    "orchestration",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
