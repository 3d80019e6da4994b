"""FOR NOTEBOOKS: what is stored, in one line from anywhere.

    import gauntlet
    g = gauntlet.open()
    g.leaderboard()

Here: finding the project's data, and its results, trades, curves and leaderboard as frames.
Not here: running backtests (engine), writing by the pipeline (assets).
"""

from gauntlet.home import StoreNotFoundError
from gauntlet.store import Gauntlet, open_store

open = open_store  # noqa: A001 - gauntlet.open(), as in other libraries
"""See `gauntlet.store.open_store`."""

__all__ = ["Gauntlet", "StoreNotFoundError", "open"]
