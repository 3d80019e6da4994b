"""The version of the code behind a result: it changes when a number could, and only then."""

import hashlib
import inspect
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

import engine
import strategies
from engine.import_closure import import_closure
from engine.processor import describe_platform
from strategies.base import Strategy
from strategies.errors import GauntletError

_COMPUTES = "engine.batches"
"""The module that computes results. It is not imported here: that takes 0.1 s, which a process that
only loads definitions does not need."""

_WORDING = ("engine.errors", "strategies.errors")
"""Modules that everybody imports and that decide no number: they word what is refused."""

_LIBRARIES = ("TA-Lib", "numpy")


class CodeChangedError(GauntletError):
    """Files were edited while results were made of them: which version made them is unknown."""


@cache
def code_version(strategy: type[Strategy]) -> str:
    """Return a fingerprint of the source that decides a strategy's results, and of its libraries.

    The platform is in it too: another one may round otherwise (`engine.processor`). The source is
    the import closure of the engine's computation and of the strategy's own module,
    with the files as they were when this process first read them: when the definitions load. An
    edit to a strategy, or to what it alone imports, makes its results stale and no others.
    """
    return _read_first_edition().version(strategy)


@cache
def engine_version() -> str:
    """Return a fingerprint of the engine's computation alone, and of its libraries."""
    return _read_first_edition().version(None)


@cache
def gauntlet_version() -> str:
    """Return the version of this project; ``unknown`` when it runs without being installed."""
    try:
        return version("backtest-gauntlet")
    except PackageNotFoundError:
        return "unknown"


def refuse_changed_code(strategies: Iterable[type[Strategy]]) -> None:
    """Raise CodeChangedError if a file was edited since this process first asked for its version.

    Python reads a file when it is imported, and other processes read it later: results computed
    in between may come from either version.
    """
    if _read_first_edition().is_current():
        return
    now = _Edition()
    changed = sorted(one.name for one in strategies if now.version(one) != code_version(one))
    if changed:
        raise CodeChangedError(
            f"The code of {', '.join(changed)} was edited while this run used it, so that its "
            "results may come from either version, and are not kept: run it again."
        )


class _Edition:
    """The source as it was at one time: each file is read once."""

    def __init__(self) -> None:
        self._sources: dict[Path, bytes] = {}
        self._engine = import_closure([_find_file(_COMPUTES)], [engine, strategies], self._read)

    def version(self, strategy: type[Strategy] | None) -> str:
        """Return a fingerprint of what files say, not of where they lie: a copy has the same."""
        sources = self._engine | (self._find_closure(strategy) if strategy else {})
        for module in _WORDING:
            sources.pop(_find_file(module), None)
        parts = sorted(hashlib.sha256(source).digest() for source in sources.values())
        return hashlib.sha256(_describe_libraries() + b"".join(parts)).hexdigest()[:12]

    def is_current(self) -> bool:
        """Return whether every file that was read still says what it said, imports included."""
        return all(_read(file) == source for file, source in self._sources.items())

    def _read(self, file: Path) -> bytes:
        if file not in self._sources:
            self._sources[file] = _read(file)
        return self._sources[file]

    def _find_closure(self, strategy: type[Strategy]) -> dict[Path, bytes]:
        packages = {engine, strategies}
        own = sys.modules.get(strategy.__module__.partition(".")[0])
        if own is not None and hasattr(own, "__path__"):
            packages.add(own)
        return import_closure([Path(inspect.getfile(strategy))], packages, self._read)


@cache
def _read_first_edition() -> _Edition:
    return _Edition()


@cache
def _describe_libraries() -> bytes:
    libraries = (f"{name}=={version(name)}" for name in _LIBRARIES)
    return " ".join([*libraries, describe_platform()]).encode()


@cache
def _find_file(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"There is no module {module}; code versions begin with it.")
    return Path(spec.origin).absolute()


def _read(file: Path) -> bytes:
    """Return the source of a file; of one that was removed, what no file says."""
    return file.read_bytes() if file.is_file() else b"removed = True"
