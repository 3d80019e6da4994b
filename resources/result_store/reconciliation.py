"""Whether what the store gives back is what was given to it."""

import json
from collections.abc import Collection, Iterable

import polars as pl

from engine.metrics import METRICS
from research.natural_key import canonical_json

_JSON_COLUMNS = ("parameters", "settings", "undefined", "seeds")
# Who saved a row last: another run may save the same result between a save and its reading back.
_SAVED_BY = frozenset({"run_id", "run_user", "gauntlet_version", "universe_version"})
# And that run may have met another universe, of more symbols with prices, or none.
_OF_UNIVERSE = tuple(name for name, metric in METRICS.items() if metric.needs == "universe")


def intact(produced: pl.DataFrame, stored: pl.DataFrame, trades: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `produced` that the store holds unchanged, whoever saved them last.

    Parameters
    ----------
    produced, stored
        Frames with `frames.RESULTS_SCHEMA`; JSON is compared by meaning, all else to the bit,
        NULL being equal to NULL. What rests on the equal-weight universe is compared only where
        both were made in the same one.
    trades
        Columns ``backtest_id`` and ``trades``: how many trades the store holds of each.
    """
    # A row read back is the row produced when it joins with it on every column.
    columns = [name for name in produced.columns if name not in _SAVED_BY]
    others = _in_another_universe(produced, stored)
    equal = _comparable(produced, others).join(
        _comparable(stored, others), on=columns, how="semi", nulls_equal=True
    )
    counted = equal.join(trades, left_on="id", right_on="backtest_id", how="left")
    return counted.filter(pl.col("total_trades") == pl.col("trades").fill_null(0))


def _in_another_universe(produced: pl.DataFrame, stored: pl.DataFrame) -> set[str]:
    """Return the identifiers of the rows that the store holds as compared with another universe."""
    both = produced.join(stored, on="id", suffix="_stored")
    other = pl.col("universe_version").ne_missing(pl.col("universe_version_stored"))
    return set(both.filter(other)["id"])


def _comparable(rows: pl.DataFrame, others: Collection[str]) -> pl.DataFrame:
    """Return the rows in one spelling, those of `others` without what rests on the universe."""
    texts = [pl.Series(name, _canonical(rows[name]), dtype=pl.String) for name in _JSON_COLUMNS]
    plain = rows.with_columns(texts)
    if others:
        apart = plain["id"].is_in(list(others))
        blank = [pl.when(~apart).then(pl.col(name)).alias(name) for name in _OF_UNIVERSE]
        reasons = pl.when(~apart).then(pl.col("undefined"))
        bare = reasons.otherwise(pl.col("undefined").map_elements(_without_universe, pl.String))
        plain = plain.with_columns(*blank, bare)
    # As numbers, 0.0 and -0.0 would join.
    return plain.with_columns(pl.col(pl.Float64).reinterpret(dtype=pl.Int64))


def _without_universe(undefined: str) -> str:
    reasons = json.loads(undefined)
    return canonical_json({name: reasons[name] for name in reasons if name not in _OF_UNIVERSE})


def _canonical(texts: Iterable[str]) -> list[str]:
    return [canonical_json(json.loads(text)) for text in texts]
