"""Draws docs/engine.png: a backtest on real bars, its fills, and its equity beside holding."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest import VectorBTEngine
from engine.positions import EXIT_REASONS
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from resources.market_data.sources.sample import SampleSource
from resources.price_store.history_loader import to_history
from resources.price_store.spans import HistorySpec
from strategies.bollinger import Bollinger

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WINDOW = Window(date(2007, 1, 1), date(2009, 12, 31))
_BLUE, _RED, _GREEN, _GREY, _INK = "#0b6e99", "#d1495b", "#3a7d44", "#b9c0c7", "#2b2f33"
_EXITS = {"signal": ("v", _BLUE), "stop_loss": ("X", _RED), "open": ("o", _GREY)}


def main() -> None:
    """Draw, and say where."""
    from matplotlib.figure import Figure

    bars = SampleSource().fetch("IBM", date(2006, 1, 1), WINDOW.end)
    history = to_history(HistorySpec("IBM", bars["date"][0], bars["date"][-1]), bars.rechunk())
    engine = VectorBTEngine(BacktestSettings(stop_loss=0.08))
    (result,) = engine.run_batch([history], Bollinger(), WINDOW).results
    figure = Figure(figsize=(10, 5.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_fills(above, result)
    _draw_equity(below, result)
    path = Path(__file__).with_name("engine.png")
    figure.savefig(path, dpi=100)
    print(path)  # noqa: T201


def _draw_fills(axes: "Axes", result: BacktestResult) -> None:
    axes.plot(result.dates, result.close, color=_GREY, linewidth=1.1)
    trades = result.trades
    axes.plot(
        result.dates[trades["entry_idx"]],
        trades["entry_price"],
        "^",
        color=_GREEN,
        label="entry",
    )
    for reason, (marker, color) in _EXITS.items():
        some = trades[trades["exit_reason"] == EXIT_REASONS.index(reason)]
        days = result.dates[some["exit_idx"]]
        label = {"signal": "exit signal", "stop_loss": "stop-loss", "open": "still open"}[reason]
        if len(some):
            axes.plot(days, some["exit_price"], marker, color=color, label=label)
    axes.set_title("IBM, bollinger(20, 2), stop-loss 8 %: adjusted closes and fills", loc="left")
    axes.legend(frameon=False, ncols=4, loc="upper left")
    axes.set_ylabel("price")


def _draw_equity(axes: "Axes", result: BacktestResult) -> None:
    held = result.settings.initial_capital * result.close / result.close[0]
    drawdown = result.equity / np.maximum.accumulate(result.equity) - 1.0
    axes.plot(result.dates, result.equity, color=_BLUE, linewidth=1.6, label="equity")
    axes.plot(result.dates, held, color=_GREY, linewidth=1.1, label="bought and held")
    axes.set_title(f"Equity; deepest drawdown {drawdown.min():.0%}", loc="left")
    axes.legend(frameon=False, loc="upper left")
    axes.set_ylabel("money")


if __name__ == "__main__":
    main()
