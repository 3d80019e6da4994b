"""Whatever a result depends on is in its key, and nothing else."""

from typing import Any

import pytest

from resources.result_cache import keys
from resources.result_cache.keys import result_key, terms_key
from strategies.macd import Macd
from strategies.rsi import Rsi

COMMON: dict[str, Any] = {
    "start": "2021-01-01",
    "end": "2023-12-31",
    "last_session": "2023-12-29",
    "settings": {"fees": 0.001, "stop_loss": None},
    "source": "synthetic",
    "universe": "0123456789ab",
}


def test_the_same_terms_are_the_same_key():
    assert terms_key(Rsi(), "1", COMMON) == terms_key(Rsi(period=14), "1", dict(COMMON))


@pytest.mark.parametrize("name", list(COMMON))
def test_each_term_is_in_it(name: str):
    other = {"fees": 0.002} if name == "settings" else None
    assert terms_key(Rsi(), "1", COMMON | {name: other}) != terms_key(Rsi(), "1", COMMON)


def test_strategy_parameters_and_code_are_in_it():
    several = [
        terms_key(Rsi(), "1", COMMON),
        terms_key(Rsi(period=7), "1", COMMON),
        terms_key(Rsi(), "2", COMMON),
        terms_key(Macd(), "1", COMMON),
    ]
    assert len(set(several)) == 4


def test_symbol_and_bars_are_in_it():
    several = {result_key("t", "A", "1"), result_key("t", "B", "1"), result_key("t", "A", "2")}
    assert len(several | {result_key("u", "A", "1")}) == 4


def test_the_code_that_makes_rows_is_in_it(monkeypatch: pytest.MonkeyPatch):
    before = terms_key(Rsi(), "1", COMMON)
    monkeypatch.setattr(keys, "makers", lambda: "edited")
    assert terms_key(Rsi(), "1", COMMON) != before


@pytest.mark.parametrize("name", [*keys._MAKERS, *keys._PROBES])
def test_every_file_that_is_fingerprinted_is_there(name: str):
    assert (keys._ROOT / name).stat().st_size > 0
