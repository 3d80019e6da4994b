"""The factor from splits and dividends, by hand."""

import numpy as np
import polars as pl
import pytest

from resources.market_data.sources.tables.actions import Actions, derive_factor, read_splits
from resources.market_data.sources.tables.table import RefusedTableError

DAYS = pl.Series([f"2021-01-0{day}" for day in range(4, 9)]).str.to_date().to_list()
TRADED = np.array([100.0, 100.0, 25.0, 25.0, 25.0])  # split 4 for 1 on the third day
ADJUSTED = np.array([25.0, 25.0, 25.0, 25.0, 25.0])
SPLIT = np.array([1.0, 1.0, 4.0, 1.0, 1.0])
DIVIDEND = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
NONE = np.zeros(5)


def derive(close: np.ndarray, splits: np.ndarray | None, dividends: np.ndarray | None, *names: str):
    factor, basis = derive_factor(close, close, DAYS, Actions(splits, dividends, *names))
    return factor.tolist(), basis


def test_a_split_divides_all_earlier_bars():
    factor, basis = derive(TRADED, SPLIT, None, "splitFactor")
    assert factor == [0.25, 0.25, 1.0, 1.0, 1.0]
    assert basis == "adjusted by column 'splitFactor'"


def test_a_dividend_is_a_share_of_the_close_before_it():
    factor, basis = derive(ADJUSTED, None, DIVIDEND, "", "divCash")
    assert factor == [0.96, 0.96, 0.96, 1.0, 1.0]  # 1 - 1 / 25
    assert basis == "adjusted by column 'divCash'"


def test_splits_and_dividends_multiply():
    factor, basis = derive(TRADED, SPLIT, DIVIDEND, "splitFactor", "divCash")
    assert factor == [0.24, 0.24, 0.96, 1.0, 1.0]
    assert basis == "adjusted by columns 'splitFactor' and 'divCash'"


def test_a_reverse_split_multiplies_all_earlier_bars():
    close = np.array([1.0, 1.0, 10.0, 10.0, 10.0])
    assert derive(close, np.where(SPLIT == 4, 0.1, 1.0), None, "s")[0] == [10, 10, 1, 1, 1]


def test_actions_on_the_first_bar_change_nothing():
    first = np.array([4.0, 1.0, 1.0, 1.0, 1.0])
    assert derive(ADJUSTED, first, first - 1, "s", "d")[0] == [1.0] * 5


def test_splits_without_a_jump_are_in_the_prices():
    factor, basis = derive(ADJUSTED, SPLIT, NONE, "splitFactor", "divCash")
    assert factor == [1.0] * 5
    assert basis == "already adjusted: its 'splitFactor' left no jump"


def test_dividends_after_a_split_in_the_prices_count():
    factor, basis = derive(ADJUSTED, SPLIT, DIVIDEND, "splitFactor", "divCash")
    assert factor == [0.96, 0.96, 0.96, 1.0, 1.0]
    assert basis.endswith("left no jump; adjusted by column 'divCash'")


def test_dividends_before_a_split_in_the_prices_are_refused():
    """They may be per old share or per new share."""
    with pytest.raises(RefusedTableError, match="whether 'divCash' is adjusted, too, is not known"):
        derive(ADJUSTED, SPLIT, np.array([0.0, 1.0, 0.0, 0.0, 0.0]), "splitFactor", "divCash")


@pytest.mark.parametrize("splits", [SPLIT, np.ones(5)])
@pytest.mark.parametrize("names", [("Stock Splits", "Dividends"), ("stock_splits", "dividends")])
def test_prices_of_yfinance_are_not_adjusted_twice(splits: np.ndarray, names: tuple[str, str]):
    factor, basis = derive(ADJUSTED, splits, DIVIDEND, *names)
    assert factor == [1.0] * 5
    assert basis.startswith("already adjusted: ")


def test_names_of_yfinance_beside_traded_prices_count():
    factor, basis = derive(TRADED, SPLIT, DIVIDEND, "Stock Splits", "Dividends")
    assert factor == [0.24, 0.24, 0.96, 1.0, 1.0]
    assert basis == "adjusted by columns 'Stock Splits' and 'Dividends'"


@pytest.mark.parametrize(
    ("close", "splits", "what"),
    [
        ([100, 100, 25, 25, 25], [1, 1, 0.25, 1, 1], "'s' of 0.25 on 2021-01-06 is upside down"),
        ([100, 100, 25, 25, 25], [1, 1, 4, 2, 1], "'s' of 2021-01-06 left a jump in the prices"),
        ([100, 100, 50, 50, 50], [1, 1, 4, 1, 1], "may be in the prices already or not"),
        ([100, 102, 101, 103, 101], [1, 1, 1.02, 1, 1], "may be in the prices already or not"),
    ],
)
def test_splits_that_do_not_fit_the_prices_are_refused(
    close: list[float], splits: list[float], what: str
):
    with pytest.raises(RefusedTableError, match=what):
        derive(np.array(close, float), np.array(splits, float), None, "s")


@pytest.mark.parametrize("dividend", [-1.0, 25.0, 30.0])
def test_an_impossible_dividend_is_refused(dividend: float):
    with pytest.raises(RefusedTableError, match=rf"'d' of {dividend} on 2021-01-07 is negative or"):
        derive(ADJUSTED, None, DIVIDEND * dividend, "", "d")


def test_a_missing_close_before_a_dividend_leaves_no_factor():
    close = np.where(np.arange(5) == 2, np.nan, ADJUSTED)
    factor, _ = derive(close, None, DIVIDEND, "", "d")
    assert np.isnan(factor[:3]).all()
    assert factor[3:] == [1.0, 1.0]


def test_splits_are_read_as_numbers_or_ratios():
    cells = ["4", "4.0", "4:1", "1/10", "3-for-2", "3 for 2", "0", "0.0", "1.0", "", None, "-"]
    expected = [4.0, 4.0, 4.0, 0.1, 1.5, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert read_splits(pl.Series(cells)).to_list() == expected
    assert read_splits(pl.Series([0, 2])).to_list() == [1.0, 2.0]
    with pytest.raises(RefusedTableError, match=r"split 'four' in row 2 is not a split like 4\.0"):
        read_splits(pl.Series(["4", "four"]))
