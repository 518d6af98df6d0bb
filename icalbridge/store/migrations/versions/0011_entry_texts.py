"""The texts that entries are searched by, each combination once."""

import sqlalchemy as sa
from alembic import op

from icalbridge.store.rows import text_row

revision = "0011"
down_revision = "0010"

TEXTS = ("property_id", "event_type", "name", "activity", "place", "category")
PART = 1_000


def upgrade() -> None:
    columns = [sa.Column(name, sa.String(), nullable=False) for name in TEXTS[:2]]
    columns += [
        sa.Column(name, sa.String(), server_default="", nullable=False)
        for name in ("category", "activity", "search")
    ]
    columns[1].server_default = sa.DefaultClause("")
    texts = op.create_table(
        "entry_texts",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        *columns,
    )
    op.create_index("ix_entry_texts_property_id", "entry_texts", ["property_id"])
    op.add_column("entries", sa.Column("text_id", sa.BigInteger(), nullable=True))
    raw = op.create_table(
        "entry_texts_raw",
        sa.Column("id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in TEXTS),
    )
    entries = sa.table("entries", *map(sa.column, (*TEXTS, "text_id")))
    texts_of = [entries.c[name] for name in TEXTS]
    rows = op.get_bind().execute(sa.select(*texts_of).distinct()).all()
    for first in range(0, len(rows), PART):
        values = (text_row(*row) for row in rows[first : first + PART])
        part = [{name: row[name] for name in texts.columns.keys()} for row in values]  # noqa: SIM118
        op.bulk_insert(texts, part)
        op.bulk_insert(
            raw,
            [
                {"id": values["id"]} | dict(zip(TEXTS, row, strict=True))
                for values, row in zip(part, rows[first : first + PART], strict=True)
            ],
        )
    op.create_index("ix_entry_texts_raw", "entry_texts_raw", ["property_id", "name", "place"])
    same = sa.select(raw.c.id).where(*(raw.c[name] == entries.c[name] for name in TEXTS))
    op.execute(entries.update().values(text_id=same.scalar_subquery()))
    op.drop_table("entry_texts_raw")
    op.create_index("ix_entries_text", "entries", ["text_id", "start_at"])
