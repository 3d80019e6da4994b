"""What results depend on besides code, libraries and data: the processor, and what runs on it.

Backtests, sweeps, walk-forwards and accounts are computed by what IEEE 754 fixes to the last bit
(`strategies.portable`): the same on every processor of one platform. Other platforms have other
compilers, which may put a product and a sum into one rounding, as those for ARM do. Statistics that
take a function of the C library, and sizes by an optimizer, depend on the processor as well; what
is kept of them by an identifier has the digests that are here in it.
"""

import hashlib
import math
import platform
import struct
import sys
from collections.abc import Callable
from functools import cache

_DIGITS = 12
_FUNCTIONS: tuple[Callable[[float], float], ...] = (
    *(math.exp, math.log, math.sin, math.cos),
    math.erfc,
)
_POINTS, _STEP = 4_000, 997.0
_ROWS = 48


@cache
def describe_platform() -> str:
    """Return the operating system and the kind of processor, such as ``linux-x86_64``."""
    return f"{sys.platform}-{platform.machine().lower()}"


@cache
def digest_c_library() -> str:
    """Return a digest of functions of the C library at 4,000 points each, in 2 ms.

    glibc has two versions of them, for processors with FMA and for those without, which differ in
    one value of 1,500; other C libraries have other last bits.
    """
    found = [f(point / _STEP) for f in _FUNCTIONS for point in range(1, _POINTS + 1)]
    return hashlib.sha256(struct.pack(f"<{len(found)}d", *found)).hexdigest()[:_DIGITS]


@cache
def digest_linear_algebra() -> str:
    """Return a digest of a product, a solution and eigenvalues that NumPy's BLAS and LAPACK find.

    OpenBLAS has other code for each generation of processors.
    """
    import numpy as np

    # Fractions without a pattern, by multiplication alone.
    steps = np.arange(_ROWS * _ROWS, dtype=np.float64).reshape(_ROWS, _ROWS) * 0.6180339887498949
    matrix = steps - np.floor(steps)
    product = matrix @ matrix.T
    found = product, np.linalg.solve(matrix, matrix[0]), np.linalg.eigvalsh(product)
    return hashlib.sha256(b"".join(one.tobytes() for one in found)).hexdigest()[:_DIGITS]
