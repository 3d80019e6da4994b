"""The identifier depends on the natural key, not on how its numbers and keys are written."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from research.errors import InvalidResultError
from research.natural_key import NATURAL_KEY, backtest_id, canonical_json, json_text

KEY: dict[str, Any] = {
    "symbol": "AAPL",
    "strategy": "bollinger",
    "parameters": {"period": 20, "std_dev": 2.0},
    "start_date": date(2021, 1, 1),
    "end_date": date(2023, 12, 31),
    "settings": {"fees": 0.001},
    "source": "synthetic",
    "data_version": "d",
    "code_version": "c",
    "universe_version": "u",
    "bars_per_year": 252.0,
}


def test_the_identifier_of_a_key_is_stable() -> None:
    assert backtest_id(**KEY) == UUID("b6b98bc2-f04c-5282-92a7-2d55e34d4a98")


def test_a_text_among_parameters_is_part_of_the_key() -> None:
    known = {backtest_id(**{**KEY, "parameters": {"weighting": w}}) for w in ("equal", "sharpe")}
    assert len(known) == 2
    assert json_text({"weighting": "equal", "vote": 0.5}) == '{"vote":0.5,"weighting":"equal"}'


def test_the_order_of_parameters_does_not_matter() -> None:
    turned = {"std_dev": 2.0, "period": 20}
    assert backtest_id(**{**KEY, "parameters": turned}) == backtest_id(**KEY)


def test_a_whole_number_is_the_same_as_integer_or_float() -> None:
    integer = {"period": 20, "std_dev": 2}
    assert backtest_id(**{**KEY, "parameters": integer}) == backtest_id(**KEY)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("symbol", "MSFT"),
        ("strategy", "rsi"),
        ("parameters", {"period": 20, "std_dev": 2.0000000000000004}),
        ("start_date", date(2021, 1, 2)),
        ("end_date", date(2024, 1, 1)),
        ("settings", {"fees": 0.002}),
        ("source", "sample"),
        ("data_version", "e"),
        ("code_version", "d"),
        ("universe_version", None),
        ("bars_per_year", 365.0),
    ],
)
def test_every_field_of_the_key_changes_the_identifier(name: str, other: Any) -> None:
    assert set(KEY) == set(NATURAL_KEY)
    assert backtest_id(**{**KEY, name: other}) != backtest_id(**KEY)


def test_text_cannot_move_between_fields_of_the_key() -> None:
    one = backtest_id(**{**KEY, "data_version": 'a","b', "code_version": "c"})
    other = backtest_id(**{**KEY, "data_version": "a", "code_version": 'b","c'})
    assert one != other


def test_canonical_json_writes_a_number_one_way() -> None:
    assert canonical_json({"b": (1.0, 0.1, -0.0, 1e23), "a": True}) == (
        '{"a":true,"b":[1,0.1,0,100000000000000000000000]}'
    )


def test_stored_json_keeps_a_float_a_float() -> None:
    assert json_text({"std_dev": 2.0}) == '{"std_dev":2.0}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), date(2021, 1, 1)])
def test_values_without_a_json_type_are_refused(value: Any) -> None:
    with pytest.raises(InvalidResultError, match="can't be stored as JSON"):
        backtest_id(**{**KEY, "parameters": {"threshold": value}})
