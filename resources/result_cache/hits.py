"""Results that earlier runs have left: found by their keys, proved, and put beside new ones.

What is kept under a key is a reference: the run and the part whose files hold the rows. The files
are believed when their bytes are those that were written; a part that is gone, or is another one
now, is as good as never computed.
"""

import io
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import polars as pl

from resources.result_cache.kept import Kept
from resources.result_cache.keys import probes
from resources.result_store.frame_schemas import RESULTS_SCHEMA
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.backtest_tables import BacktestTables

Backtest = tuple[str, str]
"""A symbol, and the name of a strategy."""

Findings = dict[str, str]
"""What integrity found of a result, by rule: empty for nothing wrong."""

_RESULT, _PART = "result", "part"
_ROW = ("id", "symbol", "strategy", "data_version")


@dataclass(frozen=True)
class Reference:
    """Where a result is: the run and part that hold it, its identifier, and its findings.

    Findings of other code than today's are none.
    """

    run_id: str
    part: int
    identifier: str
    findings: Findings

    def encode(self) -> bytes:
        """Return the reference as JSON."""
        return json.dumps([*self.place, self.identifier, self.findings, probes()]).encode()

    @classmethod
    def decode(cls, content: bytes) -> "Reference":
        """Return what `encode` made."""
        run_id, part, identifier, findings, found_by = json.loads(content)
        return cls(run_id, part, identifier, findings if found_by == probes() else {})

    @property
    def place(self) -> tuple[str, int]:
        """The run and the part."""
        return self.run_id, self.part


@dataclass(frozen=True)
class FoundPart:
    """The files of a part, and those of its rows that were asked for."""

    contents: Mapping[str, bytes] = field(repr=False)
    rows: pl.DataFrame
    complete: bool

    def table(self, name: str) -> pl.DataFrame:
        """Return its trades or its curves."""
        return pl.read_parquet(io.BytesIO(self.contents[name]))


@dataclass
class Found:
    """What is there of a batch."""

    parts: list[FoundPart] = field(default_factory=list)
    findings: dict[Backtest, Findings] = field(default_factory=dict)
    references: dict[Backtest, tuple[str, Reference]] = field(default_factory=dict)


class KnownResults:
    """The results that are known, in the files of the runs that computed them.

    Attributes
    ----------
    damaged
        How many could not be used, for their files are not what was written.
    troubles
        What was not as it should be, a sentence each.
    """

    def __init__(self, kept: Kept, files: BacktestFiles) -> None:
        self._kept, self._files = kept, files
        self.damaged = 0
        self.troubles: list[str] = []

    def find(self, keys: Mapping[Backtest, str], versions: Mapping[str, str]) -> Found:
        """Return what is known under the `keys` of some backtests, on bars of these `versions`."""
        values = self._kept.get(_RESULT, list(keys.values()))
        parts: dict[tuple[str, int], dict[Backtest, Reference]] = defaultdict(dict)
        for backtest, key in keys.items():
            if key in values:
                reference = Reference.decode(values[key])
                parts[reference.place][backtest] = reference
        found = Found()
        for place, wanted in parts.items():
            part = self._part(*place, wanted, versions)
            if part is None:
                continue
            found.parts.append(part)
            for backtest in part.rows.select("symbol", "strategy").iter_rows():
                found.findings[backtest] = wanted[backtest].findings
                found.references[backtest] = keys[backtest], wanted[backtest]
        return found

    def remember(
        self,
        references: Mapping[str, Reference],
        place: tuple[str, int],
        digests: Mapping[str, str],
    ) -> None:
        """Keep references into a part that has been written, by key, and the digests of its files.

        The part first: a reference without it would be one to nothing.
        """
        self._kept.put(_PART, {_name(*place): json.dumps(dict(digests)).encode()})
        self.update(references)

    def update(self, references: Mapping[str, Reference]) -> None:
        """Keep references, in place of those under the same keys."""
        self._kept.put(_RESULT, {key: one.encode() for key, one in references.items()})

    def prune(self, most: int) -> None:
        """Forget the oldest results beyond so many; their files are their runs' own and stay."""
        self._kept.prune(_RESULT, most)
        self._kept.prune(_PART, most)

    def _part(
        self,
        run_id: str,
        part: int,
        wanted: Mapping[Backtest, Reference],
        versions: Mapping[str, str],
    ) -> FoundPart | None:
        name = _name(run_id, part)
        known = self._kept.get(_PART, [name]).get(name)
        try:
            contents = self._files.contents(run_id, part)
        except FileNotFoundError:
            self.troubles.append(f"{len(wanted)} results are gone with the files of run {run_id}")
            return None
        except OSError as error:
            return self._damaged(run_id, part, len(wanted), f"can't be read: {error}")
        digests = {name: sha256(content).hexdigest() for name, content in contents.items()}
        if known is None or json.loads(known) != digests:
            return self._damaged(run_id, part, len(wanted), "are not what was written")
        results = pl.read_parquet(io.BytesIO(contents["results"]))
        if results.schema != RESULTS_SCHEMA:
            return self._damaged(run_id, part, len(wanted), "have other columns")
        said = {(one.identifier, *which, versions[which[0]]) for which, one in wanted.items()}
        asked = [row in said for row in results.select(_ROW).iter_rows()]
        if sum(asked) < len(wanted):
            self._damaged(run_id, part, len(wanted) - sum(asked), "hold other rows")
        complete = all(asked)
        return FoundPart(contents, results if complete else results.filter(asked), complete)

    def _damaged(self, run_id: str, part: int, count: int, why: str) -> None:
        self.damaged += count
        self.troubles.append(
            f"the files of part {part} of run {run_id} {why}: {count} results are computed again"
        )


def together(
    found: Found, computed: BacktestTables, order: Sequence[Backtest], run_id: str
) -> tuple[BacktestTables, dict[str, bytes]]:
    """Return the tables of a part, what was found and what was computed in one order.

    Rows that were found become this run's. Where they are the whole of an earlier part, its trades
    and curves need not be decoded: they come as files, beside tables without them.
    """
    if not found.parts:
        return computed, {}
    mine = pl.lit(run_id, pl.String).alias("run_id")
    if computed.results.is_empty() and len(found.parts) == 1 and found.parts[0].complete:
        (part,) = found.parts
        known = [one for one in order if one in found.findings]
        if part.rows.select("symbol", "strategy").rows() == known:
            files = {name: part.contents[name] for name in ("trades", "equity")}
            results = part.rows.with_columns(mine)
            return BacktestTables(results, computed.trades, computed.equity), files
    rows = [part.rows.with_columns(mine) for part in found.parts]
    places = pl.DataFrame(
        [(*backtest, place) for place, backtest in enumerate(order)],
        {"symbol": pl.String(), "strategy": pl.String(), "_place": pl.Int64()},
        orient="row",
    )
    results = _ordered(pl.concat([*rows, computed.results]), places, ["symbol", "strategy"])
    return _joined(found, computed, results), {}


def _joined(found: Found, computed: BacktestTables, results: pl.DataFrame) -> BacktestTables:
    trades, curves = [computed.trades], [computed.equity]
    for part in found.parts:
        mine = part.rows.select("id")
        trades.append(
            part.table("trades").join(mine, left_on="backtest_id", right_on="id", how="semi")
        )
        curves.append(
            part.table("equity").join(mine, left_on="backtest_id", right_on="id", how="semi")
        )
    in_order = results.select(backtest_id="id", _place=pl.int_range(pl.len()))
    return BacktestTables(
        results,
        _ordered(pl.concat(trades), in_order, ["backtest_id"], "trade_no"),
        _ordered(pl.concat(curves), in_order, ["backtest_id"], "date"),
    )


def _ordered(
    table: pl.DataFrame, places: pl.DataFrame, key: Sequence[str], *within: str
) -> pl.DataFrame:
    placed = table.join(places, on=list(key), how="inner")
    return placed.sort("_place", *within).select(table.columns)


def _name(run_id: str, part: int) -> str:
    return f"{run_id} {part}"
