"""Summaries: rows in a real PostgreSQL, idempotent and compared with the produced results."""

from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
import sqlalchemy as sa

from assets.asset_keys import SUMMARIES_KEY
from tests.project import SYMBOLS, Project

FIVE = (SYMBOLS[0], SYMBOLS[4])
SUMMARIES = ["backtest_summaries"]


def _plant(project: Project, trigger: str, body: str) -> None:
    """Create a trigger that changes the database on each insert."""
    name = f"planted_{uuid4().hex}"
    function = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN {body} END'"
    with project.manager.engine.begin() as connection:
        connection.execute(sa.text(function))
        connection.execute(sa.text(f"{trigger.format(name=name)} EXECUTE FUNCTION {name}()"))


def _delete_rows(project: Project, symbol: str) -> None:
    _plant(
        project,
        "CREATE CONSTRAINT TRIGGER {name} AFTER INSERT ON backtests "
        f"DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.symbol = '{symbol}')",
        "DELETE FROM backtests WHERE id = NEW.id; RETURN NULL;",
    )


def _alter_rows(project: Project, symbol: str) -> None:
    _plant(
        project,
        "CREATE TRIGGER {name} BEFORE INSERT ON backtests "
        f"FOR EACH ROW WHEN (NEW.symbol = '{symbol}')",
        "NEW.final_value := NEW.final_value + 1e-9; RETURN NEW;",
    )


def _alter_a_trade(project: Project, symbol: str) -> None:
    _plant(
        project,
        "CREATE TRIGGER {name} BEFORE INSERT ON trades FOR EACH ROW WHEN (NEW.trade_no = 1)",
        f"IF (SELECT symbol FROM backtests WHERE id = NEW.backtest_id) = ''{symbol}'' "
        "THEN NEW.pnl := NEW.pnl * (1 + 2.3e-16); END IF; RETURN NEW;",
    )


def _lose_a_trade(project: Project, symbol: str) -> None:
    _plant(
        project,
        "CREATE TRIGGER {name} BEFORE INSERT ON trades FOR EACH ROW WHEN (NEW.trade_no = 1)",
        f"IF (SELECT symbol FROM backtests WHERE id = NEW.backtest_id) = ''{symbol}'' "
        "THEN RETURN NULL; END IF; RETURN NEW;",
    )


def test_the_same_run_twice_leaves_the_same_rows(project: Project):
    first = project.run(FIVE)
    rows = project.manager.get_backtests_by_run(first.run_id)
    assert rows.height == 5 * 2
    again = project.run(FIVE)
    for run in (first, again):
        found = project.manager.get_backtests_by_run(run.run_id)
        assert found.drop("run_id").equals(rows.drop("run_id"))


def test_a_row_has_what_reproducing_it_needs_and_its_trades(project: Project):
    result = project.run("S00")
    rows = project.manager.get_backtests_by_symbol("S00")
    assert {row["strategy"] for row in rows} == {"rsi", "macd"}
    for row in rows:
        assert row["run_id"] == result.run_id
        assert row["source"] == "files"
        assert row["price_basis"] == "adjusted"
        assert row["execution"] == "next_open"
        assert row["bars_per_year"] == 252
        assert row["data_version"]
        assert row["code_version"]
        assert row["settings"]["fees"] == 0.001
        assert row["row_version"]
        whole = project.manager.get_backtest_by_id(row["id"])
        assert whole is not None
        assert len(whole["trades"]) == row["total_trades"]
    event = project.instance.get_latest_materialization_event(SUMMARIES_KEY)
    assert event is not None
    assert event.asset_materialization is not None
    table = str(event.asset_materialization.metadata["table"].value)
    assert table.splitlines() == [
        "|strategy|return|Sharpe|drawdown|trades|",
        "|---|--:|--:|--:|--:|",
        *(
            f"|{row['strategy']}|{row['total_return']:.1%}|{row['sharpe_ratio']:.2f}"
            f"|{row['max_drawdown']:.1%}|{row['closed_trades']}|"
            for row in sorted(rows, key=lambda row: row["strategy"])
        ),
        f"|bought and held|{rows[0]['benchmark_return']:.1%}||||",
    ]


def test_summaries_alone_store_the_newest_backtests(project: Project):
    made = project.run(FIVE, selection=["prices", "backtests/rsi", "backtests/macd"])
    result = project.run(FIVE, selection=SUMMARIES)
    assert result.success, project.why(result)
    rows = project.manager.get_backtests_by_run(result.run_id)
    assert (rows.height, set(rows["run_id"])) == (5 * 2, {made.run_id})
    universe = project.manager.get_universe(result.run_id)
    assert [row["symbol"] for row in universe] == list(SYMBOLS)


def test_without_backtests_the_error_says_to_materialize_them(project: Project):
    result = project.run("S00", selection=SUMMARIES)
    assert not result.success
    assert project.why(result) == (
        "backtest_summaries: MissingBacktestsError: S00 has no backtests of files: "
        "materialize backtests first."
    )


@pytest.mark.parametrize("plant", [_delete_rows, _alter_rows, _alter_a_trade, _lose_a_trade])
def test_a_row_that_reads_back_differently_fails_its_symbol(project: Project, plant):
    plant(project, "S02")
    result = project.run(selection=["prices", "backtests/macd", *SUMMARIES])
    rate = "saved_rate" if plant is _delete_rows else "retrieved_rate"
    check = project.checks(result)["backtest_summaries", f"{rate}_above_threshold"]
    assert (check.passed, check.metadata["measured"].value) == (False, 19 / 20)
    assert project.materialized("backtest_summaries") == set(SYMBOLS) - {"S02"}
    (failure,) = project.manager.get_failures(result.run_id)
    assert failure["symbol"] == "S02"
    assert failure["error_class"] == "UnreconciledRowsError"
    assert "S02: of 1 results 1 were in the run's files" in failure["message"]


def test_too_many_lost_rows_fail_the_check_and_the_run(project: Project):
    for symbol in SYMBOLS[:2]:
        _delete_rows(project, symbol)
    result = project.run()
    assert not result.success
    checks = project.checks(result)
    saved = checks["backtest_summaries", "saved_rate_above_threshold"]
    assert not saved.passed
    assert saved.metadata["measured"].value == pytest.approx(36 / 40)
    assert checks["backtest_summaries", "retrieved_rate_above_threshold"].passed
    assert not result.asset_materializations_for_node("leaderboard")


def test_results_without_files_fail_the_check_of_saved_rows(project: Project):
    half = ["prices", "backtests/rsi"]
    first = project.run((SYMBOLS[0], SYMBOLS[9]), selection=half)
    second = project.run((SYMBOLS[10], SYMBOLS[-1]), selection=half)
    assert first.success
    assert second.success
    project.resource("backtest_files").delete(first.run_id)
    result = project.run(selection=["backtest_summaries", "leaderboard"])
    assert not result.success
    check = project.checks(result)["backtest_summaries", "saved_rate_above_threshold"]
    assert not check.passed
    assert check.metadata["measured"].value == 0.5
    assert project.materialized("backtest_summaries") == set(SYMBOLS[10:])
    assert not result.asset_materializations_for_node("leaderboard")


def test_only_results_that_are_lost_count_as_failed(project: Project):
    made = project.run("S00", selection=["prices", "backtests/rsi", "backtests/macd"])
    again = {"resources": {"run_settings": {"config": {"ignore_cache": True}}}}
    newer = project.run("S00", selection=["backtests/rsi"], run_config=again)
    assert made.success
    assert newer.success
    project.resource("backtest_files").delete(newer.run_id)
    assert not project.run("S00", selection=SUMMARIES).success
    failed = {name for name, one in project.status().items() if one.failed}
    assert failed == {"backtests/rsi", "backtest_summaries"}


def test_a_flipped_bit_between_steps_is_stored_nowhere(project: Project):
    four = {"resources": {"run_settings": {"config": {"batch_size": 5}}}}
    made = project.run(selection=["prices", "backtests/macd"], run_config=four)
    assert made.success, project.why(made)
    folder = Path(project.resource("backtest_files").root) / made.run_id
    file = folder / "results-00001.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 4
    file.write_bytes(content)
    result = project.run(selection=SUMMARIES)
    assert not result.success
    check = project.checks(result)["backtest_summaries", "saved_rate_above_threshold"]
    assert (check.passed, check.metadata["measured"].value) == (False, 15 / 20)
    lost = set(SYMBOLS[5:10])
    assert project.materialized("backtest_summaries") == set(SYMBOLS) - lost
    stored = project.manager.get_backtests_by_run(result.run_id)
    assert set(stored["symbol"]) == set(SYMBOLS) - lost
    failures = project.manager.get_failures(result.run_id)
    assert {one["symbol"] for one in failures} == lost
    assert f"{file} is not what was written: its results are not used" in failures[0]["message"]
    # Nothing is to be done by hand: a retry of what failed computes it again.
    failed = {name: one.failed for name, one in project.status().items()}
    assert failed == {"prices": set(), "backtests/rsi": set(), "backtests/macd": lost} | {
        "backtest_summaries": lost
    }
    ends = SYMBOLS[5], SYMBOLS[9]
    again = project.run(ends, selection=["backtests/macd", *SUMMARIES])
    assert again.success, project.why(again)
    assert project.manager.get_backtests_by_run(again.run_id).height == 5
    assert not any(one.failed for one in project.status().values())


def test_an_unreachable_database_fails_the_run_without_password(project: Project):
    from resources.result_store.resource import ResultStore

    nowhere = ResultStore(
        database_url="postgresql://me:sesame@127.0.0.1:1/x", home=str(project.folder)
    )
    result = project.run("S00", definitions=project.definitions(result_store=nowhere))
    assert not result.success
    why = project.why(result)
    assert "can't be reached" in why
    assert "sesame" not in why
    assert "\n" not in why


def test_stored_results_equal_those_of_the_engine_alone(project: Project):
    """Read the bars, run the engine and compare: the orchestration does not change the numbers."""
    from engine.backtest import VectorBTEngine
    from strategies.rsi import Rsi
    from tests.histories import load_history
    from tests.project import END, START

    project.run("S01")
    settings = project.resource("run_settings")
    store = project.resource("price_store")
    loaded = load_history(store, "files", "S01", settings.history_start(), END)
    window = settings.window()
    assert (window.start, window.end) == (START, END)
    (alone,) = VectorBTEngine().run_batch([loaded.history], Rsi(), window).results
    rows = pl.DataFrame(project.manager.get_backtests_by_symbol("S01"), infer_schema_length=None)
    (row,) = rows.filter(strategy="rsi").iter_rows(named=True)
    assert {name: row[name] for name in alone.metrics} == alone.metrics
    assert row["data_version"] == loaded.data_version
