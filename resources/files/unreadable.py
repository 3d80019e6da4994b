"""What polars raises for a file that it cannot read. Loads polars."""

import polars as pl

# polars panics at some damaged pages, with an exception that no `except Exception` stops.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
