"""Benchmarks of how prices are fetched."""
