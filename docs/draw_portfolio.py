"""Draws docs/portfolios.png: an account, how it is invested, and what the order of entries decides.

Run ``python -m docs.draw_portfolio``.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.account.priorities import simulate_orders
from engine.account.rules import rank_by_place
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import BacktestSettings
from research.calibration.markets import SimulatedMarket, find_window
from research.portfolio.parsing import parse_definition
from research.portfolio.portfolio import Portfolio, build_rules, simulate_portfolio
from research.portfolio.universe import PortfolioUniverse, build_portfolio_universe
from strategies.sma_cross import SmaCross

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _RED, _GREY, _INK = "#0b6e99", "#d1495b", "#b9c0c7", "#2b2f33"
_PATH = Path(__file__).with_name("portfolios.png")
_ORDERS, _SEEDS = 60, range(11, 16)


def main() -> None:
    """Draw, and say where."""
    from matplotlib.dates import DateFormatter, YearLocator
    from matplotlib.figure import Figure

    portfolio, curves = _simulate()
    print(len(portfolio.market.symbols), "symbols", portfolio.outcome.counts)  # noqa: T201
    figure = Figure(figsize=(12, 3.9), layout="constrained")
    earned, invested, luck = figure.subplots(1, 3)
    _draw_account(earned, portfolio)
    _draw_exposure(invested, portfolio)
    _draw_luck(luck, portfolio, curves)
    for axes in (earned, invested, luck):
        axes.xaxis.set_major_locator(YearLocator())
        axes.xaxis.set_major_formatter(DateFormatter("%Y"))
    figure.savefig(_PATH, dpi=100)
    print(_PATH)  # noqa: T201


def _simulate() -> tuple[Portfolio, np.ndarray]:
    """Return the account of sma_cross on a simulated universe, and those of other orders."""
    histories, window = _draw_histories(), find_window()
    symbols = [one.symbol for one in histories]
    definition = parse_definition("sma_cross", {"strategies": "sma_cross", "slots": 20}, symbols)
    universe = build_portfolio_universe(
        histories,
        [definition],
        {SmaCross.name: SmaCross()},
        BacktestSettings(),
        window,
        equal_weight=EqualWeight.of(histories, window),
        bars_per_year=252.0,
    )
    return simulate_portfolio(definition, universe), _simulate_orders(universe, definition)


def _draw_histories() -> list[History]:
    """Return enough symbols for their signals not to fit into the slots."""
    market = SimulatedMarket("trend", 0.10)
    return [
        replace(one, symbol=f"{one.symbol}-{seed}") for seed in _SEEDS for one in market.draw(seed)
    ]


def _simulate_orders(universe: PortfolioUniverse, definition) -> np.ndarray:
    market = universe.market
    columns = universe.find_columns(definition)
    targets = universe.find_targets(definition, columns)
    rules = build_rules(definition, market, 252.0, [""] * len(columns), rank_by_place)
    random = np.random.default_rng(20)
    places = random.permuted(np.tile(np.arange(float(len(columns))), (_ORDERS, 1)), axis=1)
    return simulate_orders(market, targets, rules, universe.find_costs(definition), places)


def _draw_account(axes: "Axes", portfolio: Portfolio) -> None:
    capital, dates = portfolio.outcome.capital, portfolio.outcome.dates
    universe = np.cumprod(1.0 + portfolio.universe)
    axes.plot(dates, universe, color=_GREY, label="equal-weight universe")
    axes.plot(dates, portfolio.outcome.curve / capital, color=_BLUE, label="account")
    axes.plot(dates, portfolio.doubled_costs / capital, color=_RED, label="twice the costs")
    axes.set_title("one unit of capital", color=_INK)
    axes.legend(frameon=False)


def _draw_exposure(axes: "Axes", portfolio: Portfolio) -> None:
    outcome, held = portfolio.outcome, portfolio.outcome.held()
    first = outcome.market.first
    gross = held.sum_values(absolute=True)[first:] / outcome.curve
    axes.fill_between(outcome.dates, 100 * gross, color=_GREY, label="in the market, %")
    axes.plot(outcome.dates, held.count()[first:], color=_BLUE, label="positions")
    axes.set_title("how it is invested", color=_INK)
    axes.legend(frameon=False, loc="upper right")


def _draw_luck(axes: "Axes", portfolio: Portfolio, curves: np.ndarray) -> None:
    capital, dates = portfolio.outcome.capital, portfolio.outcome.dates
    axes.plot(dates, curves / capital, color=_GREY, linewidth=0.6)
    axes.plot(dates, portfolio.outcome.curve / capital, color=_BLUE, label="by momentum")
    axes.set_title(f"{_ORDERS} random orders of the entries", color=_INK)
    axes.legend(frameon=False, loc="upper left")


if __name__ == "__main__":
    main()
