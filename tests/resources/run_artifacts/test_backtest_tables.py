"""Real results of the engine as the rows, trades and curves that are stored."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

import hypothesis
import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.metrics import METRICS
from engine.positions import EXIT_REASONS
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Direction, Window
from resources.result_store.frame_schemas import (
    RESULTS_SCHEMA,
    TRADES_SCHEMA,
    validate_results,
    validate_trades,
)
from resources.run_artifacts.backtest_tables import (
    EQUITY_SCHEMA,
    BacktestTables,
    seeds_of,
)
from resources.run_artifacts.row_version import row_version
from strategies.base import Strategy
from strategies.ema_cross import EmaCross
from strategies.registry import get_strategy, registered_strategies
from strategies.sma_cross import SmaCross
from tests.resources.batches import HISTORIES, WINDOW, Provenance, tables_of

PROVENANCE = Provenance(
    run_id="run-1",
    source="synthetic",
    warmup_days=365,
    data_versions={history.symbol: f"data of {history.symbol}" for history in HISTORIES},
    code_versions={name: f"code of {name}" for name in registered_strategies()},
)
SETTINGS = BacktestSettings()


def _results(
    histories: Sequence[History] = HISTORIES,
    strategy: Strategy | None = None,
    window: Window = WINDOW,
    settings: BacktestSettings = SETTINGS,
) -> list[BacktestResult]:
    outcome = VectorBTEngine(settings).run_batch(histories, strategy or SmaCross(), window)
    assert outcome.failures == []
    return outcome.results


def _row(tables: BacktestTables, symbol: str) -> dict[str, Any]:
    return tables.results.row(by_predicate=pl.col("symbol") == symbol, named=True)


def _trades(tables: BacktestTables, symbol: str) -> pl.DataFrame:
    return tables.trades.filter(backtest_id=_row(tables, symbol)["id"])


@pytest.mark.parametrize("name", registered_strategies())
def test_tables_of_every_strategy_are_valid_for_the_store(name: str):
    tables = tables_of(_results(strategy=get_strategy(name)()), PROVENANCE)
    assert validate_results(tables.results).equals(tables.results)
    assert validate_trades(tables.trades, tables.results).equals(tables.trades)
    assert tables.results.schema == RESULTS_SCHEMA
    assert tables.trades.schema == TRADES_SCHEMA
    assert tables.equity.schema == EQUITY_SCHEMA
    assert tables.results["symbol"].to_list() == [history.symbol for history in HISTORIES]


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.symbol)
def test_trades_are_numbered_and_dated_by_their_fills(history: History):
    tables = tables_of(_results(), PROVENANCE)
    row, trades = _row(tables, history.symbol), _trades(tables, history.symbol)
    assert trades["trade_no"].to_list() == list(range(1, row["total_trades"] + 1))
    opens = dict(zip(history.dates.tolist(), history.bars.open.tolist(), strict=True))
    for trade in trades.iter_rows(named=True):
        assert WINDOW.start < trade["entry_date"] < trade["exit_date"] <= row["last_session"]
        bought = opens[trade["entry_date"]] * (1 + SETTINGS.slippage)
        assert trade["entry_price"] == pytest.approx(bought, rel=1e-12)
        if trade["status"] == "closed":
            sold = opens[trade["exit_date"]] * (1 - SETTINGS.slippage)
            assert trade["exit_price"] == pytest.approx(sold, rel=1e-12)
    assert trades["entry_date"].is_sorted()


def test_an_open_trade_is_last_and_marked_at_the_last_close():
    tables = tables_of(_results(), PROVENANCE)
    still_open = tables.trades.filter(status="open")
    of_symbol = dict(tables.results.select("id", "symbol").iter_rows())
    assert tables.results["open_trades"].sum() == still_open.height > 0
    assert tables.results["closed_trades"].sum() == tables.trades.filter(status="closed").height > 0
    closes = {
        history.symbol: dict(zip(history.dates.tolist(), history.bars.close.tolist(), strict=True))
        for history in HISTORIES
    }
    for trade in still_open.iter_rows(named=True):
        row = _row(tables, of_symbol[trade["backtest_id"]])
        assert (trade["trade_no"], row["open_trades"]) == (row["total_trades"], 1)
        assert trade["exit_date"] == row["last_session"]
        assert trade["exit_price"] == closes[row["symbol"]][row["last_session"]]


def test_a_batch_without_trades_has_an_empty_frame():
    tables = tables_of(_results(HISTORIES[:1]), PROVENANCE)
    assert tables.trades.equals(TRADES_SCHEMA.to_frame())
    counts = tables.results.select("total_trades", "closed_trades", "open_trades", "data_points")
    assert counts.row(0) == (0, 0, 0, 2)
    assert tables.results["sharpe_ratio"].to_list() == [None]
    assert json.loads(tables.results["undefined"][0])["sharpe_ratio"] == "no trades"


def test_no_results_give_empty_tables():
    tables = tables_of([], PROVENANCE)
    for frame, schema in [
        (tables.results, RESULTS_SCHEMA),
        (tables.trades, TRADES_SCHEMA),
        (tables.equity, EQUITY_SCHEMA),
    ]:
        assert frame.equals(schema.to_frame())


def test_undefined_metrics_are_null_with_a_reason():
    tables = tables_of(_results(), PROVENANCE)
    for row in tables.results.iter_rows(named=True):
        reasons = json.loads(row["undefined"])
        assert {name for name in METRICS if row[name] is None} == set(reasons)
        assert all(reasons.values())
    assert tables.results["undefined"].n_unique() > 1


def test_curves_equal_those_of_the_engine():
    results = _results()
    tables = tables_of(results, PROVENANCE)
    assert tables.equity.height == sum(len(result.dates) for result in results)
    for result in results:
        curve = tables.equity.filter(backtest_id=_row(tables, result.symbol)["id"])
        assert curve["date"].to_list() == result.dates.tolist()
        assert curve["equity"].to_numpy().tobytes() == result.equity.tobytes()
        assert curve["equity"][-1] == _row(tables, result.symbol)["final_value"]


def test_a_row_has_what_reproducing_it_needs():
    strategy, settings = SmaCross(5, 50), BacktestSettings(fees=0.002, execution="same_close")
    [result] = _results(HISTORIES[3:4], strategy, settings=settings)
    row = tables_of([result], PROVENANCE, part=3).results.row(0, named=True)
    stored = json.loads(row["settings"])
    assert (stored.pop("price_basis"), stored.pop("warmup_days")) == ("adjusted", 365)
    again = get_strategy(row["strategy"]).from_mapping(json.loads(row["parameters"]))
    assert (again, BacktestSettings(**stored)) == (strategy, settings)
    described = {
        "start_date": WINDOW.start,
        "end_date": WINDOW.end,
        "first_session": WINDOW.start,
        "last_session": result.last_session,
        "data_points": 305,
        "ended_early": True,
        "execution": "same_close",
        "bars_per_year": 252.0,
        "source": "synthetic",
        "data_version": "data of S3",
        "code_version": "code of sma_cross",
        "universe_version": None,
        "seeds": "{}",
        "run_id": "run-1",
        "part": 3,
        "row_version": row_version(),
    }
    assert {name: row[name] for name in described} == described


def _id(
    strategy: Strategy | None = None,
    window: Window = WINDOW,
    settings: BacktestSettings = SETTINGS,
    history: History = HISTORIES[2],
    **provenance: Any,
) -> str:
    results = _results([history], strategy, window, settings)
    tables = tables_of(results, replace(PROVENANCE, **provenance))
    return tables.results["id"][0]


@pytest.mark.parametrize(
    "other",
    [
        {"strategy": SmaCross(10, 21)},
        {"strategy": EmaCross(10, 20)},
        {"window": Window(WINDOW.start, date(2022, 9, 2))},
        {"window": Window(date(2021, 2, 2), WINDOW.end)},
        {"settings": BacktestSettings(fees=0.0)},
        {"settings": BacktestSettings(execution="same_close")},
        {"warmup_days": 0},
        {"data_versions": {"S2": "revised"}},
        {"code_versions": {"sma_cross": "edited"}},
        {"settings": BacktestSettings(direction="both")},
        {"settings": BacktestSettings(stop_loss=0.5)},
        {"settings": BacktestSettings(trailing_stop=0.5)},
        {"settings": BacktestSettings(take_profit=0.5)},
        {"source": "sample"},
        {"universe_version": "another"},
        {"history": replace(HISTORIES[2], symbol="S3")},
    ],
    ids=lambda other: next(iter(other)),
)
def test_another_key_has_another_id(other: Mapping[str, Any]):
    assert _id(**other) != _id()


@pytest.mark.parametrize(
    "other",
    [
        {"strategy": SmaCross(10, 20)},
        {"run_id": "run-2"},
    ],
    ids=["defaults spelled out", "another run"],
)
def test_the_same_key_has_the_same_id(other: Mapping[str, Any]):
    assert _id(**other) == _id()


def _bytes_by_symbol(tables: BacktestTables) -> dict[str, tuple[bytes, ...]]:
    return {
        row["symbol"]: tuple(
            _bytes(frame)
            for frame in (
                tables.results.filter(id=row["id"]),
                tables.trades.filter(backtest_id=row["id"]),
                tables.equity.filter(backtest_id=row["id"]),
            )
        )
        for row in tables.results.select("symbol", "id").iter_rows(named=True)
    }


def _bytes(frame: pl.DataFrame) -> bytes:
    content = io.BytesIO()
    frame.rechunk().write_parquet(content)
    return content.getvalue()


@cache
def _alone(place: int, name: str) -> tuple[bytes, ...]:
    history = HISTORIES[place]
    tables = tables_of(_results([history], get_strategy(name)()), PROVENANCE)
    return _bytes_by_symbol(tables)[history.symbol]


@given(
    places=st.lists(st.sampled_from(range(len(HISTORIES))), min_size=1, unique=True),
    name=st.sampled_from(sorted(registered_strategies())),
)
@hypothesis.settings(max_examples=40, deadline=None)
def test_tables_of_a_symbol_have_the_same_bytes_in_any_batch(places, name):
    batch = [HISTORIES[place] for place in places]
    tables = tables_of(_results(batch, get_strategy(name)()), PROVENANCE)
    alone = {HISTORIES[place].symbol: _alone(place, name) for place in places}
    assert _bytes_by_symbol(tables) == alone


def test_strategies_in_one_table_have_their_own_code_version():
    strategies = [SmaCross(), EmaCross()]
    outcome = VectorBTEngine(SETTINGS).run_batch(HISTORIES, strategies, WINDOW)
    together = tables_of(outcome.results, PROVENANCE)
    versions = together.results.select("strategy", "code_version").unique()
    assert dict(versions.iter_rows()) == {
        "sma_cross": "code of sma_cross",
        "ema_cross": "code of ema_cross",
    }
    for strategy in strategies:
        alone = tables_of(_results(strategy=strategy), PROVENANCE)
        ids = together.results.filter(strategy=strategy.name)
        assert_frame_equal(ids, alone.results, check_exact=True)
        trades = together.trades.join(ids, left_on="backtest_id", right_on="id", how="semi")
        assert_frame_equal(trades, alone.trades, check_exact=True)
        equity = together.equity.join(ids, left_on="backtest_id", right_on="id", how="semi")
        assert_frame_equal(equity, alone.equity, check_exact=True)


@pytest.mark.parametrize("direction", ["long", "short", "both"])
def test_each_trade_has_its_direction_and_exit_reason(direction: Direction):
    settings = BacktestSettings(
        direction=direction, stop_loss=0.03, trailing_stop=0.04, take_profit=0.05
    )
    results = _results(settings=settings)
    trades = tables_of(results, PROVENANCE).trades
    made = np.concatenate([result.trades for result in results])
    assert trades["exit_reason"].to_list() == [EXIT_REASONS[code] for code in made["exit_reason"]]
    assert set(trades["exit_reason"]) >= {"signal", "stop_loss", "trailing_stop", "take_profit"}
    shorts = trades["direction"].to_numpy() == "short"
    assert (shorts == (made["direction"] == 1)).all()
    expected = {"long": {"long"}, "short": {"short"}, "both": {"long", "short"}}
    assert set(trades["direction"]) == expected[direction]
    gains = np.where(shorts, -1, 1) * (trades["exit_price"] - trades["entry_price"]).to_numpy()
    fees = (trades["entry_fees"] + trades["exit_fees"]).to_numpy()
    assert trades["pnl"].to_numpy() == pytest.approx(gains * trades["size"].to_numpy() - fees)
    assert ((trades["status"] == "open") == (trades["exit_reason"] == "open")).all()


def test_each_row_has_universe_version_and_metrics():
    universe = EqualWeight.of(HISTORIES, WINDOW)
    results = VectorBTEngine().run_batch(HISTORIES, SmaCross(), WINDOW, universe).results
    named = tables_of(results, replace(PROVENANCE, universe_version=universe.version)).results
    assert named["universe_version"].to_list() == [universe.version] * len(HISTORIES)
    assert named["universe_return"].null_count() == 0
    alone = tables_of(_results(), PROVENANCE).results
    assert alone["universe_version"].null_count() == len(HISTORIES)
    for name, metric in METRICS.items():
        if metric.needs == "universe":
            assert alone[name].null_count() == len(HISTORIES)
    reasons = json.loads(alone["undefined"][-1])
    assert reasons["universe_alpha"] == "no equal-weight universe was given"


@pytest.mark.parametrize(
    ("parameters", "seeds"),
    [
        ({}, {}),
        ({"fast_period": 10}, {}),
        ({"seed": 0, "period": 14}, {"seed": 0}),
        (
            {"split_seed": 7, "model_seed": None, "seed_days": 3},
            {"split_seed": 7, "model_seed": None},
        ),
        ({"reseed": 1, "seeds": 2, "Seed": 3}, {}),
    ],
)
def test_seeds_are_parameters_named_seed(parameters: Mapping[str, Any], seeds: Mapping[str, Any]):
    assert seeds_of(parameters) == seeds
