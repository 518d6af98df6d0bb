"""The public policy that was last read: since when it holds, and its text for a file gone bad."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "public_policy",
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("text", sa.String(), nullable=False, server_default=""),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
    )
