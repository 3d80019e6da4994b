"""Let old positions of tomorrow be removed: those of the next night supersede them."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_REFUSE = """
CREATE FUNCTION refuse_removal_of_newest_positions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.run_id = (
        SELECT run_id FROM next_positions ORDER BY made_at DESC, run_id DESC LIMIT 1
    ) THEN
        RAISE EXCEPTION 'the newest positions of tomorrow, of run %, are kept', OLD.run_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END
$$
"""
_KEEP_NEWEST = """
CREATE TRIGGER keep_newest
BEFORE DELETE ON next_positions
FOR EACH ROW EXECUTE FUNCTION refuse_removal_of_newest_positions()
"""
_APPEND_ONLY = """
CREATE TRIGGER append_only
BEFORE {events} ON next_positions
FOR EACH STATEMENT EXECUTE FUNCTION refuse_changes_of_forward_records()
"""


def upgrade() -> None:
    """Refuse to change positions, and to delete the newest ones."""
    op.execute("DROP TRIGGER append_only ON next_positions")
    op.execute(_APPEND_ONLY.format(events="UPDATE OR TRUNCATE"))
    op.execute(_REFUSE)
    op.execute(_KEEP_NEWEST)


def downgrade() -> None:
    """Refuse to delete any."""
    op.execute("DROP TRIGGER keep_newest ON next_positions")
    op.execute("DROP FUNCTION refuse_removal_of_newest_positions")
    op.execute("DROP TRIGGER append_only ON next_positions")
    op.execute(_APPEND_ONLY.format(events="UPDATE OR DELETE OR TRUNCATE"))
