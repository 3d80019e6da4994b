"""When a model is fitted and on which rows: the only place that fits one.

A row is what is known at the close of its bar. A decision at the close of bar s fills at the open
of s + 1, and what it earns by the open of s + 1 + `horizon` is its label: known at the close of bar
t only if s + 1 + horizon <= t. Models are given such rows and no others, and predict later bars.

Refits are counted from the first bar, not from the last one or a date: a prefix of the bars has the
same refits on the same rows, and so the same predictions to the bit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from strategies.base import Floats

FILL_DELAY = 1
"""Bars from a decision to its fill."""

Fitted = TypeVar("Fitted")


@dataclass(frozen=True)
class Refits:
    """The bars on which a model is fitted: `first`, and every `every` bars after it."""

    first: int
    every: int


def count_known(bar: int, horizon: int) -> int:
    """Return how many rows have a label that is known at the close of a bar."""
    return max(0, bar - FILL_DELAY - horizon + 1)


def predict_by_labels(
    rows: Floats,
    labels: Floats,
    horizon: int,
    refits: Refits,
    fit: Callable[[Floats, Floats], Fitted | None],
    predict: Callable[[Fitted, Floats], Floats],
) -> Floats:
    """Return what models predict at each bar from its row, shape (n,); NaN before the first fit.

    Parameters
    ----------
    rows
        Shape (n, k).
    labels
        Shape (n,); of the rows whose horizon goes beyond the last bar they are never looked at.
    fit
        Returns a model of the rows whose labels are known; None where they are too few, or of one
        kind: nothing is predicted then.
    predict
        Returns the predictions of a model for later rows, each from its own row.
    """
    predictions = np.full(len(rows), np.nan)
    for bar in range(refits.first, len(rows), refits.every):
        known = count_known(bar, horizon)
        fitted = fit(rows[:known], labels[:known])
        if fitted is not None:
            later = slice(bar, bar + refits.every)
            predictions[later] = predict(fitted, rows[later])
    return predictions


def predict_without_labels(
    rows: Floats,
    refits: Refits,
    longest: int,
    fit: Callable[[Floats, Fitted | None], Fitted | None],
    predict: Callable[[Fitted, Floats], Floats],
    width: int,
) -> Floats:
    """Return what models of the rows alone say of each bar, shape (n, width); NaN before a fit.

    Parameters
    ----------
    longest
        How many rows a model is fitted on at most: the last ones up to and including the bar of the
        fit. The time of a fit does not grow with the history then.
    fit
        Returns a model of some rows, given the model before; None where there is none to be had.
    predict
        Returns what a model says of all rows that it is given: those of the fit and those until the
        next. What it says of a row must depend on that row and those before it.
    """
    predictions = np.full((len(rows), width), np.nan)
    fitted: Fitted | None = None
    for bar in range(refits.first, len(rows), refits.every):
        start, stop = max(0, bar + 1 - longest), bar + refits.every
        fitted = fit(rows[start : bar + 1], fitted)
        if fitted is not None:
            predictions[bar:stop] = predict(fitted, rows[start:stop])[bar - start :]
    return predictions


def predict_online(
    rows: Floats,
    labels: Floats,
    horizon: int,
    first: int,
    learn: Callable[[Floats, Floats], Floats],
) -> Floats:
    """Return what a linear model predicts that learns each label on the bar it is known.

    At each bar it first learns, then predicts. Shape (n,); NaN before bar `first`, and where a row
    has a NaN.

    Parameters
    ----------
    learn
        Returns the weights after each row, shape (n, k), from that row and those before it.
    """
    delay = FILL_DELAY + horizon
    predictions = np.full(len(rows), np.nan)
    first = max(first, delay)
    if len(rows) > first:
        known = len(rows) - delay
        weights = learn(rows[:known], labels[:known])
        predictions[first:] = (weights[first - delay :] * rows[first:]).sum(axis=1)
    return predictions
