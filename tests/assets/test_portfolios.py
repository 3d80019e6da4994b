"""Assets of portfolios: files, rows, checks and leaderboard of a real run."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from engine.account.outcome import AccountOutcome
from gauntlet.home import StoreNotFoundError
from gauntlet.store import Gauntlet
from gauntlet.stored_portfolio import StoredPortfolio
from research.portfolio.row_frames import PORTFOLIOS_SCHEMA
from resources.run_artifacts.portfolio_files import PortfolioFiles
from tests.postgres import fresh_database
from tests.project import SYMBOLS, Project

NAMES = ("rsi", "macd")
KEYS = tuple(f"portfolios/{name}" for name in NAMES)
WHOLE = ("prices", *(f"backtests/{name}" for name in NAMES), "backtest_summaries")
CHECKS = {
    *("accounts_balance", "portfolio_limits_hold"),
    *("turnover_is_affordable", "fills_fit_the_volume"),
}


def _run(
    project: Project, selection: tuple[str, ...], **settings: Any
) -> dg.ExecuteInProcessResult:
    ops = {"portfolios": {"config": {"priority_orders": 5}}} if KEYS[0] in selection else {}
    config = {"ops": ops, "resources": {"run_settings": {"config": settings}}}
    partitions = (SYMBOLS[0], SYMBOLS[-1]) if "prices" in selection else None
    return project.run(partitions, selection=selection, run_config=config)


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    return {
        made.asset_key.path[-1]: {name: one.value for name, one in made.metadata.items()}
        for made in result.asset_materializations_for_node("portfolios")
    }


@pytest.fixture(scope="module")
def made(
    server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Project, dg.ExecuteInProcessResult]]:
    """Lend a project with the portfolios of two strategies, and the run that made them."""
    folder = tmp_path_factory.mktemp("portfolios")
    with fresh_database(server) as database, Project.opened(folder, database) as project:
        result = _run(project, (*WHOLE, *KEYS, "leaderboard"))
        assert result.success, project.why(result)
        yield project, result


def _stored(project: Project, name: str) -> StoredPortfolio:
    rows = project.manager.get_portfolios()
    facts = rows.row(by_predicate=pl.col("name") == name, named=True)
    files = PortfolioFiles(project.resource("backtest_files").root)

    def read(table: str) -> pl.DataFrame:
        return files.read(name, facts["identity"], table)

    return StoredPortfolio(facts, read, lambda frame: frame)


def test_row_files_and_metadata_say_the_same(made):
    project, result = made
    shown = _metadata(result)
    rows = project.manager.get_portfolios(result.run_id)
    assert rows.schema == PORTFOLIOS_SCHEMA
    assert rows["name"].to_list() == sorted(NAMES)
    for row in rows.iter_rows(named=True):
        stored = _stored(project, row["name"])
        equity, trades = pl.DataFrame(stored.equity()), pl.DataFrame(stored.trades())
        capital = 100_000.0
        assert row["total_return"] == shown[row["name"]]["total_return"]
        assert row["total_return"] == pytest.approx(equity["equity"][-1] / capital - 1.0, abs=1e-12)
        assert row["fills"] == trades.height == shown[row["name"]]["fills"]
        assert row["fees"] == pytest.approx(trades["fees"].sum())
        assert row["costs"] == "fees 0.1 %, slippage 0.1 % per fill"
        attribution = pl.DataFrame(stored.attribution())
        assert attribution["pnl"].sum() == pytest.approx(equity["equity"][-1] - capital)


def test_weights_and_cash_are_the_equity_at_every_close(made):
    project, _ = made
    stored = _stored(project, "macd")
    equity, weights = pl.DataFrame(stored.equity()), pl.DataFrame(stored.weights())
    held = weights.group_by("date").agg(pl.col("weight").sum(), pl.len().cast(pl.Int64))
    joined = equity.join(held, on="date", how="left").fill_null(0)
    positions = joined["weight"] * joined["equity"]
    np.testing.assert_allclose(positions + joined["cash"], joined["equity"], rtol=1e-9)
    assert joined["len"].to_list() == equity["positions"].to_list()
    assert equity["positions"].to_numpy().max() > 3


def test_the_joint_sharpe_ratio_is_beside_the_mean_of_singles(made):
    project, result = made
    singles = project.manager.get_backtests_by_run(result.run_id)
    for row in project.manager.get_portfolios(result.run_id).iter_rows(named=True):
        mean = singles.filter(pl.col("strategy") == row["name"])["sharpe_ratio"].mean()
        assert row["pairs_sharpe_ratio"] == pytest.approx(mean)
        assert _metadata(result)[row["name"]]["pairs_sharpe_ratio"] == row["pairs_sharpe_ratio"]


def test_every_portfolio_is_checked_and_passes(made):
    _, result = made
    checks = [
        one for one in result.get_asset_check_evaluations() if one.asset_key.path[0] == "portfolios"
    ]
    assert {(one.asset_key.path[-1], one.check_name) for one in checks} == {
        (name, check) for name in NAMES for check in CHECKS
    }
    assert all(one.passed for one in checks), [one.description for one in checks]


def test_the_leaderboard_shows_the_portfolio_of_each_strategy(made):
    project, result = made
    board = project.manager.get_leaderboard(result.run_id)
    rows = {row["name"]: row for row in project.manager.get_portfolios().iter_rows(named=True)}
    shown = {row["strategy"]: row for row in board.iter_rows(named=True)}
    for name in NAMES:
        assert shown[name]["portfolio_return"] == rows[name]["total_return"]
        assert shown[name]["portfolio_sharpe"] == rows[name]["sharpe_ratio"]


def test_known_portfolios_are_not_simulated_again(made, monkeypatch: pytest.MonkeyPatch):
    project, result = made
    before = project.manager.get_portfolios(result.run_id).drop("run_id", "made_at")
    monkeypatch.setattr("assets.portfolios_stage.simulate_portfolio", None)
    again = _run(project, KEYS)
    assert again.success, project.why(again)
    assert project.manager.get_portfolios(again.run_id).drop("run_id", "made_at").equals(before)


def test_an_account_that_does_not_balance_fails_its_check(made, monkeypatch: pytest.MonkeyPatch):
    project, _ = made
    check = AccountOutcome.check

    def lose_a_cent(outcome: AccountOutcome, name: str) -> None:
        if name == "rsi":
            outcome.cash[-1] -= 0.01
        check(outcome, name)

    monkeypatch.setattr(AccountOutcome, "check", lose_a_cent)
    result = _run(project, KEYS, ignore_cache=True)
    failed = {
        (one.asset_key.path[-1], one.check_name): one.description
        for one in result.get_asset_check_evaluations()
        if not one.passed
    }
    assert "does not balance on" in str(failed["rsi", "accounts_balance"])
    assert "accounts_balance" not in {check for name, check in failed if name == "macd"}
    assert project.manager.get_portfolios(result.run_id)["name"].to_list() == ["macd"]
    assert "does not balance on" in _metadata(result)["rsi"]["why"]


def test_a_portfolio_that_is_unknown_is_refused(made):
    project, _ = made
    store = Gauntlet(project.folder, project.result_store, "polars")
    assert set(NAMES) <= set(store.portfolios()["name"])
    with pytest.raises(StoreNotFoundError, match="Did you mean 'rsi'"):
        store.portfolio("rsii")
    assert store.portfolio("rsi").facts["name"] == "rsi"


def test_singles_are_those_that_the_account_trades(made):
    project, first = made
    (project.folder / "portfolios").mkdir()
    files = {
        "part": f"strategies: [rsi, macd]\nsymbols: [{SYMBOLS[3]}, {SYMBOLS[4]}]\n",
        "shorts": "strategies: [rsi]\ndirection: short\n",
        "dear": "strategies: [rsi]\ncosts: [{model: per_order, amount: 5}]\n",
    }
    for name, text in files.items():
        (project.folder / "portfolios" / f"{name}.yaml").write_text(text)
    result = _run(project, tuple(f"portfolios/{name}" for name in files))
    assert result.success, project.why(result)
    rows = project.manager.get_portfolios(result.run_id)
    found = dict(rows.select("name", "pairs_sharpe_ratio").iter_rows())
    singles = project.manager.get_backtests_by_run(first.run_id)
    traded = singles.filter(pl.col("symbol").is_in(SYMBOLS[3:5]))
    assert traded.height == 4
    assert found["part"] == pytest.approx(traded["sharpe_ratio"].mean())
    assert found["shorts"] is found["dear"] is None
