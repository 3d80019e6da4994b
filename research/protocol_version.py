"""The versions of the code behind research: they change when a number of a result could."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import engine
import research
from engine.code_version import code_version
from engine.import_closure import import_closure
from engine.processor import digest_c_library
from strategies.base import Strategy

# Not imported here: they bring the engine along, and definitions ask for the versions.
_CHOOSES = ("research.walk_forward",)
_HOLDS = (
    "research.portfolio.portfolio",
    "research.portfolio.frames",
    "research.portfolio.measures",
)
_ASSESSES = ("research.robustness.record", "research.robustness.permuted_sweep")


@cache
def walk_forward_version(strategy: type[Strategy]) -> str:
    """Return a fingerprint of the source that decides a strategy's walk-forward.

    That of its backtests, and the import closure of the choices and of the stitching.
    """
    return _combine(strategy, _CHOOSES)


@cache
def robustness_version(strategy: type[Strategy]) -> str:
    """Return a fingerprint of the source that decides a strategy's tests of robustness.

    That of its backtests, the import closure of the tests and of how they are written down, and
    the C library's functions, which transforms and logarithms of the tests are made of.
    """
    return _digest(f"{_combine(strategy, _ASSESSES)} {digest_c_library()}")


@cache
def portfolio_version(strategies: tuple[type[Strategy], ...]) -> str:
    """Return a fingerprint of the source that decides a portfolio of some strategies.

    That of their backtests, and the import closure of accounts and of how they are written down.
    """
    versions = " ".join(code_version(one) for one in strategies)
    # Of accounts, the engine's part is no part of any backtest.
    return _digest(f"{versions} {_read_version(*_HOLDS, packages=(research, engine))}")


def _combine(strategy: type[Strategy], modules: Sequence[str]) -> str:
    return _digest(f"{code_version(strategy)} {_read_version(*modules)}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@cache
def _read_version(*modules: str, packages: tuple[ModuleType, ...] = (research,)) -> str:
    sources = import_closure(map(_find_file, modules), packages).values()
    digests = sorted(hashlib.sha256(source).digest() for source in sources)
    return hashlib.sha256(b"".join(digests)).hexdigest()[:12]


def _find_file(module: str) -> Path:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"There is no module {module}; its version begins with it.")
    return Path(spec.origin)
