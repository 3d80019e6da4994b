"""Dates with a time of day and a time zone: which session they mean."""

import polars as pl

from resources.market_data.sources.tables.table import refuse_first

TAIL = (
    r"(?:[T ,]\s*(?P<hour>[01]?\d|2[0-3])(?::?(?P<minute>[0-5]\d))?"
    r"(?::?(?P<second>[0-5]\d(?:[.,]\d+)?))?"
    r"[ -]*(?P<half>[AP]M)?"
    r"\s*(?P<zone>(?:Z|UTC|GMT)?(?:[+-]\d{1,2}(?::?\d\d)?)?|[A-Z]{3,5})(?:\[[\w/+-]+\])?)?"
)
"""The pattern of what may stand behind a date; offsets count, names such as EST are dropped."""


def read_days_of_stamps(
    text: pl.Series,
    days: pl.Series,
    parts: pl.DataFrame,
    timezone: str,
    rows: pl.Series | None,
    *,
    in_utc: bool,
) -> pl.Series:
    """Return the sessions of stamps, whose written days are `days` and whose `TAIL` is in `parts`.

    Where all stamps are midnight or have no zone, the written days; otherwise the days it was in
    `timezone`. `in_utc` is the zone of those without. A stamp without a zone among others with one
    raises RefusedTableError.
    """
    if parts["hour"].null_count() == len(parts):
        return days
    moments = parts.select(
        hour=pl.col("hour").cast(pl.Int64, strict=False).fill_null(0),
        minute=pl.col("minute").cast(pl.Int64, strict=False).fill_null(0),
        second=pl.col("second").str.replace(",", ".").cast(pl.Float64, strict=False).fill_null(0.0),
        half=pl.col("half").str.to_uppercase(),
        offset=_read_offset(),
    ).with_columns(
        hour=pl.when(pl.col("half").is_null())
        .then("hour")
        .otherwise(pl.col("hour") % 12 + pl.when(pl.col("half") == "PM").then(12).otherwise(0))
    )
    seconds = moments.select(
        pl.col("hour") * 3600 + pl.col("minute") * 60 + pl.col("second").floor().cast(pl.Int64)
    ).to_series()
    offset = moments["offset"].fill_null(0) if in_utc else moments["offset"]
    stamped = text.is_not_null()
    if (seconds.filter(stamped) == 0).all() or offset.filter(stamped).null_count() == stamped.sum():
        return days
    refuse_first(
        "date", text, stamped & offset.is_null(), rows, "a date with a time zone, as others"
    )
    utc = days.cast(pl.Int64) * 86_400 + seconds - offset
    return (utc * 1000).cast(pl.Datetime("ms", "UTC")).dt.convert_time_zone(timezone).dt.date()


def _read_offset() -> pl.Expr:
    """Return seconds east of Greenwich; null where a stamp names no offset."""
    zone = pl.col("zone").str.to_uppercase()
    hours = zone.str.extract(r"([+-]\d{1,2})").cast(pl.Int64, strict=False)
    minutes = zone.str.extract(r"[+-]\d{1,2}:?(\d\d)$").cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(zone.str.contains("-", literal=True)).then(-1).otherwise(1)
    named = pl.when(zone.str.contains("^(Z|UTC|GMT)$")).then(0)
    return pl.when(hours.is_null()).then(named).otherwise(hours * 3600 + sign * minutes * 60)
