from datetime import date
from pathlib import Path

import pytest

from pipelines.resources import build_resources
from resources.config.environment import EnvironmentSettings, InvalidEnvironmentError
from resources.market_data.source import SOURCES


def settings(**variables: str) -> EnvironmentSettings:
    return EnvironmentSettings.from_environment(variables)


def test_an_empty_environment_gives_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    found = settings()
    assert found == EnvironmentSettings(
        source="synthetic",
        prices=None,
        universe=Path("universe.csv"),
        start=date(2021, 1, 1),
        end=date(2023, 12, 31),
        home=tmp_path / ".data",
        price_store=str(tmp_path / ".data/prices"),
        backtest_files=str(tmp_path / ".data/backtests"),
    )


def test_every_variable_is_read():
    found = settings(
        GAUNTLET_SOURCE="files",
        GAUNTLET_PRICES="s3://bucket/prices",
        GAUNTLET_UNIVERSE="mine.csv",
        GAUNTLET_START="2019-02-28",
        GAUNTLET_END="2019-02-28",
        GAUNTLET_HOME="/srv/gauntlet",
        GAUNTLET_RATE="0.5",
        GAUNTLET_SPLITS="/srv/splits.csv",
        GAUNTLET_PORTFOLIOS="/srv/portfolios",
        GAUNTLET_SYMBOLS_PER_RUN="500",
        GAUNTLET_KEEP_DAYS="7",
        GAUNTLET_PRICE_STORE="s3://bucket/bars",
        GAUNTLET_BACKTEST_FILES="/srv/../srv/backtests",
        GAUNTLET_PLACES_IN_RUN_CONFIG="1",
        GAUNTLET_UI_HOSTS="Gauntlet.example, *.lan,[::2]",
    )
    assert found == EnvironmentSettings(
        source="files",
        prices="s3://bucket/prices",
        universe=Path("mine.csv"),
        start=date(2019, 2, 28),
        end=date(2019, 2, 28),
        home=Path("/srv/gauntlet"),
        rate=0.5,
        splits=Path("/srv/splits.csv"),
        portfolios=Path("/srv/portfolios"),
        symbols_per_run=500,
        keep_days=7,
        price_store="s3://bucket/bars",
        backtest_files="/srv/../srv/backtests",
        places_in_run_config=True,
        ui_hosts=("gauntlet.example", "*.lan", "::2"),
    )


@pytest.mark.parametrize(
    "name",
    [
        *("SOURCE", "PRICES", "UNIVERSE", "START", "END", "HOME", "RATE", "SPLITS", "PORTFOLIOS"),
        *(
            "SYMBOLS_PER_RUN",
            "KEEP_DAYS",
            "PRICE_STORE",
            "BACKTEST_FILES",
            "PLACES_IN_RUN_CONFIG",
            "UI_HOSTS",
        ),
    ],
    ids=str.lower,
)
@pytest.mark.parametrize("blank", ["", "  "], ids=["empty", "spaces"])
def test_a_blank_variable_counts_as_unset(name: str, blank: str):
    assert settings(**{f"GAUNTLET_{name}": blank}) == settings()


def test_the_sample_source_has_its_own_universe_and_window():
    found = settings(GAUNTLET_SOURCE="sample")
    assert (found.start, found.end) == (date(2000, 3, 1), date(2013, 3, 1))
    universe = found.load_universe()
    assert universe.symbols == ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    assert universe.listings[1].listed_from == date(2012, 5, 18)


def test_a_given_universe_overrides_that_of_the_sample_source(tmp_path: Path):
    path = tmp_path / "two.csv"
    path.write_text("symbol\nIBM\nMSFT\n")
    found = settings(GAUNTLET_SOURCE="sample", GAUNTLET_UNIVERSE=str(path))
    assert found.load_universe().symbols == ("IBM", "MSFT")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        *[
            (
                {"GAUNTLET_RATE": rate},
                (
                    f"GAUNTLET_RATE={rate} is out of range: requests per second to a provider must "
                    "be above 0 and at most 1000, as in GAUNTLET_RATE=2."
                ),
            )
            for rate in ("0", "-1", "1001", "nan", "inf")
        ],
        *[
            (
                {"GAUNTLET_SYMBOLS_PER_RUN": number},
                (
                    f"GAUNTLET_SYMBOLS_PER_RUN={number} is invalid: the number of symbols per run "
                    "of a backfill must be 1 or more, as in GAUNTLET_SYMBOLS_PER_RUN=500; leave "
                    "it out for one run of all."
                ),
            )
            for number in ("0", "-1", "2.5", "all")
        ],
        (
            {"GAUNTLET_KEEP_DAYS": "0"},
            (
                "GAUNTLET_KEEP_DAYS=0 is invalid: the number of days for which runs are kept must "
                "be 1 or more, as in GAUNTLET_KEEP_DAYS=30."
            ),
        ),
        (
            {"GAUNTLET_UI_HOSTS": "a.example,https://b.example:3000"},
            (
                "GAUNTLET_UI_HOSTS has 'https://b.example:3000', which is not a name: write names "
                "of the Dagster UI without scheme and port, as in "
                "GAUNTLET_UI_HOSTS=gauntlet.example.com,10.0.0.5."
            ),
        ),
        ({"GAUNTLET_RATE": "fast"}, "GAUNTLET_RATE=fast is not a number."),
        (
            {"GAUNTLET_SOURCE": "synthetics"},
            (
                f"GAUNTLET_SOURCE=synthetics is unknown: use one of {', '.join(SOURCES)}. "
                "Did you mean 'synthetic'?"
            ),
        ),
        (
            {"GAUNTLET_SOURCE": "FILES"},
            (
                f"GAUNTLET_SOURCE=FILES is unknown: use one of {', '.join(SOURCES)}. "
                "Did you mean 'files'?"
            ),
        ),
        (
            {"GAUNTLET_SOURCE": "files", "GAUNTLET_PRICES": ""},
            (
                "GAUNTLET_PRICES is not set, and GAUNTLET_SOURCE=files needs it: the folder or URL "
                "of one CSV or Parquet file per symbol, as in GAUNTLET_PRICES=data/prices."
            ),
        ),
        (
            {"GAUNTLET_START": "2022-02-30"},
            "GAUNTLET_START=2022-02-30 is not a date: write it like GAUNTLET_START=2021-01-01.",
        ),
        (
            {"GAUNTLET_END": "20220228"},
            "GAUNTLET_END=20220228 is not a date: write it like GAUNTLET_END=2023-12-31.",
        ),
        (
            {"GAUNTLET_START": "2024-01-01"},
            (
                "GAUNTLET_START=2024-01-01 is after GAUNTLET_END=2023-12-31: the window is empty; "
                "set both, as in GAUNTLET_START=2021-01-01 GAUNTLET_END=2023-12-31."
            ),
        ),
    ],
)
def test_an_invalid_variable_is_refused_by_name(variables: dict[str, str], message: str):
    with pytest.raises(InvalidEnvironmentError) as refused:
        EnvironmentSettings.from_environment(variables)
    assert str(refused.value) == message


def test_names_that_resemble_no_setting_are_let_be():
    # Of deploy/, and as Kubernetes names the services of a release "gauntlet".
    names = ("BIND", "IMAGE", "MEMORY", "PORT", "SERVICE_HOST", "PORT_80_TCP_ADDR")
    assert settings(**{f"GAUNTLET_{name}": "x" for name in names}) == settings()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("SORCE", "SOURCE"),
        ("YAHO_URL", "YAHOO_URL"),
        ("LIMT_SUCCESS_RATE", "LIMIT_SUCCESS_RATE"),
        ("LIMITS_SUCCESS_RATE", "LIMIT_SUCCESS_RATE"),
        ("PRICE", "PRICES"),
        ("ENDS", "END"),
        ("SYMBOL_PER_RUN", "SYMBOLS_PER_RUN"),
    ],
)
def test_a_misspelled_name_is_refused_with_what_was_meant(name: str, meant: str):
    with pytest.raises(InvalidEnvironmentError) as refused:
        settings(**{f"GAUNTLET_{name}": "x"})
    text = f"GAUNTLET_{name} is not a setting. Did you mean 'GAUNTLET_{meant}'?"
    assert str(refused.value) == text


def test_promotion_is_a_word_among_the_limits():
    assert settings(GAUNTLET_LIMIT_PROMOTION="deployable").limits == {"promotion": "deployable"}
    refused = "GAUNTLET_LIMIT_PROMOTION: promotion is 'best'; allowed: none, promising, deployable"
    with pytest.raises(InvalidEnvironmentError, match=refused):
        build_resources(settings(GAUNTLET_LIMIT_PROMOTION="best"))


@pytest.mark.parametrize("name", ["UNIVERSE", "SPLITS", "PORTFOLIOS"])
@pytest.mark.parametrize("url", ["https://ann:s3cret@host/u.csv", "https://host/u.csv?t=s3cret"])
def test_a_url_is_no_path_and_shows_no_password(name: str, url: str):
    with pytest.raises(InvalidEnvironmentError, match="allowed: a path on this") as refused:
        EnvironmentSettings.from_environment({f"GAUNTLET_{name}": url})
    assert "s3cret" not in str(refused.value)
    assert f"GAUNTLET_{name} is 'https://" in str(refused.value)
