"""Reads of the ledger's curves: those of one scope, or all that compete on its universe."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from research.trial_panel import TrialPanel
from research.trials import TrialScope
from resources.result_store.errors import InvalidArgumentError
from resources.result_store.models import TrialRecord, TrialScopeRow
from resources.result_store.queries import read_rows
from resources.result_store.trials.rows import (
    read_dates,
    read_exposure,
    read_residual,
    read_scope,
)
from strategies.base import Ints

LEAST_OVERLAP = 0.9
"""Of a scope's calendar days, those that a trial's window covers, to compete in it."""

_RECORDS = sa.inspect(TrialRecord).local_table
_SCOPES = sa.inspect(TrialScopeRow).local_table
_COLUMNS = (
    *(
        "id",
        "scope_id",
        "strategy",
        "parameters",
        "code_version",
        "protocol",
        "tested_symbols",
        "activity",
    ),
    *("beta", "residual", "exposure"),
)
_SELECTED = [_RECORDS.c[name] for name in _COLUMNS]
# Never by the time: a ledger that was copied gives the same panel.
_ORDER = (
    *(_RECORDS.c[name] for name in ("strategy", "parameters", "protocol", "code_version")),
    _RECORDS.c.id,
)


def load_panel(
    engine: sa.Engine, scope_id: UUID, protocol: str | None, until: datetime | None
) -> TrialPanel:
    """Return the trials of a scope, of one protocol or all, recorded until a time or ever.

    Raises
    ------
    InvalidArgumentError
        When the ledger has no such scope.
    """
    found = read_rows(engine, sa.select(_SCOPES).where(_SCOPES.c.id == scope_id))
    if not found:
        raise InvalidArgumentError(
            f"The ledger has no scope {scope_id}; allowed: scope_id of get_trials()."
        )
    scope = read_scope(found[0])
    statement = sa.select(*_SELECTED).where(_RECORDS.c.scope_id == scope_id).order_by(*_ORDER)
    if protocol is not None:
        statement = statement.where(_RECORDS.c.protocol == protocol)
    if until is not None:
        statement = statement.where(_RECORDS.c.recorded_at <= until)
    rows = read_rows(engine, statement)
    return _build_panel(scope, rows)


def load_competing(engine: sa.Engine, scope: TrialScope) -> TrialPanel:
    """Return the trials that compete on a scope's universe and window, on its days.

    One per strategy, parameters, settings, protocol and code version: that of the scope itself
    where it has one, else the newest. Raw curves do not compete with residual ones.
    """
    rows = read_rows(engine, _select_competing(scope))
    return _build_panel(scope, rows)


def _select_competing(scope: TrialScope) -> sa.Select:
    symbols = sa.literal(list(scope.symbols), sa.ARRAY(sa.Text))
    shared = (
        sa.func.least(_SCOPES.c.end_date, sa.literal(scope.end_date, sa.Date))
        - sa.func.greatest(_SCOPES.c.start_date, sa.literal(scope.start_date, sa.Date))
        + 1
    )
    days = (scope.end_date - scope.start_date).days + 1
    same = (
        *(_RECORDS.c[name] for name in ("strategy", "parameters", "protocol", "code_version")),
        _SCOPES.c.settings,
    )
    newest = (
        sa.select(*_SELECTED, _SCOPES.c.settings, _SCOPES.c.dates)
        .join_from(_RECORDS, _SCOPES, _RECORDS.c.scope_id == _SCOPES.c.id)
        .where(
            _SCOPES.c.source == scope.source,
            _SCOPES.c.symbols.op("@>")(symbols),
            _SCOPES.c.symbols.op("<@")(symbols),
            _SCOPES.c.universe_version.is_(None) == (scope.universe_version is None),
            shared >= LEAST_OVERLAP * days,
        )
        .ext(distinct_on(*same))
        .order_by(
            *same,
            (_SCOPES.c.id == scope.identifier).desc(),
            _RECORDS.c.recorded_at.desc(),
            _RECORDS.c.id,
        )
        .subquery()
    )
    order = ("strategy", "parameters", "settings", "protocol", "code_version")
    return sa.select(newest).order_by(*(newest.c[name] for name in order))


def _build_panel(scope: TrialScope, rows: Sequence[Mapping[str, Any]]) -> TrialPanel:
    """Return trials on the days of a scope, 0 on those that a trial of another does not have."""
    residuals = np.zeros((len(rows), len(scope.dates)), dtype=np.float32)
    exposures = np.zeros(residuals.shape, dtype=np.float16)
    for number, row in enumerate(rows):
        here, there = _align(row.get("dates"), scope)
        residuals[number, here] = read_residual(row["residual"])[there]
        exposures[number, here] = read_exposure(row["exposure"])[there]
    return TrialPanel(
        scope=scope,
        identifiers=[row["id"] for row in rows],
        scope_ids=[row["scope_id"] for row in rows],
        strategies=[row["strategy"] for row in rows],
        parameters=[row["parameters"] for row in rows],
        code_versions=[row["code_version"] for row in rows],
        protocols=[row["protocol"] for row in rows],
        tested_symbols=np.array([row["tested_symbols"] for row in rows], dtype=np.int64),
        activity=np.array([row["activity"] for row in rows], dtype=np.float64),
        betas=np.array([row["beta"] for row in rows], dtype=np.float64),
        residuals=residuals,
        exposures=exposures,
    )


def _align(stored: bytes | None, scope: TrialScope) -> tuple[slice | Ints, slice | Ints]:
    """Return the places of shared days among those of a scope and of stored ones, None its own."""
    dates = scope.dates if stored is None else read_dates(stored)
    if np.array_equal(dates, scope.dates):
        return slice(None), slice(None)
    _, here, there = np.intersect1d(scope.dates, dates, assume_unique=True, return_indices=True)
    return here, there
