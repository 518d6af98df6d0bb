"""SQL statements that several modules need, for both databases."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, false, or_, update
from sqlalchemy.dialects import postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sqlalchemy import ColumnElement, Connection, Table

    from icalbridge.store.rows import Values

EVENT_KEY = ["event_type", "event_id"]
KEYS_A_STATEMENT = 400
"""Number of keys in one statement, far below the parameter limit of both databases."""


def insert_missing(connection: Connection, table: Table, rows: list[Values]) -> None:
    """Insert rows, leaving those whose primary key is there already as they are."""
    if not rows:
        return
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(dialect.insert(table).on_conflict_do_nothing(), rows)


def of_events(table: Table, keys: Iterable[tuple[str, str]]) -> ColumnElement[bool]:
    """Return the rows of some events, by type and id.

    Said so that SQLite finds them by an index; for `(event_type, event_id) IN (…)` it reads the
    whole table.
    """
    of_type = groupby(sorted(keys), key=itemgetter(0))
    return or_(
        false(),
        *(
            and_(
                table.c.event_type == name,
                table.c.event_id.in_([event_id for _, event_id in named]),
            )
            for name, named in of_type
        ),
    )


def in_parts(keys: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield sorted keys in parts small enough for one statement each."""
    in_order = sorted(keys)
    for first in range(0, len(in_order), KEYS_A_STATEMENT):
        yield in_order[first : first + KEYS_A_STATEMENT]


def update_rows(connection: Connection, table: Table, key: list[str], rows: list[Values]) -> None:
    """Update rows by their primary key in one executemany; all rows have the same columns."""
    if not rows:
        return
    chosen = and_(*(table.c[name] == bindparam(f"key_{name}") for name in key))
    statement = (
        update(table)
        .where(chosen)
        .values({name: bindparam(name) for name in rows[0] if name not in key})
    )
    keyed = [
        {f"key_{name}" if name in key else name: value for name, value in row.items()}
        for row in rows
    ]
    connection.execute(statement, keyed)
