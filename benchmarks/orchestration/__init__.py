"""WHAT DAGSTER COSTS: bookkeeping, disk, the main job, a large universe, process start, requests.

`graphs` has the graphs and instances that are compared. Not here: the engine's own speed.
"""
