"""The page of correlations: which strategies earn and lose on the same days."""

import numpy as np

from reports.figures.dendrogram import draw_dendrogram
from reports.heat import shade
from reports.html import render
from reports.inputs.correlation import CorrelationInputs
from reports.numbers import show_ratio
from reports.page import Page
from reports.paths import CORRELATION, csv_path
from reports.tables import Column, Table
from strategies.base import Floats

_TITLE = "Correlation"


def build_correlation(inputs: CorrelationInputs | None) -> Page:
    """Return the page; without curves it says so."""
    if inputs is None:
        body = render("correlation.html", inputs=None)
        return Page(CORRELATION, _TITLE, body)
    tables = {
        "residuals": _tabulate(
            "Correlation of returns beyond the market", inputs, inputs.residuals
        ),
        "returns": _tabulate("Correlation of returns", inputs, inputs.returns),
    }
    files = {csv_path(CORRELATION, name): table.to_csv() for name, table in tables.items()}
    body = render(
        "correlation.html",
        inputs=inputs,
        lead=_find_extremes(inputs),
        tree=_draw_tree(inputs),
        tables=[(table.render(), path) for table, path in zip(tables.values(), files, strict=True)],
    )
    return Page(CORRELATION, _TITLE, body, files)


def _tabulate(caption: str, inputs: CorrelationInputs, matrix: Floats) -> Table:
    names = inputs.strategies
    columns = [Column("Strategy"), *(Column(name, show_ratio, numeric=True) for name in names)]
    rows = [
        [name, *(shade(value, 1.0) for value in row)]
        for name, row in zip(names, matrix.tolist(), strict=True)
    ]
    return Table(caption, columns, rows)


def _find_extremes(inputs: CorrelationInputs) -> str:
    """Return the two pairs that are most and least alike, in words."""
    above = np.where(np.triu(np.ones_like(inputs.residuals), 1) > 0, inputs.residuals, np.nan)
    if np.isnan(above).all():
        return "None of the strategies moved."
    told = []
    for what, place in (("most", np.nanargmax(above)), ("least", np.nanargmin(above))):
        row, column = np.unravel_index(place, above.shape)
        first, second = inputs.strategies[int(row)], inputs.strategies[int(column)]
        told.append(f"{what} alike are {first} and {second} ({above[row, column]:.2f})")
    return f"Beyond the market, {'; '.join(told)}."


def _draw_tree(inputs: CorrelationInputs) -> str:
    return draw_dendrogram(
        "Strategies that move together",
        "Merged first are the strategies whose returns beyond the market are most alike: "
        f"{', '.join(inputs.strategies)} in the order of the tree.",
        inputs.strategies,
        inputs.tree,
    )
