"""What the result store has of trials: the ledger, to which rows are only added."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

import polars as pl
import sqlalchemy as sa

from research.purpose import Purpose
from research.trial_panel import TrialPanel
from research.trials import BACKTEST_PROTOCOL, Trial, TrialScope
from resources.result_store import validation
from resources.result_store.trials import panels, queries, rows, writes


class TrialStore:
    """Trials in the PostgreSQL behind `engine`; a part of `BacktestPersistenceManager`."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def record_trials(
        self,
        scope: TrialScope,
        trials: Sequence[Trial],
        *,
        purpose: Purpose,
        run_id: str = "",
        user: str | None = None,
    ) -> int:
        """Add trials to the ledger, all or nothing; return how many are new.

        A trial that is there already stays as it is, with who recorded it first. So recording
        again what was interrupted, or what another session records at the same time, adds what is
        missing. Nothing can change or delete a trial.

        Raises
        ------
        InvalidResultError
            When a curve does not fit the scope's days, or a number is not finite.
        """
        scope_row, trial_rows = rows.build_scope_row(scope), rows.build_trial_rows(scope, trials)
        by = {
            "purpose": validation.require_purpose(purpose).value,
            "run_id": validation.require_run_id(run_id),
            "run_user": None if user is None else validation.require_text("user", user),
        }
        return writes.record(self.engine, scope_row, [{**one, **by} for one in trial_rows])

    def find_trials(self, identifiers: Iterable[UUID | str] | UUID) -> set[UUID]:
        """Return which of some trials (`research.trials.trial_id`) are in the ledger."""
        return queries.find_trials(self.engine, validation.parse_uuids(identifiers))

    def get_trials(
        self,
        strategy: str | None = None,
        *,
        source: str | None = None,
        symbols: Sequence[str] | str | None = None,
        start_date: date | None = None,
        end_date: date | None = None,
        user: str | None = None,
        purpose: Purpose | str | None = None,
        protocol: str | None = None,
    ) -> pl.DataFrame:
        """Return the trials of the ledger without their curves, oldest first.

        With `resources.result_store.trials.queries.TRIALS_SCHEMA`. Each argument is a value that
        the trials have, None for any.

        Parameters
        ----------
        symbols
            One or several: trials on universes that have all of them.
        start_date, end_date
            First and last day of the window.
        user, purpose
            Of whoever recorded it first.
        """
        texts = {"strategy": strategy, "source": source, "user": user, "protocol": protocol}
        days = {"start_date": start_date, "end_date": end_date}
        values = queries.require_filters(texts, days, purpose)
        wanted = validation.require_texts("symbols", symbols)
        return queries.read_trials(self.engine, wanted, **values)

    def load_trial_panel(
        self,
        scope_identifier: UUID,
        *,
        protocol: str | None = BACKTEST_PROTOCOL,
        until: datetime | None = None,
    ) -> TrialPanel:
        """Return the trials of a scope with their curves, of one protocol; None for all.

        All, or those that were recorded `until` a time.

        Raises
        ------
        InvalidArgumentError
            When the ledger has no such scope.
        """
        return panels.load_panel(self.engine, scope_identifier, protocol, until)

    def load_competing_trials(self, scope: TrialScope) -> TrialPanel:
        """Return what competes on the universe and window of a scope: luck is judged over these.

        Trials of the same source and symbols, whose window has at least 90 % of the scope's days:
        one per strategy, parameters, settings, protocol and version of the code, that of the scope
        itself where it has one, else the newest. Curves are on the scope's days, 0 where they have
        none. Those without an equal-weight universe compete with their like only.
        """
        return panels.load_competing(self.engine, scope)
