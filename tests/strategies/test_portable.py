"""Functions of IEEE 754's operations alone: as exact as the C library's, with known bits."""

import hashlib
import math

import numpy as np
import pytest

from strategies.base import Floats
from strategies.portable import exp, log, log1p, power, solve, solve_one

# Spread by a multiplication, which is the same bits everywhere, over -1 to 1.
FRACTIONS: Floats = (np.arange(1, 20_001) * 0.6180339887498949 % 1.0 * 2.0 - 1.0).astype(np.float64)
MATRICES = np.array([np.outer(one, one) for one in FRACTIONS[:4000].reshape(-1, 8)])
SYSTEMS = MATRICES.reshape(50, 10, 8, 8).sum(axis=1) + np.eye(8)
RIGHT = FRACTIONS[4000:4400].reshape(50, 8)


def _distance(found: np.ndarray, exact: list[float]) -> float:
    """Return the largest difference in units of the last place."""
    return float(np.max(np.abs(found - exact) / np.spacing(np.abs(exact))))


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 30.0, 700.0])
def test_exponentials_are_within_a_unit_of_the_last_place(scale: float):
    x = FRACTIONS * scale
    assert _distance(exp(x), [math.exp(one) for one in x]) <= 1.0


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 30.0, 700.0])
def test_logarithms_are_within_two_units_of_the_last_place(scale: float):
    grown = np.array([math.exp(one) for one in FRACTIONS * scale])
    assert _distance(log(grown), [math.log(one) for one in grown]) <= 1.0
    small = FRACTIONS * min(scale, 0.9)
    assert _distance(log1p(small), [math.log1p(one) for one in small]) <= 2.0


def test_powers_are_exact_to_some_1e_15():
    bases, exponents = 1.0 + 0.9 * FRACTIONS, 1.5 + FRACTIONS
    exact = [b**e for b, e in zip(bases.tolist(), exponents.tolist(), strict=True)]
    np.testing.assert_allclose(power(bases, exponents), exact, rtol=2e-15, atol=0.0)


def test_an_exponent_of_one_gives_the_base():
    bases = np.abs(FRACTIONS)
    np.testing.assert_array_equal(power(bases, np.ones(len(bases))), bases)


def test_a_few_powers_have_the_bits_of_many():
    bases, exponents = 1.0 + 0.9 * FRACTIONS[:1200], 300.0 * FRACTIONS[1200:2400]
    few = [power(bases[at : at + 8], exponents[at : at + 8]) for at in range(0, 1200, 8)]
    np.testing.assert_array_equal(np.concatenate(few), power(bases, exponents))


def test_values_at_the_ends_are_those_of_the_c_library():
    ends = [math.nan, math.inf, -math.inf, 0.0, -0.0, 800.0, -800.0]
    np.testing.assert_array_equal(exp(ends), [math.nan, math.inf, 0.0, 1.0, 1.0, math.inf, 0.0])
    np.testing.assert_array_equal(
        log([math.nan, math.inf, 0.0, -1.0, 1.0]), [math.nan, math.inf, -math.inf, math.nan, 0.0]
    )
    np.testing.assert_array_equal(
        log1p([math.nan, math.inf, -1.0, -2.0, 0.0]), [math.nan, math.inf, -math.inf, math.nan, 0.0]
    )
    bases = np.array([math.nan, -2.0, 0.0, 0.0, 1e300, 1.0])
    found = power(bases, np.array([1.0, 1.0, 0.5, 1.0, 2.0, 1e9]))
    np.testing.assert_array_equal(found, [math.nan, math.nan, 0.0, 0.0, math.inf, 1.0])


def test_systems_are_solved_alone_with_the_bits_of_all_together():
    found = solve(SYSTEMS, RIGHT)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", SYSTEMS, found), RIGHT, atol=1e-14)
    alone = [solve_one(*one) for one in zip(SYSTEMS, RIGHT, strict=True)]
    np.testing.assert_array_equal(np.array(alone), found)


def test_bits_are_the_same_on_every_platform():
    positive = np.abs(FRACTIONS) * 1e4 + 1e-9
    found = (
        *(exp(FRACTIONS * 50.0), log(positive), log1p(FRACTIONS)),
        *(power(positive, FRACTIONS * 3.0), solve(SYSTEMS, RIGHT)),
    )
    bits = b"".join(one.astype("<f8").tobytes() for one in found)
    assert hashlib.sha256(bits).hexdigest()[:16] == "c7c05e09e31e56f6"
