"""WHAT IS TESTED: one strategy per file.

Here: a strategy's parameters, lookback and signals, in NumPy and TA-Lib.
Not here: fills, costs, metrics (engine), prices (resources), Dagster.
"""
