"""docs/learning.md says what the code does: features, defaults, purging, examples."""

import re
from pathlib import Path

import numpy as np

from engine.costs.estimate import estimate_growth
from engine.settings import BacktestSettings
from strategies.ensemble import Ensemble
from strategies.ml import features, hidden_markov
from strategies.ml.votes import WEIGHTINGS
from strategies.online_learning import OnlineLearning
from strategies.regime_aware import RegimeAware
from strategies.registry import registered_strategies

PAGE = (Path(__file__).resolve().parents[1] / "docs/learning.md").read_text()


def _first_cells(title: str) -> list[str]:
    """Return the first cells of the table whose first column has a title."""
    _, rest = PAGE.split(f"| {title} |", 1)
    rows = rest.split("\n\n", 1)[0].splitlines()[2:]
    return [row.split("|")[1].strip() for row in rows]


def test_the_features_are_listed_in_their_order():
    named = ", ".join(_first_cells("feature")).split(", ")
    assert named == list(features.FEATURES)
    assert f"cut at -{features.MOST_DEVIATIONS:g} and {features.MOST_DEVIATIONS:g}" in PAGE


def test_the_strategies_that_learn_are_listed():
    named = {name for cell in _first_cells("strategy") for name in re.findall(r"`(\w+)`", cell)}
    learning = {name for name, one in registered_strategies().items() if one.learns}
    assert named == learning | set(WEIGHTINGS)
    rules = len(registered_strategies()) - len(learning)
    assert (len(learning), rules) == (3, 9)
    assert PAGE.startswith("# Strategies that learn\n\nThree of the twelve strategies")


def test_the_weightings_are_listed():
    assert [one.strip("`") for one in _first_cells("`weighting`")] == list(WEIGHTINGS)


def test_defaults_are_those_of_the_code():
    fits = {one().parameters()["first_fit"] for one in (Ensemble, OnlineLearning, RegimeAware)}
    assert fits == {240}
    assert "Until the first fit,\n240 bars by default" in PAGE
    long, price = np.ones(1, dtype=np.int64), np.ones(1)
    growth = estimate_growth(BacktestSettings().cost_model, long, long > 0, price, 10_000.0)
    assert OnlineLearning().entry_return == round(-growth.item(), 3) == 0.004
    assert "A round trip costs 0.004 of the price" in PAGE
    assert f"the last {hidden_markov.LONGEST} returns" in PAGE
    first, later = hidden_markov._FIRST_ITERATIONS, hidden_markov._ITERATIONS
    assert f"{first} iterations at first, then {later} from the model before" in PAGE


def test_every_parameter_is_explained():
    for one in (Ensemble, OnlineLearning, RegimeAware):
        for name in one().parameters():
            assert f"`{name}`" in PAGE, f"{name} of {one.name}"


def test_the_example_runs():
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    *lines, last = source.strip().splitlines()
    names: dict[str, object] = {}
    exec("\n".join(lines), names)  # noqa: S102 - the example of the document
    shown = eval(last, names)  # noqa: S307 - as above
    assert (shown["members"], shown["weighting"]) == ("macd+rsi", "equal")
    assert "{ensemble: {members: macd+rsi, weighting: equal}}" in PAGE
