"""How many distinct clients read which calendar, by day and client family."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "reader_days",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("key", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_reader_days")),
    )
    op.create_table(
        "reader_hashes",
        sa.Column("digest", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("feed", sa.String(), server_default="", nullable=False),
        sa.Column("family", sa.String(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_reader_hashes")),
    )
    op.create_table(
        "reader_counts",
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("feed", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("readers", sa.Integer(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("day", "feed", "family", name=op.f("pk_reader_counts")),
    )
