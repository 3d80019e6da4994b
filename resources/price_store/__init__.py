"""Stored bars: one Parquet file per symbol, its revisions, and the way into the engine."""
