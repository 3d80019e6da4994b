"""What a result depends on, as a key: another bar, setting or line of code is another key.

The key has everything that the identifier of a backtest has, and what else decides a byte of its
rows: the equal-weight universe, the last session, the source's name, and the code and versions
that turn bars into rows. What only says who asked (the run and its user) is not in it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from research.natural_key import canonical_json
from strategies.base import Strategy

_ROOT = Path(__file__).parents[2]

# Between the stored bars and the stored rows, beside the engine, which has a version of its own.
_MAKERS = (
    "resources/run_artifacts/backtest_tables.py",
    "resources/price_store/history_loader.py",
    "resources/market_data/bars.py",
    "research/natural_key.py",
)
_PROBES = (
    "research/audit/integrity.py",
    "research/audit/backtest_audit.py",
    "research/audit/scaling.py",
)
_LIBRARIES = ("polars", "numpy", "exchange_calendars")


def digest(text: str | bytes) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text if isinstance(text, bytes) else text.encode()).hexdigest()


def terms_key(strategy: Strategy, code_version: str, common: Mapping[str, Any]) -> str:
    """Return the key of all that a strategy's results have in common, the symbol and bars aside.

    Parameters
    ----------
    code_version
        Of the strategy and the engine, see `engine.code_version`.
    common
        What all strategies of a run share: window, settings, universe; values that JSON has.
    """
    terms = [strategy.name, strategy.parameters(), code_version, dict(common), makers()]
    return digest(canonical_json(terms))


def result_key(terms: str, symbol: str, data_version: str) -> str:
    """Return the key of one result: its terms, its symbol, and the bars that it is made of."""
    return digest(f"{terms} {data_version} {symbol}")


def joint_key(what: str, parts: Iterable[Any]) -> str:
    """Return the key of something that depends on several, and on the code that makes it."""
    return digest(canonical_json([what, *parts, makers()]))


@cache
def makers() -> str:
    """Return a fingerprint of the code and the libraries that turn bars into rows."""
    from resources.result_store.frame_schemas import RESULTS_SCHEMA, TRADES_SCHEMA
    from resources.run_artifacts.backtest_tables import EQUITY_SCHEMA, gauntlet_version

    versions = [gauntlet_version(), *map(version, _LIBRARIES)]
    columns = [str(schema) for schema in (RESULTS_SCHEMA, TRADES_SCHEMA, EQUITY_SCHEMA)]
    return digest(_content(_MAKERS) + " ".join(versions + columns).encode())


@cache
def probes() -> str:
    """Return a fingerprint of the code that finds out about results: integrity and scaling."""
    return digest(_content(_PROBES))


def _content(names: Iterable[str]) -> bytes:
    return b"".join((_ROOT / name).read_bytes() for name in names)
