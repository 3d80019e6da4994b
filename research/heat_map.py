"""The heat map of a sweep: two parameters and what the points made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from strategies.base import Floats
from strategies.parameters import describe_parameters, describe_value


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Values by two parameters.

    Parameters
    ----------
    column, row
        Names of the parameters; the row's is "" where there is only one.
    columns, rows
        Their values, ascending.
    cells
        Shape (rows, columns); NaN where nothing was tried, or is defined.
    others
        The other parameters, and the values that they have in all cells.
    averaged
        Whether cells are means over all values of the other parameters instead.
    marked
        Row and column of the plateau's centre.
    """

    column: str
    row: str
    columns: Sequence[float | str]
    rows: Sequence[float | str]
    cells: Floats
    others: Mapping[str, float | str]
    averaged: bool
    marked: tuple[int, int]

    @classmethod
    def of(
        cls,
        points: Sequence[Mapping[str, Any]],
        values: Floats,
        centre: Mapping[str, Any],
        *,
        averaged: bool = False,
    ) -> "HeatMap | None":
        """Return the map of the two parameters with most effect; None without any that varies.

        The effect of a parameter is the variance of the means over points that share its value.

        Parameters
        ----------
        points
            Parameters of each.
        values
            What they came to, NaN where undefined, shape (N,).
        centre
            The point whose values the other parameters have.
        averaged
            Whether cells are means over the other parameters: for points that were drawn.
        """
        effects = {name: _measure_effect([one[name] for one in points], values) for name in centre}
        varying = [name for name in centre if len({one[name] for one in points}) > 1]
        varying.sort(key=lambda name: -effects[name])
        if not varying:
            return None
        column, row = varying[0], (varying[1] if len(varying) > 1 else "")
        others = {name: centre[name] for name in centre if name not in (column, row)}
        columns = sorted({one[column] for one in points})
        rows = sorted({one.get(row, 0.0) for one in points})
        taken: dict[tuple[int, int], list[float]] = {}
        for one, value in zip(points, values.tolist(), strict=True):
            if averaged or all(one[name] == kept for name, kept in others.items()):
                place = rows.index(one.get(row, 0.0)), columns.index(one[column])
                taken.setdefault(place, []).append(value)
        cells = np.full((len(rows), len(columns)), np.nan)
        for place, some in taken.items():
            known = [value for value in some if not np.isnan(value)]
            cells[place] = np.mean(known) if known else np.nan
        marked = rows.index(centre.get(row, 0.0)), columns.index(centre[column])
        return cls(column, row, columns, rows, cells, others, averaged and bool(others), marked)

    def describe_others(self) -> str:
        """Return one line on the parameters that are not on an axis."""
        framed = "framed: the centre of the plateau"
        if self.averaged:
            return f"mean over the points tried, whatever {', '.join(self.others)}; {framed}"
        told = describe_parameters(self.others)
        return f"at {told}; {framed}" if told else framed

    def table(self) -> pl.DataFrame:
        """Return the cells as a table, the row's values in its first column."""
        corner = f"{self.row} \\ {self.column}" if self.row else self.column
        columns, rows = map(describe_value, self.columns), map(describe_value, self.rows)
        named = {name: self.cells[:, place] for place, name in enumerate(columns)}
        labels = list(rows) if self.row else ["residual Sharpe ratio"]
        return pl.DataFrame({corner: labels, **named}, nan_to_null=True)


def _measure_effect(parameter: Sequence[Any], values: Floats) -> float:
    known = ~np.isnan(values)
    if not known.any():
        return 0.0
    settings = np.array(parameter)[known]
    means = [values[known][settings == one].mean() for one in np.unique(settings)]
    return float(np.var(means))
