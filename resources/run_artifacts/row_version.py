"""The version of what turns bars into rows, the engine apart, which has a version of its own."""

from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

# Named, not imported: they need not be loaded for their text, and one of them imports this module.
MODULES = (
    "resources.run_artifacts.backtest_tables",
    "resources.run_artifacts.result_digests",
    "resources.price_store.history_loader",
    "resources.market_data.bars",
    "resources.trading_calendar",
    "resources.session_table",
    "research.natural_key",
    "research.run_spec",
)
LIBRARIES = ("polars", "numpy", "exchange_calendars")


@cache
def row_version() -> str:
    """Return a fingerprint of the modules and libraries that turn bars into rows.

    It is that of the files as they were when this process first asked.
    """
    libraries = " ".join(f"{name}=={version(name)}" for name in LIBRARIES)
    return sha256(libraries.encode() + b"".join(map(_read_source, MODULES))).hexdigest()[:12]


def _read_source(module: str) -> bytes:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{module} has no source to take a version of.", name=module)
    return Path(spec.origin).read_bytes()
