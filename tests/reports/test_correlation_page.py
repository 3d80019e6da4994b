"""The page of correlations, against the curves of the ledger."""

import numpy as np

from reports.inputs.correlation import load_correlation
from reports.inputs.universe_curve import UniverseCurve, load_universe_curves
from reports.pages.correlation import build_correlation
from tests.reports.conftest import NAMES, Reported


def test_correlations_are_those_of_the_curves(reported: Reported):
    page = reported.site.page("correlation.html")
    curves = load_universe_curves(reported.data)
    assert set(curves) == set(NAMES)
    first, second = (curves[name] for name in NAMES)
    returns = float(np.asarray(np.corrcoef([first.returns, second.returns]))[0, 1])
    beyond = np.array([one.returns - one.beta * one.market for one in (first, second)])
    residuals = float(np.asarray(np.corrcoef(beyond))[0, 1])
    for caption, expected in (
        ("Correlation of returns", returns),
        ("Correlation of returns beyond the market", residuals),
    ):
        table = page.table(caption)
        for one, other in (NAMES, NAMES[::-1]):
            assert float(table[one][one].value or "nan") == 1.0
            np.testing.assert_allclose(float(table[one][other].value or "nan"), expected)
            assert table[one][other].text == f"{expected:.2f}"
    (row,) = page.root.select("svg > title")
    assert all(name in row.text for name in NAMES)


def test_one_curve_has_no_correlation(reported: Reported):
    curves = load_universe_curves(reported.data)
    one: dict[str, UniverseCurve] = {"rsi": curves["rsi"]}
    body = build_correlation(load_correlation(one)).body
    assert "fewer than two curves" in body
