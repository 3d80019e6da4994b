"""What a run measures about itself: integrity of its backtests, scaling, memory and time."""
