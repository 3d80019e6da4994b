"""Market data: sources of daily bars behind one interface, and the one schema of a bars frame.

Here: `source` (the interface and its errors), `bars` (schema, rules, data version, adjustment),
`sources` (one file per source), `provider` (rate limiter, circuit breaker and
retries for remote providers), and `resource`, which chooses the source by configuration.
Not here: where bars are stored (resources.price_store), who asks for them (assets).

Definitions import `source`, `sources.sample` and `resource`: these load polars and other heavy
libraries only when bars are asked for.
"""
