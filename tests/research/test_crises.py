"""The table of crises, and which of them a curve has."""

import pandas as pd

from research.crises import CRISES, find_crises


def test_crises_are_in_order_and_of_one_name_each():
    assert [one.start for one in CRISES] == sorted(one.start for one in CRISES)
    assert all(one.start < one.end for one in CRISES)
    assert len({one.name for one in CRISES}) == len(CRISES)


def test_only_crises_with_a_bar_are_found():
    dates = pd.bdate_range("2020-03-02", "2022-01-04").to_numpy().astype("datetime64[D]")
    found = {crisis.name: days for crisis, days in find_crises(dates)}
    assert list(found) == ["Covid crash", "Inflation and rates"]
    assert str(dates[found["Covid crash"]][-1]) == "2020-03-23"
    assert found["Covid crash"].start == 0
    assert [str(one) for one in dates[found["Inflation and rates"]]] == ["2022-01-03", "2022-01-04"]
    assert find_crises(dates[100:120]) == []
