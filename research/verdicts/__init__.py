"""Verdicts: whether a strategy's results can be believed, given all that was tried."""
