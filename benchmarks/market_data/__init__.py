"""HOW FAST PRICES ARE FETCHED: the rate limiter that all processes share."""
