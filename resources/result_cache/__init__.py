"""The cache of results: which backtests need not be computed again, and where their rows are.

Here: what a result depends on (keys), what is known under a key (kept values), the rows of earlier
runs (hits), and the bars behind them (prices). Not here: rows themselves. They stay in the files
that the run which computed them has left, see `resources.run_artifacts.backtest_files`.
"""
