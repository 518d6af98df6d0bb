"""Indexes that find the entries of a span of days, however much history there is."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

LONG = sa.text("end_at - start_at > 86400")


def upgrade() -> None:
    for name in ("property", "facility"):
        key = f"{name}_id"
        op.create_index(f"ix_entries_{name}_start", "entries", [key, "start_at"])
        op.create_index(
            f"ix_entries_{name}_long",
            "entries",
            [key, "end_at"],
            sqlite_where=LONG,
            postgresql_where=LONG,
        )
