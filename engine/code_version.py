"""The version of the code behind a result: it changes when a number could."""

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from strategies.base import Strategy
from strategies.errors import GauntletError
from strategies.source_hash import source_of

_LIBRARIES = ("TA-Lib", "numpy")


class CodeChangedError(GauntletError):
    """Files were edited while results were made of them: nobody can say of which edition."""


@cache
def code_version(strategy: type[Strategy]) -> str:
    """Return a fingerprint of the strategy's source, the engine's, and their libraries' versions.

    An edit to one strategy makes its own results stale; an edit to the engine, or another
    version of a library that computes, all of them. It is that of the files as they were when
    this process first asked, which is when the definitions load.
    """
    return _version(strategy, _engine())


@cache
def engine_version() -> str:
    """Return a fingerprint of the engine's source and its libraries' versions."""
    return hashlib.sha256(_engine()).hexdigest()


def refuse_changed_code(strategies: Iterable[type[Strategy]]) -> None:
    """Raise CodeChangedError if a file was edited since this process first asked for its version.

    Python reads a file when it is imported, and other processes read it later: what was made
    meanwhile may be of either edition.
    """
    engine = _read()
    changed = sorted(one.name for one in strategies if _version(one, engine) != code_version(one))
    if changed:
        raise CodeChangedError(
            f"The code of {', '.join(changed)} was edited while this run used it, so that its "
            "results may be of either edition, and are not kept: run it again."
        )


def _version(strategy: type[Strategy], engine: bytes) -> str:
    return hashlib.sha256(source_of(strategy) + engine).hexdigest()[:12]


@cache
def _engine() -> bytes:
    return _read()


def _read() -> bytes:
    files = sorted(Path(__file__).parent.rglob("*.py"))
    versions = " ".join(f"{name}=={version(name)}" for name in _LIBRARIES)
    return versions.encode() + b"".join(path.read_bytes() for path in files)
