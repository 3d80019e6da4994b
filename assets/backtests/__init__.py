"""The assets `backtests/<strategy>`: one step for all strategies and symbols of a run."""
