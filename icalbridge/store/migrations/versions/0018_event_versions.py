"""Versions of an event that were replaced, by which window; when it was asked for by its id."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("events", sa.Column("replaced", sa.String(), server_default="[]", nullable=False))
    op.add_column("events", sa.Column("source", sa.Integer(), nullable=True))
    op.add_column("events", sa.Column("checked_at", sa.BigInteger(), nullable=True))
