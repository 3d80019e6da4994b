"""Market data: sources of daily bars behind one interface, and the one schema of a bars frame.

Here: `base` (the interface and its errors), `bars` (schema, rules, data version, adjustment),
one file a source (`synthetic`, `sample`, `files`, `yahoo` with its `yahoo_client` and
`yahoo_bars`), how a provider far away is spared (`budget`, `breaker`, `throttle`, `incremental`),
how bars are merged and written as Parquet, and `resource`, which chooses the source by
configuration.
Not here: where stored bars lie (resources.price_store.store), who asks for them (assets).

Definitions import `base`, `sample` and `resource`: these load polars and whatever else is
heavy only when bars are asked for.
"""

from resources.market_data.source import (
    SOURCES,
    MarketDataError,
    NoBarsError,
    PriceSource,
    UnknownSymbolError,
)

__all__ = ["SOURCES", "MarketDataError", "NoBarsError", "PriceSource", "UnknownSymbolError"]
