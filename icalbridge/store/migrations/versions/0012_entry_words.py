"""Texts as lines of words, and names to choose by."""

import sqlalchemy as sa
from alembic import op

from icalbridge.store.rows import text_row

revision = "0012"
down_revision = "0011"

TEXTS = ("property_id", "event_type", "name", "activity", "place", "category")
PART = 1_000


def upgrade() -> None:
    op.add_column("entry_texts", sa.Column("name", sa.String(), server_default="", nullable=False))
    entries = sa.table("entries", *map(sa.column, TEXTS))
    texts_of = [entries.c[name] for name in TEXTS]
    rows = op.get_bind().execute(sa.select(*texts_of).distinct()).all()
    names = ("id", "property_id", "event_type", "category", "activity", "name", "search")
    texts = sa.table("entry_texts", *map(sa.column, names))
    op.execute(texts.delete())
    for first in range(0, len(rows), PART):
        values = (text_row(*row) for row in rows[first : first + PART])
        op.bulk_insert(texts, [{name: row[name] for name in names} for row in values])
