"""The files that a run's backtests leave: results, trades and equity curves."""
