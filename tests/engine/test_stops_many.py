"""More possible positions than the engine processes at once."""

from datetime import date

from engine import stops
from engine.backtest import VectorBTEngine
from engine.settings import BacktestSettings, Window
from tests.bars import random_history
from tests.engine.planned import Planned
from tests.engine.pool import bits_of

WINDOW = Window(date(2021, 1, 1), date(2030, 12, 31))
HISTORIES = [random_history(f"S{seed}", 1000, seed) for seed in range(4)]
ENGINE = VectorBTEngine(BacktestSettings(stop_loss=0.02, trailing_stop=0.03, take_profit=0.04))


def test_stops_apply_to_every_position_of_many_signals():
    always = Planned(list(range(1000)), [])
    assert 1000 * len(HISTORIES) > stops._AT_ONCE > 1000
    together = ENGINE.run_batch(HISTORIES, always, WINDOW).results
    alone = [ENGINE.run_batch([one], always, WINDOW).results[0] for one in HISTORIES]
    assert [bits_of(result) for result in together] == [bits_of(result) for result in alone]
    assert all(len(result.trades) > 50 for result in together)
