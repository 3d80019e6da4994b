"""The processor of a test, made to look like others by what libraries read as they load."""

import os
import platform
import subprocess
import sys
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

ROOT = Path(__file__).parents[1]
_X86 = platform.machine().lower() in {"x86_64", "amd64"}
_USED = [name for name in __cpu_dispatch__ if __cpu_features__[name]]


def _disable(features: list[str]) -> dict[str, str]:
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(features)} if features else {}


BASELINE = _disable(_USED)
"""NumPy's code for every processor of the platform."""

_WIDE = [name for name in _USED if name.startswith(("X86_V4", "AVX512"))]
LEVELS = {"baseline": BASELINE} | ({"up to AVX2": _disable(_WIDE)} if _WIDE else {})
"""Levels of NumPy's code below that of this processor: with AVX-512 there are two."""

KINDS_OF_BLAS = [
    {"OPENBLAS_CORETYPE": kind}
    for kind, needed in (("Nehalem", "SSE42"), ("Haswell", "AVX2"), ("SkylakeX", "X86_V4"))
    if _X86 and __cpu_features__[needed]
]
"""OpenBLAS' code for the generations of processors that this one can run."""

WITHOUT_FMA = (
    {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX"}
    if _X86 and platform.libc_ver()[0] == "glibc" and __cpu_features__["FMA3"]
    else {}
)
"""glibc's functions for processors without FMA; empty where there are no others."""


def run_on(environment: dict[str, str], *arguments: str) -> str:
    """Return what a Python program prints on a processor that looks like another one."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
