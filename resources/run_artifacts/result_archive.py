"""Where the runner looks results up and keeps them: the result store and the files of runs.

`backtest_id` is derived from all that a result depends on, so a stored row of that identifier is
the result: looked up, not computed again. It is used again while the code that made its row is
today's, its metrics and trades in the store are those that the engine gave, and its files are there
as they were written.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import polars as pl

from engine.code_version import refuse_changed_code
from research.chunks import ChunkOutcome, Known
from research.natural_key import json_text
from research.run_spec import IdentifiedResult, RunSpec
from resources.result_store.frame_schemas import JSON_COLUMNS, RESULTS_SCHEMA, STORED_SCHEMA
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.reconciliation import select_unchanged
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.backtest_tables import (
    NO_TABLES,
    BacktestTables,
    build_rows,
    build_tables,
)
from resources.run_artifacts.result_digests import digest_results, select_as_computed
from resources.run_artifacts.row_version import row_version
from resources.run_artifacts.stored_backtests import DamagedBacktestsError

_NOTHING = STORED_SCHEMA.to_frame()


@dataclass
class ResultArchive:
    """The results of one run, and those of earlier runs that it may use again.

    Parameters
    ----------
    use_stored
        False computes everything, whether or not it is stored.

    Attributes
    ----------
    damaged
        How many stored results could not be used: they are not what was computed, or their files
        are not what was written.
    warnings
        What was found damaged or missing, one sentence each.
    """

    spec: RunSpec
    manager: BacktestPersistenceManager
    files: BacktestFiles
    use_stored: bool = True
    damaged: int = 0
    warnings: list[str] = field(default_factory=list)
    _verified: dict[tuple[str, int], str] = field(default_factory=dict)
    _digests: dict[str, str] = field(default_factory=dict)

    def find(self, identifiers: Sequence[str]) -> pl.DataFrame:
        """Return the rows of the stored results that may be used again, with `STORED_SCHEMA`."""
        if not self.use_stored:
            return _NOTHING
        stored = self.manager.get_backtests_by_ids(identifiers)
        # A step that is tried again writes the files of its run again: what is in them is not used.
        other = stored["run_id"] != self.spec.run_id
        stored = _keep(stored, other & (stored["row_version"] == row_version()))
        usable = self._as_computed(self._with_files(self._with_trades(stored)))
        for name in JSON_COLUMNS:
            compact = pl.Series(name, map(_compact, usable[name]), pl.String)
            usable.replace_column(usable.get_column_index(name), compact)
        return usable

    def find_known(self, symbols: Sequence[str]) -> tuple[pl.DataFrame, dict[str, Known]]:
        """Return the stored results of some symbols, as `find`, and their digests by identifier.

        Without the symbols' bars their identifiers are not known: those are returned that the run's
        strategies have on any bars.
        """
        if not self.use_stored:
            return _NOTHING, {}
        stored = self.find(self.manager.find_backtest_ids(self.spec, symbols))
        columns = ("id", "symbol", "strategy")
        known = {
            identifier: Known(symbol, strategy, self._digests[identifier])
            for identifier, symbol, strategy in stored.select(columns).iter_rows()
        }
        return stored, known

    def commit(
        self, outcome: ChunkOutcome, stored: pl.DataFrame, order: Sequence[str]
    ) -> pl.DataFrame:
        """Make what a worker has written a part of the run; return its rows in that order."""
        if found := len(outcome.differing):
            self.damaged += found
            self.warnings.append(f"{found} stored results differ from what is computed")
        computed = pl.read_ipc_stream(outcome.rows).cast(RESULTS_SCHEMA)
        results = _order(pl.concat([stored[RESULTS_SCHEMA.names()], computed]), order)
        digests = {**self._digests, **outcome.digests}
        kept = {one: digests[one] for one in results["id"]}
        self.files.commit(self.spec.run_id, outcome.part, outcome.attempt, results, kept)
        return results

    def commit_nothing(self, part: int) -> pl.DataFrame:
        """Make a part without results; return no rows."""
        nothing = RESULTS_SCHEMA.to_frame()
        attempt = self.files.write_attempt(self.spec.run_id, part, NO_TABLES)
        self.files.commit(self.spec.run_id, part, attempt, nothing, {})
        return nothing

    def digest(self, results: Sequence[IdentifiedResult]) -> dict[str, str]:
        """Return the digests of results by identifier."""
        return digest_results(results)

    def differing(self, computed: Sequence[IdentifiedResult], stored: pl.DataFrame) -> list[str]:
        """Return the identifiers of the results that are stored otherwise than computed."""
        rows = build_rows(computed, self.spec, part=0)
        same = set(select_unchanged(rows, stored)["id"])
        found = [identifier for identifier in rows["id"] if identifier not in same]
        if found:
            self.damaged += len(found)
            self.warnings.append(f"{len(found)} stored results differ from what is computed")
        return found

    def write(
        self,
        part: int,
        computed: Sequence[IdentifiedResult],
        stored: pl.DataFrame,
        order: Sequence[str],
    ) -> pl.DataFrame:
        """Keep a part of the run: rows of all results, trades and curves of the computed ones.

        Raises
        ------
        CodeChangedError
            When the code was edited while the run used it; nothing is kept.
        """
        refuse_changed_code(type(one) for one in self.spec.strategies)
        tables = build_tables(computed, self.spec, part)
        rows = pl.concat([stored[RESULTS_SCHEMA.names()], tables.results])
        results = _order(rows, order)
        digests = {**self._digests, **tables.digests}
        self.files.write(
            self.spec.run_id,
            part,
            BacktestTables(
                results,
                tables.trades,
                tables.equity,
                {one: digests[one] for one in results["id"]},
            ),
        )
        return results

    def _as_computed(self, stored: pl.DataFrame) -> pl.DataFrame:
        """Return the rows whose metrics and trades in the store are what the engine gave."""
        if stored.is_empty():
            return stored
        trades = self.manager.get_trades(stored["id"].to_list())
        same = select_as_computed(stored, trades, self._digests)
        if lost := stored.height - same.height:
            self.damaged += lost
            self.warnings.append(
                f"{lost} stored results are not what was computed: they are computed again"
            )
        return same

    def _with_trades(self, stored: pl.DataFrame) -> pl.DataFrame:
        """Return the rows whose trades are all in the store."""
        complete = stored["total_trades"] == stored["stored_trades"]
        if lost := stored.height - int(complete.sum()):
            self.damaged += lost
            self.warnings.append(f"{lost} stored results lack trades: they are computed again")
        return _keep(stored, complete)

    def _with_files(self, stored: pl.DataFrame) -> pl.DataFrame:
        """Return the rows whose run still has their trades and curves, as they were written."""
        places = list(zip(stored["run_id"], stored["part"], strict=True))
        for place, count in Counter(places).items():
            if place not in self._verified:
                self._verified[place] = self._verify(*place)
            if fault := self._verified[place]:
                run_id, part = place
                self.damaged += count if fault != _GONE else 0
                self.warnings.append(
                    f"the files of part {part} of run {run_id} {fault}: {count} results are "
                    "computed again"
                )
        return _keep(
            stored, pl.Series([not self._verified[place] for place in places], dtype=pl.Boolean)
        )

    def _verify(self, run_id: str | None, part: int | None) -> str:
        """Return what is wrong with the files of a part; "" for nothing."""
        if run_id is None or part is None:
            return _GONE
        try:
            self._digests.update(self.files.verify(run_id, part))
        except FileNotFoundError:
            return _GONE
        except DamagedBacktestsError:
            return "are not what was written"
        except OSError as error:
            return f"can't be read ({error})"
        return ""


_GONE = "are gone"


def _keep(rows: pl.DataFrame, kept: pl.Series) -> pl.DataFrame:
    """Return the rows of a mask; all of them as they are, for a filter takes a millisecond."""
    return rows if kept.all() else rows.filter(kept)


def _order(rows: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """Return the rows in the order of identifiers, which may be of more than there are."""
    places = {identifier: place for place, identifier in enumerate(rows["id"])}
    return rows[[places[one] for one in order if one in places]]


@lru_cache(maxsize=4096)
def _compact(text: str) -> str:
    """Return JSON as a computed row spells it; PostgreSQL puts spaces between its parts."""
    return json_text(json.loads(text))
