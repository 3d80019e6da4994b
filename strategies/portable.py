"""Functions whose results are the same bits on every processor.

NumPy and the C library choose their code for `exp`, `log` and powers by what the processor can do,
and the choices differ in the last bit: with AVX-512 in one value of twenty, with FMA in one of a
thousand. OpenBLAS does so for every system of equations. What is here is made of +, -, x, / and
powers of two alone, one operation after the other, which IEEE 754 fixes to the last bit. `exp` and
`log` have an error of about one unit in the last place, by the polynomials of FreeBSD's msun, whose
origin is fdlibm (Sun Microsystems, 1993).

Arguments are arrays or numbers; NaN gives NaN, and nothing warns.
"""

import math
from typing import TYPE_CHECKING, TypeVar

from strategies.base import Floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_PER_LN2 = 1.44269504088896338700e00
_LEAST_EXPONENT, _GREATEST_EXPONENT = -746.0, 710.0
_ROOT_OF_HALF = 0.7071067811865476
_EXP = (
    1.66666666666666019037e-01,
    -2.77777777770155933842e-03,
    6.61375632143793436117e-05,
    -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)
_LOG = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860510658591e-01,
)
_FEW = 12
"""Numbers that Python's own arithmetic goes through faster than NumPy's, with the same bits."""

Value = TypeVar("Value", float, "Floats")


def exp(values: "ArrayLike") -> Floats:
    """Return e to the power of each value."""
    import numpy as np

    x = np.clip(np.asarray(values, dtype=np.float64), _LEAST_EXPONENT, _GREATEST_EXPONENT)
    k = np.rint(np.fmax(x, _LEAST_EXPONENT) * _PER_LN2)
    with np.errstate(over="ignore", under="ignore"):
        return np.ldexp(_exp_rest(x, k), k.astype(np.int32))


def log(values: "ArrayLike") -> Floats:
    """Return the natural logarithm of each value; minus infinity of 0, NaN below it."""
    import numpy as np

    x = np.asarray(values, dtype=np.float64)
    usual = (x > 0.0) & (x < np.inf)
    if not usual.all():
        special = np.where(x == 0.0, -np.inf, np.where(x > 0.0, x, np.nan))
        return np.where(usual, log(np.where(usual, x, 1.0)), special)
    part, k = np.frexp(x)
    small = part < _ROOT_OF_HALF
    return _log_of(np.where(small, part + part, part) - 1.0, (k - small).astype(np.float64))


def log1p(values: "ArrayLike") -> Floats:
    """Return the natural logarithm of 1 + each value, exact for small values too."""
    import numpy as np

    x = np.asarray(values, dtype=np.float64)
    above = 1.0 + x
    known = (above > 0.0) & (above < np.inf)
    # What rounding the sum has lost.
    lost = np.where(known, x - (np.where(known, above, 1.0) - 1.0), 0.0)
    return log(above) + lost / np.where(known, above, 1.0)


def power(bases: Floats, exponents: Floats) -> Floats:
    """Return each base, 0 or positive, to the power of its exponent; to some 1e-15 of it.

    An exponent of 1 gives the base itself. NaN for a base below 0.

    Parameters
    ----------
    bases, exponents
        Both of shape (n,).
    """
    import numpy as np

    pairs = bases.tolist(), exponents.tolist()
    if len(bases) <= _FEW and all(0.0 < one < math.inf for one in pairs[0]):
        return np.array([_power_of_number(*pair) for pair in zip(*pairs, strict=True)])
    plain = (exponents == 1.0) & (bases >= 0.0)
    return np.where(plain, bases, exp(exponents * log(bases)))


def solve(system: Floats, right: Floats) -> Floats:
    """Return the solutions of symmetric, positive definite systems of equations, shape (n, k).

    By Gaussian elimination, all systems together: such matrices need no pivots (Golub and Van Loan,
    "Matrix Computations", section 4.2).

    Parameters
    ----------
    system
        Shape (n, k, k).
    right
        Shape (n, k).
    """
    import numpy as np

    # Systems last: each step is then an operation on rows of n numbers.
    a = np.ascontiguousarray(np.moveaxis(system, 0, -1))
    b = np.ascontiguousarray(right.T)
    for one in range(len(a) - 1):
        factor = a[one + 1 :, one] / a[one, one]
        a[one + 1 :, one + 1 :] -= factor[:, np.newaxis] * a[one, one + 1 :]
        b[one + 1 :] -= factor * b[one]
    for one in range(len(a) - 1, -1, -1):
        b[one] /= a[one, one]
        b[:one] -= a[:one, one] * b[one]
    return np.ascontiguousarray(b.T)


def solve_one(system: Floats, right: Floats) -> Floats:
    """Return the solution of one such system, shape (k,): as `solve`, number by number.

    Parameters
    ----------
    system
        Shape (k, k).
    right
        Shape (k,).
    """
    import numpy as np

    rows = np.column_stack([system, right]).tolist()
    width = len(rows)
    for one, pivot in enumerate(rows):
        for row in rows[one + 1 :]:
            factor = row[one] / pivot[one]
            for place in range(one + 1, width + 1):
                row[place] -= factor * pivot[place]
    found = [row[-1] for row in rows]
    for one in range(width - 1, -1, -1):
        found[one] /= rows[one][one]
        for above in range(one):
            found[above] -= rows[above][one] * found[one]
    return np.array(found)


def _power_of_number(base: float, exponent: float) -> float:
    if exponent == 1.0:
        return base
    part, k = math.frexp(base)
    if part < _ROOT_OF_HALF:
        part, k = part + part, k - 1
    x = exponent * _log_of(part - 1.0, float(k))
    if not _LEAST_EXPONENT < x < _GREATEST_EXPONENT:
        return exp(x).item()
    k = round(x * _PER_LN2)
    return math.ldexp(_exp_rest(x, float(k)), k)


def _exp_rest(x: Value, k: Value) -> Value:
    """Return e^x / 2^k, where |x - k ln(2)| is at most ln(2) / 2."""
    high, low = x - k * _LN2_HIGH, k * _LN2_LOW
    rest = high - low
    square = rest * rest
    c = rest - square * _evaluate(_EXP, square)
    return 1.0 - ((low - rest * c / (2.0 - c)) - high)


def _log_of(f: Value, k: Value) -> Value:
    """Return the logarithm of 2^k (1 + f), where 1 + f is between the roots of 1/2 and of 2."""
    s = f / (2.0 + f)
    square = s * s
    half = 0.5 * f * f
    rest = s * (half + square * _evaluate(_LOG, square)) + k * _LN2_LOW
    return k * _LN2_HIGH - ((half - rest) - f)


def _evaluate(polynomial: tuple[float, ...], x: Value) -> Value:
    """Return a0 + x (a1 + x (a2 + ...)), from the last coefficient to the first."""
    value = polynomial[-2] + x * polynomial[-1]
    for coefficient in polynomial[-3::-1]:
        value = coefficient + x * value
    return value
