"""WHICH PROCESS A RUN IS IN: who executes it, and whether that process is gone.

A process that dies says nothing, and Dagster's history would show its run as in progress for hours.
Here: how a run's process starts as a fork (`template`), the lock that it holds (`claims`), how
processes are identified (`process`), the end of runs whose process is gone (`dead_runs`), and the
run launcher of dagster.yaml, which lets Dagster's run monitoring ask (`launcher`). Every process of
Dagster imports these modules, so they import nothing but Dagster. Not here: when dead runs are
looked for (pipelines).
"""
