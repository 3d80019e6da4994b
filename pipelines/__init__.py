"""WHEN IT RUNS: the definitions, the partitions, the jobs, and the commands behind `make`.

Not here: asset bodies (assets) and resource implementations (resources).
"""
