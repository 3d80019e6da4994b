"""How a remote provider is asked: rate limiter, retries, circuit breaker."""
