"""Models are fitted on rows whose labels are known, at bars counted from the first."""

import numpy as np
import pytest

from strategies.ml.features import compute_labels
from strategies.ml.walk_forward import (
    Refits,
    count_known,
    predict_by_labels,
    predict_online,
    predict_without_labels,
)
from tests.bars import random_bars

N = 100


@pytest.mark.parametrize("horizon", [1, 2, 5, 20])
@pytest.mark.parametrize("bar", [0, 1, 2, 3, 6, 7, 21, 22, 50])
def test_a_label_is_known_when_its_last_open_has_come(bar: int, horizon: int):
    opens = random_bars(N).open
    known = np.isfinite(compute_labels(opens[: bar + 1], horizon))
    assert known.sum() == count_known(bar, horizon)
    assert known[: known.sum()].all()


def test_a_label_is_what_an_entry_at_the_next_open_earns():
    opens = np.array([10.0, 11.0, 12.0, 15.0, 9.0])
    expected = [np.log(15 / 11), np.log(9 / 12), np.nan, np.nan, np.nan]
    np.testing.assert_allclose(compute_labels(opens, 2), expected)


@pytest.mark.parametrize("horizon", [1, 7])
def test_a_model_is_given_the_rows_whose_labels_are_known(horizon: int):
    rows, labels, seen = np.arange(N * 2.0).reshape(N, 2), np.arange(N * 1.0), []

    def fit(given, answers):
        seen.append((len(given), len(answers)))
        return len(given)

    predicted = predict_by_labels(
        rows, labels, horizon, Refits(30, 25), fit, lambda size, later: size + later[:, 0]
    )
    sizes = [bar - horizon for bar in (30, 55, 80)]  # s + 1 + horizon <= bar
    assert seen == [(size, size) for size in sizes]
    assert np.isnan(predicted[:30]).all()
    of = np.repeat(sizes, [25, 25, 20])
    np.testing.assert_array_equal(predicted[30:], of + rows[30:, 0])


def test_a_model_without_labels_is_given_the_rows_so_far():
    rows, seen = np.arange(N * 1.0)[:, np.newaxis], []

    def fit(given, before):
        seen.append((given[0, 0], given[-1, 0], before))
        return len(seen)

    def predict(model, given):
        return np.column_stack([np.full(len(given), model), given[:, 0]])

    predicted = predict_without_labels(rows, Refits(30, 25), 50, fit, predict, 2)
    assert seen == [(0, 30, None), (6, 55, 1), (31, 80, 2)]
    assert np.isnan(predicted[:30]).all()
    np.testing.assert_array_equal(predicted[30:, 0], np.repeat([1, 2, 3], [25, 25, 20]))
    np.testing.assert_array_equal(predicted[30:, 1], rows[30:, 0])


@pytest.mark.parametrize("horizon", [1, 7])
def test_what_learns_online_has_learned_what_is_known(horizon: int):
    rows, labels = np.ones((N, 1)), np.arange(N * 1.0)
    predicted = predict_online(rows, labels, horizon, 20, lambda _, given: given[:, np.newaxis])
    assert np.isnan(predicted[:20]).all()
    # The weight is the last label learned: that of row t - 1 - horizon.
    np.testing.assert_array_equal(predicted[20:], labels[20:] - 1 - horizon)


def test_without_a_model_nothing_is_predicted():
    rows = np.ones((N, 1))
    nothing = predict_by_labels(
        rows, rows[:, 0], 1, Refits(10, 10), lambda *_: None, lambda *_: rows
    )
    assert np.isnan(nothing).all()
    assert np.isnan(predict_online(rows[:5], rows[:5, 0], 1, 10, lambda *_: rows)).all()
