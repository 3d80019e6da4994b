"""A file in strategies/ registers one strategy."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import strategies
from strategies.errors import UnknownStrategyError
from strategies.registry import (
    STRATEGY_TEMPLATES,
    get_strategy,
    registered_strategies,
)

RULE_BASED = [
    "bollinger",
    "breakout",
    "ema_cross",
    "macd",
    "mean_reversion",
    "momentum",
    "rsi",
    "sma_cross",
    "volume_momentum",
]


def test_strategies_are_registered_in_alphabetical_order():
    assert set(RULE_BASED) <= set(registered_strategies())
    assert list(registered_strategies()) == sorted(registered_strategies())


def test_templates_have_the_documented_defaults_and_ranges():
    assert STRATEGY_TEMPLATES["rsi"]["parameters"] == {
        "period": 14,
        "oversold": 30.0,
        "overbought": 70.0,
    }
    assert STRATEGY_TEMPLATES["macd"]["ranges"] == {
        "fast_period": [8, 10, 12, 14],
        "slow_period": [21, 24, 26, 30],
        "signal_period": [7, 9, 11],
    }


@pytest.mark.parametrize("name", RULE_BASED)
def test_every_sweep_value_is_in_range(name):
    cls = get_strategy(name)
    for parameter, values in STRATEGY_TEMPLATES[name]["ranges"].items():
        low = cls.__dataclass_fields__[parameter].metadata["minimum"]
        assert min(values) >= low


def test_an_unknown_strategy_is_refused_with_the_valid_ones():
    with pytest.raises(UnknownStrategyError) as refused:
        get_strategy("sma_cros")
    assert "Did you mean 'sma_cross'?" in str(refused.value)
    assert "Registered: bollinger, breakout" in str(refused.value)


def test_an_added_file_registers_a_strategy(tmp_path: Path):
    (tmp_path / "always_in.py").write_text(
        textwrap.dedent('''
            """Buys at once."""
            import numpy as np
            from dataclasses import dataclass
            from strategies.base import Bars, Signals, Strategy
            from strategies.sma_cross import SmaCross

            @dataclass(frozen=True)
            class AlwaysIn(Strategy):
                """In on every bar."""
                lookback_bars = 0
                def signals(self, bars: Bars) -> Signals:
                    return Signals(np.ones(len(bars), bool), np.zeros(len(bars), bool))
        ''')
    )
    program = (
        f"import strategies; strategies.__path__.append({str(tmp_path)!r})\n"
        "from strategies.registry import registered_strategies, STRATEGY_TEMPLATES\n"
        "print(STRATEGY_TEMPLATES['always_in']['description'], list(registered_strategies())[0])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "In on every bar. always_in"


def test_a_file_with_two_strategies_is_refused_by_name(tmp_path: Path):
    (tmp_path / "pair.py").write_text(
        "from strategies.sma_cross import SmaCross\n"
        "class First(SmaCross): ...\n"
        "class Second(First): ...\n"
    )
    program = (
        f"import strategies; strategies.__path__.append({str(tmp_path)!r})\n"
        "import strategies.registry"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "pair.py defines First, Second; a file defines one strategy" in done.stderr


def test_registering_strategies_imports_no_heavy_library():
    program = (
        "import sys, strategies.registry\n"
        "print([m for m in ('talib', 'pandas', 'polars', 'vectorbt') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


def test_strategies_import_only_numpy_and_ta_lib():
    allowed = ("numpy", "talib", "strategies", "dataclasses", "collections", "functools", "typing")
    for path in Path(strategies.__path__[0]).glob("*.py"):
        if path.stem in {*RULE_BASED, "indicators", "crossings"}:
            for line in path.read_text().splitlines():
                if line.lstrip().startswith(("import ", "from ")):
                    assert line.split()[1].split(".")[0] in allowed, f"{path.name}: {line}"
