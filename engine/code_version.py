"""The version of the code behind a result: it changes when a number could."""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from strategies.base import Strategy
from strategies.source import source_of

_LIBRARIES = ("TA-Lib", "numpy")


def code_version(strategy: type[Strategy]) -> str:
    """Return a fingerprint of the strategy's source, the engine's, and their libraries' versions.

    An edit to one strategy makes its own results stale; an edit to the engine, or another
    version of a library that computes, all of them.
    """
    return hashlib.sha256(source_of(strategy) + _engine()).hexdigest()[:12]


@cache
def engine_version() -> str:
    """Return a fingerprint of the engine's source and its libraries' versions."""
    return hashlib.sha256(_engine()).hexdigest()


@cache
def _engine() -> bytes:
    files = sorted(Path(__file__).parent.rglob("*.py"))
    versions = " ".join(f"{name}=={version(name)}" for name in _LIBRARIES)
    return versions.encode() + b"".join(path.read_bytes() for path in files)
