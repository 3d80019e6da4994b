"""The benchmark of backtests: the same universe for a full run and a single symbol."""

import math
from typing import Any

import dagster as dg
import pytest

from engine.metrics import METRICS
from research.audit.stage_profile import BacktestsProfile
from resources.result_store.run_records import read_profile
from tests.project import SYMBOLS, Project

SELECTION = ["prices", "backtests/rsi", "backtest_summaries"]
AGAIN = SELECTION[1:]
OF_UNIVERSE = [name for name, metric in METRICS.items() if metric.needs == "universe"]


def _config(**settings: Any) -> dict[str, Any]:
    return {"resources": {"run_settings": {"config": settings}}}


def _said(project: Project, result: dg.ExecuteInProcessResult) -> list[tuple[str, int]]:
    """Return the messages of a run's log about the universe, each with its level."""
    return [
        (str(entry.user_message), int(entry.level))
        for entry in project.instance.all_logs(result.run_id)
        if entry.user_message.startswith("equal-weight universe")
    ]


def _profile(project: Project, result: dg.ExecuteInProcessResult) -> BacktestsProfile:
    profile = read_profile(project.result_store, result.run_id, "backtests", BacktestsProfile)
    assert profile is not None
    return profile


def _rows(project: Project, *symbols: str) -> list[dict[str, Any]]:
    return [row for one in symbols for row in project.manager.get_backtests_by_symbol(one)]


def test_a_full_run_and_a_single_symbol_have_one_universe(project: Project):
    result = project.run(selection=SELECTION)
    assert result.success, project.why(result)
    profile = _profile(project, result)
    rows = _rows(project, *SYMBOLS)
    assert {row["universe_version"] for row in rows} == {profile.universe_version}
    assert len(str(profile.universe_version)) == 12
    assert profile.universe_symbols == len(SYMBOLS)
    assert profile.universe_benchmark == "equal-weight universe: 20 of 20 symbols"
    assert _said(project, result) == [("equal-weight universe: 20 of 20 symbols", 20)]
    for row in rows:
        assert all(math.isfinite(row[name]) for name in OF_UNIVERSE)
        assert row["universe_excess_return"] == row["total_return"] - row["universe_return"]
    held = {row["symbol"]: row["benchmark_return"] for row in rows}
    # The return of the universe is near the mean of the returns of its symbols.
    (earned,) = {row["universe_return"] for row in rows}
    assert earned == pytest.approx(sum(held.values()) / len(held), abs=0.05)
    together = _rows(project, "S05")
    alone = project.run("S05", selection=AGAIN, run_config=_config(ignore_cache=True))
    assert alone.success, project.why(alone)
    again = _rows(project, "S05")
    assert {row["run_id"] for row in again} == {alone.run_id} != {together[0]["run_id"]}
    ignored = {"run_id", "updated_at", "created_at"}
    by_strategy = [
        {row["strategy"]: {k: v for k, v in row.items() if k not in ignored} for row in rows}
        for rows in (together, again)
    ]
    assert by_strategy[0] == by_strategy[1]


def test_runs_of_parts_share_one_universe_that_is_computed_once(project: Project):
    assert project.run(selection=["prices"]).success
    parts = (SYMBOLS[0], SYMBOLS[6]), (SYMBOLS[7], SYMBOLS[13]), (SYMBOLS[14], SYMBOLS[-1])
    computed = [_time_of_universe(project, project.run(part, selection=AGAIN)) for part in parts]
    assert len(set(computed)) == 1
    versions = {row["universe_version"] for row in _rows(project, *SYMBOLS)}
    assert len(versions) == 1
    assert None not in versions


def _time_of_universe(project: Project, result: dg.ExecuteInProcessResult) -> int:
    """Return when the only universe that there is was written."""
    assert result.success, project.why(result)
    (written,) = project.folder.rglob(".equal_weight/*.npz")
    return written.stat().st_mtime_ns


def test_without_prices_of_the_universe_there_is_no_benchmark(project: Project):
    result = project.run("S05", selection=SELECTION)
    assert result.success, project.why(result)
    sentence = "equal-weight universe: 1 of 20 symbols have prices; at least 17 are needed"
    assert _said(project, result) == [(sentence, 30)]
    profile = _profile(project, result)
    assert profile.universe_benchmark == sentence
    assert (profile.universe_symbols, profile.universe_version) == (None, None)
    for row in _rows(project, "S05"):
        assert row["universe_version"] is None
        assert {name: row[name] for name in OF_UNIVERSE} == dict.fromkeys(OF_UNIVERSE)
        told = {row["undefined"][name] for name in OF_UNIVERSE}
        assert told == {"no equal-weight universe was given"}


def test_another_universe_adds_a_row(project: Project):
    project.run("S05", selection=SELECTION)
    (before,) = _rows(project, "S05")
    project.run(selection=["prices"])
    assert project.run("S05", selection=AGAIN).success
    after, first = _rows(project, "S05")
    assert first == before
    assert after["universe_return"] is not None
    assert after["sharpe_ratio"] == before["sharpe_ratio"]
    assert not set(OF_UNIVERSE) & set(after["undefined"])


def test_a_disabled_benchmark_compares_nothing_and_does_not_warn(project: Project):
    result = project.run(selection=SELECTION, run_config=_config(universe_benchmark=False))
    assert result.success, project.why(result)
    sentence = "equal-weight universe: turned off in run_settings"
    assert _said(project, result) == [(sentence, 20)]
    assert _profile(project, result).universe_benchmark == sentence
    rows = _rows(project, *SYMBOLS)
    assert {row["universe_version"] for row in rows} == {None}
    assert {row["universe_alpha"] for row in rows} == {None}


def test_a_failed_symbol_is_left_out_of_the_universe(project: Project):
    project.spoil("S03")
    result = project.run(selection=SELECTION)
    assert result.success, project.why(result)
    assert _profile(project, result).universe_benchmark == (
        "equal-weight universe: 19 of 20 symbols"
    )
    assert all(row["universe_version"] for row in _rows(project, "S02", "S04"))


def test_the_benchmark_has_the_window_of_the_run(project: Project):
    assert project.run(selection=["prices"]).success
    assert project.run("S05", selection=AGAIN).success
    first = _rows(project, "S05")[0]
    # A later start with less warm-up, which the stored prices cover.
    later = _config(start="2022-09-01", warmup_days=365)
    assert project.run("S05", selection=AGAIN, run_config=later).success
    second = _rows(project, "S05")[0]
    assert second["start_date"] > first["start_date"]
    assert second["universe_version"] != first["universe_version"]
    assert second["universe_return"] != first["universe_return"]


def test_listing_dates_apply_to_the_benchmark(project: Project):
    rows = "\n".join(f"{symbol},," for symbol in SYMBOLS[1:])
    listed = f"symbol,listed_from,listed_to\nS00,2022-08-01,2022-09-30\n{rows}\n"
    assert project.run(selection=["prices"]).success
    assert project.run("S05", selection=AGAIN).success
    everywhere = _rows(project, "S05")[0]["universe_version"]
    (project.folder / "universe.csv").write_text(listed)
    assert project.run("S05", selection=AGAIN).success
    assert _rows(project, "S05")[0]["universe_version"] not in (None, everywhere)
