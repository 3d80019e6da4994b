"""Paths of combinatorial cross-validation: every bar once per path, from its split's choice."""

import numpy as np
import pytest

from research.combinatorial_folds import CombinatorialFolds
from research.combinatorial_paths import compute_paths
from research.fold_choices import TrialCurves
from strategies.sma_cross import SmaCross

RANDOM = np.random.default_rng(4)
GRID = [SmaCross(fast, 50) for fast in (5, 10, 15)]
MARKET = RANDOM.normal(0.0005, 0.01, 103)
DATES = np.datetime64("2021-01-01") + np.arange(103)
RETURNS = np.array([[0.2], [0.8], [1.1]]) * MARKET + RANDOM.normal(0.0, 0.01, (3, 103))


def test_paths_agree_with_skfolio_and_a_loop():
    from skfolio.model_selection import CombinatorialPurgedCV

    theirs = CombinatorialPurgedCV(6, 2, 1, 3)
    found = compute_paths(
        TrialCurves(GRID, DATES, RETURNS, MARKET), CombinatorialFolds(6, 2, 1, 3), "best"
    )
    expected = np.full((5, 103), np.nan)
    splits = zip(theirs.split(RETURNS.T), theirs.get_path_ids(), found.chosen, strict=True)
    for (trained, tests), paths, point in splits:
        slopes = [np.polyfit(MARKET[trained], one[trained], 1)[0] for one in RETURNS]
        residuals = RETURNS - np.outer(slopes, MARKET)
        own = residuals[:, trained]
        best = int((own.mean(axis=1) / own.std(axis=1)).argmax())
        assert point == GRID[best]
        for test, path in zip(tests, paths, strict=True):
            assert np.isnan(expected[path, test]).all(), "a bar is tested twice in a path"
            expected[path, test] = residuals[best, test]
    np.testing.assert_allclose(found.residuals, expected, atol=1e-12)
    sharpes = expected.mean(axis=1) / expected.std(axis=1, ddof=1)
    assert found.sharpes.tolist() == pytest.approx(sharpes.tolist())
    assert len({str(one) for one in found.chosen}) > 1


def test_a_grid_that_never_trades_has_flat_paths():
    idle = TrialCurves(GRID, DATES, np.zeros((3, 103)), MARKET)
    found = compute_paths(idle, CombinatorialFolds(5, 2))
    assert found.chosen == [None] * 10
    assert not found.residuals.any()
    assert np.isnan(found.sharpes).all()
