"""What holds of every strategy that learns: no leak, no dead parameter, the same bits anywhere."""

import hashlib
import importlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.parameter_grid import build_grid
from strategies.base import Bars, Strategy
from strategies.ensemble import Ensemble
from strategies.indicator_cache import indicator_cache
from strategies.registry import STRATEGY_TEMPLATES, get_strategy, registered_strategies
from tests.strategies.learning import LEARNING, both, regime_bars

BARS = regime_bars(600, seed=4)

# Another value of each parameter, and what else it needs to have an effect.
OTHERS: dict[str, dict[str, dict[str, Any]]] = {
    "online_learning": {
        "horizon": {"horizon": 10},
        "memory_bars": {"memory_bars": 100},
        "ridge": {"ridge": 200.0},
        "first_fit": {"first_fit": 200},
        "entry_return": {"entry_return": 0.006},
        "exit_return": {"exit_return": -0.003},
    },
    "regime_aware": {
        "trend_period": {"trend_period": 20},
        "dip_period": {"dip_period": 30},
        "dip_std_dev": {"dip_std_dev": 1.0},
        "certainty": {"certainty": 0.9},
        "first_fit": {"first_fit": 300},
        "refit_every": {"refit_every": 63},
    },
    "ensemble": {
        "members": {"members": "ema_cross+macd+rsi"},
        "weighting": {"weighting": "stacked"},
        "horizon": {"weighting": "stacked", "horizon": 20},
        "entry_vote": {"entry_vote": 0.8},
        "exit_vote": {"exit_vote": 0.3},
        "first_fit": {"first_fit": 200},
        "refit_every": {"refit_every": 21},
    },
}
# What a parameter's effect is compared with, where it is not the defaults.
BASES: dict[tuple[str, str], dict[str, Any]] = {("ensemble", "horizon"): {"weighting": "stacked"}}


@pytest.mark.parametrize("name", LEARNING)
def test_every_parameter_changes_the_signals(name: str):
    assert set(OTHERS[name]) == set(STRATEGY_TEMPLATES[name]["parameters"])
    for parameter, other in OTHERS[name].items():
        base = BASES.get((name, parameter), {})
        panel = [regime_bars(900, seed) for seed in range(3)]
        one, two = (get_strategy(name).from_mapping(some) for some in (base, other))
        changed = [bool((both(one, bars) != both(two, bars)).any()) for bars in panel]
        assert any(changed), f"{parameter} of {name} has no effect"


@pytest.mark.parametrize(
    "strategy",
    [
        *(get_strategy(name)() for name in LEARNING),
        Ensemble(members="regime_aware+rsi", first_fit=130),
    ],
    ids=repr,
)
@pytest.mark.parametrize("seed", range(3))
def test_no_entry_comes_before_the_first_fit(strategy: Strategy, seed: int):
    entries, _ = both(strategy, regime_bars(700, seed))
    assert not entries[: strategy.lookback_bars].any()
    assert entries.any()


@pytest.mark.parametrize("name", LEARNING)
def test_grids_are_small_and_have_the_defaults(name: str):
    grid = build_grid(name)
    assert 9 <= len(grid.strategies) <= 16
    assert get_strategy(name)() in grid.strategies


def _read_only(bars: Bars) -> Bars:
    for field in bars.__dataclass_fields__:
        getattr(bars, field).setflags(write=False)
    return bars


@pytest.mark.parametrize(
    ("name", "where", "what", "fits"),
    [
        ("online_learning", "strategies.ml.online_ridge", "fit_after_each_row", 2),
        ("regime_aware", "strategies.ml.hidden_markov", "fit", 3),
        ("ensemble", "strategies.ml.logistic", "fit", 6),
    ],
)
def test_a_sweep_fits_each_model_once(
    name: str, where: str, what: str, fits: int, monkeypatch: pytest.MonkeyPatch
):
    module, calls = importlib.import_module(where), []
    does = getattr(module, what)
    monkeypatch.setattr(module, what, lambda *a, **k: calls.append(1) or does(*a, **k))
    with indicator_cache():
        for point in build_grid(name).strategies:
            point.signals(_read_only(BARS))
    # Two horizons; refits at 240, 366, 492; at 240, 303, 366, 429, 492, 555.
    assert len(calls) == fits


@pytest.mark.parametrize("backwards", [False, True])
def test_signals_are_the_same_bits_whatever_else_is_computed(backwards: bool):
    everything = [one() for one in registered_strategies().values()]
    everything += [point for name in LEARNING for point in build_grid(name).strategies]
    bars = _read_only(regime_bars(500, seed=8))
    alone = {one: both(one, bars) for one in everything}
    with indicator_cache():
        for one in everything[:: -1 if backwards else 1]:
            np.testing.assert_array_equal(both(one, bars), alone[one])


PROGRAM = """
import hashlib
import importlib
from strategies.ensemble import count_votes
from strategies.online_learning import predict_returns
from strategies.regime_aware import filter_regimes
from tests.strategies.learning import regime_bars

digest = hashlib.sha256()
for seed in (1, 2):
    b = regime_bars(900, seed)
    digest.update(predict_returns(b.open, b.close, b.volume, 5, 250, 20.0, 240).tobytes())
    digest.update(filter_regimes(b.close, 240, 126).tobytes())
    for weighting in ("sharpe", "stacked"):
        members = "bollinger+breakout+ema_cross+macd+mean_reversion+momentum+rsi+sma_cross"
        votes = count_votes(
            b.open, b.high, b.low, b.close, b.volume, members, weighting, 5, 240, 63
        )
        digest.update(votes.tobytes())
print(digest.hexdigest())
"""


def _digest(threads: int) -> str:
    limits = {name: str(threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=root,
        env={**os.environ, **limits, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_predictions_are_the_same_bits_in_other_threads():
    found = {_digest(threads) for threads in (1, 4)}
    assert len(found) == 1
    assert len(found.pop()) == len(hashlib.sha256().hexdigest())


@pytest.mark.parametrize("name", LEARNING)
def test_prices_that_do_not_move_give_no_entry(name: str):
    flat = np.full(600, 100.0)
    bars = Bars(flat, flat, flat, flat, np.full(600, 1e6))
    assert not both(get_strategy(name)(), bars)[0].any()


@pytest.mark.parametrize("name", LEARNING)
def test_a_jump_of_the_price_leaves_signals_of_later_bars(name: str):
    factor = np.where(np.arange(600) < 400, 1.0, 60.0)
    bars = Bars(*(getattr(BARS, field) * factor for field in BARS.__dataclass_fields__))
    assert both(get_strategy(name)(), bars)[:, 480:].any()


def test_declaring_what_learns_loads_no_model():
    program = (
        "import sys, strategies.registry as r; r.registered_strategies()['regime_aware']()\n"
        "print([m for m in sys.modules if m.startswith(('strategies.ml.', 'numpy', 'sklearn'))])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_signals_of_what_learns_need_no_scikit_learn():
    program = (
        "import sys\nfrom tests.strategies.learning import LEARNING, both, regime_bars\n"
        "from strategies.registry import get_strategy\n"
        "print(all(both(get_strategy(n)(), regime_bars(400)).any() for n in LEARNING), "
        "[m for m in ('sklearn', 'scipy', 'hmmlearn', 'river') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "True []"
