"""Digests of results as the engine gave them, and of the same results as they are read back.

Both are of the bytes of the metrics and trades, by two ways: from the engine's own arrays in memory
before anything is written, and from the rows of frames. Where they are equal, nothing between the
engine and the frames has changed a number: no table, file, COPY, trigger or later hand.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import accumulate, pairwise

import numpy as np
import polars as pl

from engine.metrics import METRICS
from engine.positions import EXIT_REASONS
from research.run_spec import IdentifiedResult
from strategies.base import Floats

_NUMBERS = ("entry_price", "entry_fees", "exit_price", "exit_fees", "size", "pnl")
_DAYS = ("entry_date", "exit_date")
_CODES = {
    "direction": ("long", "short"),
    "status": ("open", "closed"),
    "exit_reason": EXIT_REASONS,
}
_UNKNOWN = -1


def digest_results(results: Sequence[IdentifiedResult]) -> dict[str, str]:
    """Return a digest of the metrics and trades of each result, by identifier.

    32 hex digits, of little-endian float64: an undefined metric is NaN, a day is counted from
    1970-01-01, a word is its code in the engine.
    """
    if not results:
        return {}
    rows = [[one.result.metrics[name] for name in METRICS] for one in results]
    counts = [len(one.result.trades) for one in results]
    trades = np.concatenate([one.result.trades for one in results])
    days = [
        np.concatenate([one.result.dates[one.result.trades[name]] for one in results])
        for name in ("entry_idx", "exit_idx")
    ]
    columns = [
        np.concatenate([np.arange(1, count + 1) for count in counts]),
        *(trades[name] for name in (*_NUMBERS, "return")),
        *(day.astype("datetime64[D]").astype(np.int64) for day in days),
        *(trades[name] for name in _CODES),
    ]
    identifiers = [one.identifier for one in results]
    return _digest(identifiers, np.array(rows, dtype="<f8"), counts, columns)


def select_as_computed(
    results: pl.DataFrame, trades: pl.DataFrame, digests: Mapping[str, str]
) -> pl.DataFrame:
    """Return the rows whose metrics and trades are those of their digest, to the bit.

    Parameters
    ----------
    results, trades
        With the columns of `frame_schemas.RESULTS_SCHEMA` and `TRADES_SCHEMA`; trades of other
        results don't matter. A trade too few, too many or changed makes its result another.
    digests
        By identifier, as `digest_results` returns them; a result without one is not returned.
    """
    found = _digest_rows(results, trades)
    kept = [digests.get(one) == found[one] for one in results["id"]]
    return results if all(kept) else results.filter(pl.Series(kept, dtype=pl.Boolean))


def _digest_rows(results: pl.DataFrame, trades: pl.DataFrame) -> dict[str, str]:
    metrics = results.select(pl.col(METRICS).cast(pl.Float64).fill_null(np.nan)).to_numpy()
    identifiers = results["id"].to_list()
    places = pl.DataFrame({"backtest_id": results["id"], "place": range(results.height)})
    mine = trades.join(places, on="backtest_id").sort("place", "trade_no")
    counted = dict(mine.group_by("place").len().iter_rows())
    columns = [
        mine["trade_no"].to_numpy(),
        *(mine[name].to_numpy() for name in (*_NUMBERS, "trade_return")),
        *(mine[name].to_physical().to_numpy() for name in _DAYS),
        *(_encode_words(mine[name], words) for name, words in _CODES.items()),
    ]
    counts = [counted.get(place, 0) for place in range(results.height)]
    return _digest(identifiers, metrics.astype("<f8"), counts, columns)


def _encode_words(words: pl.Series, known: Sequence[str]) -> np.ndarray:
    codes = {word: code for code, word in enumerate(known)}
    return words.replace_strict(codes, default=_UNKNOWN, return_dtype=pl.Int64).to_numpy()


def _digest(
    identifiers: Sequence[str],
    metrics: Floats,
    counts: Sequence[int],
    columns: Sequence[np.ndarray],
) -> dict[str, str]:
    """Return the digest of each row of metrics with its trades, which come in the same order."""
    trades = np.column_stack([column.astype("<f8") for column in columns])
    bounds = pairwise([0, *accumulate(counts)])
    rows = np.ascontiguousarray(metrics)
    return {
        one: sha256(row.tobytes() + trades[first:last].tobytes()).hexdigest()[:32]
        for one, row, (first, last) in zip(identifiers, rows, bounds, strict=True)
    }
