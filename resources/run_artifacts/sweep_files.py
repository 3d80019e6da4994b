"""The Parquet files of sweeps: metrics by point and symbol, curves and trials by point.

A sweep is named after what it is of, its scope and its trials in their order: who wants it again
finds it, and the same sweep is never stored twice. The ledger of trials is not here, and stays when
old files are removed.
"""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import numpy as np
import polars as pl

from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system, read_file, to_url
from resources.run_artifacts.old_results import find_old_results

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from research.universe_curves import UniverseCurves
    from research.universe_sweep import PointMetrics

POINTS_SCHEMA = pl.Schema(
    {
        "point": pl.Int32(),
        "parameters": pl.String(),
        "trial_id": pl.String(),
        "tested_symbols": pl.Int64(),
        "activity": pl.Float64(),
        "beta": pl.Float64(),
        "residual_return": pl.Float64(),
        "residual_sharpe_ratio": pl.Float64(),
    }
)
"""Of a sweep's points: parameters as JSON, and what became of each over the universe, per year."""

CURVES_SCHEMA = pl.Schema(
    {
        "date": pl.Date(),
        "point": pl.Int32(),
        "return": pl.Float64(),
        "exposure": pl.Float32(),
        "market": pl.Float64(),
    }
)
"""Of a sweep's curves, by point and then day: daily returns, the share that was in the market at
the close before, and the returns of the universe."""

_ROWS_PER_PART = 200_000
"""A file of 1,000 points on 200 symbols: some 10 MB, and 25 MB while it is written."""

_METRICS, _POINTS, _CURVES, _MANIFEST = "metrics", "points.parquet", "curves.parquet", "manifest"


def identify_sweep(scope: UUID, trials: Iterable[UUID]) -> str:
    """Return the identifier of a sweep, from that of its scope and those of its trials."""
    return str(uuid5(scope, " ".join(map(str, trials))))


@dataclass(frozen=True)
class SweepFiles:
    """Sweeps under one root, a folder for each of a strategy's.

    Parameters
    ----------
    root
        Folder or fsspec URL of the backtests, beside which the sweeps are.
    """

    root: str

    def path(self, strategy: str, identity: str) -> str:
        """Return the folder of a sweep, as people write it."""
        fs, folder = self._open(strategy, identity)
        return to_url(fs, folder)

    def find(self, strategy: str, identity: str) -> Mapping[str, Any] | None:
        """Return what a sweep says of itself if all of its files are as they were written."""
        fs, folder = self._open(strategy, identity)
        content = read_file(fs, f"{folder}/{_MANIFEST}.json")
        with suppress(ValueError, KeyError, TypeError, AttributeError):
            manifest = json.loads(content or b"")
            for name, digest in manifest["files"].items():
                if sha256(read_file(fs, f"{folder}/{name}") or b"").hexdigest() != digest:
                    return None
            return manifest["facts"]
        return None

    def read_points(self, strategy: str, identity: str) -> pl.DataFrame:
        """Return the points of a sweep, with `POINTS_SCHEMA`, in their order.

        Raises
        ------
        FileNotFoundError
            When it is not stored.
        """
        return self._read(strategy, identity, _POINTS)

    def read_curves(self, strategy: str, identity: str) -> pl.DataFrame:
        """Return the curves of a sweep, with `CURVES_SCHEMA`; raises as `read_points`."""
        return self._read(strategy, identity, _CURVES)

    def read_metrics(self, strategy: str, identity: str) -> pl.DataFrame:
        """Return point, symbol and metrics of all backtests of a sweep, symbol by symbol."""
        fs, folder = self._open(strategy, identity)
        content = read_file(fs, f"{folder}/{_MANIFEST}.json")
        if content is None:
            raise FileNotFoundError(f"{to_url(fs, folder)} has no sweep.")
        parts = [name for name in json.loads(content)["files"] if name.startswith(_METRICS)]
        return pl.concat(self._read(strategy, identity, name) for name in parts)

    def write(self, strategy: str, identity: str) -> "SweepWriter":
        """Return what the files of a sweep are written by; until it is closed there are none."""
        fs, folder = self._open(strategy, identity)
        with suppress(FileNotFoundError):
            fs.rm_file(f"{folder}/{_MANIFEST}.json")
        return SweepWriter(fs, folder)

    def find_old(self, before: datetime) -> list[tuple[str, str]]:
        """Return strategy and identifier of the sweeps that were written before a time.

        Not the newest of each strategy, which other research reads.
        """
        fs, root = file_system(self.root)
        return find_old_results(fs, f"{root.rstrip('/')}/sweeps", before, depth=3)

    def delete(self, strategy: str, identity: str) -> None:
        """Remove a sweep; its trials stay in the ledger."""
        fs, folder = self._open(strategy, identity)
        with suppress(FileNotFoundError):
            fs.rm(folder, recursive=True)

    def _open(self, strategy: str, identity: str) -> "tuple[AbstractFileSystem, str]":
        fs, root = file_system(self.root)
        folder = f"{root.rstrip('/')}/sweeps/{strategy}/{identity}"
        # Some buckets remember their listings, and another process may have written since.
        fs.invalidate_cache(folder)
        return fs, folder

    def _read(self, strategy: str, identity: str, name: str) -> pl.DataFrame:
        fs, folder = self._open(strategy, identity)
        content = read_file(fs, f"{folder}/{name}")
        if content is None:
            raise FileNotFoundError(f"{to_url(fs, folder)} has no {name}.")
        return pl.read_parquet(io.BytesIO(content))


@dataclass
class SweepWriter:
    """Writes the files of one sweep: metrics as they come, the rest at the end.

    Attributes
    ----------
    digests
        SHA-256 of each file so far.
    """

    fs: "AbstractFileSystem"
    folder: str
    digests: dict[str, str] = field(default_factory=dict)
    _waiting: "list[PointMetrics]" = field(default_factory=list)
    _rows: int = 0

    def add(self, metrics: "PointMetrics") -> None:
        """Add what the points made of a few symbols."""
        self._waiting.append(metrics)
        self._rows += len(metrics.point)
        if self._rows >= _ROWS_PER_PART:
            self._flush()

    def close(self, points: pl.DataFrame, curves: pl.DataFrame, facts: Mapping[str, Any]) -> None:
        """Write the rest, and last the manifest: from then on there is a sweep.

        Parameters
        ----------
        points, curves
            With `POINTS_SCHEMA` and `CURVES_SCHEMA`.
        facts
            What the sweep says of itself, as JSON.
        """
        if self._waiting:
            self._flush()
        self._put(_POINTS, _encode(points))
        self._put(_CURVES, _encode(curves))
        manifest = {"files": self.digests, "facts": dict(facts)}
        write_whole(self.fs, f"{self.folder}/{_MANIFEST}.json", json.dumps(manifest).encode())

    def _flush(self) -> None:
        number = sum(name.startswith(_METRICS) for name in self.digests)
        self._put(f"{_METRICS}-{number:05}.parquet", _encode(_build_metrics(self._waiting)))
        self._waiting, self._rows = [], 0

    def _put(self, name: str, content: bytes) -> None:
        write_whole(self.fs, f"{self.folder}/{name}", content)
        self.digests[name] = sha256(content).hexdigest()


def build_curves(curves: "UniverseCurves") -> pl.DataFrame:
    """Return curves with `CURVES_SCHEMA`, the points numbered in their order."""
    points, days = curves.returns.shape
    return pl.DataFrame(
        {
            "date": np.tile(curves.dates, points),
            "point": np.repeat(np.arange(points, dtype=np.int32), days),
            "return": curves.returns.ravel(),
            "exposure": curves.exposure.ravel(),
            "market": np.tile(curves.market, points),
        },
        schema=CURVES_SCHEMA,
    )


def _build_metrics(parts: "Sequence[PointMetrics]") -> pl.DataFrame:
    """Return point, symbol and metrics of some symbols after the other, one row per backtest."""
    symbols = pl.Series([name for one in parts for name in one.symbols], dtype=pl.String())
    before = np.cumsum([0, *(len(one.symbols) for one in parts)]).tolist()
    rows = [first + one.symbol for first, one in zip(before, parts, strict=False)]
    return pl.DataFrame(
        {
            "point": pl.Series(np.concatenate([one.point for one in parts]), dtype=pl.Int32()),
            "symbol": symbols.gather(np.concatenate(rows)),
            **{
                name: pl.Series(
                    np.concatenate([one.columns[name] for one in parts]),
                    dtype=pl.Float32(),
                    nan_to_null=True,
                )
                for name in parts[0].columns
            },
        }
    )


def _encode(table: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    table.write_parquet(content)
    return content.getvalue()
