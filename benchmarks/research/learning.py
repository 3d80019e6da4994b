"""What do strategies that learn cost?

Each of the three on 110 symbols x 756 bars after 253 bars of warm-up, with its default parameters
and at all points of its ranges, from bars to metrics, without files. Stage by stage: what a model
looks at (features, returns, members' positions), fits and predictions, signals, and the engine.
Beside online_learning, scikit-learn's linear regression by stochastic gradient descent learns the
same rows one by one (`partial_fit`), on three symbols.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Timings, interleave
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import universe
from engine.backtest import VectorBTEngine
from engine.history import History
from engine.parameter_grid import build_grid
from engine.settings import Window
from strategies.base import Bars
from strategies.ensemble import Ensemble, count_votes, find_positions
from strategies.ml.features import compute_features, compute_labels
from strategies.ml.online_ridge import fit_after_each_row
from strategies.online_learning import OnlineLearning, predict_returns
from strategies.regime_aware import RegimeAware, filter_regimes
from strategies.registry import get_strategy

WARM_UP = 253
LEARNING = ("ensemble", "online_learning", "regime_aware")
OURS, THEIRS = "the ridge of online_learning", "partial_fit of scikit-learn"

_MOST_ROUNDS = 3
_COMPARED = 3

Stage = Callable[[Bars], Any]


def run(options: Options) -> Report:
    """Time each strategy, its stages, its sweep, and the library beside it."""
    size = (4, 120) if options.quick else (110, 756)
    histories = universe(size[0], WARM_UP + size[1])
    window = Window(*(histories[0].dates[place].item() for place in (WARM_UP, -1)))
    contenders: dict[str, Callable[[], Any]] = {}
    for name in LEARNING:
        points = build_grid(name).strategies
        contenders |= {
            name: partial(_backtest, histories, [get_strategy(name)()], window),
            _sweep_of(name): partial(_backtest, histories, points, window),
        }
        for stage, does in STAGES[name].items():
            contenders[f"{name}: {stage}"] = partial(_go_through, histories, does)
    contenders |= _build_peers(histories[:_COMPARED])
    rounds = min(options.rounds, _MOST_ROUNDS)
    timings = interleave("learning", contenders, rounds)
    return Report(_judge(timings, size, options), _tabulate(timings))


def _judge(timings: Timings, size: tuple[int, int], options: Options) -> list[Verdict]:
    what, limits = f"{size[0]} symbols x {size[1]} bars", options.limits
    alone = [
        Verdict(
            f"CPU time of {name}, {what}",
            timings.median(name),
            "at most",
            limits["seconds"],
            "s",
            aim=5.0,
        )
        for name in LEARNING
    ]
    sweeps = Verdict(
        f"CPU time of the sweeps of all three, {what}",
        sum(timings.median(_sweep_of(name)) for name in LEARNING),
        "at most",
        limits["sweep_seconds"],
        "s",
    )
    peer = Verdict(
        "Online learning, times as fast as partial_fit of scikit-learn",
        timings.times_as_fast(OURS, THEIRS),
        "at least",
        limits["times_partial_fit"],
        "x",
    )
    return [*alone, sweeps, peer]


def _tabulate(timings: Timings) -> list[Table]:
    rows = []
    for name in LEARNING:
        reached = [timings.median(f"{name}: {stage}") for stage in STAGES[name]]
        reached.append(timings.median(name))
        steps = np.maximum(np.diff(reached, prepend=0.0), 0.0)
        swept, points = timings.median(_sweep_of(name)), len(build_grid(name).strategies)
        rows.append([name, *(f"{one:.2f}" for one in (*steps, reached[-1], swept)), str(points)])
    columns = ["", "looks at", "fits", "signals", "engine", "all", "sweep", "points"]
    peers = [[name, f"{timings.median(name) / _COMPARED * 1e3:,.1f}"] for name in (OURS, THEIRS)]
    return [
        Table("CPU seconds", columns, rows),
        Table("Learning one symbol row by row", ["", "ms"], peers),
    ]


def _sweep_of(name: str) -> str:
    return f"sweep of {name}"


def _backtest(histories: Sequence[History], points: Sequence[Any], window: Window) -> int:
    outcomes = VectorBTEngine().run_batches(histories, points, window)
    return sum(len(outcome.column("sharpe_ratio")) for outcome in outcomes)


def _go_through(histories: Sequence[History], does: Stage) -> None:
    for history in histories:
        does(history.bars)


_ONLINE, _REGIMES, _VOTES = OnlineLearning(), RegimeAware(), Ensemble()

STAGES: dict[str, dict[str, Stage]] = {
    "online_learning": {
        "looks at": lambda bars: compute_features(bars.close, bars.volume),
        "fits": lambda bars: predict_returns(
            bars.open,
            bars.close,
            bars.volume,
            _ONLINE.horizon,
            _ONLINE.memory_bars,
            _ONLINE.ridge,
            _ONLINE.first_fit,
        ),
        "signals": _ONLINE.signals,
    },
    "regime_aware": {
        "looks at": lambda bars: np.diff(np.log(bars.close)),
        "fits": lambda bars: filter_regimes(bars.close, _REGIMES.first_fit, _REGIMES.refit_every),
        "signals": _REGIMES.signals,
    },
    "ensemble": {
        "looks at": lambda bars: find_positions(*_list_series(bars), _VOTES.members),
        "fits": lambda bars: count_votes(
            *_list_series(bars),
            _VOTES.members,
            _VOTES.weighting,
            _VOTES.horizon,
            _VOTES.first_fit,
            _VOTES.refit_every,
        ),
        "signals": _VOTES.signals,
    },
}
"""By strategy: each stage does what the one before does, and more."""


def _list_series(bars: Bars) -> tuple[Any, Any, Any, Any, Any]:
    return bars.open, bars.high, bars.low, bars.close, bars.volume


def _build_peers(histories: Sequence[History]) -> dict[str, Callable[[], Any]]:
    given = []
    for history in histories:
        bars, first = history.bars, _ONLINE.first_fit // 4
        rows = compute_features(bars.close, bars.volume)[first : -1 - _ONLINE.horizon]
        given.append((rows, compute_labels(bars.open, _ONLINE.horizon)[first : len(rows) + first]))

    def learn_by_ours() -> None:
        for rows, labels in given:
            fit_after_each_row(rows, labels, _ONLINE.memory_bars, _ONLINE.ridge)

    def learn_by_theirs() -> None:
        from sklearn.linear_model import SGDRegressor

        for rows, labels in given:
            model = SGDRegressor(learning_rate="constant", eta0=0.01, fit_intercept=False)
            for row, label in zip(rows, labels, strict=True):
                model.partial_fit(row[np.newaxis], [label])
                model.predict(row[np.newaxis])

    return {OURS: learn_by_ours, THEIRS: learn_by_theirs}


BENCHMARK = Benchmark(
    "learning",
    __doc__ or "",
    {"seconds": 20.0, "sweep_seconds": 60.0, "times_partial_fit": 10.0},
    run,
    "research",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
