"""What is stored of a run, read once: the inputs of every page are taken from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

import polars as pl

from reports.errors import ReportError
from research.leaderboard_scope import LeaderboardScope
from research.protocol_version import robustness_version, walk_forward_version
from research.trial_panel import TrialPanel
from resources.price_store.store import PriceStore
from resources.result_store.manager import BacktestPersistenceManager
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.research_files import ResearchFiles
from resources.universe import Listing
from strategies.registry import registered_strategies

OF_A_RUN = ("run_id", "part", "ranked", "stale")
"""Columns of results: which run computed one, and how it counts in another; not what it is."""

ROBUSTNESS, WALK_FORWARD = "robustness", "walk_forward"
"""The kinds of research files, as `resources.run_artifacts.research_files` has them."""


@dataclass(frozen=True, eq=False)
class Stores:
    """Where everything that a report shows is stored."""

    results: BacktestPersistenceManager
    files: BacktestFiles
    prices: PriceStore


@dataclass(frozen=True, eq=False)
class RunData:
    """What a report is of.

    Parameters
    ----------
    stores
        For what only single pages need: trades, curves, prices.
    run
        What was recorded of the run: `resources.result_store.models.Run` by its columns.
    scope, board
        What its leaderboard compares, and the leaderboard with
        `research.ranking.LEADERBOARD_SCHEMA`.
    backtests
        The results that it counts, by strategy and symbol: every metric, with
        `resources.result_store.frame_schemas.STORED_SCHEMA`, and ``ranked`` and ``stale`` as
        `research.ranking.select_backtests` has them.
    verdicts
        Those that the run reached, or that its leaderboard shows, with
        `research.verdicts.rows.VERDICTS_SCHEMA`; empty without any.
    """

    stores: Stores
    run: Mapping[str, Any]
    scope: LeaderboardScope
    board: pl.DataFrame
    backtests: pl.DataFrame
    verdicts: pl.DataFrame

    @property
    def run_id(self) -> str:
        """The run, as Dagster names it."""
        return self.run["run_id"]

    @cached_property
    def members(self) -> Mapping[str, Mapping[str, Any]]:
        """The universe as the run had it by symbol, with listings; empty where it was not kept."""
        return {row["symbol"]: row for row in self.stores.results.get_universe(self.run_id)}

    def is_listed(self, symbol: str) -> bool:
        """Return whether a symbol was listed on some day of the window, as the leaderboard asks."""
        listing = Listing(**self.members.get(symbol, {"symbol": symbol}))
        return listing.is_listed_within(self.scope.start_date, self.scope.end_date)

    @property
    def strategies(self) -> list[str]:
        """The strategies in the order of the leaderboard."""
        return self.board["strategy"].to_list()

    @cached_property
    def trades(self) -> pl.DataFrame:
        """The trades of `backtests`, with `resources.result_store.frame_schemas.TRADES_SCHEMA`."""
        return self.stores.results.get_trades(self.backtests["id"].to_list())

    @cached_property
    def _trade_places(self) -> Mapping[str, tuple[int, int]]:
        """Where the trades of each backtest begin in `trades`, and how many they are."""
        lengths = self.trades["backtest_id"].rle().struct.unnest()
        starts = lengths["len"].cum_sum() - lengths["len"]
        places = zip(starts.to_list(), lengths["len"].to_list(), strict=True)
        return dict(zip(lengths["value"].to_list(), places, strict=True))

    def trades_of(self, backtest_id: str) -> pl.DataFrame:
        """Return the trades of one result, in their order."""
        return self.trades.slice(*self._trade_places.get(backtest_id, (0, 0)))

    @cached_property
    def trials(self) -> TrialPanel | None:
        """What was tried on the same universe, window and settings, with curves and the market.

        All protocols, until the run was judged and ranked; None where nothing was judged.
        """
        if self.verdicts.is_empty():
            return None
        scope_id = UUID(self.verdicts.sort("made_at", "run_id")["scope_id"][-1])
        until = max(self.board["made_at"][0], *self.verdicts["made_at"])
        return self.stores.results.load_trial_panel(scope_id, protocol=None, until=until)

    @cached_property
    def robustness(self) -> Mapping[str, Mapping[str, Any]]:
        """The tests of robustness by strategy, as their files have them.

        Those of the run, or else of the newest run before it that made them on the same universe,
        window and settings, with the same parameters and by the code that there is now; strategies
        without them are missing.
        """
        if self.trials is None:
            return {}
        own, until = self.run["profile"].get(ROBUSTNESS), self.run["started_at"]
        history = self.stores.results.get_stage_history(ROBUSTNESS, until=until)
        others = [one["profile"] for one in history]
        scope = str(self.trials.scope.identifier)
        known = next((one for one in [own, *others] if one and one.get("scope") == scope), None)
        files = ResearchFiles(self.stores.files.root, ROBUSTNESS)
        found = _read_files(files, known["files"] if known else {})
        if known is own:
            return found
        return {name: one for name, one in found.items() if self._is_of_this_code(name, one)}

    def _is_of_this_code(self, strategy: str, tests: Mapping[str, Any]) -> bool:
        """Return whether tests of robustness are of a strategy as the run has it."""
        kind, ranked = registered_strategies().get(strategy), self.scope.strategies.get(strategy)
        if kind is None or ranked is None:
            return False
        same = tests["parameters"] == dict(ranked.parameters)
        return same and tests.get("version") == robustness_version(kind)

    @cached_property
    def walk_forward(self) -> Mapping[str, Mapping[str, Any]]:
        """The walk-forward that was judged, by strategy, as its file has it.

        Where several versions of the code made one, that of the code that there is now comes first.
        """
        if self.trials is None:
            return {}
        judged = dict(self.verdicts.select("strategy", "walk_forward_protocol").iter_rows())
        kinds, panel = registered_strategies(), self.trials
        versions = {name: walk_forward_version(kinds[name]) for name in judged if name in kinds}
        found: dict[str, str] = {}
        for row, name in enumerate(panel.strategies):
            is_current = panel.code_versions[row] == versions.get(name)
            if judged.get(name) == panel.protocols[row] and (is_current or name not in found):
                found[name] = str(panel.identifiers[row])
        return _read_files(ResearchFiles(self.stores.files.root, WALK_FORWARD), found)


def _read_files(
    files: ResearchFiles, identities: Mapping[str, str]
) -> dict[str, Mapping[str, Any]]:
    found = {name: files.find(name, UUID(one)) for name, one in identities.items()}
    return {name: one for name, one in found.items() if one is not None}


def load_run_data(stores: Stores, run_id: str) -> RunData:
    """Return what is stored of a run.

    Raises
    ------
    ReportError
        When the run has no leaderboard.
    """
    manager = stores.results
    run, scope = manager.get_run(run_id), manager.get_leaderboard_scope(run_id)
    if run is None or scope is None:
        raise ReportError(f"Run {run_id} has no leaderboard: there is nothing to report.")
    board = manager.get_leaderboard(run_id)
    # What later runs have of the same prices and settings is theirs.
    ranked = manager.get_ranked_backtests(scope, board["made_at"][0])
    stored = manager.get_backtests_by_ids(ranked["backtest_id"].to_list())
    marks = ranked.select(pl.col("backtest_id").alias("id"), "ranked", "stale")
    backtests = stored.join(marks, on="id").sort("strategy", "symbol")
    return RunData(
        stores=stores,
        run=run,
        scope=scope,
        board=board,
        backtests=backtests,
        verdicts=_find_verdicts(manager, scope, board, run_id),
    )


def _find_verdicts(
    manager: BacktestPersistenceManager, scope: LeaderboardScope, board: pl.DataFrame, run_id: str
) -> pl.DataFrame:
    """Return the verdicts that the run reached, or else those that its leaderboard shows.

    What later runs judge is theirs, on the same prices and settings too: a report that is written
    again is the same.
    """
    own = manager.get_verdicts(run_id)
    if not own.is_empty():
        return own
    used = manager.get_used_verdicts(scope, board["made_at"][0])
    return used.join(board, on=["strategy", "verdict"], how="semi", maintain_order="left")
