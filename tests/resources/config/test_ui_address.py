"""The address of the Dagster UI, and the path that links in metadata begin with."""

import polars as pl
import pytest

from assets.backtests.partitions import describe_partitions
from resources.config.ui_address import read_ui_path, read_ui_url


@pytest.mark.parametrize(
    ("given", "url", "path"),
    [
        ("", "", ""),
        (" https://dagster.example/ ", "https://dagster.example", ""),
        ("https://example/dagster/", "https://example/dagster", "/dagster"),
        ("http://example:3000/a/b?c=d", "http://example:3000/a/b?c=d", "/a/b"),
    ],
)
def test_the_path_is_what_follows_the_host(
    monkeypatch: pytest.MonkeyPatch, given: str, url: str, path: str
):
    monkeypatch.setenv("GAUNTLET_URL", given)
    assert (read_ui_url(), read_ui_path()) == (url, path)


def test_pictures_of_partitions_are_below_the_path(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GAUNTLET_URL", "https://example/dagster")
    names = ("total_return", "sharpe_ratio", "max_drawdown", "closed_trades")
    what = {"strategy": "rsi", "symbol": "AAPL", "id": "1", "run_id": "2", "part": 3}
    row = {**what, "first_session": "2022-01-03", "last_session": "2022-12-30"}
    rows = pl.DataFrame([row | dict.fromkeys(names, 1.0)])
    ((_, _, made),) = describe_partitions(rows)
    picture = made.metadata["equity"].value
    assert picture == "![2022-01-03 to 2022-12-30](/dagster/backtests/2/3/1.svg)"
