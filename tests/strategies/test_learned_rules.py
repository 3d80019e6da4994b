"""What each strategy that learns predicts, and does with it, computed a second time by hand."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from strategies.base import Bars, Strategy
from strategies.ensemble import Ensemble
from strategies.ml import features, walk_forward
from strategies.ml.online_ridge import fit_after_each_row
from strategies.online_learning import OnlineLearning, predict_returns
from strategies.regime_aware import RegimeAware, filter_regimes, find_regimes
from strategies.registry import get_strategy
from tests.bars import random_bars
from tests.strategies.learning import LEARNING, both, features_by_pandas, regime_bars

BARS = regime_bars(600, seed=4)


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
