"""One round of `benchmarks.store.result_cache`: real runs, each pass timed inside its step.

`python -m benchmarks.store.result_cache_worker FOLDER SYMBOLS NAME` leaves FOLDER/NAME.json. The
name "prepare" fetches the prices of the universe, for all rounds.
"""

import json
import logging
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from assets.backtests.stage import BacktestStage
from benchmarks.clock import Clock, cpu_seconds, cpu_seconds_with, postgres_process
from benchmarks.universe import NINE, nine_strategies
from pipelines.definitions import build_defs
from research.audit.stage_profile import BacktestsProfile
from resources.config.environment import EnvironmentSettings
from resources.price_store.spans import HistorySpec
from resources.result_store.embedded import data_folder, start_embedded
from resources.result_store.run_records import read_profile
from strategies.registry import STRATEGY_TEMPLATES

_UNIVERSE = 110
_LEAST = 20


class Round:
    """A process's runs on the folder's prices, with results of its own: another initial capital."""

    def __init__(self, folder: Path, symbols: int, name: str) -> None:
        self._folder, self._name, self._symbols = folder, name, symbols
        self._capital = 10_000.0 + int(name.rpartition("-")[2] if "-" in name else 0)
        listed = [f"S{number:03}" for number in range(_UNIVERSE if symbols >= _LEAST else symbols)]
        (folder / "universe.csv").write_text("symbol\n" + "\n".join(listed) + "\n")
        self._listed = listed
        self._settings = EnvironmentSettings.from_environment(
            {
                "GAUNTLET_HOME": str(folder / "home"),
                "GAUNTLET_UNIVERSE": str(folder / "universe.csv"),
            }
        )
        self._definitions = build_defs(self._settings)
        (folder / "dagster").mkdir(exist_ok=True)
        self._instance = dg.DagsterInstance.local_temp(
            str(folder / "dagster"), overrides={"telemetry": {"enabled": False}}
        )

        start_embedded(folder / "home")
        self._clock = cpu_seconds_with(postgres_process(data_folder(folder / "home")))

    def run(self, keys: Sequence[str], last: str, **settings: Any) -> str:
        """Run assets without their checks, from the universe's first symbol to `last`."""
        selection = dg.AssetSelection.from_coercible(list(keys)).without_checks()
        job = dg.define_asset_job("passes", selection)
        done = (
            dg.Definitions.merge(self._definitions, dg.Definitions(jobs=[job]))
            .resolve_job_def("passes")
            .execute_in_process(
                instance=self._instance,
                tags={
                    "dagster/asset_partition_range_start": self._listed[0],
                    "dagster/asset_partition_range_end": last,
                },
                run_config=self._config(settings),
            )
        )
        return done.run_id

    def _config(self, settings: dict[str, Any]) -> dict[str, Any]:
        own = {"initial_capital": self._capital, **settings}
        return {"resources": {"run_settings": {"config": own}}}

    def prepare(self) -> None:
        """Fetch all prices."""
        self.run(["prices"], self._listed[-1])

    def timed(self, **settings: Any) -> dict[str, Any]:
        """Return what a pass took, and what it knew."""
        keys = [*(f"backtests/{name}" for name in NINE), "backtest_summaries"]
        with _StepClock(self._clock) as clock:
            run_id = self.run(keys, self._listed[self._symbols - 1], **settings)
        store = self._definitions.resources["result_store"] if self._definitions.resources else None
        profile = read_profile(store, run_id, "backtests", BacktestsProfile)  # pyright: ignore[reportArgumentType]
        cached = profile.cached_results if profile else None
        return {
            "seconds": clock.inside,
            "hits": cached.hits if cached else 0,
            "misses": cached.misses if cached else 0,
        }

    def joblib(self) -> dict[str, float]:
        """Return what `joblib.Memory` around the engine takes, computed and known."""
        from joblib import Memory

        from engine.backtest import VectorBTEngine
        from resources.config.run_settings import RunSettings
        from resources.price_store.history_loader import LoadedHistory, load_histories
        from resources.price_store.store import PriceStore

        start, end = self._settings.start.isoformat(), self._settings.end.isoformat()
        settings = RunSettings(start=start, end=end)
        store = PriceStore(root=str(self._folder / "home" / "prices"))
        window, first = settings.window(), settings.history_start()
        wanted = [HistorySpec(one, first, window.end) for one in self._listed[: self._symbols]]

        def computed(histories: Any, strategies: Any) -> list[Any]:
            results = VectorBTEngine().run_batch(histories, strategies, window).results
            return [(one.metrics, one.undefined, one.trades, one.equity) for one in results]

        remembered = Memory(self._folder / "joblib" / self._name, verbose=0).cache(computed)

        def one_pass() -> float:
            begun = cpu_seconds()
            every = [one for _, one in load_histories(store, "synthetic", wanted)]
            remembered(
                [o.history for o in every if isinstance(o, LoadedHistory)], nine_strategies()
            )
            return cpu_seconds() - begun

        return {"joblib_computed": one_pass(), "joblib_known": one_pass()}


class _StepClock:
    """Times the step, from when it knows which prices there are."""

    def __init__(self, clock: Clock) -> None:
        self.inside = 0.0
        self._clock = clock
        self._run = BacktestStage.run

    def __enter__(self) -> "_StepClock":
        run = self._run

        def timed_run(one: BacktestStage, symbols: Sequence[str]) -> None:
            begun = self._clock()
            run(one, symbols)
            self.inside += self._clock() - begun

        BacktestStage.run = timed_run  # pyright: ignore[reportAttributeAccessIssue]
        return self

    def __exit__(self, *_: object) -> None:
        BacktestStage.run = self._run


def other_parameters() -> dict[str, dict[str, float]]:
    """Return another allowed value of the first parameter of each of the nine strategies."""
    found: dict[str, dict[str, float]] = {}
    for name in NINE:
        template = STRATEGY_TEMPLATES[name]
        parameter = next(iter(template["ranges"]))
        default = template["parameters"][parameter]
        found[name] = {parameter: next(v for v in template["ranges"][parameter] if v != default)}
    return found


def main() -> None:
    """Run a round, or prepare all."""
    logging.disable(logging.CRITICAL)
    folder, symbols, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    one = Round(folder, symbols, name)
    answer: dict[str, Any] = {}
    if name == "prepare":
        one.prepare()
    else:
        shutil.rmtree(folder / "home/prices/synthetic/.equal_weight", ignore_errors=True)
        passes = {"cold": one.timed(), "same again": one.timed()}
        passes["other parameters"] = one.timed(parameters=other_parameters())
        passes["same, ignoring the cache"] = one.timed(ignore_cache=True)
        answer = {"passes": passes} | one.joblib()
    (folder / f"{name}.json").write_text(json.dumps(answer))


if __name__ == "__main__":
    main()
