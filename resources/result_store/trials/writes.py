"""Adds trials to the ledger, all or nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from research.errors import InvalidResultError
from resources.result_store.bulk import translate_refusals
from resources.result_store.connection import translate_connection_errors
from resources.result_store.models import TrialRecord, TrialScopeRow
from resources.result_store.retry import retry_transient

_ROWS_PER_WRITE = 500
"""Curves of 756 bars: 1.5 MB; sent together, and held by the driver once more."""


@retry_transient
def record(engine: sa.Engine, scope: Mapping[str, Any], trials: Sequence[Mapping[str, Any]]) -> int:
    """Insert the trials that are not there yet, with their scope; return how many were not.

    Parameters
    ----------
    trials
        By their identifiers: sessions that record the same trials at once insert them in the same
        order, so that they wait for each other, and never in a circle.
    """
    with translate_refusals(), translate_connection_errors(engine), engine.begin() as connection:
        known = _find_known(connection, [one["id"] for one in trials])
        new = [one for one in trials if one["id"] not in known]
        if not new:
            return 0
        connection.execute(insert(TrialScopeRow).values(**scope).on_conflict_do_nothing())
        _require_same_days(connection, scope)
        return sum(
            _insert(connection, new[start : start + _ROWS_PER_WRITE])
            for start in range(0, len(new), _ROWS_PER_WRITE)
        )


def _require_same_days(connection: sa.Connection, scope: Mapping[str, Any]) -> None:
    """Refuse curves that are not on the days of those that the scope has: none could be compared.

    Days and market follow from what identifies a scope, unless the code that derives them changed.
    """
    row = TrialScopeRow
    same = sa.and_(row.dates == scope["dates"], row.market == scope["market"])
    if not connection.scalar(sa.select(same).where(row.id == scope["id"])):
        raise InvalidResultError(
            f"The ledger has the scope {scope['id']} with another market or on other days; "
            "needed: the same for all of its trials."
        )


def _find_known(connection: sa.Connection, identifiers: Sequence[Any]) -> set[Any]:
    wanted = sa.any_(sa.literal(list(identifiers), sa.ARRAY(sa.Uuid)))
    return set(connection.scalars(sa.select(TrialRecord.id).where(TrialRecord.id == wanted)))


def _insert(connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    # A trial that another session has added since is left as that one has it.
    statement = insert(TrialRecord).on_conflict_do_nothing()
    options = {"preserve_rowcount": True}
    return connection.execute(statement, list(rows), execution_options=options).rowcount
