"""Saved feeds, and the private addresses at which named subscribers read them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "saved_feeds",
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("title", sa.String(), server_default="", nullable=False),
        sa.Column("spec", sa.String(), server_default="", nullable=False),
        sa.Column("property_ids", sa.String(), server_default="[]", nullable=False),
        sa.Column("facility_ids", sa.String(), server_default="[]", nullable=False),
        sa.Column("event_keys", sa.String(), server_default="[]", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_saved_feeds")),
    )
    op.create_table(
        "feed_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.Column("name", sa.String(), server_default="", nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["slug"], ["saved_feeds.slug"], name=op.f("fk_feed_tokens_slug")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_tokens")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_feed_tokens_slug"), "feed_tokens", ["slug"])
    op.create_index("ix_feed_tokens_digest", "feed_tokens", ["digest"], unique=True)
