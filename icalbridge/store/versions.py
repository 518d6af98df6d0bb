"""Versions of events, so that an older one that another window still has changes nothing back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from icalbridge.models import EventKey
from icalbridge.store.statements import EVENT_KEY, in_parts, of_events, update_rows
from icalbridge.store.tables import events

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from icalbridge.models import Changes

MOST_VERSIONS = 4
"""How many replaced versions of an event are remembered."""
BELIEVED_AFTER = timedelta(hours=1)
"""How long after it was replaced a version of another window is not believed."""


def note_versions(
    connection: Connection, changes: Changes, before: Mapping[tuple[str, str], str]
) -> None:
    """Remember the versions that changes replaced. `before`: digests by key, as stored before."""
    touched = {entry.key for entry in (*changes.added, *changes.changed, *changes.withdrawn)}
    replaced = {
        event.key: before[event.key]
        for event in changes.parsed
        if event.key in touched and before.get(event.key) not in {None, "", event.digest}
    }
    rows = [
        {
            "event_type": key.event_type,
            "event_id": key.event_id,
            "replaced": (*known, replaced[key])[-MOST_VERSIONS:],
            "source": changes.source,
        }
        for key, (known, _) in _versions(connection, replaced).items()
    ]
    update_rows(connection, events, EVENT_KEY, rows)


def replaced_elsewhere(
    connection: Connection, digests: Mapping[EventKey, str], source: int | None, now: datetime
) -> frozenset[EventKey]:
    """Return which events were lately replaced, by another window, in the version of a digest."""
    since = now - BELIEVED_AFTER
    return frozenset(
        key
        for key, (replaced, by) in _versions(connection, digests, since).items()
        if digests[key] in replaced and by not in {None, source}
    )


def _versions(
    connection: Connection, keys: Iterable[EventKey], since: datetime | None = None
) -> dict[EventKey, tuple[tuple[str, ...], int | None]]:
    """Return the replaced digests of some events, and the window that replaced the last of them."""
    columns = (events.c.event_type, events.c.event_id, events.c.replaced, events.c.source)
    versions: dict[EventKey, tuple[tuple[str, ...], int | None]] = {}
    for part in in_parts(set(keys)):
        query = select(*columns).where(of_events(events, part))
        if since is not None:
            query = query.where(events.c.changed_at > since)
        versions |= {
            EventKey(row[0], row[1]): (row[2], row[3]) for row in connection.execute(query)
        }
    return versions
