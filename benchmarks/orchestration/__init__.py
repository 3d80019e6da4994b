"""HOW MUCH DAGSTER COSTS: bookkeeping, the main job, a large universe, the start of a process.

Here also: `graphs`, the graphs and instances that are compared. Not here: the engine's own speed.
"""
