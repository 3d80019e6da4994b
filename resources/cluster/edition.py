"""What two machines must have in common to compute the same bits: code, libraries, processor.

Pickle sends names, and a worker runs its own code under them. So each worker registers a resource
of Dask per part of its edition, and a chunk requires all parts of the driver's: the scheduler gives
it to no other worker, and the names say in what they differ.
"""

import hashlib
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from resources.source_files import list_source_files

_ROOT = Path(__file__).parents[2]
_CODE = ("engine", "research", "resources")
_LIBRARIES = ("numpy", "polars", "TA-Lib", "exchange-calendars", "distributed")
_PREFIX = "gauntlet."
_DIGITS = 12

Edition = Mapping[str, str]
"""The value of each part."""


@cache
def compute_edition() -> Edition:
    """Return the edition of this process, with the files as they were when it first asked."""
    return {
        "code": _hash_sources(_CODE),
        "strategies": _hash_sources(("strategies",)),
        "python": platform.python_version(),
        **{name: _find_version(name) for name in _LIBRARIES},
        "libc": "-".join(filter(None, platform.libc_ver())) or platform.system(),
        "cpu": _describe_cpu(),
    }


def to_resources(edition: Edition) -> dict[str, float]:
    """Return an edition as resources of Dask, one of each per worker process."""
    return {f"{_PREFIX}{part}.{value}": 1.0 for part, value in edition.items()}


def from_resources(resources: Iterable[str]) -> Edition:
    """Return the edition that a worker has registered; empty for one that is not ours."""
    own = [name.removeprefix(_PREFIX) for name in resources if name.startswith(_PREFIX)]
    return {part: value for part, _, value in (name.partition(".") for name in own)}


def describe_difference(driver: Edition, worker: Edition) -> str:
    """Return in what a worker's edition differs, "" for nothing."""
    if not worker:
        return "it was not started by pipelines.cli.cluster_worker"
    differing = [
        f"{part} is {worker.get(part, 'missing')} there and {value} here"
        for part, value in driver.items()
        if worker.get(part) != value
    ]
    return "; ".join(differing)


def _hash_sources(packages: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for path in map(Path, list_source_files(_ROOT, packages)):
        digest.update(f"\0{path.relative_to(_ROOT).as_posix()}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:_DIGITS]


def _find_version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "missing"


def _describe_cpu() -> str:
    """Return the machine and the instructions for which NumPy has code of its own, if it uses it.

    The last words of NumPy's list are the widest: they say which it is, the hash says all.
    """
    from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

    used = [name for name in __cpu_dispatch__ if __cpu_features__.get(name)]
    digest = hashlib.sha256(" ".join(sorted(used)).encode()).hexdigest()[:6]
    return f"{platform.machine()}-{used[-1] if used else 'baseline'}-{digest}"
