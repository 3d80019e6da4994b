"""Keep a ledger of trials, to which rows are only added."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.columns import check, dates, doubles, finite, integers, json, texts, timestamps

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_TABLES = ("trial_scopes", "trial_records")
_PURPOSES = "'pipeline', 'what_if', 'request', 'sweep', 'walk_forward', 'portfolio', 'notebook'"

_REFUSE = """
CREATE FUNCTION refuse_changes_of_trials() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused, for every trial counts, however it went',
        TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$
"""
# Per statement: nothing is changed, so it does not matter which rows it would have been.
_TRIGGER = """
CREATE TRIGGER append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_changes_of_trials()
"""

_TRIALS = """
SELECT
    trial_records.id, strategy, parameters, protocol, source, symbols,
    cardinality(symbols) AS universe_symbols, tested_symbols, start_date, end_date, settings,
    data_version, universe_version, code_version, activity, beta, residual_return,
    residual_sharpe_ratio, purpose, run_id, run_user, recorded_at, scope_id
FROM trial_records
JOIN trial_scopes ON trial_scopes.id = scope_id
"""


def upgrade() -> None:
    """Create tables, triggers and the view."""
    _create_scopes()
    _create_records()
    op.execute(_REFUSE)
    for table in _TABLES:
        op.execute(_TRIGGER.format(table=table))
    # Curves do not compress: trying costs more time than writing them does.
    for curve in ("residual", "exposure"):
        op.execute(f"ALTER TABLE trial_records ALTER COLUMN {curve} SET STORAGE EXTERNAL")
    op.execute(f"CREATE VIEW trials AS {_TRIALS}")


def downgrade() -> None:
    """Drop the ledger with all that it holds."""
    op.execute("DROP VIEW trials")
    op.execute("DROP TABLE trial_records, trial_scopes")
    op.execute("DROP FUNCTION refuse_changes_of_trials")


def _create_scopes() -> None:
    op.create_table(
        "trial_scopes",
        sa.Column("id", sa.Uuid(), nullable=False),
        *texts("source"),
        sa.Column("symbols", ARRAY(sa.Text()), nullable=False),
        *texts("data_version"),
        *texts("universe_version", nullable=True),
        *dates("start_date", "end_date"),
        json("settings"),
        *_blobs("dates", "market"),
        check("trial_scopes_window", "start_date <= end_date"),
        check("trial_scopes_curve", "octet_length(market) = 2 * octet_length(dates)"),
        sa.PrimaryKeyConstraint("id", name="pk_trial_scopes"),
    )
    op.create_index("ix_trial_scopes_window", "trial_scopes", ["source", "start_date", "end_date"])
    op.create_index("ix_trial_scopes_symbols", "trial_scopes", ["symbols"], postgresql_using="gin")


def _create_records() -> None:
    judged = ("beta", "residual_return", "residual_sharpe_ratio")
    op.create_table(
        "trial_records",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("id", "scope_id")),
        *texts("strategy"),
        json("parameters"),
        *texts("code_version", "protocol"),
        *integers("tested_symbols"),
        *doubles("activity", "beta", "residual_return"),
        *doubles("residual_sharpe_ratio", nullable=True),
        *_blobs("residual", "exposure"),
        *texts("purpose", "run_id"),
        *texts("run_user", nullable=True),
        *timestamps("recorded_at"),
        check("trial_records_purpose", f"purpose IN ({_PURPOSES})"),
        check("trial_records_parameters", "jsonb_typeof(parameters) = 'object'"),
        check("trial_records_tested_symbols", "tested_symbols >= 0"),
        check("trial_records_activity", "activity >= 0 AND activity <= 1"),
        check("trial_records_curves", "octet_length(residual) = 2 * octet_length(exposure)"),
        check("trial_records_finite", finite(*judged)),
        sa.PrimaryKeyConstraint("id", name="pk_trial_records"),
        sa.ForeignKeyConstraint(
            ["scope_id"], ["trial_scopes.id"], name=op.f("fk_trial_records_scope_id")
        ),
    )
    for name, columns in (
        ("scope", ["scope_id", "protocol"]),
        ("strategy", ["strategy", "recorded_at"]),
        ("user", ["run_user", "recorded_at"]),
        ("recorded_at", ["recorded_at", "id"]),
    ):
        op.create_index(f"ix_trial_records_{name}", "trial_records", columns)


def _blobs(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.LargeBinary(), nullable=False) for name in names]
