"""The version of the code behind a walk-forward: it changes when a choice or a fill could."""

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import research
from engine.code_version import code_version
from engine.import_closure import import_closure
from strategies.base import Strategy

# Not imported here: it brings the engine along, and definitions ask for the version.
_CHOOSES = "research.walk_forward"


@cache
def walk_forward_version(strategy: type[Strategy]) -> str:
    """Return a fingerprint of the source that decides a strategy's walk-forward.

    That of its backtests, and the import closure of the choices and of the stitching.
    """
    return hashlib.sha256(f"{code_version(strategy)} {_read_version()}".encode()).hexdigest()[:12]


@cache
def _read_version() -> str:
    spec = find_spec(_CHOOSES)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"There is no module {_CHOOSES}; its version begins with it.")
    sources = import_closure([Path(spec.origin)], [research]).values()
    digests = sorted(hashlib.sha256(source).digest() for source in sources)
    return hashlib.sha256(b"".join(digests)).hexdigest()[:12]
