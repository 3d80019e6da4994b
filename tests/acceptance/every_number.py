"""What a run computes of bars, as digests by name: a test compares them between kinds of CPU.

The bars are those of the source `synthetic`, which takes no function of the C library: they are the
same everywhere, and what follows from them has to be.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl

from engine.backtest import VectorBTEngine
from engine.data_provider import frame_to_history
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.fold_choices import TrialCurves, WalkForwardProtocol
from research.folds import WalkForwardFolds
from research.forward.expectation import Expectation
from research.forward.next_positions import find_next_positions
from research.portfolio.definition import PortfolioDefinition
from research.portfolio.frames import build_equity, build_trades, build_weights
from research.portfolio.measures import describe_portfolio
from research.portfolio.parsing import parse_definition
from research.portfolio.portfolio import Portfolio, simulate_portfolio
from research.portfolio.universe import PortfolioUniverse, build_portfolio_universe
from research.robustness.assessment import SweptPoints, assess_robustness
from research.robustness.permuted_sweep import compare_sweep_with_permuted_days
from research.robustness.record import describe_robustness
from research.sweep_trials import build_trials
from research.trial_panel import TrialPanel
from research.trials import Trial, TrialScope
from research.universe_curves import UniverseCurves, compute_universe_curves
from research.verdicts.judgement import reach_verdicts
from research.walk_forward import walk_forward
from resources.market_data.sources.synthetic import SyntheticSource
from strategies.base import Strategy
from strategies.ml.features import compute_features
from strategies.ml.votes import stack
from strategies.online_learning import predict_returns
from strategies.regime_aware import filter_regimes
from strategies.registry import registered_strategies

FIRST, LAST = date(2019, 1, 2), date(2022, 6, 30)
WINDOW = Window(date(2020, 7, 1), LAST)
SYMBOLS = [f"CPU{number}" for number in range(4)]
YEAR = 252.0
SETTINGS = {
    "defaults": BacktestSettings(),
    "both sides": BacktestSettings(direction="both", execution="same_close"),
    "stops": BacktestSettings(stop_loss=0.04, trailing_stop=0.06, take_profit=0.08),
    "composed costs": BacktestSettings(
        direction="both",
        costs=[
            {"model": "per_share", "rate": 0.005, "minimum": 1.0},
            {"model": "square_root_impact"},
            {"model": "borrow", "rate": 0.02},
            {"model": "cash_interest", "rate": 0.03},
        ],
    ),
}
SIZINGS: dict[str, dict[str, Any]] = {
    "slots": {"slots": 3},
    "inverse": {"sizing": "inverse_volatility", "rebalance": "weekly", "no_trade_band": 0.005},
    "position": {"sizing": "volatility_target", "position_volatility": 0.08},
    "whole": {
        "sizing": "volatility_target",
        "portfolio_volatility": 0.1,
        "rebalance": "weekly",
    },
    "interest": {
        "slots": 3,
        "direction": "both",
        "costs": [
            {"model": "borrow", "rate": 0.02},
            {"model": "cash_interest", "rate": 0.03},
        ],
    },
}
# With one place for four symbols, the rank of each entry is in the account.
RANKED: dict[str, dict[str, Any]] = {
    "strength": {},
    "strength of both sides": {"direction": "both"},
    "momentum": {"priority": "momentum"},
}
GRIDS = ("sma_cross", "rsi", "momentum", "regime_aware")
PROTOCOL = WalkForwardProtocol(WalkForwardFolds(train=126, test=126))


@cache
def load_histories() -> list[History]:
    """Return the bars of some symbols."""
    frames = [SyntheticSource().fetch(one, FIRST, LAST).to_pandas() for one in SYMBOLS]
    return [
        frame_to_history(symbol, frame.set_index("date"))
        for symbol, frame in zip(SYMBOLS, frames, strict=True)
    ]


@cache
def find_universe() -> EqualWeight:
    """Return the equal-weight universe of all symbols."""
    return EqualWeight.of(load_histories(), WINDOW)


def compute_backtests() -> Iterator[tuple[str, Any]]:
    """Yield equity, trades and metrics of all strategies on all symbols, by settings."""
    strategies = [one() for one in registered_strategies().values()]
    for name, settings in SETTINGS.items():
        outcome = VectorBTEngine(settings).run_batch(
            load_histories(), strategies, WINDOW, find_universe()
        )
        assert not outcome.failures
        for one in outcome.results:
            found = one.equity, one.trades, one.metrics, one.undefined
            yield f"backtest {name}: {one.strategy.name} on {one.symbol}", found


def compute_fits() -> Iterator[tuple[str, Any]]:
    """Yield what strategies that learn think, of which signals show only what is beyond a limit."""
    for one in load_histories()[:2]:
        bars = one.bars
        yield f"features: {one.symbol}", compute_features(bars.close, bars.volume)
        predicted = predict_returns(bars.open, bars.close, bars.volume, 5, 250, 20.0, 240)
        yield f"predicted returns: {one.symbol}", predicted
        yield f"regimes: {one.symbol}", filter_regimes(bars.close, 240, 126)
        positions = (np.arange(len(bars.close))[:, np.newaxis] // [20, 35, 50] % 2).astype(float)
        yield f"stacked votes: {one.symbol}", stack(positions, np.diff(bars.open, append=1.0))


def compute_strengths() -> Iterator[tuple[str, Any]]:
    """Yield the strengths of all strategies that have one, and portfolios that are ranked by it."""
    strategies = {name: one() for name, one in registered_strategies().items()}
    for one in load_histories():
        strengths = {name: found.strength(one.bars) for name, found in strategies.items()}
        for name, found in strengths.items():
            if found is not None:
                assert np.isfinite(found).any()
                yield f"strength of {name}: {one.symbol}", found
    for name, given in RANKED.items():
        portfolio = {"strategies": list(strategies), "slots": 1, **given}
        yield f"ranked by {name}", _rank(portfolio, strategies)


def _rank(given: Mapping[str, Any], strategies: Mapping[str, Strategy]) -> Any:
    definition, universe, found = _simulate(given, strategies)
    strengths = [
        (one.weight, one.sides, one.strengths)
        for one in universe.find_strengths(definition, np.arange(len(SYMBOLS)))
    ]
    return found.outcome.equity, found.outcome.fills, strengths


def _simulate(
    given: Mapping[str, Any], strategies: Mapping[str, Strategy]
) -> tuple[PortfolioDefinition, PortfolioUniverse, Portfolio]:
    definition = parse_definition("mine", given, SYMBOLS)
    universe = build_portfolio_universe(
        load_histories(),
        [definition],
        strategies,
        BacktestSettings(),
        WINDOW,
        equal_weight=find_universe(),
        bars_per_year=YEAR,
    )
    return definition, universe, simulate_portfolio(definition, universe, orders=8)


@cache
def sweep_grids() -> list[UniverseCurves]:
    """Return the curves of the points of some grids."""
    found = []
    for name in GRIDS:
        points = _find_points(name)
        outcomes = VectorBTEngine().run_batches(load_histories(), points, WINDOW, find_universe())
        found.append(compute_universe_curves(outcomes, points, WINDOW, find_universe()))
    return found


@cache
def _find_points(name: str) -> list[Strategy]:
    from engine.parameter_grid import build_grid

    return build_grid(name).strategies[:4]


def compute_walk_forwards() -> Iterator[tuple[str, Any]]:
    """Yield choices and curves."""
    sweeps = [TrialCurves.of(one) for one in sweep_grids()]
    found, failures = walk_forward(
        sweeps, load_histories(), WINDOW, VectorBTEngine(), find_universe(), PROTOCOL
    )
    assert not failures
    for name, one in zip(GRIDS, found, strict=True):
        choices = [(c.point.parameters(), c.in_sample, c.beta) for c in one.choices]
        yield f"walk-forward {name}", (choices, one.returns, one.residual, one.exposure, one.sharpe)
    for name, curves in zip(GRIDS, sweep_grids(), strict=True):
        yield f"sweep {name}", (curves.returns, curves.exposure, curves.activity, curves.market)


def compute_verdicts() -> Iterator[tuple[str, Any]]:
    """Yield trials as the ledger keeps them, and the verdicts that follow."""
    trials = [trial for curves in sweep_grids() for trial in build_trials(curves, "code")]
    for trial in trials:
        yield f"trial {trial.strategy} {trial.parameters}", trial
    versions = dict.fromkeys(map(str, GRIDS), "code")
    for one in reach_verdicts(_panel_of(trials, sweep_grids()[0]), versions, versions):
        yield f"verdict {one.strategy}", one


def _panel_of(trials: Sequence[Trial], curves: UniverseCurves) -> TrialPanel:
    scope = TrialScope(
        *("synthetic", tuple(SYMBOLS), "data", "universe", WINDOW.start, WINDOW.end),
        settings={"bars_per_year": YEAR},
        dates=curves.dates,
        market=curves.market,
    )
    return TrialPanel.of(scope, trials)


def compute_robustness() -> Iterator[tuple[str, Any]]:
    """Yield the tests of robustness."""
    strategies = [registered_strategies()[name]() for name in GRIDS]
    sweeps = {
        name: SweptPoints.of(TrialCurves.of(one))
        for name, one in zip(GRIDS, sweep_grids(), strict=True)
    }
    for one in assess_robustness(
        load_histories(),
        strategies,
        BacktestSettings(),
        WINDOW,
        bars_per_year=YEAR,
        sweeps=sweeps,
        universe=find_universe(),
    ):
        permuted = compare_sweep_with_permuted_days(
            _find_points(one.strategy)[:2],
            load_histories(),
            BacktestSettings(),
            WINDOW,
            bars_per_year=YEAR,
            permutations=2,
        )
        for field, value in describe_robustness(one, permuted).items():
            yield f"robustness {one.strategy}: {field}", value


def compute_portfolios() -> Iterator[tuple[str, Any]]:
    """Yield accounts and measures of portfolios of all strategies."""
    strategies = {name: one() for name, one in registered_strategies().items()}
    for sizing, given in SIZINGS.items():
        _, _, found = _simulate({"strategies": list(GRIDS), **given}, strategies)
        yield f"portfolio {sizing}: account", (found.outcome.equity, found.outcome.fills)
        for build in (build_equity, build_trades, build_weights):
            yield f"portfolio {sizing}: {build.__name__}", build(found)
        for name, value in describe_portfolio(found).items():
            yield f"portfolio {sizing}: {name}", value


def compute_forward() -> Iterator[tuple[str, Any]]:
    """Yield what a forward record freezes, and the positions of tomorrow."""
    strategies = [one() for one in registered_strategies().values()]
    settings = BacktestSettings(stop_loss=0.05)
    found, failures = find_next_positions(load_histories(), strategies, WINDOW, settings)
    assert not failures
    yield "forward: next positions", list(found)
    for name, curves in zip(GRIDS, sweep_grids(), strict=True):
        yield f"forward: expectation of {name}", Expectation.of(curves.returns[0], curves.market)


PARTS: Mapping[str, Callable[[], Iterator[tuple[str, Any]]]] = {
    "backtests": compute_backtests,
    "fits": compute_fits,
    "strengths": compute_strengths,
    "walk-forwards": compute_walk_forwards,
    "verdicts": compute_verdicts,
    "robustness": compute_robustness,
    "portfolios": compute_portfolios,
    "forward": compute_forward,
}


def digest(value: Any) -> str:
    """Return a hash of every bit of a value."""
    return hashlib.sha256(repr(_to_exact(value)).encode()).hexdigest()[:16]


def _to_exact(value: Any) -> Any:
    if isinstance(value, pl.DataFrame):
        value = value.to_dict(as_series=False)
    elif is_dataclass(value):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, hashlib.sha256(value.tobytes()).hexdigest()
    if isinstance(value, Mapping):
        return [(str(name), _to_exact(one)) for name, one in value.items()]
    if isinstance(value, list | tuple):
        return [_to_exact(one) for one in value]
    assert value is None or isinstance(value, str | int | float | date | UUID | np.generic)
    return repr(value)


def main() -> None:
    """Print the digests of the parts that are named, or of all."""
    parts = sys.argv[1:] or list(PARTS)
    json.dump({name: digest(value) for part in parts for name, value in PARTS[part]()}, sys.stdout)


if __name__ == "__main__":
    main()
