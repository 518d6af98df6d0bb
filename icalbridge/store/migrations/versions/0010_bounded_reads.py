"""Indexes by start, for reads bounded by a span; the number of shown entries as a counter."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"


def upgrade() -> None:
    op.create_index("ix_entries_property_start", "entries", ["property_id", "start_at"])
    op.create_index(
        "ix_entries_long",
        "entries",
        ["property_id", "end_at"],
        sqlite_where=sa.text("end_at - start_at > 86400"),
        postgresql_where=sa.text("end_at - start_at > 86400"),
    )
    op.execute(
        "INSERT INTO counters (name, value) SELECT 'entries', COUNT(*) FROM entries"
        " WHERE status = 'approved' AND timeslot_status = 'active' AND withdrawn_at IS NULL"
    )
