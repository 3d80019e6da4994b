"""How this process treats the memory of a block once the block is done."""

import contextlib
import ctypes
from functools import cache

# Of malloc.h, and the bytes that may lie unused before any are given back: several blocks of the
# engine's default budget.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 64_000_000


@cache
def keep_memory() -> None:
    """Let this process keep the memory of one block for the next.

    glibc hands it back to the system after each, and what comes back has to be zeroed: 500 page
    faults a block of five symbols of ten years, a fifth of the time. Other C libraries have no
    such call. The process may hold up to 64 MB more than it uses for that.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for threshold in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            mallopt(threshold, _KEPT)
