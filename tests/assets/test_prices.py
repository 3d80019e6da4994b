"""Prices: which bars are stored, and that invalid bars never replace valid ones."""

import logging
from datetime import date

from resources.market_data.bars import data_version
from tests.project import END, START, SYMBOLS, Project


def _prices(project: Project, symbol: str = "S00"):
    return project.run(symbol, selection=["prices"])


def _store(project: Project):
    return project.resource("price_store")


def test_bars_are_stored_from_the_warm_up_on_with_metadata(project: Project):
    result = _prices(project)
    assert result.success
    stored = _store(project).read("files", "S00")
    assert stored["date"].min() == date(2022, 1, 3)
    assert stored["date"].max() == date(2022, 12, 30) <= END
    (event,) = result.asset_materializations_for_node("prices")
    assert event.metadata["bars"].value == stored.height
    assert event.metadata["first_session"].value == "2022-01-03"
    assert event.metadata["outcome"].value == "created"
    assert event.metadata["path"].value == _store(project).path_of("files", "S00")


def test_revised_bars_are_in_the_log_and_the_metadata(project: Project):
    assert _prices(project).success
    before = _store(project).read("files", "S00")
    lines = project.feed("S00").read_text().splitlines()
    for row in (100, 101):
        *cells, volume = lines[row].split(",")
        lines[row] = ",".join([*cells, str(float(volume) + 1)])
    project.feed("S00").write_text("\n".join(lines))
    result = _prices(project)
    (revision,) = _store(project).revisions("files", "S00")
    day = lines[100].split(",")[0]
    (event,) = result.asset_materializations_for_node("prices")
    told = {name: value.value for name, value in event.metadata.items()}
    assert told["outcome"] == "revised"
    assert (told["previous_version"], told["previous_path"]) == (
        data_version(before),
        revision.path,
    )
    assert (told["first_changed"], told["changed_bars"]) == (day, 2)
    assert revision.replaced_by != data_version(before)
    assert event.tags is not None
    assert event.tags["dagster/data_version"] == f"{revision.replaced_by}@files"
    warnings = [
        entry.user_message
        for entry in project.instance.all_logs(result.run_id)
        if entry.level == logging.WARNING
    ]
    told = f"S00: revised, 2 bars differ from {day} on; the superseded bars are kept in "
    assert told + revision.path in warnings


def test_invalid_bars_do_not_replace_those_of_an_earlier_run(project: Project):
    assert _prices(project).success
    before = _store(project).read("files", "S00")
    project.spoil("S00")
    assert not _prices(project).success
    assert _store(project).read("files", "S00").equals(before)


def test_a_missing_prices_folder_fails_the_run_in_one_line(project: Project):
    for symbol in SYMBOLS:
        project.feed(symbol).unlink()
    project.feed("S00").parent.rmdir()
    result = _prices(project)
    assert not result.success
    assert "prices does not exist" in project.why(result)


def test_run_config_overrides_the_source_and_the_window(project: Project):
    config = {
        "resources": {
            "market_data": {"config": {"source": "synthetic", "prices": None}},
            "run_settings": {
                "config": {"start": "2023-03-01", "end": "2023-03-31", "warmup_days": 0}
            },
        }
    }
    result = project.run("S00", selection=["prices"], run_config=config)
    assert result.success, project.why(result)
    bars = _store(project).read("synthetic", "S00")
    assert bars["date"].min() == date(2023, 3, 1)
    assert bars["date"].max() == date(2023, 3, 31)


def test_run_config_overrides_one_setting_alone(project: Project):
    config = {"resources": {"run_settings": {"config": {"warmup_days": 0}}}}
    assert project.run("S00", selection=["prices"], run_config=config).success
    bars = _store(project).read("files", "S00")
    assert bars["date"].min() == START
    assert bars["date"].max() == date(2022, 12, 30)


def test_a_window_that_ends_in_the_future_is_said(project: Project):
    config = {"resources": {"run_settings": {"config": {"end": "2098-12-31"}}}}
    result = project.run("S00", selection=["prices"], run_config=config)
    told = "the window ends on 2098-12-31, in the future; bars end on 2022-12-30, and so do results"
    assert told in [entry.user_message for entry in project.instance.all_logs(result.run_id)]


def test_an_invalid_setting_fails_the_run_in_one_line(project: Project):
    config = {"resources": {"run_settings": {"config": {"warmup_days": -1}}}}
    result = project.run("S00", selection=["prices"], run_config=config)
    assert not result.success
    assert project.why(result).startswith("prices: warmup_days is -1; allowed: 0 to ")


def test_withdrawn_bars_are_not_used(project: Project):
    assert project.run("S03", selection=["prices", "backtests/rsi", "backtest_summaries"]).success
    lines = project.feed("S03").read_text().splitlines()
    project.feed("S03").write_text("\n".join(lines[:-40]))
    # With the default limit the check of stale bars would fail.
    config = {"resources": {"thresholds": {"config": {"stale_sessions": 100}}}}
    selection = ["prices", "backtests/rsi", "backtest_summaries"]
    assert project.run("S03", selection=selection, run_config=config).success
    newest = project.manager.get_backtests_by_symbol("S03")[0]
    assert newest["ended_early"]
    assert newest["last_session"].isoformat() == lines[-41].split(",")[0]
