"""What was pushed: which of the vendor's events stand for which UIDs of which calendar."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "pushed",
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("uid", sa.String(), server_default="", nullable=False),
        sa.Column("pushed_at", sa.BigInteger(), nullable=False),
        sa.Column("dropped_at", sa.BigInteger(), nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("external_id", name=op.f("pk_pushed")),
    )
    op.create_index(op.f("ix_pushed_source"), "pushed", ["source"])
