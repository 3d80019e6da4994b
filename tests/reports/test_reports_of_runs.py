"""Reports of several runs of the same results: what they share, and what is of each run alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reports.inputs.run_data import Stores, load_run_data
from reports.report import write_report
from tests.postgres import fresh_database
from tests.project import FEW_ASSETS, SYMBOLS, Project
from tests.reports.conftest import EVERYTHING, NAMES, RUN_CONFIG
from tests.reports.pages import Site

CRITERIA = "Verdicts: each criterion, and its limit"


@dataclass(frozen=True)
class Runs:
    """A project after runs without verdicts, with them, and without again; their reports."""

    project: Project
    stores: Stores
    root: Path
    before: str
    judged: str
    after: str

    def site(self, run_id: str) -> Site:
        """Return the report of a run, written now."""
        write_report(self.stores, str(self.root), run_id)
        return Site(self.root / run_id)


@pytest.fixture(scope="module")
def runs(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    folder = tmp_path_factory.mktemp("runs")
    with fresh_database(server) as database, Project.opened(folder, database) as project:
        selections = (FEW_ASSETS, EVERYTHING, FEW_ASSETS)
        done = [project.run(selection=one, run_config=RUN_CONFIG if one is EVERYTHING else None)
                for one in selections]  # fmt: skip
        assert all(one.success for one in done)
        files, prices = project.resource("backtest_files"), project.resource("price_store")
        yield Runs(
            project,
            Stores(project.manager, files, prices),
            folder / "written",
            *(one.run_id for one in done),
        )


def test_a_report_shows_the_verdicts_of_its_run(runs: Runs):
    (of_judged, of_after, of_before) = (
        load_run_data(runs.stores, one).verdicts for one in (runs.judged, runs.after, runs.before)
    )
    assert set(of_judged["run_id"]) == {runs.judged}
    assert of_after["strategy"].to_list() == list(NAMES)
    assert of_after.equals(of_judged.filter(of_judged["strategy"].is_in(NAMES)))
    assert of_before.is_empty(), "what was judged later is not of this run"
    for run_id, tables in ((runs.judged, 1), (runs.after, 1), (runs.before, 0)):
        page = runs.site(run_id).page("leaderboard.html")
        assert [one.text for one in page.root.select("caption")].count(CRITERIA) == tables


def test_robustness_of_a_later_run_is_not_shown(runs: Runs):
    assert set(load_run_data(runs.stores, runs.after).robustness) == set(NAMES)
    data = load_run_data(runs.stores, runs.judged)
    assert set(data.robustness) == set(NAMES)
    earlier = load_run_data(runs.stores, runs.before)
    # With the ledger of the later one.
    object.__setattr__(earlier, "verdicts", data.verdicts)
    assert earlier.trials is not None
    assert not earlier.robustness


def test_robustness_of_other_code_or_parameters_is_not_borrowed(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
):
    data = load_run_data(runs.stores, runs.after)
    changed = replace(data.scope.strategies["rsi"], parameters={"period": 7})
    strategies = {**data.scope.strategies, "rsi": changed}
    of_others = replace(data, scope=replace(data.scope, strategies=strategies))
    assert set(of_others.robustness) == set(NAMES) - {"rsi"}
    monkeypatch.setattr("reports.inputs.run_data.robustness_version", lambda _: "of edited code")
    assert load_run_data(runs.stores, runs.after).robustness == {}
    # A run's own tests are of the code that it was.
    assert set(load_run_data(runs.stores, runs.judged).robustness) == set(NAMES)


def test_runs_of_the_same_results_share_the_pages_of_them(runs: Runs):
    judged, after, before = map(runs.site, (runs.judged, runs.after, runs.before))
    pairs = [f"symbols/{symbol}/{name}" for symbol in SYMBOLS for name in NAMES]
    of_results = [f"{one}.{kind}" for one in pairs for kind in ("html", "trades.csv")]
    of_verdicts = [
        *(f"symbols/{symbol}.{kind}" for symbol in SYMBOLS for kind in ("html", "strategies.csv")),
        *(f"strategies/{name}.html" for name in NAMES),
    ]
    for path in (*of_results, *of_verdicts):
        assert (judged.folder / path).samefile(after.folder / path), path
        shared = (judged.folder / path).samefile(before.folder / path)
        assert shared == (path in of_results), path


def test_results_of_later_runs_are_not_shown(runs: Runs):
    before = runs.site(runs.judged).files
    project, symbol, failed = runs.project, SYMBOLS[4], SYMBOLS[6]
    lines = project.feed(symbol).read_text().splitlines()
    project.feed(symbol).write_text("\n".join([lines[0], *lines[30:]]))
    project.spoil(failed)
    later = project.run(selection=FEW_ASSETS)
    assert later.success
    shown = {one: runs.stores.results.get_leaderboard(one) for one in (runs.judged, later.run_id)}
    medians = [one["median_sharpe_ratio"].to_list() for one in shown.values()]
    assert medians[0] != medians[1]
    after = runs.site(runs.judged).files
    # What its prices are now is said, and nothing else is of today.
    of_prices = {"data-quality.html", "data-quality.csv", "single-file.html", "pages.json"}
    of_prices |= {f"symbols/{symbol}/{name}.html" for name in NAMES}
    assert {name for name in before if before[name] != after[name]} == of_prices
    assert set(after) == set(before)


def test_a_detail_says_nothing_of_its_run(runs: Runs):
    site = runs.site(runs.judged)
    details = {name: text for name, text in site.files.items() if "/" in name}
    made_at = runs.project.manager.get_leaderboard(runs.judged)["made_at"][0]
    for one in (runs.judged, runs.judged[:8], f"{made_at:%Y-%m-%d %H:%M}"):
        assert not [name for name, text in details.items() if one.encode() in text]
        assert one.encode() in site.files["index.html"]


def test_pages_taken_from_a_report_are_those_that_would_be_drawn(runs: Runs, tmp_path: Path):
    shared = runs.site(runs.judged), runs.site(runs.after)
    write_report(runs.stores, str(tmp_path), runs.after)
    assert Site(tmp_path / runs.after).files == shared[1].files
