"""Walk-forward and combinatorial folds: those of skfolio, and published rows."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from research.combinatorial_folds import CombinatorialFolds
from research.errors import InvalidFoldsError
from research.folds import WalkForwardFolds
from tests.strategies.examples import examples

Sizes = st.integers(1, 60)


@examples(200)
@given(st.integers(1, 400), st.integers(2, 120), Sizes, st.booleans(), st.integers(0, 20))
def test_walk_forward_folds_are_those_of_skfolio(bars, train, test, anchored, purge):
    from skfolio.model_selection import WalkForward

    assume(train + purge < bars)
    theirs = WalkForward(
        test_size=test, train_size=train, expand_train=anchored, purged_size=purge, reduce_test=True
    ).split(np.zeros((bars, 1)))
    every = np.arange(bars)
    ours = WalkForwardFolds(train, test, anchored, purge).split(bars)
    for fold, (trained, tested) in zip(ours, theirs, strict=True):
        assert every[fold.train].tolist() == trained.tolist()
        assert every[fold.test].tolist() == tested.tolist()
    used = np.concatenate([every[fold.test] for fold in ours])
    assert used.tolist() == every[train + purge :].tolist()


@examples(100)
@given(st.data(), st.integers(3, 8), st.integers(20, 150), st.integers(0, 5), st.integers(0, 5))
def test_combinatorial_folds_are_those_of_skfolio(data, folds, bars, purge, embargo):
    from skfolio.model_selection import CombinatorialPurgedCV

    tested = data.draw(st.integers(2, folds - 1))
    assume(purge + embargo < bars // folds - 1)
    theirs = CombinatorialPurgedCV(folds, tested, purge, embargo)
    ours = CombinatorialFolds(folds, tested, purge, embargo)
    assert (ours.splits, ours.paths) == (theirs.n_splits, theirs.n_test_paths)
    bounds, every, path_ids = ours.bounds(bars), np.arange(bars), theirs.get_path_ids()
    splits = zip(ours.split(bars), theirs.split(np.zeros((bars, 1))), path_ids, strict=True)
    for split, (trained, tests), paths in splits:
        assert np.flatnonzero(split.train).tolist() == trained.tolist()
        assert list(split.paths) == paths.tolist()
        for fold, test in zip(split.folds, tests, strict=True):
            assert every[bounds[fold] : bounds[fold + 1]].tolist() == test.tolist()


@pytest.mark.parametrize(
    ("embargo", "purge", "trained"),
    [
        (0, 1, [[9, 10, 11], [5, 6], [0, 1, 2]]),
        (1, 0, [[9, 10, 11], [5, 6, 7], [0, 1, 2, 3]]),
    ],
)
def test_combinatorial_folds_match_published_rows(embargo, purge, trained):
    # Twelve bars, three folds, two tested: the examples of skfolio's documentation.
    splits = CombinatorialFolds(3, 2, purge, embargo).split(12)
    assert [np.flatnonzero(one.train).tolist() for one in splits] == trained
    assert (CombinatorialFolds(5, 2).splits, CombinatorialFolds(5, 2).paths) == (10, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: WalkForwardFolds().split(252),
            (
                "The window has 252 bars, and walk-forward trains on 252 before the first test; "
                "allowed: windows of 253 bars or more, or a shorter training."
            ),
        ),
        (
            lambda: WalkForwardFolds(train=10, purge=5).split(15),
            (
                "The window has 15 bars, and walk-forward trains on 10 and 5 purged ones before "
                "the first test; allowed: windows of 16 bars or more, or a shorter training."
            ),
        ),
        (lambda: WalkForwardFolds(test=0), "test is 0; allowed: whole numbers from 1."),
        (lambda: WalkForwardFolds(train=2.5), "train is 2.5; allowed: whole numbers from 2."),  # pyright: ignore[reportArgumentType]
        (lambda: CombinatorialFolds(5, 5), "tested is 5 of 5 folds; allowed: 2 to 4."),
        (
            lambda: CombinatorialFolds(20, 10),
            "10 of 20 folds make 184,756 splits; allowed: up to 10,000.",
        ),
        (
            lambda: CombinatorialFolds(5, 2, purge=2, embargo=1).split(24),
            (
                "The 5 folds of 24 bars have 4 each, and purge and embargo take 3; allowed: folds "
                "of at least 5 bars."
            ),
        ),
    ],
)
def test_impossible_folds_are_refused_in_one_line(make, message):
    with pytest.raises(InvalidFoldsError) as error:
        make()
    assert str(error.value) == message


def test_folds_are_named_after_their_sizes():
    assert WalkForwardFolds().name == "anchored 252/63"
    assert WalkForwardFolds(126, 21, anchored=False, purge=5).name == "rolling 126/21 purge 5"
    assert CombinatorialFolds(6, 2, purge=1, embargo=5).name == "cpcv 6/2 purge 1 embargo 5"
