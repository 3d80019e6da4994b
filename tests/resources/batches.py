"""Histories that a batch may be made of: ragged, and one too short for any trade."""

from datetime import date

from engine.settings import Window
from tests.bars import random_history

WINDOW = Window(date(2021, 2, 1), date(2022, 9, 1))

# In the window, in bars: 2, 12, 92, 305, 372, 372, 578 (longer than it).
HISTORIES = [
    random_history(f"S{seed}", length, seed)
    for seed, length in enumerate([30, 40, 120, 333, 400, 400, 777])
]
