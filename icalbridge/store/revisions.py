"""Revisions: numbers that tell readers that something a feed shows has changed; and counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from icalbridge.store.statements import in_parts, insert_missing, of_events
from icalbridge.store.tables import counters, entries, events, facilities, properties

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection, Table

    from icalbridge.store.rows import Values

ENTRIES_COUNTER = "entries"
"""Name of the counter of shown entries, past ones included; writers keep it up to date."""


class Revision:
    """Revision of a transaction: the counter is raised only when something changed."""

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection = connection
        self.moment = now
        self._number: int | None = None

    @property
    def values(self) -> Values:
        if self._number is None:
            self._number = raise_counter(self._connection, "revision", 1)
        return {"revision": self._number, "changed_at": self.moment}


def raise_counter(connection: Connection, name: str, by: int) -> int:
    """Add to a counter and return the sum; other writers wait until this transaction ends."""
    insert_missing(connection, counters, [{"name": name, "value": 0}])
    raised = update(counters).where(counters.c.name == name).values(value=counters.c.value + by)
    return int(connection.execute(raised.returning(counters.c.value)).scalar_one())


def raise_revisions(
    connection: Connection, table: Table, keys: Iterable[Any], revision: Revision
) -> None:
    """Raise the revision of rows by id, or of events by type and id."""
    for part in in_parts(set(keys)):
        named = of_events(table, part) if table is events else table.c.id.in_(part)
        connection.execute(update(table).where(named).values(**revision.values))


def raise_around(
    connection: Connection, keys: Iterable[tuple[str, str]], revision: Revision
) -> None:
    """Raise the revision, but not `changed_at`, of properties and facilities of some events."""
    for keys_part in in_parts(keys):
        here = of_events(entries, keys_part)
        for table, column in (
            (properties, entries.c.property_id),
            (facilities, entries.c.facility_id),
        ):
            around = table.c.id.in_(select(column).where(here))
            connection.execute(
                update(table).where(around).values(revision=revision.values["revision"])
            )
