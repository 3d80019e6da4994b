"""WHAT IS CONCLUDED: pure Python on the engine's results.

Here: parameter grids, what identifies a backtest, audits of a run's own backtests.
Not here: Dagster, databases, files; those are for the packages above.
"""
