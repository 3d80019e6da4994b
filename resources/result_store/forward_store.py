"""What the result store has of the forward record, and of the positions of tomorrow."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

import polars as pl
import sqlalchemy as sa

from research.forward.record import ForwardAddition, ForwardState
from resources.result_store import validation
from resources.result_store.errors import InvalidArgumentError
from resources.result_store.forward import frames, queries, writes

if TYPE_CHECKING:
    from research.forward.next_positions import NextPosition


class ForwardStore:
    """The forward record in the PostgreSQL behind `engine`; of `BacktestPersistenceManager`."""

    engine: sa.Engine

    def append_forward(
        self,
        run_id: str,
        source: str,
        additions: Iterable[ForwardAddition],
        positions: "Sequence[NextPosition]" = (),
    ) -> int:
        """Add what a run recorded, all or nothing; return how many days of records are new.

        What is there already stays as it is: a run that is repeated adds nothing, and of two runs
        at the same time the first one records a day. Nothing can change or delete a day.

        Raises
        ------
        InvalidResultError
            When an array does not fit, or a number is not finite.
        """
        known = validation.require_text("run_id", run_id)
        return writes.append(self.engine, known, source, additions, positions)

    def load_forward_states(self, identifiers: Iterable[UUID]) -> dict[UUID, ForwardState]:
        """Return how far those of some records have come that there are."""
        return queries.load_states(self.engine, list(identifiers))

    def get_forward_records(self, strategy: str | None = None) -> pl.DataFrame:
        """Return where each record stands, of one strategy or all, with `RECORDS_SCHEMA`."""
        return frames.read_records_frame(self.engine, _require(strategy, "strategy"))

    def get_forward(
        self, strategy: str | None = None, record: UUID | str | None = None
    ) -> pl.DataFrame:
        """Return the days of the record of each strategy that goes on, with `FORWARD_SCHEMA`.

        Of one strategy or all; or of one record, whether or not it goes on.
        """
        known = _require_record(record)
        return frames.read_forward_frame(self.engine, _require(strategy, "strategy"), known)

    def get_forward_accounts(
        self, strategy: str | None = None, record: UUID | str | None = None
    ) -> pl.DataFrame:
        """Return what the accounts on each symbol earned and held, with `ACCOUNTS_SCHEMA`.

        Of the same days as `get_forward`, where the symbol has a bar.
        """
        known = _require_record(record)
        return frames.read_accounts_frame(self.engine, _require(strategy, "strategy"), known)

    def get_next_positions(
        self,
        strategy: str | None = None,
        symbol: str | None = None,
        run_id: str | None = None,
    ) -> pl.DataFrame:
        """Return what is held and what fills next, as the newest run has left it, or another one.

        With `POSITIONS_SCHEMA`, by strategy and symbol; of one of them or of all.
        """
        return frames.read_positions_frame(
            self.engine,
            _require(run_id, "run_id"),
            _require(strategy, "strategy"),
            _require(symbol, "symbol"),
        )

    def get_position_runs(self) -> dict[date, list[str]]:
        """Return the runs whose positions of tomorrow are there, by the day they were left on.

        Days are those of UTC; both are newest first.
        """
        return queries.read_position_runs(self.engine)

    def remove_next_positions(self, run_ids: Sequence[str]) -> int:
        """Remove the positions that some runs have left; return how many there were.

        Raises
        ------
        InvalidResultError
            When the newest are among them, which stay.
        """
        known = [validation.require_text("run_id", one) for one in run_ids]
        return writes.remove_positions(self.engine, known)


def _require(value: str | None, name: str) -> str | None:
    return None if value is None else validation.require_text(name, value)


def _require_record(record: UUID | str | None) -> UUID | None:
    if record is None:
        return None
    known = validation.parse_uuid(record)
    if known is None:
        raise InvalidArgumentError(f"record is {record!r}; allowed: the identifier of a record.")
    return known
