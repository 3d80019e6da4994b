"""Settings from environment variables: prices, universe, window, where data lives.

Imported when definitions load: standard library only, apart from cheap constants.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from resources.config.cluster import ClusterSettings, parse_cluster
from resources.market_data.source import SOURCES
from resources.market_data.sources.sample import SAMPLE_END, SAMPLE_LISTED_FROM, SAMPLE_START
from resources.redaction import redact_address, redact_text
from resources.universe import Listing, Universe, load_universe, parse_day
from strategies.errors import GauntletError, did_you_mean

_PREFIX = "GAUNTLET_"
_LIMIT = "GAUNTLET_LIMIT_"
_PROMOTION = f"{_LIMIT}PROMOTION"  # the only limit that is a word
# SORCE and SOURCE are alike to 0.91, the nearest of the variables of deploy/ and a setting to 0.57.
_ALIKE = 0.75
_MAX_RATE = 1000
_SYMBOLS_PER_RUN = "GAUNTLET_SYMBOLS_PER_RUN"
_KEEP_DAYS = "GAUNTLET_KEEP_DAYS"
_UI_HOSTS = "GAUNTLET_UI_HOSTS"
_HOST_NAME = re.compile(r"\*|(\*\.)?[\w-]+(\.[\w-]+)*|\[[0-9a-fA-F:.]+\]")

_KNOWN = (
    "GAUNTLET_SOURCE",
    "GAUNTLET_PRICES",
    "GAUNTLET_COLUMNS",
    "GAUNTLET_UNIVERSE",
    "GAUNTLET_SKIP_BAD_ROWS",
    "GAUNTLET_SPLITS",
    "GAUNTLET_PORTFOLIOS",
    "GAUNTLET_START",
    "GAUNTLET_END",
    "GAUNTLET_RATE",
    _SYMBOLS_PER_RUN,
    _KEEP_DAYS,
    "GAUNTLET_HOME",
    "GAUNTLET_PRICE_STORE",
    "GAUNTLET_BACKTEST_FILES",
    "GAUNTLET_PLACES_IN_RUN_CONFIG",
    _UI_HOSTS,
    # Read by resources.config.cluster.
    "GAUNTLET_CLUSTER",
    "GAUNTLET_CLUSTER_TLS",
    "GAUNTLET_CLUSTER_TIMEOUT",
    "GAUNTLET_CLUSTER_MEMORY",
    # Read by the run launcher of deploy/celery.yaml, and by its workers.
    "GAUNTLET_BROKER_URL",
    # Read by what notifies of failed runs.
    "GAUNTLET_WEBHOOK",
    "GAUNTLET_URL",
    # Read by resources.market_data.resource.
    "GAUNTLET_YAHOO_URL",
)

DEFAULT_WINDOW = (date(2021, 1, 1), date(2023, 12, 31))

DEFAULT_KEEP_DAYS = 30
"""How long runs stay in Dagster's history; results stay in the result store whatever this is."""


class InvalidEnvironmentError(GauntletError):
    """An environment variable is missing or invalid; the text names it and what is allowed.

    A URL may have been given in the place of something else: its password is left out.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redact_text(message))


@dataclass(frozen=True, slots=True)
class EnvironmentSettings:
    """The settings of the environment, validated.

    Attributes
    ----------
        source: one of `SOURCES`.
        prices: folder or URL of the source `files`; None unless given. Validated here only: it may
            hold a password, so `MarketData` reads the variable itself when it opens the source.
        splits: CSV file of splits that the source lacks; None unless given.
        portfolios: folder of the portfolios' YAML files; None where there is none.
        universe: CSV file of the universe; None stands for the symbols of the source `sample`.
        start: first day of the window, inclusive.
        end: last day of the window, inclusive, never before `start`.
        columns: column names in the files of the source `files`, by our names.
        rate: requests per second to a remote provider; None unless given.
        symbols_per_run: number of symbols in each run of a backfill; None for all in one run.
        keep_days: for how many days `maintenance` keeps runs.
        home: absolute folder in which data lives; it need not exist yet.
        price_store, backtest_files: folders or URLs of stored bars and of backtest files; two
            folders of `home` unless given.
        places_in_run_config: whether run config may name folders, files and databases.
        skip_bad_rows: whether rows of the universe that are refused are left out, and named.
        ui_hosts: names of the Dagster UI beside those of loopback; ``*`` for any.
        cluster: where backtests are computed; None for the process of the run.
        limits: values of the GAUNTLET_LIMIT_ variables, by field of `Thresholds`, which
            validates them.
    """

    source: str
    prices: str | None
    universe: Path | None
    start: date
    end: date
    home: Path
    price_store: str = ""
    backtest_files: str = ""
    places_in_run_config: bool = False
    rate: float | None = None
    splits: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    symbols_per_run: int | None = None
    keep_days: int = DEFAULT_KEEP_DAYS
    limits: Mapping[str, float | str] = field(default_factory=dict)
    skip_bad_rows: bool = False
    portfolios: Path | None = None
    ui_hosts: tuple[str, ...] = ()
    cluster: ClusterSettings | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "EnvironmentSettings":
        """Read the GAUNTLET_ variables of `environ`; a blank one counts as unset.

        Relative paths are resolved against the current directory. Raises InvalidEnvironmentError.
        """
        given = {name: text.strip() for name, text in environ.items() if text.strip()}
        _refuse_misspelled(given)
        source = _parse_source(given.get("GAUNTLET_SOURCE", "synthetic"))
        start, end = _parse_window(given, source)
        home = parse_home(environ)
        return cls(
            source=source,
            prices=_parse_prices(given, source),
            universe=_parse_universe(given, source),
            start=start,
            end=end,
            home=home,
            price_store=_parse_folder(given, "GAUNTLET_PRICE_STORE", home / "prices"),
            backtest_files=_parse_folder(given, "GAUNTLET_BACKTEST_FILES", home / "backtests"),
            places_in_run_config=_parse_flag(given, "GAUNTLET_PLACES_IN_RUN_CONFIG"),
            rate=_parse_rate(given),
            splits=_parse_splits(given),
            portfolios=_parse_portfolios(given),
            columns=_parse_columns(given),
            symbols_per_run=_parse_symbols_per_run(given),
            keep_days=_parse_keep_days(given),
            limits=_parse_limits(given),
            skip_bad_rows=_parse_flag(given, "GAUNTLET_SKIP_BAD_ROWS"),
            ui_hosts=parse_ui_hosts(given),
            cluster=parse_cluster(given),
        )

    def load_universe(self) -> Universe:
        """Return the universe of these settings; raises UniverseError."""
        if self.universe is not None:
            return load_universe(self.universe, self.skip_bad_rows)
        return Universe(
            tuple(
                Listing(symbol, listed_from=first) for symbol, first in SAMPLE_LISTED_FROM.items()
            )
        )


def _refuse_misspelled(given: Mapping[str, str]) -> None:
    """Refuse a name that is almost one of ours: its setting would silently not be in force.

    Other unknown names are let be: deployments have variables of their own, and Kubernetes sets
    some for each service, which may be named after the project.
    """
    for name in given:
        if name.startswith(_PREFIX) and name not in _KNOWN and not name.startswith(_LIMIT):
            kind, _, limit = name.removeprefix(_PREFIX).partition("_")
            limits = [_LIMIT + limit] if limit and get_close_matches(kind, ["LIMIT"], 1) else []
            short = {one.removeprefix(_PREFIX): one for one in (*_KNOWN, *limits)}
            if meant := get_close_matches(name.removeprefix(_PREFIX), short, 1, _ALIKE):
                raise InvalidEnvironmentError(
                    f"{name} is not a setting. Did you mean '{short[meant[0]]}'?"
                )


def parse_home(environ: Mapping[str, str]) -> Path:
    """Return the absolute folder in which data lives, whatever else is set."""
    given = environ.get("GAUNTLET_HOME", "").strip() or ".data"
    return Path(given).expanduser().absolute()


def parse_ui_hosts(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names in GAUNTLET_UI_HOSTS, in small letters; raises InvalidEnvironmentError."""
    names = [name.strip().lower() for name in environ.get(_UI_HOSTS, "").split(",")]
    for name in filter(None, names):
        if not _HOST_NAME.fullmatch(name):
            raise InvalidEnvironmentError(
                f"{_UI_HOSTS} has '{name}', which is not a name: write names of the Dagster UI "
                f"without scheme and port, as in {_UI_HOSTS}=gauntlet.example.com,10.0.0.5."
            )
    return tuple(name.strip("[]") for name in names if name)


def _parse_source(text: str) -> str:
    if text not in SOURCES:
        raise InvalidEnvironmentError(
            f"GAUNTLET_SOURCE={text} is unknown: use one of {', '.join(SOURCES)}."
            + did_you_mean(text.lower(), SOURCES)
        )
    return text


def _parse_prices(given: Mapping[str, str], source: str) -> str | None:
    prices = given.get("GAUNTLET_PRICES")
    if source == "files" and prices is None:
        raise InvalidEnvironmentError(
            "GAUNTLET_PRICES is not set, and GAUNTLET_SOURCE=files needs it: the folder or URL "
            "of one CSV or Parquet file per symbol, as in GAUNTLET_PRICES=data/prices."
        )
    if source != "files" and prices is not None:
        raise InvalidEnvironmentError(
            "GAUNTLET_PRICES is read by the source 'files' only, but GAUNTLET_SOURCE is "
            f"'{source}': set GAUNTLET_SOURCE=files, or leave GAUNTLET_PRICES out."
        )
    return prices


def _parse_columns(given: Mapping[str, str]) -> dict[str, str]:
    """Return column names by our names; the source validates ours."""
    text = given.get("GAUNTLET_COLUMNS", "")
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    for name, equals, column in pairs:
        if not (name.strip() and equals and column.strip()):
            raise InvalidEnvironmentError(
                f"GAUNTLET_COLUMNS={text} is invalid: write pairs of our name and the "
                "file's, as in GAUNTLET_COLUMNS=date=Day,close=PX_LAST."
            )
    return {name.strip(): column.strip() for name, _, column in pairs}


def _read_path(given: Mapping[str, str], name: str) -> str | None:
    """Return a path as it is given; a URL is none, and as a path it would show its password."""
    path = given.get(name)
    if path and "://" in path:
        raise InvalidEnvironmentError(
            f"{name} is {redact_address(path)!r}; allowed: a path on this machine."
        )
    return path


def _parse_universe(given: Mapping[str, str], source: str) -> Path | None:
    path = _read_path(given, "GAUNTLET_UNIVERSE")
    if path is None and source == "sample":
        return None
    return Path(path or "universe.csv").expanduser()


def _parse_splits(given: Mapping[str, str]) -> Path | None:
    path = _read_path(given, "GAUNTLET_SPLITS")
    return Path(path).expanduser().absolute() if path else None


def _parse_portfolios(given: Mapping[str, str]) -> Path | None:
    """Return the folder that is given, else `portfolios` where there is one."""
    path = _read_path(given, "GAUNTLET_PORTFOLIOS")
    default = Path("portfolios").absolute()
    if path:
        return Path(path).expanduser().absolute()
    return default if default.is_dir() else None


def _parse_folder(given: Mapping[str, str], name: str, default: Path) -> str:
    """Return a URL as it is, and a path as an absolute one."""
    text = given.get(name, str(default))
    return text if "://" in text else str(Path(text).expanduser().absolute())


def _parse_window(given: Mapping[str, str], source: str) -> tuple[date, date]:
    first, last = (SAMPLE_START, SAMPLE_END) if source == "sample" else DEFAULT_WINDOW
    start = _parse_day(given, "GAUNTLET_START", first)
    end = _parse_day(given, "GAUNTLET_END", last)
    if start > end:
        raise InvalidEnvironmentError(
            f"GAUNTLET_START={start} is after GAUNTLET_END={end}: the window is empty; set both, "
            f"as in GAUNTLET_START={first} GAUNTLET_END={last}."
        )
    return start, end


def _parse_rate(given: Mapping[str, str]) -> float | None:
    text = given.get("GAUNTLET_RATE")
    if text is None:
        return None
    rate = _parse_number("GAUNTLET_RATE", text)
    if not 0 < rate <= _MAX_RATE:
        raise InvalidEnvironmentError(
            f"GAUNTLET_RATE={text} is out of range: requests per second to a provider must be "
            f"above 0 and at most {_MAX_RATE}, as in GAUNTLET_RATE=2."
        )
    return rate


def _parse_symbols_per_run(given: Mapping[str, str]) -> int | None:
    text = given.get(_SYMBOLS_PER_RUN)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InvalidEnvironmentError(
            f"{_SYMBOLS_PER_RUN}={text} is invalid: the number of symbols per run of a backfill "
            f"must be 1 or more, as in {_SYMBOLS_PER_RUN}=500; leave it out for one run of all."
        )
    return int(text)


def _parse_keep_days(given: Mapping[str, str]) -> int:
    text = given.get(_KEEP_DAYS, str(DEFAULT_KEEP_DAYS))
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise InvalidEnvironmentError(
            f"{_KEEP_DAYS}={text} is invalid: the number of days for which runs are kept must be "
            f"1 or more, as in {_KEEP_DAYS}={DEFAULT_KEEP_DAYS}."
        )
    return int(text)


def _parse_limits(given: Mapping[str, str]) -> dict[str, float | str]:
    return {
        name.removeprefix(_LIMIT).lower(): text if name == _PROMOTION else _parse_number(name, text)
        for name, text in given.items()
        if name.startswith(_LIMIT)
    }


def _parse_flag(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "0")
    if text not in {"0", "1"}:
        raise InvalidEnvironmentError(f"{name}={text} is invalid: use 1 for yes, 0 for no.")
    return text == "1"


def _parse_number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidEnvironmentError(f"{name}={text} is not a number.") from None


def _parse_day(given: Mapping[str, str], name: str, default: date) -> date:
    text = given.get(name)
    try:
        return parse_day(text) if text else default
    except ValueError as error:
        message = f"{name}={text} is not a date: write it like {name}={default}."
        raise InvalidEnvironmentError(message) from error
