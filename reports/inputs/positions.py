"""What the pages of positions of tomorrow show."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from reports.inputs.run_data import RunData


@dataclass(frozen=True, eq=False)
class PositionsInputs:
    """What the pages show.

    Parameters
    ----------
    rows
        By strategy and symbol, with `resources.result_store.forward.schemas.POSITIONS_SCHEMA`;
        empty where the run left none.
    window_end
        Last day of the run's window: no later bar was looked at.
    """

    rows: pl.DataFrame
    window_end: date

    @property
    def orders(self) -> pl.DataFrame:
        """What fills on the next bar."""
        return self.rows.filter(pl.col("held") != pl.col("next_side"))

    @property
    def strategies(self) -> list[str]:
        """The strategies that have rows."""
        return self.rows["strategy"].unique(maintain_order=True).to_list()


def load_positions(data: RunData) -> PositionsInputs:
    """Return the positions that the run left, of the strategies that are in its report."""
    found = data.stores.results.get_next_positions(run_id=data.run_id)
    reported = found.join(data.backtests, on=["strategy", "symbol"], how="semi")
    return PositionsInputs(reported.sort("strategy", "symbol"), data.scope.end_date)
