"""The cache of results as assets ask for it."""

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

if TYPE_CHECKING:
    from resources.result_cache.kept import Kept


class ResultCache(dg.ConfigurableResource):
    """What is known of earlier results: where their rows are, and which bars they were made of."""

    root: str = Field(
        description="Local folder of the cache's file. It may be deleted at any time: what it "
        "knew is computed again."
    )
    most_results: int = Field(
        default=2_000_000,
        ge=1,
        description="Results that are remembered, some 500 bytes each; the oldest are forgotten.",
    )

    def opened(self, ask: bool = True) -> "Kept":
        """Return what is kept; close it. Without `ask` nothing is given out, only remembered."""
        from resources.result_cache.kept import Kept

        return Kept(Path(self.root) / "results.sqlite", ask)
