"""WHEN IT RUNS: the definitions, the partitions, the jobs, and the commands behind `make`.

Not here: asset bodies (assets) and resource implementations (resources).
"""

import gc

import dagster  # noqa: F401 - what is frozen

# What Dagster is made of lives as long as the process: the collector need not walk it each time.
gc.freeze()
