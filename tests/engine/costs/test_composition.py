"""Compositions as settings have them: validated, stored, doubled and said in words."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.costs import (
    ComposedCosts,
    FillMarket,
    PercentageCosts,
    accrue,
    compose_costs,
    describe_costs,
    estimate_growth,
)
from engine.errors import InvalidSettingsError
from engine.settings import BacktestSettings, Window
from research.natural_key import json_text
from tests.bars import build_bars, history
from tests.engine.cases import run
from tests.engine.planned import Planned

BROKER: list[dict[str, Any]] = [
    {"model": "lots"},
    {"model": "cash_interest", "rates": {"2021-06-01": 0.02, "2020-01-01": 0.01}},
    {"model": "per_share", "rate": 0.005, "minimum": 1, "maximum": 0.01},
    {"model": "borrow", "rate": 0.03},
    {"model": "square_root_impact"},
    {"model": "half_spread", "basis_points": 2},
]
WORDS = (
    "fees 0.005 per share (at least 1, at most 1 % of the value per order), half-spread 2 bp, "
    "impact 1 x volatility x sqrt(volume share), at most 10 % of a bar's volume, "
    "borrowing 3 % per year, cash earns 1 to 2 % per year, whole shares"
)


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ([{"model": "per_shar"}], "there is no model 'per_shar'. Did you mean 'per_share'?"),
        ([{"model": "per_share", "rat": 1}], "per_share has no 'rat'. Did you mean 'rate'?"),
        ([{"model": "per_share"}], "per_share needs rate."),
        ([{"rate": 1}], "{'rate': 1} names no model"),
        ([], "costs is []; needed: a list"),
        ({"model": "lots"}, "needed: a list"),
        ("lots", "needed: a list"),
        ([{"model": "lots"}, {"model": "lots"}], "lots is there twice; allowed: once."),
        ([{"model": "lots", "size": 0}], "lots has size 0.0; allowed: above 0, finite."),
        ([{"model": "percentage", "rate": 1}], "percentage has rate 1.0; allowed: from 0, below 1"),
        ([{"model": "slippage", "fraction": 0.5}], "allowed: from 0, below 0.5."),
        ([{"model": "borrow", "rate": "3%"}], "borrow has rate '3%'; allowed: from 0, below 10."),
        ([{"model": "per_order", "amount": -1}], "per_order has amount -1.0; allowed: from 0"),
        ([{"model": "per_order", "amount": True}], "per_order has amount True"),
        ([{"model": "per_order", "amount": float("nan")}], "per_order has amount nan"),
        ([{"model": "half_spread"}], "half_spread needs either basis_points or column."),
        (
            [{"model": "half_spread", "basis_points": 1, "column": "half_spread"}],
            "half_spread needs either basis_points or column.",
        ),
        (
            [{"model": "half_spread", "column": "spread"}],
            "column 'spread'; allowed: half_spread.",
        ),
        (
            [{"model": "square_root_impact", "volume_share": 1.5}],
            "volume_share 1.5; allowed: above 0, below 1.",
        ),
        ([{"model": "cash_interest"}], "cash_interest needs either rate or rates."),
        (
            [{"model": "cash_interest", "rates": {"2020-01-01": "high"}}],
            'write them as {"2022-03-17": 0.0025}',
        ),
        ([{"model": "cash_interest", "rates": {"2020": 0.01}}], "write a day as 2023-12-31."),
        ([{"model": "cash_interest", "rates": {}}], "cash_interest has no rates."),
        ([{"model": "cash_interest", "rates": {"2020-01-01": 4.0}}], "has the rate 4.0; allowed"),
    ],
)
def test_costs_that_are_not_allowed_are_refused(costs: Any, message: str):
    with pytest.raises(InvalidSettingsError) as refused:
        BacktestSettings(costs=costs)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["fees", "slippage"])
def test_percentages_beside_costs_are_refused(name: str):
    given: dict[str, Any] = {name: 0.002, "costs": [{"model": "lots"}]}
    with pytest.raises(InvalidSettingsError, match=f"{name} is 0.002 beside costs"):
        BacktestSettings(**given)


def test_the_default_is_stored_as_ever():
    stored = BacktestSettings().as_dict()
    assert "costs" not in stored
    assert (stored["fees"], stored["slippage"]) == (0.001, 0.001)
    assert BacktestSettings().cost_model == PercentageCosts()


def test_a_composition_is_stored_in_place_of_percentages():
    stored = BacktestSettings(costs=BROKER).as_dict()
    assert not {"fees", "slippage"} & set(stored)
    assert stored["costs"] == [
        {"model": "per_share", "rate": 0.005, "minimum": 1.0, "maximum": 0.01},
        {"model": "half_spread", "basis_points": 2.0, "column": None, "multiple": 1.0},
        {"model": "square_root_impact", "coefficient": 1.0, "volume_share": 0.1},
        {"model": "borrow", "rate": 0.03},
        {
            "model": "cash_interest",
            "rate": None,
            "rates": {"2020-01-01": 0.01, "2021-06-01": 0.02},
        },
        {"model": "lots", "size": 1.0},
    ]


def test_what_is_stored_is_read_back_whatever_its_order():
    settings = BacktestSettings(costs=BROKER)
    stored = json.loads(json_text(settings.as_dict()))
    assert BacktestSettings(**stored) == settings
    assert BacktestSettings(costs=BROKER[::-1]) == settings
    assert hash(settings) == hash(BacktestSettings(**stored))
    assert replace(settings, direction="short").costs == settings.costs


def test_costs_are_said_in_words():
    assert describe_costs(BacktestSettings().as_dict()) == "fees 0.1 %, slippage 0.1 % per fill"
    assert describe_costs(BacktestSettings(costs=BROKER).as_dict()) == WORDS
    assert BacktestSettings(costs=BROKER).cost_model.describe() == WORDS


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"model": "percentage", "rate": 0.0005}, "fees 0.05 % of the value"),
        ({"model": "per_share", "rate": 0.01}, "fees 0.01 per share"),
        ({"model": "per_order", "amount": 4.95}, "fees 4.95 per order"),
        ({"model": "half_spread", "column": "half_spread"}, "the half-spread of the data"),
        ({"model": "slippage", "fraction": 0.002}, "slippage 0.2 %"),
        (
            {"model": "square_root_impact", "coefficient": 0, "volume_share": 0.05},
            "at most 5 % of a bar's volume",
        ),
        ({"model": "cash_interest", "rate": 0.04}, "cash earns 4 % per year"),
        ({"model": "lots", "size": 100}, "lots of 100"),
    ],
)
def test_each_model_has_its_words(part: dict[str, Any], words: str):
    assert compose_costs([part]).describe() == words


def _price(costs: ComposedCosts | PercentageCosts, side: int, size: float) -> float:
    one = np.array([100.0]), np.array([1e4]), np.array([0.02]), np.array([0.001])
    return float(costs.price_fill(FillMarket(*one), np.array([side]), np.array([size]))[0])


def test_twice_the_costs_charge_twice_as_much():
    costs = BacktestSettings(costs=BROKER).cost_model
    dear = BacktestSettings(costs=BROKER).scale_costs(2.0).cost_model
    for side in (1, -1):
        moved = _price(dear, side, 100.0) - 100.0  # pyright: ignore[reportArgumentType]
        assert moved == pytest.approx(2 * (_price(costs, side, 100.0) - 100.0))  # pyright: ignore[reportArgumentType]
    size, price = np.array([10.0, 300.0, 0.5]), np.array([100.0, 100.0, 100.0])
    np.testing.assert_allclose(dear.charge_fees(size, price), 2 * costs.charge_fees(size, price))
    assert dear.borrow_rate == 2 * costs.borrow_rate
    # What cash earns, the cap and the lots are no costs.
    days = np.array(["2021-01-04"], "datetime64[D]")
    assert dear.find_cash_rates(days).tolist() == costs.find_cash_rates(days).tolist() == [0.01]
    assert dear.round_size(np.array([2.7])).tolist() == [2.0]
    market = FillMarket(*(np.array([one]) for one in (100.0, 1e4, 0.02, 0.001)))
    assert dear.limit_size(market).tolist() == costs.limit_size(market).tolist() == [1000.0]


@pytest.mark.parametrize(
    "part",
    [
        {"model": "percentage", "rate": 0.9},
        {"model": "per_share", "rate": 1.0, "maximum": 0.9},
        {"model": "slippage", "fraction": 0.4},
        {"model": "half_spread", "basis_points": 4_999},
        {"model": "half_spread", "column": "half_spread"},
        {"model": "borrow", "rate": 9.0},
    ],
    ids=lambda part: part["model"],
)
def test_doubling_stays_within_what_is_allowed(part: dict[str, Any]):
    dear = BacktestSettings(costs=[part]).scale_costs(2.0)
    assert BacktestSettings(**dear.as_dict()) == dear


def test_twice_the_default_is_twice_the_percentages():
    dear = BacktestSettings(fees=0.6, slippage=0.002).scale_costs(2.0)
    assert (dear.fees, dear.slippage, dear.costs) == (0.99, 0.004, None)


def test_a_price_is_never_worse_than_by_half():
    costs = compose_costs(
        [
            {"model": "slippage", "fraction": 0.4},
            {"model": "square_root_impact", "coefficient": 100.0},
        ]
    )
    assert (_price(costs, 1, 1e3), _price(costs, -1, 1e3)) == (150.0, 50.0)


def test_volume_that_is_not_known_limits_nothing():
    costs = compose_costs([{"model": "square_root_impact"}])
    market = FillMarket.of_price(np.array([100.0]))
    assert costs.limit_size(market).tolist() == [np.inf]
    assert costs.price_fill(market, np.array([1]), np.array([1e9])).tolist() == [100.0]
    assert costs.bound_price(market, np.array([1])).tolist() == [100.0]


def test_what_an_order_is_sized_with_is_enough_to_pay_it():
    costs = compose_costs([part for part in BROKER if part["model"] != "lots"])
    rng = np.random.default_rng(3)
    market = FillMarket(*rng.uniform([5, 1e3, 0, 0], [500, 1e6, 0.2, 0.1], (1000, 4)).T)
    capital = rng.uniform(0, 1e6, 1000)
    for side in (np.ones(1000, np.int64), -np.ones(1000, np.int64)):
        bound = costs.bound_price(market, side)
        paid_for = costs.size_position(capital, bound)
        size = np.minimum(paid_for, costs.limit_size(market))
        price = costs.price_fill(market, side, size)
        assert (size * price + costs.charge_fees(size, price) <= capital * (1 + 1e-12)).all()
        assert (price <= bound * (1 + 1e-12)).all()


def test_interest_is_on_what_does_not_secure_shorts():
    cash, short = np.array([100.0, 300.0, 50.0]), np.array([0.0, 100.0, 80.0])
    interest, fees = accrue(cash, short, np.full(3, 0.0365), 0.073, np.array([1.0, 3.0, 1.0]))
    assert interest.tolist() == pytest.approx([0.01, 0.06, 0.0])
    assert fees.tolist() == pytest.approx([0.0, 0.06, 0.016])


def test_growth_at_an_unchanged_price_is_what_costs_take():
    costs = compose_costs([{"model": "per_order", "amount": 5.0}, {"model": "lots"}])
    grown = estimate_growth(
        costs, np.array([1, -1]), np.array([True, False]), np.array([100.0, 30.0]), 1_000.0
    )
    assert grown.tolist() == pytest.approx([-0.01, -0.005])
    # 10 / 1.02 shares at 102, marked at 100; 10 / 0.99 shorts sold at 99.
    spread = compose_costs([{"model": "half_spread", "column": "half_spread"}])
    grown = estimate_growth(
        spread,
        np.array([1, -1]),
        np.array([False, False]),
        np.array([100.0, 100.0]),
        1_000.0,
        np.array([0.02, 0.01]),
    )
    assert grown.tolist() == pytest.approx([-0.02 / 1.02, -0.01 / 0.99])


def test_a_symbol_without_the_column_fails_alone():
    costs = [{"model": "half_spread", "column": "half_spread"}]
    bars = build_bars([1.0, 2.0], [1.0, 2.0])
    with_spread = replace(history(bars, "WITH"), half_spread=np.array([0.0, 0.1]))
    wrong = replace(history(bars, "WRONG"), half_spread=np.array([0.0, 0.5]))
    window = Window(date(2021, 1, 4), date(2021, 1, 5))
    outcome = VectorBTEngine(BacktestSettings(costs=costs)).run_batch(
        [history(bars, "NONE"), with_spread, wrong], Planned([0], []), window
    )
    assert [one.symbol for one in outcome.results] == ["WITH"]
    assert {one.symbol: one.message for one in outcome.failures} == {
        "NONE": "NONE has no half_spread, which costs take of the data; needed: that column in its "
        "price file (in a notebook, History.half_spread), or basis_points in costs.",
        "WRONG": "WRONG has a half_spread that is no fraction of the price; allowed: from 0 to "
        "below 0.5, where 0.0005 is 0.05 %.",
    }


def test_a_spread_of_the_data_is_part_of_its_version():
    bars = history(build_bars([1.0, 2.0], [1.0, 2.0]))
    spread = replace(bars, half_spread=np.array([0.0, 0.1]))
    other = replace(bars, half_spread=np.array([0.0, 0.2]))
    assert len({one.content_version() for one in (bars, spread, other)}) == 3


def test_a_ruined_account_opens_nothing_more():
    prices = [100.0, 100.0, 250.0, 100.0, 100.0]
    settings = BacktestSettings(direction="short", costs=[{"model": "borrow", "rate": 0.01}])
    result = run(build_bars(prices, prices), [1], [0, 2], settings)
    assert len(result.trades) == 1
    assert result.equity[-1] < 0
    assert result.undefined["sharpe_ratio"] == "the capital was lost"


def test_without_any_volume_nothing_is_reserved_for_impact():
    prices = [100.0, 103.0, 99.0, 104.0, 100.0, 101.0]
    quiet = replace(build_bars(prices, prices), volume=np.zeros(6))
    impact = {"model": "square_root_impact", "coefficient": 5}
    sizes = [
        run(bars, [3], [], BacktestSettings(costs=[impact])).trades["size"].tolist()
        for bars in (quiet, replace(quiet, volume=np.full(6, 1e9)))
    ]
    assert sizes[0] == [10_000 / 100.0]
    assert sizes[1][0] < 99.0, "with volume all cash would not pay for the most impact"
