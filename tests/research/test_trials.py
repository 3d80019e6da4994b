"""The identity of trials: what makes two of them the same one."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from research.trials import Trial, TrialScope, combine_data_versions, trial_id

SCOPE = TrialScope(
    source="synthetic",
    symbols=("A", "B"),
    data_version="data",
    universe_version="universe",
    start_date=date(2021, 1, 1),
    end_date=date(2021, 12, 31),
    settings={"fees": 0.001, "warmup_days": 365},
    dates=np.array(["2021-01-04"], "datetime64[D]"),
    market=np.zeros(1),
)
POINT: dict[str, Any] = {"fast_period": 5, "slow_period": 20}


@pytest.mark.parametrize(
    "other",
    [
        {"source": "files"},
        {"symbols": ("B", "A")},
        {"symbols": ("A",)},
        {"data_version": "other"},
        {"universe_version": None},
        {"start_date": date(2021, 1, 2)},
        {"end_date": date(2022, 1, 1)},
        {"settings": {"fees": 0.002, "warmup_days": 365}},
    ],
)
def test_other_inputs_are_another_scope(other: dict[str, Any]):
    changed = replace(SCOPE, **other)
    assert changed.identifier != SCOPE.identifier
    assert trial_id(changed, "sma_cross", POINT, "code") != trial_id(
        SCOPE, "sma_cross", POINT, "code"
    )


def test_days_and_spelling_do_not_change_a_scope():
    same = replace(
        SCOPE,
        dates=np.array([], "datetime64[D]"),
        market=np.ones(3),
        settings={"warmup_days": 365.0, "fees": 1e-3},
    )
    assert same.identifier == SCOPE.identifier


def test_each_part_of_a_trial_is_part_of_its_identity():
    curves = np.zeros(1, np.float32), np.zeros(1, np.float16)
    trial = Trial("sma_cross", POINT, "code", "backtest", 2, 0.5, 1.0, *curves)
    found = trial.identify(SCOPE)
    assert found == trial_id(SCOPE, "sma_cross", {"slow_period": 20.0, "fast_period": 5}, "code")
    assert found == replace(trial, tested_symbols=1, activity=0.1, beta=0.0).identify(SCOPE)
    others = [
        replace(trial, strategy="ema_cross"),
        replace(trial, parameters=POINT | {"fast_period": 6}),
        replace(trial, code_version="other"),
        replace(trial, protocol="walk_forward"),
    ]
    assert len({found, *(one.identify(SCOPE) for one in others)}) == 5


def test_data_versions_are_combined_whatever_their_order():
    pairs = [("A", "1"), ("B", "2")]
    combined = combine_data_versions(pairs)
    assert combined == combine_data_versions(reversed(pairs))
    others = [[("A", "2"), ("B", "1")], [("A", "1")], [("A", "1"), ("C", "2")], []]
    assert len({combined, *map(combine_data_versions, others)}) == 5
