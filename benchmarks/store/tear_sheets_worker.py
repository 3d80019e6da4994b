"""A run of the whole graph, and its report, in a fresh process.

``python -m benchmarks.store.tear_sheets_worker FOLDER SYMBOLS ROUNDS`` leaves FOLDER/report.json:
the processor's seconds of a report, the number of strategies, and what was written.
"""

import json
import sys
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path


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


def measure(home: Path, symbols: int, rounds: int) -> Measured:
    """Run the graph on a new universe, and write its report again and again."""
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
    measured = measure(home, int(symbols), int(rounds))
    (home / "report.json").write_text(json.dumps(asdict(measured)))


if __name__ == "__main__":
    main(*sys.argv[1:])
