"""What competes on a universe: which trials, and their curves on the days of one scope."""

from datetime import date, timedelta
from typing import Any

import numpy as np

from research.purpose import Purpose
from research.trials import TrialScope
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.trials.ledger import DATES, curve, scope, trial

BEGIN = date(2021, 1, 4)


def _of_days(first: int, days: int, **changes: Any) -> TrialScope:
    """Return a scope of every day from the first on, which its data version names."""
    start = BEGIN + timedelta(days=first)
    dates = np.arange(days) + np.datetime64(start, "D")
    given = {
        "start_date": start,
        "end_date": start + timedelta(days=days - 1),
        "dates": dates,
        "market": np.zeros(days),
        "data_version": f"data {first} {days}",
    }
    return scope(**(given | changes))


def _record(manager: BacktestPersistenceManager, of: TrialScope, *trials: Any) -> None:
    manager.record_trials(of, trials, purpose=Purpose.SWEEP, run_id="run-1")


def _values(number: int, days: int) -> dict[str, Any]:
    """Return a curve that has the number of its trial and the day."""
    residual = np.float32(number) + np.arange(days, dtype=np.float32) / 64
    return {"residual": residual, "exposure": (residual / 8).astype(np.float16)}


def test_curves_are_aligned_on_the_days_of_the_scope(manager: BacktestPersistenceManager):
    judged = _of_days(0, 10)
    later, early, longer = _of_days(1, 10), _of_days(-1, 10), _of_days(-5, 40)
    _record(manager, judged, trial(0, **_values(1, 10)))
    _record(manager, later, trial(1, **_values(2, 10)))
    _record(manager, early, trial(2, **_values(3, 10)))
    _record(manager, longer, trial(3, **_values(4, 40)))
    _record(manager, _of_days(2, 10), trial(4, **_values(5, 10)))  # shares 8 of 10 days
    _record(manager, _of_days(1, 8), trial(5, **_values(6, 8)))  # has 8 of 10 days
    panel = manager.load_competing_trials(judged)
    assert panel.scope is judged
    assert [one["slow_period"] for one in panel.parameters] == [20, 21, 22, 23]
    days = np.arange(10) / 64
    expected = np.array(
        [
            1 + days,
            [0.0, *(2 + days[:9])],
            [*(3 + days[1:]), 0.0],
            4 + np.arange(5, 15) / 64,
        ],
        dtype=np.float32,
    )
    assert panel.residuals.dtype == np.float32
    assert panel.residuals.tobytes() == expected.tobytes()
    assert panel.exposures.tobytes() == (expected / 8).astype(np.float16).tobytes()
    # A day that the other calendar does not have is 0, and a day of the other's alone is left out.
    weekdays = scope(data_version="weekdays")
    _record(manager, weekdays, trial(6))
    aligned = manager.load_competing_trials(_of_days(0, 12)).residuals[-1]
    assert aligned[(DATES - DATES[0]).astype(int)].tobytes() == curve(6).tobytes()
    assert np.flatnonzero(aligned == 0).tolist() == [5, 6]


def test_the_newest_of_the_same_trial_competes(manager: BacktestPersistenceManager):
    judged, other = scope(), scope(data_version="data-2")
    costly = scope(settings={"fees": 0.01})
    for code, of in (("code-1", judged), ("code-2", judged), ("code-3", other)):
        _record(manager, of, trial(0, code_version=code))
        _record(manager, other, trial(1, code_version=code))
    _record(manager, judged, trial(0, protocol="anchored"), trial(0, strategy="rsi"))
    _record(manager, costly, trial(0, code_version="code-4"))
    panel = manager.load_competing_trials(judged)
    found = list(zip(panel.strategies, panel.protocols, panel.code_versions, strict=True))
    assert sorted(found) == [
        ("rsi", "backtest", "code-1"),
        ("sma_cross", "anchored", "code-1"),
        ("sma_cross", "backtest", "code-1"),
        ("sma_cross", "backtest", "code-1"),
        ("sma_cross", "backtest", "code-2"),  # each version of the code is another try
        ("sma_cross", "backtest", "code-2"),
        ("sma_cross", "backtest", "code-3"),
        ("sma_cross", "backtest", "code-3"),
        ("sma_cross", "backtest", "code-4"),  # the same point with other costs
    ]
    own = [one == judged.identifier for one in panel.scope_ids]
    first = [one["slow_period"] == 20 for one in panel.parameters]
    of_point = [a and b for a, b in zip(own, first, strict=True)]
    versions = [code for code, mine in zip(panel.code_versions, of_point, strict=True) if mine]
    assert sorted(versions) == ["code-1", "code-1", "code-1", "code-2"], "the scope's own first"


def test_other_universes_and_sources_do_not_compete(manager: BacktestPersistenceManager):
    for place, changes in enumerate(
        [
            {},
            {"symbols": ("MSFT", "AAPL")},
            {"symbols": ("AAPL",)},
            {"symbols": ("AAPL", "MSFT", "XOM")},
            {"source": "files"},
            {"universe_version": None},
            {"universe_version": "universe-2"},
        ]
    ):
        _record(manager, scope(**changes), trial(place))
    panel = manager.load_competing_trials(scope())
    assert [one["slow_period"] - 20 for one in panel.parameters] == [0, 1, 6]
    raw = manager.load_competing_trials(scope(universe_version=None))
    assert [one["slow_period"] - 20 for one in raw.parameters] == [5]
    assert manager.load_competing_trials(scope(source="none")).residuals.shape == (0, 10)
