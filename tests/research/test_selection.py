"""Choices of grid points: by hand, against a loop over dictionaries, and degenerate slices."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from engine.parameter_grid import build_grid
from research.errors import InvalidFoldsError
from research.selection import (
    TrainingSlice,
    choose,
    find_neighbours,
    measure_training,
    require_rule,
    score,
)
from strategies.base import Floats
from strategies.registry import registered_strategies
from strategies.sma_cross import SmaCross

ROW = [SmaCross(fast, 50) for fast in (5, 10, 15, 20)]


def _training(sharpes: list[float], activity: list[float] | None = None) -> TrainingSlice:
    active = np.array(activity or [1.0] * len(sharpes))
    return TrainingSlice(np.array(sharpes), np.zeros(len(sharpes)), active)


@pytest.mark.parametrize("name", list(registered_strategies()))
def test_neighbours_are_one_step_away_in_one_parameter(name: str):
    points = build_grid(name).strategies
    parameters = [one.parameters() for one in points]
    grid = {key: sorted({one[key] for one in parameters}) for key in parameters[0]}
    pairs = {
        key: pairwise(v) if v[0] != str(v[0]) else combinations(v, 2) for key, v in grid.items()
    }
    steps = {(key, *pair) for key in grid for pair in pairs[key]}
    near = find_neighbours(points)
    for here, mine in enumerate(parameters):
        for there, theirs in enumerate(parameters):
            apart = [key for key in mine if mine[key] != theirs[key]]
            key = apart[0] if apart else ""
            pair = sorted((mine[key], theirs[key])) if apart else []
            expected = not apart or (len(apart) == 1 and (key, *pair) in steps)
            assert near[here, there] == expected


def test_any_two_texts_are_one_step_apart():
    points = build_grid("ensemble", {"weighting": ["equal", "sharpe", "stacked"]}).strategies
    assert find_neighbours(points).all()


def test_a_plateau_beats_a_single_peak():
    near = find_neighbours(ROW)
    training = _training([0.3, -0.2, 0.15, 0.14])
    assert score(training, near, "plateau").tolist() == pytest.approx(
        [0.05, 0.25 / 3, 0.09 / 3, 0.145]
    )
    assert choose(training, near, "plateau") == 3
    assert choose(training, near, "best") == 0


def test_what_hardly_trades_is_no_candidate_and_no_neighbour():
    near = find_neighbours(ROW)
    training = _training([9.0, 0.1, 0.2, np.nan], activity=[0.09, 0.10, 1.0, 1.0])
    scores = score(training, near, "plateau")
    assert scores.tolist() == pytest.approx([np.nan, 0.15, 0.15, np.nan], nan_ok=True)
    assert (
        choose(_training([np.nan, 3.0], activity=[1.0, 0.0]), np.eye(2, dtype=bool), "best") is None
    )


def test_equal_scores_go_to_the_first_point():
    near = find_neighbours(ROW)
    assert choose(_training([0.1, 0.2, 0.2 + 1e-9, 0.2]), near, "best") == 1
    assert choose(_training([0.3, 0.3, 0.3, 0.3]), near, "plateau") == 0


def _stored(returns: Floats, market: Floats) -> Floats:
    """Return curves as the ledger gives them back: residuals of float32, and the market's part."""
    residual = (returns - 0.7 * market).astype(np.float32)
    return residual + 0.7 * market


def test_a_slice_is_measured_with_its_own_beta():
    random = np.random.default_rng(3)
    market = random.normal(0.001, 0.01, 300)
    own = random.normal(0.0005, 0.003, 300)
    idle = np.where(np.arange(300) < 15, 0.01, 0.0)
    returns = np.array([own + 0.8 * market, np.zeros(300), idle])
    for given, tolerance in ((returns, 1e-9), (_stored(returns, market), 1e-5)):
        training = measure_training(given, market)
        slope = np.polyfit(market, returns[0], 1)[0]
        residual = returns[0] - slope * market
        assert training.betas[0] == pytest.approx(slope, rel=tolerance)
        expected = residual.mean() / residual.std(ddof=1)
        assert training.sharpes[0] == pytest.approx(expected, rel=tolerance)
        assert training.activity.tolist() == [1.0, 0.0, 0.05]
        assert np.isnan(training.sharpes[1])
        assert training.candidates.tolist() == [True, False, False]


def test_an_unknown_rule_is_refused():
    with pytest.raises(InvalidFoldsError) as error:
        require_rule("platau")
    assert str(error.value) == (
        "choice is 'platau'; allowed: plateau, best. Did you mean 'plateau'?"
    )
