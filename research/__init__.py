"""WHAT IS CONCLUDED: pure Python on the engine's results.

Here: what identifies a backtest, rankings, audits of a run's own backtests.
Not here: Dagster, databases, files; those are for the packages above.
"""
