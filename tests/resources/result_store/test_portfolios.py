"""Portfolios in the store: which of a name is the newest."""

from research.purpose import Purpose
from resources.result_store.manager import BacktestPersistenceManager
from tests.research.portfolio.test_portfolio import SIZINGS, simulate
from tests.resources.result_store.portfolio_rows import portfolio_row
from tests.resources.result_store.rows import record_run


def test_the_portfolio_of_a_what_if_is_that_of_its_run_alone(manager: BacktestPersistenceManager):
    portfolio = simulate(SIZINGS["slots"])
    for run_id, name in (("run-1", "rsi"), ("run-1", "macd"), ("run-2", "rsi")):
        manager.save_portfolios(run_id, [portfolio_row(portfolio, name)])
    newest = ["name", "run_id"]
    assert manager.get_portfolios().select(newest).rows() == [("macd", "run-1"), ("rsi", "run-2")]
    record_run(manager, run_id="run-1")
    record_run(manager, run_id="run-2", purpose=Purpose.WHAT_IF)
    assert manager.get_portfolios().select(newest).rows() == [("macd", "run-1"), ("rsi", "run-1")]
    assert manager.get_portfolios("run-2").select(newest).rows() == [("rsi", "run-2")]
