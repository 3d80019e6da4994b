from pathlib import Path

import dagster as dg
import pytest

from resources.market_data import MarketDataError
from resources.market_data.files import FilesSource
from resources.market_data.resource import MarketData
from resources.market_data.sample import SampleSource
from resources.market_data.synthetic import SyntheticSource


def test_each_name_opens_its_source(tmp_path: Path):
    assert isinstance(MarketData().open_source(), SyntheticSource)
    assert isinstance(MarketData(source="sample").open_source(), SampleSource)
    files = MarketData(source="files", prices=str(tmp_path)).open_source()
    assert isinstance(files, FilesSource)
    assert files.name == "files"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"source": "sampel"},
            (
                "Source 'sampel' is unknown: use one of synthetic, sample, files. "
                "Did you mean 'sample'?"
            ),
        ),
        (
            {"source": "files"},
            (
                "Source 'files' needs 'prices' (GAUNTLET_PRICES): the folder or URL of one CSV or "
                "Parquet file a symbol."
            ),
        ),
    ],
)
def test_what_cannot_be_opened_is_refused(config: dict[str, str], message: str):
    with pytest.raises(MarketDataError) as refused:
        MarketData(**config).open_source()
    assert str(refused.value) == message


def test_run_config_overrides_the_configured_source():
    seen = []

    @dg.asset
    def probe(market_data: MarketData) -> None:
        seen.append(market_data.open_source().name)

    for run_config in [None, {"resources": {"market_data": {"config": {"source": "sample"}}}}]:
        resources = {"market_data": MarketData.configure_at_launch()}
        if run_config is None:
            resources = {"market_data": MarketData()}
        assert dg.materialize([probe], resources=resources, run_config=run_config).success
    assert seen == ["synthetic", "sample"]
