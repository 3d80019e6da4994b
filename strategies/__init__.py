"""WHAT IS TESTED: one strategy a file.

Here: a strategy's parameters, its look-back and its signals, in NumPy and TA-Lib.
Not here: fills, costs, metrics (engine), prices (resources), anything of Dagster.
"""
