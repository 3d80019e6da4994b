from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from resources.market_data.provider.throttled_source import ThrottledSource
from resources.market_data.resource import MarketData, _get_rate_limiter
from resources.market_data.source import SOURCES, MarketDataError, UnknownSymbolError
from resources.market_data.sources.files import FilesSource
from resources.market_data.sources.sample import SampleSource
from resources.market_data.sources.synthetic import SyntheticSource
from resources.result_store.connection import parse_url
from resources.universe import Universe
from tests.yahoo_server import YahooServer

NO_SYMBOLS = Universe(())


def test_each_name_opens_its_source(tmp_path: Path):
    assert isinstance(MarketData().open_source(NO_SYMBOLS), SyntheticSource)
    assert isinstance(MarketData(source="sample").open_source(NO_SYMBOLS), SampleSource)
    files = MarketData(source="files", prices=str(tmp_path)).open_source(NO_SYMBOLS)
    assert isinstance(files, FilesSource)
    assert files.name == "files"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"source": "sampel"},
            (
                f"Source 'sampel' is unknown: use one of {', '.join(SOURCES)}. "
                "Did you mean 'sample'?"
            ),
        ),
        (
            {"source": "files"},
            (
                "Source 'files' needs 'prices' (GAUNTLET_PRICES): the folder or URL of one CSV or "
                "Parquet file per symbol."
            ),
        ),
    ],
)
def test_an_invalid_source_is_refused(config: dict[str, Any], message: str):
    with pytest.raises(MarketDataError) as refused:
        MarketData(**config).open_source(NO_SYMBOLS)
    assert str(refused.value) == message


def test_yahoo_opens_with_a_rate_limiter_under_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for rate, threads in [(0.2, 1), (2, 1), (5, 3), (500, 8)]:
        market_data = MarketData(source="yahoo", home=str(tmp_path), requests_per_second=rate)
        source = market_data.open_source(NO_SYMBOLS)
        assert isinstance(source, ThrottledSource)
        assert (source.name, source.incremental, source.requests) == ("yahoo", True, 0)
        assert source.threads == threads
    assert (tmp_path / "rate_limits").is_dir()
    given = MarketData(source="yahoo", home=str(tmp_path), incremental=False).open_source(
        NO_SYMBOLS
    )
    assert isinstance(given, ThrottledSource)
    assert not given.incremental


def test_with_a_database_the_rate_limiter_is_stored_there(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE_URL", database)
    with YahooServer.running() as server:
        monkeypatch.setenv("GAUNTLET_YAHOO_URL", server.url)
        source = MarketData(source="yahoo", home=str(tmp_path)).open_source(NO_SYMBOLS)
        assert isinstance(source, ThrottledSource)
        with pytest.raises(UnknownSymbolError, match="NOPE"):
            source.fetch("NOPE", date(2021, 1, 1), date(2021, 1, 31))
    with sa.create_engine(parse_url(database)).connect() as connection:
        kept = connection.execute(sa.text("SELECT provider FROM rate_limits")).scalars().all()
        connection.detach()
        connection.close()
    assert kept == ["yahoo"]
    assert not (tmp_path / "rate_limits").exists()
    # Its connections stay open as long as the process, but the database is dropped before.
    slots: Any = source._rate_limiter._slots
    slots._engine.dispose()
    _get_rate_limiter.cache_clear()


def test_run_config_overrides_the_configured_source():
    seen = []

    @dg.asset
    def probe(market_data: MarketData) -> None:
        seen.append(market_data.open_source(NO_SYMBOLS).name)

    for run_config in [None, {"resources": {"market_data": {"config": {"source": "sample"}}}}]:
        resources = {"market_data": MarketData.configure_at_launch()}
        if run_config is None:
            resources = {"market_data": MarketData()}
        assert dg.materialize([probe], resources=resources, run_config=run_config).success
    assert seen == ["synthetic", "sample"]
