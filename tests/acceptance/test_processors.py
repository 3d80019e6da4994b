"""The same bits on every kind of processor, and the code that would break it is not there."""

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from strategies.base import Strategy
from strategies.registry import registered_strategies
from tests.processors import KINDS_OF_BLAS, LEVELS, ROOT, WITHOUT_FMA, run_on

EXACT = ("backtests", "fits", "strengths", "walk-forwards", "portfolios", "forward")
"""What takes no function of the C library."""

DISPATCHED = frozenset(
    {
        *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "logaddexp", "cbrt"),
        *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2"),
        *("sinh", "cosh", "tanh", "power", "float_power"),
    }
)
"""Functions of NumPy for which it has code by processor, with other last bits."""

BY_BLAS = frozenset(
    {"dot", "vdot", "inner", "matmul", "tensordot", "correlate", "convolve", "linalg"}
    | {"cov", "corrcoef", "polyfit", "fft", "@"}
)
"""Products of matrices, and transforms, which take sines of the C library."""

ALLOWED = {
    # Whole numbers below 2^53, of which sums are exact.
    "research/statistics/superior_predictive_ability.py": {"@"},
    # To four decimals.
    "research/statistics/effective_trials.py": {"@", "linalg"},
    # By the C library's sines: its digest is part of robustness' version.
    "research/statistics/stationary_bootstrap.py": {"fft"},
    "research/robustness/random_entries.py": {"fft"},
    # To tell processors apart.
    "engine/processor.py": {"@", "linalg"},
    # Measured times and memory, not results.
    "research/audit/scaling.py": {"polyfit", "log"},
    "research/audit/stage_meter.py": {"polyfit"},
    # Simulated prices of the calibration.
    "research/calibration/markets.py": {"**"},
    "research/calibration/rates.py": {"**"},
}


@cache
def _digest(*parts: str, **environment: str) -> dict[str, str]:
    printed = run_on(environment, "-m", "tests.acceptance.every_number", *parts)
    return json.loads(printed)


def _differing(*parts: str, **environment: str) -> list[str]:
    here, there = _digest(*parts), _digest(*parts, **environment)
    assert here.keys() == there.keys()
    assert len(here) > 100
    return [name for name, found in here.items() if there[name] != found]


def test_strengths_are_among_the_numbers_and_decide():
    found = _digest()
    of = {name.split()[2].rstrip(":") for name in found if name.startswith("strength of ")}
    having = {name for name, one in registered_strategies().items() if _has_strength(one)}
    assert of == having
    assert len({found[name] for name in found if name.startswith("ranked by ")}) == 3


def _has_strength(strategy: type[Strategy]) -> bool:
    return strategy.strength is not Strategy.strength


@pytest.mark.parametrize("level", LEVELS)
def test_numbers_are_the_same_at_every_level_of_numpy(level: str):
    assert _differing(**LEVELS[level]) == []


@pytest.mark.parametrize("kind", KINDS_OF_BLAS, ids=lambda kind: kind["OPENBLAS_CORETYPE"])
def test_numbers_are_the_same_with_every_blas(kind: dict[str, str]):
    assert _differing(**kind) == []


@pytest.mark.skipif(not WITHOUT_FMA, reason="The C library has no other version of its functions.")
def test_results_are_the_same_without_fma():
    assert _differing(*EXACT, **WITHOUT_FMA) == []


def test_code_of_results_takes_no_function_by_processor():
    files = [
        file
        for name in ("strategies", "engine", "research")
        for file in (ROOT / name).rglob("*.py")
    ]
    assert len(files) > 150
    found = {
        file.relative_to(ROOT).as_posix(): names for file in files if (names := set(_find(file)))
    }
    assert found == ALLOWED


def _find(file: Path) -> Iterator[str]:
    """Yield the functions and operators of a file whose bits depend on the processor."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "np" and node.attr in DISPATCHED | BY_BLAS:
                yield node.attr
        elif isinstance(node, ast.BinOp | ast.AugAssign):
            if isinstance(node.op, ast.MatMult):
                yield "@"
            elif isinstance(node.op, ast.Pow) and not _is_square(node):
                yield "**"


def _is_square(node: ast.BinOp | ast.AugAssign) -> bool:
    """Return whether an exponent is 2, of which NumPy makes a product, or both are integers."""
    left, right = (
        (node.left, node.right) if isinstance(node, ast.BinOp) else (node.target, node.value)
    )
    whole = [isinstance(one, ast.Constant) and isinstance(one.value, int) for one in (left, right)]
    return all(whole) or (isinstance(right, ast.Constant) and right.value == 2)
