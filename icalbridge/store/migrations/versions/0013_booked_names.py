"""Keys of names, by which the coming entries of a name are found and counted."""

import sqlalchemy as sa
from alembic import op

from icalbridge.store.rows import name_id

revision = "0013"
down_revision = "0012"

SHOWN = sa.text("status = 'approved' AND timeslot_status = 'active' AND withdrawn_at IS NULL")


def upgrade() -> None:
    for table in ("entry_texts", "entries"):
        op.add_column(table, sa.Column("name_id", sa.BigInteger(), nullable=True))
    texts = sa.table("entry_texts", *map(sa.column, ("id", "property_id", "name", "name_id")))
    names = sa.select(texts.c.property_id, texts.c.name).distinct()
    rows = [
        {"of": property_id, "named": name, "key": name_id(property_id, name)}
        for property_id, name in op.get_bind().execute(names)
    ]
    if rows:
        same = (texts.c.property_id == sa.bindparam("of"), texts.c.name == sa.bindparam("named"))
        update = texts.update().where(*same).values(name_id=sa.bindparam("key"))
        op.get_bind().execute(update, rows)
    entries = sa.table("entries", sa.column("text_id"), sa.column("name_id"))
    own = sa.select(texts.c.name_id).where(texts.c.id == entries.c.text_id)
    op.execute(entries.update().values(name_id=own.scalar_subquery()))
    op.create_index(
        "ix_entries_name",
        "entries",
        ["name_id", "end_at"],
        sqlite_where=SHOWN,
        postgresql_where=SHOWN,
    )
