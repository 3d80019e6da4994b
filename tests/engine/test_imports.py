"""Backtests import no heavy library, so that the process of a run starts fast."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
from datetime import date
from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.settings import BacktestSettings, Window
from strategies.registry import registered_strategies
from tests.bars import random_history

window = Window(date(2021, 1, 1), date(2021, 12, 31))
histories = [random_history(f"S{n}", 200, n) for n in range(100)]
strategies = [strategy() for strategy in registered_strategies().values()]
for settings in (BacktestSettings(), BacktestSettings(direction="both", stop_loss=0.05)):
    outcome = VectorBTEngine(settings).run_batch(
        histories, strategies, window, EqualWeight.of(histories, window)
    )
    assert len(outcome.results) == len(histories) * len(strategies)
    assert sum(result.metrics["total_trades"] for result in outcome.results) > 1000
heavy = ("vectorbt", "vectorbt_rust", "numba", "dagster", "sqlalchemy", "matplotlib", "psycopg")
print([name for name in heavy if name in sys.modules])
"""


def test_backtests_of_all_strategies_import_no_heavy_library():
    shown = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "[]"
