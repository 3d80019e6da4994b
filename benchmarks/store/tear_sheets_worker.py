"""A run of the whole graph with variants of strategies, and its report, in a fresh process.

``python -m benchmarks.store.tear_sheets_worker FOLDER SYMBOLS ROUNDS`` leaves FOLDER/report.json:
the processor's seconds of a report, the number of strategies, and what was written.

A variant is a class of its own in a file of its own, which the registry finds like all others:
another default of one parameter, so that it trades at other times.
"""

import json
import sys
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

import strategies

_VARIANTS = (
    ("macd", "Macd", "slow_period", 30, (21, 24, 26, 30)),
    ("ema_cross", "EmaCross", "slow_period", 50, (20, 26, 35, 50)),
    ("momentum", "Momentum", "lookback", 30, (10, 15, 20, 25, 30)),
)
_FILE = """
from dataclasses import dataclass

from strategies.base import parameter
from strategies.{name} import {cls}


@dataclass(frozen=True)
class Slow{cls}({cls}):
    {parameter}: int = parameter({default}, minimum=2, sweep={sweep})
"""


@dataclass(frozen=True)
class Measured:
    """What a report took: seconds of the processor, and bytes.

    `known_seconds` are those of one that shows the same results as a report before it.
    """

    seconds: float
    known_seconds: float
    strategies: int
    pages: int
    size: int
    single_file_size: int


def add_variants(folder: Path) -> None:
    """Write the variants, where the registry looks for strategies; it must not have looked yet."""
    folder.mkdir()
    for name, cls, parameter, default, sweep in _VARIANTS:
        text = _FILE.format(name=name, cls=cls, parameter=parameter, default=default, sweep=sweep)
        (folder / f"{name}_slow.py").write_text(text)
    strategies.__path__.append(str(folder))


def measure(home: Path, symbols: int, rounds: int) -> Measured:
    """Run the graph on a new universe, and write its report again and again."""
    # After the variants were added: the graph is built of all strategies.
    from benchmarks.harness import interleave
    from benchmarks.orchestration.graphs import OURS, on, ranged
    from pipelines.definitions import build_defs
    from reports.folder import ReportFolder
    from reports.inputs.run_data import Stores
    from reports.report import write_report
    from reports.site import SINGLE_FILE
    from resources.config.environment import EnvironmentSettings
    from resources.price_store.store import PriceStore
    from resources.result_store.resource import ResultStore
    from resources.run_artifacts.backtest_files import BacktestFiles
    from strategies.registry import registered_strategies

    names = [f"S{number:03}" for number in range(symbols)]
    universe = home / "universe.csv"
    universe.write_text("\n".join(["symbol", *names]) + "\n")
    settings = EnvironmentSettings.from_environment(
        {"GAUNTLET_HOME": str(home / "data"), "GAUNTLET_UNIVERSE": str(universe)}
    )
    store = ResultStore(home=str(home / "store"))
    on(OURS, ranged(build_defs(settings, {"result_store": store}), names))()
    manager = store.manager()
    stores = Stores(
        manager, BacktestFiles(root=settings.backtest_files), PriceStore(root=settings.price_store)
    )
    run_id = manager.get_leaderboard_runs()[0]["run_id"]
    root = str(home / "reports")
    site, apart = write_report(stores, root, run_id), count()
    contenders = {
        "known": lambda: write_report(stores, root, run_id),
        "new": lambda: write_report(stores, f"{root}-{next(apart)}", run_id),
    }
    timings = interleave("", contenders, rounds)
    single = Path(ReportFolder(root, run_id).path_of(SINGLE_FILE))
    return Measured(
        timings.median("new"),
        timings.median("known"),
        len(registered_strategies()),
        site.pages,
        site.size,
        single.stat().st_size,
    )


def main(folder: str, symbols: str, rounds: str) -> None:
    """Measure one size of universe."""
    home = Path(folder)
    add_variants(home / "strategies")
    measured = measure(home, int(symbols), int(rounds))
    (home / "report.json").write_text(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main(*sys.argv[1:])
