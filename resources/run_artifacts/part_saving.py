"""From the files of a run into the result store, a part at a time, and read back."""

from dataclasses import dataclass

import polars as pl

from research.purpose import Purpose
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.reconciliation import select_unchanged
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.result_digests import select_as_computed


@dataclass(frozen=True)
class SavedPart:
    """What became of a part's results.

    Parameters
    ----------
    produced
        The rows that the run's files hold.
    stored
        Those that the store has, as it has them.
    intact
        Those of the produced rows that the store has unchanged, with all their trades: as the
        files have them, and to the bit as the engine gave them.
    """

    produced: pl.DataFrame
    stored: pl.DataFrame
    intact: pl.DataFrame


def save_part(
    manager: BacktestPersistenceManager,
    files: BacktestFiles,
    run_id: str,
    part: int,
    *,
    purpose: Purpose,
    by_run: str | None = None,
    only: pl.DataFrame | None = None,
) -> SavedPart:
    """Save a part of a run's results with their trades, and read them back.

    Rows that the run took from the store are there already: they are counted as used by it, and
    read back with the others. A computed row that is no longer what the engine gave is not saved.

    Parameters
    ----------
    by_run
        The run that saves them, where it is another than the one whose files they are in.
    only
        A column ``id``: the results to save; None for all.
    """
    tables = files.read_part(run_id, part)
    results = tables.results
    if only is not None:
        results = results.join(only, on="id", how="semi")
    computed = results.filter(run_id=run_id)
    cached = results.filter(pl.col("run_id") != run_id)["id"].to_list()
    computed = select_as_computed(computed, tables.trades, tables.digests)
    trades = tables.trades.join(computed, left_on="backtest_id", right_on="id", how="semi")
    saver = run_id if by_run is None else by_run
    manager.save_backtests(computed, trades, run_id=saver, purpose=purpose, cached=cached)
    stored = manager.get_backtests_by_ids(results["id"].to_list())
    as_computed = select_as_computed(
        stored, manager.get_trades(stored["id"].to_list()), tables.digests
    )
    return SavedPart(results, stored, select_unchanged(results, as_computed))
