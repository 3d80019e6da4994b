"""Saves what a notebook has computed: its row, its trades and its trial, all or nothing."""

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from research.purpose import Purpose
from resources.result_store import notebook_results, writes
from resources.result_store.bulk import Said
from resources.result_store.connection import translate_connection_errors
from resources.result_store.retry import retry_transient
from resources.result_store.sessions import engine_of
from resources.result_store.trial_store import TrialStore


@retry_transient
def save(engine: sa.Engine, result: Any, said: Said) -> UUID:
    """Save what `VectorBTEngine.run_backtest` returned; return the identifier of its row.

    Raises
    ------
    InvalidResultError
        When something is missing, of the wrong type, NaN or infinite.
    """
    row, trades = notebook_results.build_rows(result)
    scope, trial = notebook_results.build_trial(result)
    with translate_connection_errors(engine), engine.begin() as connection:
        within = engine_of(Session(connection))
        identifier = writes.save_backtest(within, row, trades, said)
        ledger = TrialStore(within)
        ledger.record_trials(scope, [trial], purpose=Purpose.NOTEBOOK, user=_find_user())
    return identifier


def _find_user() -> str | None:
    """Return the login of this process; None where it has none, as in some containers."""
    try:
        import getpass

        return getpass.getuser()
    except (KeyError, OSError):  # the latter from Python 3.13 on
        return None
