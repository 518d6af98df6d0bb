"""The number of shown entries as a counter, so that nobody counts them all."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute(
        "INSERT INTO counters (name, value) SELECT 'entries', COUNT(*) FROM entries"
        " WHERE status = 'approved' AND timeslot_status = 'active' AND withdrawn_at IS NULL"
    )
