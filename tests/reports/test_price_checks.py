"""Prices that an earlier run has checked, of a universe of which not all was listed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from reports.inputs.data_quality import load_data_quality
from reports.inputs.failures import load_failures
from reports.inputs.price_checks import PriceChecks, _Check, load_price_checks
from reports.inputs.run_data import RunData, Stores, load_run_data
from reports.pages.data_quality import build_data_quality
from reports.pages.failures import build_failures
from tests.postgres import fresh_database
from tests.project import FEW_ASSETS, SYMBOLS, Project
from tests.reports.pages import PageFile

DELISTED, TO_COME, GAPPY, LATER = SYMBOLS[2], SYMBOLS[3], SYMBOLS[7], SYMBOLS[9]
LISTINGS = {DELISTED: ",2022-03-31", TO_COME: "2023-05-01,"}
GAPS = tuple(f"2022-{day}" for day in ("08-10", "08-11", "09-06", "10-03", "10-04", "10-05"))


@dataclass(frozen=True)
class Checked:
    """A project whose prices were fetched by one run, and the leaderboard made by another."""

    project: Project
    stores: Stores
    run_id: str

    @property
    def data(self) -> RunData:
        return load_run_data(self.stores, self.run_id)


@pytest.fixture(scope="module")
def checked(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    folder = tmp_path_factory.mktemp("checked")
    with fresh_database(server) as database, Project.opened(folder, database) as project:
        rows = [f"{symbol},{LISTINGS.get(symbol, ',')}" for symbol in SYMBOLS]
        listings = "\n".join(["symbol,listed_from,listed_to", *rows])
        (folder / "universe.csv").write_text(f"{listings}\n")
        feed = project.feed(GAPPY)
        kept = [one for one in feed.read_text().splitlines() if not one.startswith(GAPS)]
        feed.write_text("\n".join(kept) + "\n")
        runs = [
            project.run((SYMBOLS[0], LATER), selection=["prices"]),
            project.run((SYMBOLS[10], SYMBOLS[-1]), selection=["prices"]),
            project.run(selection=FEW_ASSETS[1:]),
        ]
        assert all(one.success for one in runs), [*map(project.why, runs)]
        files, prices = project.resource("backtest_files"), project.resource("price_store")
        yield Checked(project, Stores(project.manager, files, prices), runs[-1].run_id)


def _show(data: RunData) -> PageFile:
    return PageFile.of(f"<main>{build_data_quality(load_data_quality(data)).body}</main>")


def test_warnings_of_earlier_runs_are_shown(checked: Checked):
    page = _show(checked.data)
    assert "nothing suspicious" not in page.text
    (row,) = page.rows("Warnings")
    (warned,) = [one for one in page.rows("Symbols") if one["Symbol"].text == GAPPY]
    assert (row["Symbol"].text, warned["Warnings"].text) == (GAPPY, row["Rule"].text)
    assert "not checked" not in page.text
    others = {one["Warnings"].text for one in page.rows("Symbols")} - {row["Rule"].text}
    assert others == {"none", "not listed in the window"}


@pytest.mark.parametrize(
    "other",
    [{"source": "other"}, {"start_date": date(2022, 7, 1)}, {"end_date": date(2022, 11, 1)}],
)
def test_prices_that_no_run_has_checked_are_said_to_be(
    checked: Checked, other: dict[str, str | date]
):
    data = checked.data
    of_others = replace(data, scope=replace(data.scope, **other))
    page = _show(of_others)
    assert "nothing suspicious" not in page.text
    words = {one["Warnings"].text for one in page.rows("Symbols")}
    assert "none" not in words
    assert ("not checked" in words) is ("source" not in other)
    assert f"{len(SYMBOLS) - len(LISTINGS)} symbols not checked : no run" in page.text


def test_runs_after_that_of_the_report_are_not_asked(checked: Checked):
    data = checked.data
    before = {**data.run, "started_at": data.run["started_at"] - timedelta(days=1)}
    assert not load_price_checks(replace(data, run=before)).runs


def test_a_symbol_not_listed_in_the_window_is_not_missing(checked: Checked):
    data = checked.data
    page = _show(data)
    rows = page.table("Symbols")
    assert list(rows) == list(SYMBOLS)
    for symbol, row in rows.items():
        unlisted = symbol in LISTINGS
        assert (row["Warnings"].text == "not listed in the window") is unlisted
        assert (row["Bars"].value == "") is unlisted
    assert "0 have no bar in it" in page.text
    failures = load_failures(data)
    board = data.board.row(0, named=True)
    assert board["universe_symbols"] == len(SYMBOLS) - len(LISTINGS)
    assert not LISTINGS.keys() & dict(failures.missing).keys()
    known = {name: data.scope.strategies[name] for name in ("macd", "rsi")}
    complete = load_failures(replace(data, scope=replace(data.scope, strategies=known)))
    assert complete.missing == []
    assert "Every symbol listed in the window has a result" in build_failures(complete).body


def test_without_a_kept_universe_all_are_listed(checked: Checked):
    data = checked.data
    data.__dict__["members"] = {}
    assert all(map(data.is_listed, SYMBOLS))


NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _check(hours: int, *named: str, of_window: bool = True) -> _Check:
    found = {"gaps": dict.fromkeys(named, f"after {hours} hours")}
    return _Check(NOON + hours * HOUR, found if of_window else None)


@pytest.mark.parametrize(
    ("fetched", "named", "other"),
    [
        (0.5, {"gaps": "after 1 hours"}, {}),
        # The bars that were named are others now, and the run that fetched these named none.
        (1.5, {}, {}),
        # A run of another window fetched them: what was found in this one may still be so.
        (2.5, {"gaps": "after 1 hours"}, None),
        (3.5, {"gaps": "after 1 hours"}, None),
    ],
)
def test_what_was_found_in_superseded_bars_is_not_shown(
    fetched: float, named: dict[str, str], other: dict[str, str] | None
):
    runs, time = [_check(3, of_window=False), _check(2, "B"), _check(1, "A", "B")], NOON
    time += fetched * HOUR
    checks, whole = PriceChecks(runs, whole=False), PriceChecks(runs, whole=True)
    assert checks.find_warnings("A", time) == whole.find_warnings("A", time) == named
    assert checks.find_warnings("B", time) == {"gaps": "after 2 hours"}
    assert (checks.find_warnings("C", time), whole.find_warnings("C", time)) == (other, {})


def test_without_runs_nothing_is_checked():
    assert PriceChecks([], whole=False).find_warnings("A", NOON) is None
