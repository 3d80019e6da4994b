"""The picture of a backtest: its numbers are those of the store, and what is missing is said."""

import json
import uuid
from shutil import rmtree
from typing import Any

import pytest

from assets.backtests.evidence import BacktestEvidence, load_evidence
from assets.backtests.plot import render_backtest
from tests.assets.backtests.ran import Ran, run_backtests
from tests.assets.test_leaderboard_plot import points, read_picture
from tests.histories import load_history
from tests.project import SYMBOLS, Project


@pytest.fixture
def ran(project: Project) -> Ran:
    """Lend a run on three symbols of a universe whose prices are all stored."""
    assert project.run(selection=["prices"]).success
    return run_backtests(project)


def _load(project: Project, row: dict[str, Any]) -> BacktestEvidence | str:
    files, prices = project.resource("backtest_files"), project.resource("price_store")
    return load_evidence(row["run_id"], row["part"], row["id"], files, prices)


def _row(ran: Ran, strategy: str = "macd") -> dict[str, Any]:
    return ran.rows.filter(strategy=strategy, symbol=SYMBOLS[1]).row(0, named=True)


def test_the_picture_of_a_backtest_shows_what_is_stored(ran: Ran):
    project, row = ran.project, _row(ran)
    shown = _load(project, row)
    assert isinstance(shown, BacktestEvidence)
    curve = ran.curves.filter(backtest_id=row["id"])
    assert shown.growth == pytest.approx(curve["equity"].to_numpy() / 10_000.0)
    assert shown.growth[-1] - 1.0 == pytest.approx(row["total_return"])
    days = row["first_session"], row["last_session"]
    history = load_history(project.resource("price_store"), "files", SYMBOLS[1], *days).history
    assert shown.held is not None
    assert shown.held == pytest.approx(history.bars.close / history.bars.close[0])

    picture = read_picture(render_backtest(shown))
    assert int(picture.attrib["width"]) <= 584, "the Dagster UI shows so much of a partition"
    texts = ["".join(one.itertext()) for one in picture.iter("text")]
    told = ", ".join(f"{name} {one}" for name, one in json.loads(row["parameters"]).items())
    came_to = f"return {row['total_return']:+.1%}, bought and held {row['benchmark_return']:+.1%}"
    assert texts[:5] == [
        f"macd on {SYMBOLS[1]} ({told})",
        f"prices of source files, {days[0]} to {days[1]}",
        f"{row['data_points']} bars; fees 0.1 %, slippage 0.1 % per fill",
        f"{came_to}; Sharpe ratio {row['sharpe_ratio']:.2f}",
        f"deepest drawdown {row['max_drawdown']:+.1%}; {row['closed_trades']} closed trades",
    ]
    held, growth = (one for one in picture.iter("path") if "transform" in one.attrib)
    ticks = [one for one in picture.iter("text") if float(one.get("x", 0)) == 38.0]
    low, high = ((float(one.text or ""), float(one.attrib["y"]) - 4.0) for one in ticks[:2])
    for path, values in ((growth, shown.growth), (held, shown.held)):
        y = points(path.attrib["d"])[:, 1]
        drawn = low[0] + (low[1] - y) / (low[1] - high[1]) * (high[0] - low[0])
        assert (drawn[0], drawn[-1]) == pytest.approx((values[0], values[-1]), abs=2e-3)
        assert (drawn.min(), drawn.max()) == pytest.approx((values.min(), values.max()), abs=2e-3)


def test_the_newest_trades_are_in_the_picture(ran: Ran):
    row = _row(ran)
    shown = _load(ran.project, row)
    assert isinstance(shown, BacktestEvidence)
    svg = render_backtest(shown).decode()
    trades = ran.project.manager.get_trades([row["id"]]).to_dicts()
    assert len(trades) == row["total_trades"] > 1
    assert f"{min(12, len(trades))} newest of {len(trades)} trades" in svg
    texts = ["".join(one.itertext()) for one in read_picture(svg.encode()).iter("text")]
    last = trades[-1]
    at = texts.index(str(last["trade_no"]), texts.index("why it ended"))
    exit_date = "open" if last["status"] == "open" else str(last["exit_date"])
    assert texts[at : at + 9] == [
        str(last["trade_no"]), last["direction"], str(last["entry_date"]),
        f"{last['entry_price']:,.2f}", exit_date, f"{last['exit_price']:,.2f}",
        f"{last['pnl']:+,.0f}", f"{last['trade_return']:+.2%}", last["exit_reason"],
    ]  # fmt: skip
    gained = sum(one["pnl"] > 0 for one in trades)
    bars = [one for one in read_picture(svg.encode()).iter("rect") if one.get("height") == "10"]
    assert [one.get("fill") for one in bars].count("#0b6e99") == gained
    assert len(bars) == len(trades)


def test_what_can_not_be_shown_of_a_backtest_is_said(ran: Ran):
    project, row = ran.project, _row(ran)
    unknown, run_id = str(uuid.uuid4()), row["run_id"]
    computed_none = f"Run {run_id} computed no backtest {unknown}."
    assert _load(project, row | {"id": unknown}) == computed_none
    # Other bars than those it was computed from.
    feed = project.feed(SYMBOLS[1])
    lines = feed.read_text().splitlines()
    day, *prices, volume = lines[-1].split(",")
    lines[-1] = ",".join([day, *(str(float(one) * 1.01) for one in prices), volume])
    feed.write_text("\n".join(lines))
    again = project.run(SYMBOLS[1], selection=["prices"], run_config=_everything_again())
    assert again.success, project.why(again)
    revised = _load(project, row)
    assert isinstance(revised, BacktestEvidence)
    assert revised.held is None
    assert "its prices were revised since" in render_backtest(revised).decode()
    (file,) = (project.folder / f"home/backtests/{run_id}").glob("equity-*.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    damaged = _load(project, row)
    assert isinstance(damaged, str)
    assert " is not what was written: its results are not used" in damaged
    rmtree(file.parent)
    assert _load(project, row) == f"The files of run {run_id} are not there any more."


def _everything_again() -> dict[str, Any]:
    return {"resources": {"run_settings": {"config": {"ignore_cache": True}}}}
