"""The tables have the metrics of the catalogue, and the database refuses invalid values."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from engine.metrics import METRICS
from engine.positions import EXIT_REASONS
from research.errors import InvalidResultError
from resources.result_store.frame_schemas import BACKTESTS, TRADES
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.rows import result, trade


def test_there_is_one_column_per_metric_in_their_order() -> None:
    names = [column.name for column in BACKTESTS.columns if column.name in METRICS]
    assert names == list(METRICS)


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_counts_are_integers_and_other_metrics_are_doubles(metric) -> None:
    column = BACKTESTS.columns[metric.name]
    assert column.nullable
    assert isinstance(column.type, sa.Integer if metric.kind == "count" else sa.Double)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    "name", [metric.name for metric in METRICS.values() if metric.kind != "count"]
)
def test_the_database_refuses_a_metric_that_is_not_finite(
    shared_manager: BacktestPersistenceManager, name: str, value: str
) -> None:
    shared_manager.save_backtest(result())
    change = sa.update(BACKTESTS).values({name: float(value)})
    with (
        pytest.raises(IntegrityError, match="ck_backtests_finite"),
        shared_manager.engine.begin() as connection,
    ):
        connection.execute(change)


@pytest.mark.parametrize("name", ["entry_price", "exit_price", "size", "pnl", "trade_return"])
def test_the_database_refuses_a_trade_that_is_not_finite(
    shared_manager: BacktestPersistenceManager, name: str
) -> None:
    shared_manager.save_backtest(result(), [trade()])
    change = sa.update(TRADES).values({name: float("nan")})
    with (
        pytest.raises(IntegrityError, match="ck_trades_finite"),
        shared_manager.engine.begin() as connection,
    ):
        connection.execute(change)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"direction": "flat"}, "direction"),
        ({"exit_reason": "margin_call"}, "exit_reason"),
        ({"exit_reason": "open"}, "open"),
        ({"status": "open"}, "open"),
    ],
)
def test_the_database_refuses_a_trade_with_an_invalid_end(
    shared_manager: BacktestPersistenceManager, change: dict[str, str], rule: str
) -> None:
    with pytest.raises(InvalidResultError, match=f"ck_trades_{rule}"):
        shared_manager.save_backtest(result(), [{**trade(), **change}])


@pytest.mark.parametrize("reason", EXIT_REASONS)
@pytest.mark.parametrize("direction", ["long", "short"])
def test_a_trade_may_have_every_exit_reason_of_the_engine(
    shared_manager: BacktestPersistenceManager, direction: str, reason: str
) -> None:
    status = "open" if reason == "open" else "closed"
    row = trade(direction=direction, status=status, exit_reason=reason)
    found = shared_manager.get_backtest_by_id(shared_manager.save_backtest(result(), [row]))
    assert found is not None
    assert {name: found["trades"][0][name] for name in row} == row


def test_an_undefined_metric_is_null(manager: BacktestPersistenceManager) -> None:
    undefined = {"sharpe_ratio": "no trades"}
    saved = manager.save_backtest(result(sharpe_ratio=None, undefined=undefined))
    found = manager.get_backtest_by_id(saved)
    assert found is not None
    assert found["sharpe_ratio"] is None
    assert found["undefined"] == undefined
