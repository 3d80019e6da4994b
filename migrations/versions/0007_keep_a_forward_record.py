"""Keep a forward record, to which rows are only added, and the positions of tomorrow."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from migrations.columns import check, dates, doubles, finite, integers, json, texts, timestamps

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TABLES = ("forward_bars", "forward_records", "forward_days", "next_positions")
_ACTIONS = (
    "'buy', 'sell', 'sell short', 'cover', 'sell and sell short', 'cover and buy', 'hold', "
    "'stay out'"
)
_EXPECTED = ("mean", "deviation", "beta", "residual_mean", "residual_deviation")

_REFUSE = """
CREATE FUNCTION refuse_changes_of_forward_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused, for what was recorded before its time came '
        'must stay as it was', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END
$$
"""
# Per statement: nothing is changed, so it does not matter which rows it would have been.
_TRIGGER = """
CREATE TRIGGER append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_changes_of_forward_records()
"""


def upgrade() -> None:
    """Create tables and triggers."""
    _create_bars()
    _create_records()
    _create_days()
    _create_next_positions()
    op.execute(_REFUSE)
    for table in _TABLES:
        op.execute(_TRIGGER.format(table=table))


def downgrade() -> None:
    """Drop the record with all that it holds."""
    op.execute(f"DROP TABLE {', '.join(reversed(_TABLES))}")
    op.execute("DROP FUNCTION refuse_changes_of_forward_records")


def _create_bars() -> None:
    op.create_table(
        "forward_bars",
        *_uuids("id"),
        *dates("session"),
        *_lists("symbols"),
        sa.Column("through", ARRAY(sa.Date()), nullable=False),
        *_lists("versions"),
        check(
            "forward_bars_symbols",
            "cardinality(symbols) = cardinality(through) "
            "AND cardinality(symbols) = cardinality(versions)",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_forward_bars"),
    )


def _create_records() -> None:
    numbers = ("exposure", "joining_cost", "bars_per_year")
    op.create_table(
        "forward_records",
        *_uuids("id"),
        *texts("strategy"),
        json("parameters"),
        *texts("code_version", "source"),
        *_lists("symbols"),
        *dates("start_date"),
        json("settings"),
        *dates("session"),
        *_uuids("bars_id"),
        *integers("expected_bars", nullable=True),
        *doubles(*_EXPECTED, nullable=True),
        *doubles(*numbers),
        *texts("run_id"),
        *timestamps("recorded_at"),
        check("forward_records_parameters", "jsonb_typeof(parameters) = 'object'"),
        check("forward_records_exposure", "exposure >= 0 AND exposure <= 1"),
        check("forward_records_finite", finite(*_EXPECTED, *numbers)),
        sa.PrimaryKeyConstraint("id", name="pk_forward_records"),
        _references("forward_records", "bars_id", "forward_bars"),
    )
    op.create_index("ix_forward_records_strategy", "forward_records", ["strategy", "recorded_at"])


def _create_days() -> None:
    numbers = ("universe_return", "market_return", "exposure")
    op.create_table(
        "forward_days",
        *_uuids("record_id"),
        *dates("session"),
        *_uuids("bars_id"),
        *doubles(*numbers),
        *(sa.Column(name, sa.LargeBinary(), nullable=False) for name in ("accounts", "sides")),
        *_lists("revised", "late", "absent"),
        *texts("run_id"),
        *timestamps("recorded_at"),
        check("forward_days_accounts", "octet_length(accounts) = 8 * octet_length(sides)"),
        check("forward_days_exposure", "exposure >= 0 AND exposure <= 1"),
        check("forward_days_finite", finite(*numbers)),
        sa.PrimaryKeyConstraint("record_id", "session", name="pk_forward_days"),
        _references("forward_days", "record_id", "forward_records"),
        _references("forward_days", "bars_id", "forward_bars"),
    )
    # Numbers do not compress: trying costs more time than writing them does.
    op.execute("ALTER TABLE forward_days ALTER COLUMN accounts SET STORAGE EXTERNAL")


def _create_next_positions() -> None:
    prices = ("entry_price", "stop_price", "target_price")
    op.create_table(
        "next_positions",
        *texts("run_id", "strategy", "symbol", "source"),
        *dates("bar"),
        sa.Column("stale", sa.Boolean(), nullable=False),
        *integers("held"),
        *doubles("shares"),
        *dates("entry_date", nullable=True),
        *doubles("entry_price", nullable=True),
        *integers("next_side"),
        *texts("action", "fills_at"),
        sa.Column("waits", sa.Boolean(), nullable=False),
        *doubles("stop_price", "target_price", nullable=True),
        *timestamps("made_at"),
        check("next_positions_sides", "abs(held) <= 1 AND abs(next_side) <= 1"),
        check("next_positions_action", f"action IN ({_ACTIONS})"),
        check("next_positions_finite", finite("shares", *prices)),
        sa.PrimaryKeyConstraint("run_id", "strategy", "symbol", name="pk_next_positions"),
    )
    op.create_index("ix_next_positions_made_at", "next_positions", ["made_at", "run_id"])


def _uuids(*names: str) -> list[sa.Column]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _lists(*names: str) -> list[sa.Column]:
    return [sa.Column(name, ARRAY(sa.Text()), nullable=False) for name in names]


def _references(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}")
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=name)
