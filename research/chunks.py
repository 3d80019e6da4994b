"""What passes between a run's driver and whoever computes a chunk of its symbols.

Names and versions go out; rows of metrics come back, below 1 kB per backtest.
Prices, trades and curves never pass: they are in files that both sides see.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from engine.failure import Failure
from research.audit.backtest_audit import Finding
from strategies.indicator_cache import CacheStats

Spec = TypeVar("Spec")
"""Which history of a symbol is wanted; handed on unseen."""


class Known(NamedTuple):
    """A stored result that may be used again: computed once more, it must have this digest."""

    symbol: str
    strategy: str
    digest: str


@dataclass(frozen=True)
class Chunk(Generic[Spec]):
    """A few consecutive symbols of a run under all of its strategies.

    Parameters
    ----------
    part
        Its number: that of the part of the run's files.
    specs
        Which history of each symbol.
    known
        The stored results of these symbols, by identifier.
    versions
        Hash of the stored prices of each symbol that has any, as the driver sees them.
    """

    part: int
    specs: tuple[Spec, ...]
    known: Mapping[str, Known] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


class Planned(NamedTuple):
    """A backtest of a chunk: its symbol, the number of its strategy in the run, its identifier."""

    symbol: str
    strategy: int
    identifier: str


@dataclass(frozen=True)
class ChunkOutcome:
    """What came of a chunk.

    Parameters
    ----------
    part
        The chunk's number.
    planned
        All backtests of the symbols that could be loaded, by symbol and then strategy.
    rows
        Those that were computed, as an Arrow stream, in their order.
    digests
        By identifier, of what was computed.
    compared
        Digests of known results as computing them again gave them.
    differing
        Known results that are not what computing them again gave; they are among the rows.
    attempt
        The files with trades and curves, which are not committed yet.
    findings
        Of the audit, about accounts.
    worker
        Who computed it.
    """

    part: int
    planned: tuple[Planned, ...]
    rows: bytes
    digests: Mapping[str, str]
    compared: Mapping[str, str]
    differing: tuple[str, ...]
    attempt: Any
    failures: tuple[Failure, ...]
    findings: tuple[Finding, ...]
    indicators: CacheStats
    worker: str = ""


@dataclass(frozen=True)
class ChunkFailure:
    """A chunk that was given up: all of its symbols fail by this."""

    part: int
    error: Exception


class Executor(Protocol):
    """Who computes chunks: processes of this machine or of others."""

    def run(self, chunks: Iterable[Chunk[Any]]) -> Iterator[ChunkOutcome | ChunkFailure]:
        """Yield what came of each chunk, as they are done; chunks are taken as there is room."""
        ...

    def close(self) -> None:
        """Stop what is still computed, within seconds; nothing of it is kept."""
        ...
