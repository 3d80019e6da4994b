"""What was saved in a period, summed up per strategy."""

from datetime import UTC, date, datetime, timedelta

from research.purpose import Purpose
from resources.result_store.frame_schemas import RESULTS_SCHEMA, TRADES_SCHEMA
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.rows import (
    failure,
    record_failures,
    record_run,
    result,
    save,
)

NO_TRADES = TRADES_SCHEMA.to_frame()


def test_a_period_is_summarized_per_strategy(manager: BacktestPersistenceManager) -> None:
    rows = [
        result(symbol=symbol, strategy=strategy, sharpe_ratio=sharpe, closed_trades=trades)
        for symbol, strategy, sharpe, trades in [
            ("AAPL", "rsi", 1.0, 7),
            ("MSFT", "rsi", 2.0, 7),
            ("IBM", "rsi", 9.0, 1),  # too few trades to be the best
            ("AAPL", "macd", None, 7),
        ]
    ]
    save(manager, *rows)
    record_run(manager)
    record_failures(manager, "run-1", failure())
    today = datetime.now(UTC).date()
    found = manager.get_performance_summary(today - timedelta(days=1), today + timedelta(days=1))
    counts = {name: found[name] for name in ("runs", "backtests", "symbols", "trades", "failures")}
    assert counts == {"runs": 1, "backtests": 4, "symbols": 3, "trades": 28, "failures": 1}
    rsi, macd = found["strategies"]
    assert (rsi["strategy"], rsi["backtests"], rsi["symbols"]) == ("rsi", 3, 3)
    assert rsi["median_sharpe_ratio"] == 2.0
    assert (rsi["best_symbol"], rsi["worst_symbol"]) == ("MSFT", "AAPL")
    assert (macd["median_sharpe_ratio"], macd["best_symbol"]) == (None, None)
    nothing = manager.get_performance_summary(date(2020, 1, 1), date(2020, 1, 31))
    assert (nothing["backtests"], nothing["trades"], nothing["strategies"]) == (0, 0, [])


def test_a_lost_capital_is_the_worst(manager: BacktestPersistenceManager) -> None:
    lost = {"sharpe_ratio": None, "total_return": -1.5, "max_drawdown": -1.5}
    ruined = {"rsi": ["IBM"], "macd": ["IBM", "MSFT"], "momentum": ["IBM", "MSFT", "AAPL"]}
    save(
        manager,
        *(
            result(symbol=symbol, strategy=strategy, **(lost if symbol in symbols else {}))
            for strategy, symbols in ruined.items()
            for symbol in ("AAPL", "MSFT", "IBM")
        ),
    )
    today = datetime.now(UTC).date()
    found = manager.get_performance_summary(today - timedelta(days=1), today + timedelta(days=1))
    by_name = {row["strategy"]: row for row in found["strategies"]}
    medians = [by_name[name]["median_sharpe_ratio"] for name in ruined]
    assert medians == [0.25, None, None]
    assert [by_name[name]["median_total_return"] for name in ruined] == [0.25, -1.5, -1.5]
    assert [by_name[name]["worst_symbol"] for name in ruined] == ["IBM", "IBM", "AAPL"]
    assert by_name["rsi"]["best_symbol"] == "AAPL"
    compared = {row["strategy"]: row for row in manager.compare_strategies()}
    assert [compared[name]["median_sharpe_ratio"] for name in ruined] == medians


def test_a_cached_result_counts_once_per_day(manager: BacktestPersistenceManager) -> None:
    saved = manager.save_backtest(result())
    empty = RESULTS_SCHEMA.to_frame(), NO_TRADES
    for run_id, day in (("run-1", "2021-03-01"), ("run-2", "2021-03-02")):
        manager.save_backtests(*empty, run_id=run_id, purpose=Purpose.SWEEP, cached=[saved])
        with manager.engine.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE run_backtests SET saved_at = '{day}' WHERE run_id = '{run_id}'"
            )
    for first, last, counted in ((1, 1, 1), (2, 2, 1), (1, 2, 1), (3, 4, 0)):
        found = manager.get_performance_summary(date(2021, 3, first), date(2021, 3, last))
        assert found["backtests"] == counted, (first, last)


def test_a_period_has_any_length_and_includes_both_days(
    manager: BacktestPersistenceManager,
) -> None:
    manager.save_backtest(result())
    assert manager.get_performance_summary(date.min, date.max)["backtests"] == 1
    for saved, counted in [("2021-03-01T00:00Z", 1), ("2021-03-02T23:59:59.999999Z", 1),
                           ("2021-02-28T23:59:59Z", 0), ("2021-03-03T00:00Z", 0)]:  # fmt: skip
        with manager.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE run_backtests SET saved_at = '{saved}'")
        found = manager.get_performance_summary(date(2021, 3, 1), date(2021, 3, 2))
        assert found["backtests"] == counted, saved
