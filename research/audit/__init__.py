"""What a run measures of itself: integrity of its backtests, scaling, memory and time."""
