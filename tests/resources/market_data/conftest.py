"""A server that answers as Yahoo does."""

from collections.abc import Iterator

import pytest

from tests.resources.market_data.sources.yahoo import BARS
from tests.yahoo_server import Listed, YahooServer


@pytest.fixture
def yahoo() -> Iterator[YahooServer]:
    """Lend a server that lists AAPL over 2021, without events."""
    with YahooServer.running() as running:
        running.listed["AAPL"] = Listed(BARS)
        yield running
