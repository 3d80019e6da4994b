"""The settings, numbers, names and links of docs/market-data.md are correct."""

import re
from pathlib import Path

from assets.prices import get_provider_pool
from resources.market_data.provider.rate_limiter import USED_SHARE
from resources.market_data.provider.throttled_source import MAX_FAILURES, REST_SECONDS
from resources.market_data.resource import YAHOO_VARIABLE, MarketData
from resources.market_data.source import SOURCES
from resources.price_store.incremental import OVERLAP_BARS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGE = (DOCS / "market-data.md").read_text()
PLAIN = " ".join(PAGE.split())


def test_every_source_is_documented():
    assert tuple(re.findall(r"^\*\*`([a-z]+)`\*\*", PAGE, re.MULTILINE)) == SOURCES


def test_settings_are_the_fields_with_their_defaults():
    rows = re.findall(r"^\| `([a-z_]+)` \|.*\| (?:`(.*?)` )?\|$", PAGE, re.MULTILINE)
    shown = {name: default or "None" for name, default in rows}
    fields = {name: str(field.default) for name, field in MarketData.model_fields.items()}
    assert shown == fields | {"incremental": "true"}
    assert f"| | `{YAHOO_VARIABLE}` |" in PAGE


def test_numbers_are_those_of_the_code():
    assert f"{1 - USED_SHARE:.0%} of the rate is left unused".replace("%", " %") in PLAIN
    assert f"the last {OVERLAP_BARS} stored ones again" in PLAIN
    assert MAX_FAILURES == 10
    assert f"does not ask the provider for {REST_SECONDS:.0f} s" in PLAIN


def test_the_pool_has_the_documented_limit():
    assert f"the pool `{get_provider_pool('yahoo')}`, two at a time" in PLAIN
    assert re.search(r"pools:\n +default_limit: 2\n", (ROOT / "dagster.yaml").read_text())


def test_links_exist():
    for path in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", PAGE):
        assert (DOCS / path).exists(), path
