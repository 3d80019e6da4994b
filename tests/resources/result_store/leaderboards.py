"""Leaderboards for tests."""

from typing import Any

import polars as pl

from research.leaderboard_scope import Coverage, LeaderboardScope, RankedStrategy
from research.ranking import rank_strategies
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.rows import result, save


def scope(*strategies: str, **changes: Any) -> LeaderboardScope:
    """Return the scope of the results of `tests.resources.result_store.rows`."""
    row = result()
    ranked = RankedStrategy(row["parameters"], row["code_version"])
    described = {name: row[name] for name in ("source", "start_date", "end_date", "settings")}
    universe, chosen = ["S0", "S1"], dict.fromkeys(strategies or ["rsi"], ranked)
    return LeaderboardScope(**{"universe": universe, "strategies": chosen, **described, **changes})


def sharpes(strategy: str, *values: float | None, **changes: Any) -> list[dict[str, Any]]:
    """Return a result per value, of the symbols S0, S1 and so on."""
    return [
        result(strategy=strategy, symbol=f"S{place}", sharpe_ratio=value, **changes)
        for place, value in enumerate(values)
    ]


def save_leaderboard(
    manager: BacktestPersistenceManager,
    run_id: str,
    by_strategy: dict[str, float | None],
    **changes: Any,
) -> pl.DataFrame:
    """Save the leaderboard of a run that tested each strategy on one symbol; return it.

    `coverage` is the share of the universe that it is of: all of it, if it is left out.
    """
    share = changes.pop("coverage", 1.0)
    of_run = scope(*by_strategy, **changes)
    rows = [row for name, value in by_strategy.items() for row in sharpes(name, value)]
    save(manager, *rows, run_id=run_id, purpose=of_run.purpose)
    board = rank_strategies(manager.get_ranked_backtests(of_run), of_run)
    manager.save_leaderboard(run_id, of_run, board, Coverage(1, 2, share))
    return board
