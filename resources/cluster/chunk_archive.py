"""Where a worker finds and keeps results: it has no database, and commits nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from engine.code_version import refuse_changed_code
from research.chunks import Known
from research.run_spec import IdentifiedResult, RunSpec
from resources.result_store.frame_schemas import RESULTS_SCHEMA
from resources.run_artifacts.backtest_tables import build_tables
from resources.run_artifacts.result_digests import digest_results
from resources.run_artifacts.stored_backtests import Attempt, StoredBacktests

_KNOWN = {"id": pl.String(), "symbol": pl.String(), "strategy": pl.String()}


@dataclass
class ChunkArchive:
    """The archive of one attempt at a chunk.

    Parameters
    ----------
    known
        The stored results that need not be computed, by identifier.

    Attributes
    ----------
    attempt, rows, digests
        What `write` has written, the rows of what was computed, and its digests.
    compared, changed
        Digests of the known results that were computed again, and which of them are not what that
        gave.
    """

    spec: RunSpec
    files: StoredBacktests
    known: Mapping[str, Known]
    attempt: Attempt | None = None
    rows: pl.DataFrame = field(default_factory=RESULTS_SCHEMA.to_frame)
    digests: Mapping[str, str] = field(default_factory=dict)
    compared: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    def find(self, identifiers: Sequence[str]) -> pl.DataFrame:
        """Return identifier, symbol and strategy of what the driver knows."""
        found = [
            (one, self.known[one].symbol, self.known[one].strategy)
            for one in identifiers
            if one in self.known
        ]
        return pl.DataFrame(found, schema=_KNOWN, orient="row")

    def differing(self, computed: Sequence[IdentifiedResult], stored: pl.DataFrame) -> list[str]:  # noqa: ARG002
        """Return the identifiers of the results that have another digest than what is stored."""
        digests = digest_results(computed)
        self.compared |= digests
        found = [one for one, digest in digests.items() if self.known[one].digest != digest]
        self.changed += found
        return found

    def write(
        self,
        part: int,
        computed: Sequence[IdentifiedResult],
        stored: pl.DataFrame,  # noqa: ARG002
        order: Sequence[str],  # noqa: ARG002
    ) -> pl.DataFrame:
        """Write trades and curves under names of this attempt's own; return the computed rows."""
        refuse_changed_code(type(one) for one in self.spec.strategies)
        tables = build_tables(computed, self.spec, part)
        self.attempt = self.files.write_attempt(self.spec.run_id, part, tables)
        self.rows, self.digests = tables.results, tables.digests
        return tables.results
