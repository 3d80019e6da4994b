"""The price store as a resource of Dagster."""

import dagster as dg
from pydantic import Field

from resources.price_store.stored_prices import StoredPrices


class PriceStore(dg.ConfigurableResource, StoredPrices):
    """Stored bars under one root, kept apart by source."""

    root: str = Field(description="Folder or fsspec URL under which bars are stored.")
