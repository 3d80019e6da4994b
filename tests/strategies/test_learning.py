"""What holds of every strategy that learns: no leak, no dead parameter, the same bits anywhere."""

import hashlib
import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from engine.parameter_grid import build_grid
from strategies.base import Bars, Strategy
from strategies.ensemble import Ensemble, count_votes
from strategies.indicator_cache import indicator_cache
from strategies.ml import features, hidden_markov, walk_forward
from strategies.ml.online_ridge import fit_after_each_row
from strategies.online_learning import OnlineLearning, predict_returns
from strategies.regime_aware import RegimeAware, filter_regimes, find_regimes
from strategies.registry import STRATEGY_TEMPLATES, get_strategy, registered_strategies
from tests.bars import random_bars
from tests.strategies.learning import LEARNING, both, features_by_pandas, regime_bars
from tests.strategies.look_ahead import assert_a_prefix_gives_the_prefix, cut

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


def _predict_returns(bars: Bars, horizon: int = 5) -> Any:
    return predict_returns(bars.open, bars.close, bars.volume, horizon, 250, 20.0, 240)


def _filter_regimes(bars: Bars) -> Any:
    return filter_regimes(bars.close, 240, 126)


def _count_votes(bars: Bars, weighting: str) -> Any:
    every = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return count_votes(*every, "momentum+rsi+sma_cross", weighting, 5, 240, 63)


PREDICTIONS: dict[str, Callable[[Bars], Any]] = {
    "returns": _predict_returns,
    "regimes": _filter_regimes,
    "sharpe": partial(_count_votes, weighting="sharpe"),
    "stacked": partial(_count_votes, weighting="stacked"),
}

# Just after refits, where a label that is not known yet would count, and between them.
STOPS = (241, 242, 245, 304, 305, 367, 370, 400, 430, 431, 555, 599)


def _depends_on_later_bars(predict: Callable[[Bars], Any]) -> bool:
    whole = predict(BARS)
    return any(
        not np.array_equal(predict(cut(BARS, stop)), whole[:stop], equal_nan=True) for stop in STOPS
    )


@pytest.mark.parametrize("name", PREDICTIONS)
def test_predictions_on_a_prefix_are_the_same_bits(name: str):
    assert np.isfinite(PREDICTIONS[name](BARS)[240:]).all()
    assert not _depends_on_later_bars(PREDICTIONS[name])


def _peek(close: Any, volume: Any, honest: Any = features.compute_features) -> Any:
    rows = honest(close, volume).copy()
    rows[:-1, 0] = rows[1:, 0]
    return rows


def _scale(close: Any, volume: Any, honest: Any = features.compute_features) -> Any:
    rows = honest(close, volume)
    return rows / np.nanstd(rows, axis=0).clip(0.1)


def _weigh_at_the_end(
    rows: Any, labels: Any, horizon: int, refits: Any, fit: Any, predict: Any
) -> Any:
    known = walk_forward.count_known(len(rows) - 1, horizon)
    return predict(fit(rows[:known], labels[:known]), rows)


def _fit_at_the_end(
    rows: Any, refits: Any, longest: int, fit: Any, predict: Any, width: int
) -> Any:
    return predict(fit(rows, None), rows)


LEAKS: dict[str, tuple[Any, str, Any, str]] = {
    "a feature of tomorrow": (features, "compute_features", _peek, "returns"),
    "scaling over the sample": (features, "compute_features", _scale, "returns"),
    "a label inside the horizon": (walk_forward, "FILL_DELAY", 0, "returns"),
    "a label before its fill": (walk_forward, "FILL_DELAY", 0, "stacked"),
    "no purge": (walk_forward, "count_known", lambda bar, _: bar + 1, "stacked"),
    "smoothed probabilities": (
        hidden_markov, "filter_states", hidden_markov.smooth_states, "regimes"),
    "regimes of the sample": (walk_forward, "predict_without_labels", _fit_at_the_end, "regimes"),
    "weights of the end": (walk_forward, "predict_by_labels", _weigh_at_the_end, "sharpe"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LEAKS)
def test_a_planted_leak_is_detected(kind: str, monkeypatch: pytest.MonkeyPatch):
    module, name, leak, predictions = LEAKS[kind]
    monkeypatch.setattr(module, name, leak)
    assert _depends_on_later_bars(PREDICTIONS[predictions])


SIGNAL_LEAKS = {
    "a feature of tomorrow": OnlineLearning(),
    "scaling over the sample": OnlineLearning(),
    "smoothed probabilities": RegimeAware(),
    "weights of the end": Ensemble(),
}
"""Leaks that reach signals of many bars."""


@pytest.mark.parametrize("kind", SIGNAL_LEAKS)
def test_the_prefix_check_of_all_strategies_detects_a_leak(
    kind: str, monkeypatch: pytest.MonkeyPatch
):
    module, name, leak, _ = LEAKS[kind]
    strategy = SIGNAL_LEAKS[kind]
    assert_a_prefix_gives_the_prefix(strategy, BARS, 400)
    monkeypatch.setattr(module, name, leak)

    def caught(stop: int) -> bool:
        try:
            assert_a_prefix_gives_the_prefix(strategy, BARS, stop)
        except AssertionError:
            return True
        return False

    assert any(caught(stop) for stop in range(243, 600, 3))


@pytest.mark.parametrize("bar", [240, 333, 599])
@pytest.mark.parametrize("horizon", [1, 5])
def test_a_predicted_return_is_that_of_a_ridge_by_hand(bar: int, horizon: int):
    bars, memory, alpha = random_bars(600, seed=9), 250, 20.0
    predicted = predict_returns(bars.open, bars.close, bars.volume, horizon, memory, alpha, 240)
    rows, sd = features_by_pandas(bars)
    width = sd * horizon**0.5
    learned = bar - 1 - horizon  # the last row whose label has come by the bar
    ahead = [np.log(bars.open[s + 1 + horizon] / bars.open[s + 1]) for s in range(60, learned + 1)]
    ridge = Ridge(alpha=alpha, fit_intercept=False)
    fading = (1 - 1 / memory) ** np.arange(learned - 60, -1, -1.0)
    x, y = rows.to_numpy()[60 : learned + 1], np.array(ahead) / width[60 : learned + 1]
    y = y.clip(-5.0, 5.0)
    ridge.fit(x, y, sample_weight=fading)
    expected = (rows.to_numpy()[bar] * ridge.coef_).sum() * width[bar]
    assert predicted[bar] == pytest.approx(expected, rel=1e-8)
    assert np.isnan(predicted[:240]).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_jump_out_of_a_calm_does_not_rule_what_follows(seed: int):
    # A company that is bought: its price rests near the offer, until that is withdrawn.
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.0, 0.015, 700)
    moves[300], moves[420] = 0.3, -0.28
    moves[301:420] = rng.normal(0.0, 0.0004, 119)
    close = 50.0 * np.exp(moves.cumsum())
    opens, volume = np.append(close[0], close[:-1]), rng.lognormal(13.0, 0.6, 700)
    predicted = predict_returns(opens, close, volume, 5, 250, 20.0, 240)
    assert np.abs(predicted[240:]).max() < 0.25
    assert np.median(np.abs(predicted[421:])) < 0.02


def test_thresholds_are_on_the_predicted_return():
    strategy = OnlineLearning(entry_return=0.005, exit_return=-0.001)
    predicted = predict_returns(BARS.open, BARS.close, BARS.volume, 5, 250, 20.0, 240)
    entries, exits = both(strategy, BARS)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(entries, predicted > 0.005)
        np.testing.assert_array_equal(exits, predicted < -0.001)


def test_each_regime_has_its_rule():
    strategy, close = RegimeAware(), BARS.close
    regimes = find_regimes(close, 240, 126, 0.5)
    assert set(regimes[240:]) == {0, 1, 2}
    entries, exits = both(strategy, BARS)
    for bar in range(240, len(close)):
        window, dip = close[bar - 49 : bar + 1], close[bar - 19 : bar + 1]
        if regimes[bar] == 0:
            expected = close[bar] > window.mean(), close[bar] < window.mean()
        elif regimes[bar] == 1:
            lower = dip.mean() - 1.5 * dip.std()
            expected = close[bar] < lower, close[bar] > dip.mean()
        else:
            expected = False, True
        assert (entries[bar], exits[bar]) == expected
    assert not entries[:240].any()


def test_a_regime_lasts_until_another_is_certain():
    chances = filter_regimes(BARS.close, 240, 126)
    regimes, now = find_regimes(BARS.close, 240, 126, 0.9), -1
    for bar, chance in enumerate(chances):
        if not np.isnan(chance).any() and chance.max() >= 0.9:
            now = int(chance.argmax())
        assert regimes[bar] == now


def test_regimes_are_in_the_order_of_volatility():
    regimes = find_regimes(BARS.close, 240, 126, 0.6)
    moves = np.abs(np.diff(np.log(BARS.close), prepend=np.nan))
    by_regime = [moves[regimes == one].mean() for one in range(3)]
    assert by_regime[0] < by_regime[1] < by_regime[2]


def _hold(strategy: Strategy, bars: Bars) -> np.ndarray:
    held, out = False, []
    for entry, leave in both(strategy, bars).T:
        held = bool(entry) if entry != leave else held
        out.append(held)
    return np.array(out)


def test_an_equal_vote_is_the_share_of_members_that_hold():
    names = ["ema_cross", "momentum", "rsi", "sma_cross"]
    held = np.array([_hold(get_strategy(name)(), BARS) for name in names])
    vote = held.mean(axis=0)
    strategy = Ensemble(members="+".join(names), weighting="equal", entry_vote=0.6, exit_vote=0.4)
    entries, exits = both(strategy, BARS)
    np.testing.assert_array_equal(entries[240:], vote[240:] > 0.6)
    np.testing.assert_array_equal(exits[240:], vote[240:] < 0.4)
    assert not both(strategy, BARS)[:, :240].any()


def test_a_vote_by_sharpe_weighs_what_was_earned_by_the_refit():
    names = ["momentum", "rsi", "sma_cross"]
    held = np.array([_hold(get_strategy(name)(), BARS) for name in names])
    entries, exits = both(Ensemble(members="+".join(names)), BARS)
    for refit in (240, 303, 366):
        # Held at the close of s is earned from the open of s + 1 to that of s + 2 <= refit.
        earned = np.array(
            [held[:, s] * np.log(BARS.open[s + 2] / BARS.open[s + 1]) for s in range(refit - 1)]
        )
        sharpes = (earned.mean(axis=0) / earned.std(axis=0)).clip(0)
        weights = sharpes / sharpes.sum() if sharpes.any() else sharpes
        vote = weights @ held[:, refit : refit + 63]
        np.testing.assert_array_equal(entries[refit : refit + 63], vote > 0.52)
        np.testing.assert_array_equal(exits[refit : refit + 63], vote < 0.48)


@pytest.mark.parametrize("name", LEARNING)
def test_an_ensemble_takes_any_strategy_but_an_ensemble(name: str):
    if name == "ensemble":
        with pytest.raises(Exception, match="needs members to be one of bollinger"):
            Ensemble(members="ensemble+rsi")
    else:
        assert Ensemble(members=f"rsi+{name}").members == "+".join(sorted(("rsi", name)))
        assert both(Ensemble(members=name), BARS).any()


def test_the_lookback_of_an_ensemble_is_its_longest():
    assert Ensemble().lookback_bars == 240
    assert Ensemble(members="regime_aware+rsi", first_fit=130).lookback_bars == 240
    assert Ensemble(members="macd+rsi", first_fit=130).lookback_bars == 130


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


def _measure_accuracy(shuffle: Callable[[np.ndarray], np.ndarray], edge: float) -> float:
    """Return how often the predicted direction is right, on 30 symbols without drift.

    With an edge, labels follow the first feature.
    """
    right = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        close = 100 * np.exp(np.cumsum(rng.normal(0, 0.02, 900)))
        rows = features.compute_features(close, rng.lognormal(13, 0.6, 900))
        labels = rng.normal(size=900) + edge * rows[:, 0]
        labels[60:] = shuffle(labels[60:])
        learn = partial(fit_after_each_row, memory=250, ridge=20.0)
        predicted = walk_forward.predict_online(rows, labels, 5, 240, learn)
        right += ((predicted > 0) == (labels > 0))[240:].tolist()
    return float(np.mean(right))


def test_labels_in_another_order_are_predicted_half_of_the_time():
    rng = np.random.default_rng(1)
    assert _measure_accuracy(rng.permutation, edge=1.0) == pytest.approx(0.5, abs=0.02)


def test_labels_that_follow_a_feature_are_predicted_more_often():
    assert _measure_accuracy(lambda labels: labels, edge=1.0) > 0.65


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
