"""The result store as its users see it: save, get, rank, compare, delete."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Self, overload
from uuid import UUID

import polars as pl
import sqlalchemy as sa
from sqlalchemy.orm import Session, scoped_session

from research.purpose import Purpose
from research.ranking import MINIMUM_TRADES
from research.run_spec import RunSpec
from resources.result_store import (
    bulk,
    comparisons,
    frame_queries,
    notebook_saves,
    performance_summary,
    queries,
    schema,
    validation,
    writes,
)
from resources.result_store.errors import InvalidArgumentError
from resources.result_store.forward_store import ForwardStore
from resources.result_store.portfolio_store import PortfolioStore
from resources.result_store.retry import RETRY_TIMEOUT_SECONDS, with_retry_timeout
from resources.result_store.run_store import RunStore
from resources.result_store.sessions import engine_of
from resources.result_store.trial_store import TrialStore
from resources.result_store.verdict_store import VerdictStore


class BacktestPersistenceManager(RunStore, TrialStore, VerdictStore, ForwardStore, PortfolioStore):
    """Backtests, trades, runs, trials, verdicts, forward records and portfolios, in PostgreSQL.

    Every method is one or two short transactions of its own, so one manager may serve many
    threads. Transient errors (a server that restarts, two writers that deadlock) are retried for
    `retry_timeout`. All methods raise `DatabaseUnreachableError` when the database cannot be
    reached, and `InvalidArgumentError` for arguments that make no sense.

    In a ``with`` statement the schema is created or upgraded first.

    Parameters
    ----------
    engine
        Of psycopg 3, on a database with the schema (`resources.result_store.schema.upgrade`).
    retry_timeout
        Seconds for which an operation is retried; 0 for one try only.
    restart_server
        Called before each new try: starts the embedded server, if it was killed.
    session
        A session instead of an engine, see `resources.result_store.sessions.engine_of`; it stays
        the caller's to commit and close. Comparisons are then of purpose notebook, unless they say
        otherwise.
    """

    def __init__(
        self,
        engine: sa.Engine | None = None,
        retry_timeout: float = RETRY_TIMEOUT_SECONDS,
        restart_server: Callable[[], object] | None = None,
        *,
        session: "Session | scoped_session | None" = None,
    ) -> None:
        if (engine is None) == (session is None):
            raise InvalidArgumentError(
                "BacktestPersistenceManager needs an engine or a session; for the results of this "
                "project use gauntlet.open().store."
            )
        self._purpose = Purpose.PIPELINE if session is None else Purpose.NOTEBOOK
        bound = engine_of(session) if engine is None else engine
        super().__init__(with_retry_timeout(bound, retry_timeout, restart_server))

    def __enter__(self) -> Self:
        schema.upgrade(self.engine)
        return self

    def __exit__(self, *_: object) -> None:
        """Leave engine and session as they are: whoever made them closes them."""

    def save_backtest_result(
        self,
        vectorbt_results: Mapping[str, Any],
        execution_time: float | None = None,
        notes: str | None = None,
    ) -> UUID:
        """Save what `VectorBTEngine.run_backtest` returned, with its trades; return its identifier.

        It is saved by no run, with purpose notebook, and is on no leaderboard. It is a trial in
        the ledger as well, of this process's user: on one symbol, without a universe, so that its
        curve is raw. The same backtest saved twice is one row and one trial.

        Parameters
        ----------
        execution_time
            Seconds that it took.
        notes
            Any text.

        Raises
        ------
        InvalidResultError
            When something is missing, of the wrong type, NaN or infinite.
        """
        seconds = validation.require_seconds("execution_time", execution_time)
        text = None if notes is None else validation.require_text("notes", notes)
        return notebook_saves.save(self.engine, vectorbt_results, bulk.Said(text, seconds))

    def save_backtest(
        self, result: Mapping[str, Any], trades: Sequence[Mapping[str, Any]] = ()
    ) -> UUID:
        """Save one result and its trades by their columns, by no run; return its identifier.

        Parameters
        ----------
        result
            The columns of `frame_schemas.RESULTS_SCHEMA` but ``id``, which is derived;
            `parameters`, `settings`, `undefined` and `seeds` as dicts. `universe_version`,
            `run_id`, `undefined` and `seeds` may be left out.
        trades
            The columns of `frame_schemas.TRADES_SCHEMA` but ``backtest_id``; ``trade_no`` counts
            from 1 if it is left out.

        Raises
        ------
        InvalidResultError
            When something is missing, unknown, of the wrong type, NaN or infinite.
        """
        return writes.save_backtest(self.engine, result, trades)

    def save_backtests(
        self,
        results: pl.DataFrame,
        trades: pl.DataFrame,
        *,
        run_id: str = "",
        purpose: Purpose = Purpose.NOTEBOOK,
        cached: Iterable[UUID | str] = (),
    ) -> int:
        """Save frames of results and trades as those of a run, all or nothing.

        `cached` are results that are stored already and that the run has, too. Return how many
        the run has by this. See `bulk.save`.
        """
        known = validation.require_purpose(purpose, run_id)
        stored = validation.parse_uuids(cached)
        return bulk.save(self.engine, results, trades, run_id, known, stored)

    def get_backtest_by_id(
        self, identifier: UUID | str, with_trades: bool = True
    ) -> dict[str, Any] | None:
        """Return a backtest, its trades under ``trades``, or None if there is none of that id.

        `notes` and `execution_time` are those of `save_backtest_result`, else None.
        """
        known = validation.parse_uuid(identifier)
        return queries.read_backtest(self.engine, known, with_trades) if known else None

    def get_backtests_by_symbol(
        self, symbol: str, strategy_type: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the backtests of a symbol, newest first, of one strategy or all."""
        known = {"symbol": validation.require_text("symbol", symbol)}
        if strategy_type is not None:
            known["strategy"] = validation.require_text("strategy_type", strategy_type)
        return queries.read_backtests_where(self.engine, validation.require_limit(limit), **known)

    def get_backtests_by_strategy(
        self, strategy_type: str, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the backtests of a strategy, newest first, without their trades."""
        known = validation.require_text("strategy_type", strategy_type)
        return queries.read_backtests_where(
            self.engine, validation.require_limit(limit), strategy=known
        )

    def get_backtests_by_run(self, run_id: str) -> pl.DataFrame:
        """Return the results that a run has, by strategy and symbol, with `RESULTS_SCHEMA`.

        Those that it computed, and those that it found stored; "" for those saved by no run.

        The JSON columns come back as PostgreSQL writes JSONB: equal in meaning to what was
        saved, not letter by letter.
        """
        return queries.read_backtests_of_run(self.engine, validation.require_run_id(run_id))

    def get_run_ids(self) -> set[str]:
        """Return the runs whose files hold the curves of a stored backtest."""
        return queries.read_run_ids(self.engine)

    def get_backtests_by_ids(self, identifiers: Iterable[UUID | str] | UUID) -> pl.DataFrame:
        """Return the backtests that exist of those identifiers, with `STORED_SCHEMA`.

        As `get_backtests_by_run` does, and ``stored_trades``: how many trades each has here.
        """
        return queries.read_backtests_by_ids(self.engine, validation.parse_uuids(identifiers))

    def find_backtest_ids(self, spec: RunSpec, symbols: Sequence[str]) -> list[str]:
        """Return the identifiers of the stored backtests of some symbols that a run may use.

        They are of its source, window, code and universe, on any bars and with any settings.
        """
        return queries.find_backtest_ids(self.engine, spec, symbols)

    def get_newest_backtests(
        self,
        symbol: str | None = None,
        strategy_type: str | None = None,
        purpose: Purpose | str = Purpose.PIPELINE,
    ) -> pl.DataFrame:
        """Return the newest result of each symbol and strategy in runs of `purpose`.

        With `RESULTS_SCHEMA`, by strategy and symbol; of one symbol or strategy, or of all.
        """
        for name, value in (("symbol", symbol), ("strategy_type", strategy_type)):
            if value is not None:
                validation.require_text(name, value)
        known = validation.require_purpose(purpose)
        return frame_queries.read_newest_backtests(self.engine, known, symbol, strategy_type)

    def get_trades(self, identifiers: Iterable[UUID | str] | UUID) -> pl.DataFrame:
        """Return the trades of some backtests, with `TRADES_SCHEMA`, by backtest and number."""
        return frame_queries.read_trades(self.engine, validation.parse_uuids(identifiers))

    def get_best_performing_strategies(
        self,
        metric: str = "sharpe_ratio",
        min_trades: int = MINIMUM_TRADES,
        limit: int = 10,
        purpose: Purpose | None = None,
    ) -> list[dict[str, Any]]:
        """Return the best backtests by `metric`, one dict per backtest.

        The best of many is best by luck as well: ``verdict`` is the newest one on the strategy on
        this source, window and settings, None where it, or this version of its code, was not
        judged.

        Compared are the newest results of each symbol and strategy in runs of `purpose` (None for
        pipeline, or for notebook where the store was opened with a session), on the source, window
        and settings of the shared leaderboard; of a purpose without one, on those of the newest
        result.

        Best is highest, but lowest for `comparisons.LOWER_IS_BETTER`. Backtests with fewer than
        `min_trades` closed trades are left out; undefined values come last.

        Raises
        ------
        UnknownMetricError
            When `metric` is not in `engine.metrics.METRICS`.
        """
        return comparisons.find_best(
            self.engine,
            validation.require_metric(metric),
            validation.require_int("min_trades", min_trades, 0),
            validation.require_int("limit", limit, 1),
            validation.require_purpose(purpose or self._purpose),
        )

    @overload
    def compare_strategies(
        self,
        backtest_ids: None = None,
        metrics: None = None,
        *,
        symbol: str | None = None,
        strategies: Sequence[str] | str | None = None,
        purpose: Purpose | None = None,
    ) -> list[dict[str, Any]]: ...

    @overload
    def compare_strategies(
        self, backtest_ids: Iterable[UUID | str], metrics: Sequence[str] | None = None
    ) -> dict[str, Any]: ...

    def compare_strategies(
        self,
        backtest_ids: Iterable[UUID | str] | None = None,
        metrics: Sequence[str] | None = None,
        *,
        symbol: str | None = None,
        strategies: Sequence[str] | str | None = None,
        purpose: Purpose | None = None,
    ) -> list[dict[str, Any]] | dict[str, Any]:
        """Return one aggregate per strategy, best median Sharpe first; or compare single backtests.

        Without `backtest_ids`, compared is what `get_best_performing_strategies` compares. Keys:
        strategy, verdict, symbols, median_sharpe_ratio, median_total_return,
        median_annualized_return, median_max_drawdown, worst_max_drawdown, mean_win_rate,
        total_trades. Undefined values are left out of an aggregate, and an aggregate of nothing is
        None. A strategy without any backtest is not in the answer.

        With `backtest_ids` the answer is a dict. backtests: a list of dicts with backtest_id,
        symbol, strategy, parameters, verdict, date and metrics; rankings: by metric, a list of
        dicts with backtest_id, value and rank, best first, undefined values left out; summary:
        total_backtests and date_range (earliest, latest).

        Parameters
        ----------
        backtest_ids, metrics
            The backtests to compare, and by what; None for `comparisons.COMPARED`.
        symbol
            Only this symbol; None for all.
        strategies
            Only these; None for all.
        purpose
            As in `get_best_performing_strategies`.

        Raises
        ------
        UnknownMetricError
            When a metric is not in `engine.metrics.METRICS`.
        """
        if backtest_ids is not None:
            names = [validation.require_metric(name) for name in metrics or comparisons.COMPARED]
            known = validation.parse_uuids(backtest_ids)
            return comparisons.compare_backtests(self.engine, known, names)
        if symbol is not None:
            validation.require_text("symbol", symbol)
        wanted = validation.require_texts("strategies", strategies)
        of = validation.require_purpose(purpose or self._purpose)
        return comparisons.compare_strategies(self.engine, symbol, wanted, of)

    def get_performance_summary(self, start: date, end: date) -> dict[str, Any]:
        """Return what was saved from `start` to `end`, both days inclusive, in UTC.

        Keys: start, end; runs, backtests, symbols, trades, failures, each a count; strategies, a
        list of one dict per strategy, highest median Sharpe first: strategy, backtests, symbols,
        median_sharpe_ratio, median_total_return, worst_max_drawdown, mean_win_rate,
        total_trades, best_symbol, worst_symbol (by Sharpe ratio, of those with
        `research.ranking.MINIMUM_TRADES` closed trades). A backtest counts if a run saved it in
        the period, whether it computed it or found it stored. Undefined values are left out of an
        aggregate, and an aggregate of nothing is None.
        """
        return performance_summary.summarize_period(
            self.engine, *validation.require_period(start, end)
        )

    def delete_backtest(self, identifier: UUID | str) -> bool:
        """Delete a backtest with its trades; return whether there was one."""
        known = validation.parse_uuid(identifier)
        return writes.delete_backtest(self.engine, known) if known else False
