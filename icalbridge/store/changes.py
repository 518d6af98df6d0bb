"""Writes `Changes` inside the caller's transaction: events, entries, staff details, counters.

Only rows that differ from what is stored are written.
"""

from __future__ import annotations

from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, delete, exists, func, insert, select, tuple_

from icalbridge.models import UNTOLD, EventKey, StaffDetails
from icalbridge.statuses import APPROVED, EVENT_STATUSES, TIMESLOT_STATUSES, status_name
from icalbridge.store.activity import raise_activity
from icalbridge.store.revisions import ENTRIES_COUNTER, raise_around, raise_counter, raise_revisions
from icalbridge.store.rows import (
    EVENT_COLUMNS,
    PARTICULARS_COLUMNS,
    SHOWN,
    entry_values,
    event_values,
    particulars_values,
    text_row,
    texts_of,
)
from icalbridge.store.statements import (
    EVENT_KEY,
    in_parts,
    insert_missing,
    of_events,
    update_rows,
)
from icalbridge.store.tables import (
    counters,
    entries,
    entry_texts,
    events,
    facilities,
    particulars,
    properties,
)
from icalbridge.store.versions import note_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from icalbridge.models import Changes, Entry, Event
    from icalbridge.store.revisions import Revision

STATUS_COUNTER = "status:"
TIMESLOT_STATUS_COUNTER = "timeslot_status:"
"""What counters of unknown statuses begin with; the status follows."""
MAX_STATUSES = 20
"""How many unknown statuses are counted by name, of events and of timeslots each."""
OTHER_STATUS = "other"


def write_changes(connection: Connection, changes: Changes, revision: Revision) -> None:
    """Write the changes of a sync, and raise the revision of every feed that they concern."""
    known = _write_events(connection, changes.parsed, revision) if changes.parsed else {}
    touched = (*changes.added, *changes.changed, *changes.withdrawn)
    if changes.source is not None and touched and known:
        note_versions(connection, changes, {key: row.digest for key, row in known.items()})
    if touched:
        places, shown = _stored(connection, touched)
        _write_entries(connection, changes, revision)
        places |= {(entry.property_id, entry.facility_id) for entry in touched}
        _raise_all(connection, {entry.key for entry in touched}, places, revision)
        lively = {entry.property_id for entry in (*changes.changed, *changes.withdrawn)}
        raise_activity(connection, "changes", lively, revision.moment)
        shown_now = sum({entry.uid: entry.shown for entry in touched}.values())
        add_entries(connection, shown_now - shown)
    if changes.parsed:
        _write_particulars(connection, changes.parsed, frozenset(known), revision)
    if changes.reparse:
        keys = [
            {"event_type": key.event_type, "event_id": key.event_id, "digest": ""}
            for key in changes.reparse
        ]
        update_rows(connection, events, EVENT_KEY, keys)
    _count_statuses(connection, unknown_statuses(changes.parsed, known))


def unknown_statuses(
    parsed: Iterable[Event], known: Mapping[tuple[str, str], Row[Any]]
) -> Counter[str]:
    """Count unknown statuses, by counter: of events where new, of timeslots of changed events.

    `known`: name, status and digest of the events as they were stored.
    """
    counted: Counter[str] = Counter()
    for event in parsed:
        before = known.get(event.key)
        unknown = event.status not in EVENT_STATUSES and event.entry_status != APPROVED
        if unknown and (before is None or before.status != event.status):
            counted[STATUS_COUNTER + status_name(event.status)] += 1
        if before is None or before.digest != event.digest:
            odd = (
                timeslot.status
                for timeslot in event.timeslots
                if timeslot.status not in TIMESLOT_STATUSES
            )
            counted.update(TIMESLOT_STATUS_COUNTER + status_name(timeslot) for timeslot in odd)
    return counted


def _count_statuses(connection: Connection, counted: Mapping[str, int]) -> None:
    """Add to the counters of unknown statuses: `MAX_STATUSES` of a kind, and one for all others.

    Last in a transaction and in order, so that transactions do not wait for each other.
    """
    for kind in (STATUS_COUNTER, TIMESLOT_STATUS_COUNTER):
        added = {name: by for name, by in sorted(counted.items()) if name.startswith(kind)}
        if not added:
            continue
        query = select(counters.c.name).where(counters.c.name.startswith(kind, autoescape=True))
        names = {*connection.scalars(query)} - {kind + OTHER_STATUS}
        total: Counter[str] = Counter()
        for name, by in added.items():
            if name in names or len(names) < MAX_STATUSES:
                names.add(name)
                total[name] += by
            else:
                total[kind + OTHER_STATUS] += by
        for name, by in sorted(total.items()):
            raise_counter(connection, name, by)


def delete_old(connection: Connection, ended_before: datetime, revision: Revision) -> int:
    """Delete entries that ended before a time, and events without any; return how many entries.

    Their feeds get a new revision, since nobody knows later when the last of them ended.
    """
    columns = (
        entries.c.event_type,
        entries.c.event_id,
        entries.c.property_id,
        entries.c.facility_id,
    )
    old = and_(  # of each property, so that the index is used
        entries.c.property_id.in_(select(properties.c.id)), entries.c.end_at < ended_before
    )
    shown = connection.scalar(select(func.count()).where(old, SHOWN)) or 0
    gone = connection.execute(delete(entries).where(old).returning(*columns)).all()
    keys = {EventKey(row.event_type, row.event_id) for row in gone}
    left = and_(
        entries.c.event_type == events.c.event_type, entries.c.event_id == events.c.event_id
    )
    for keys_part in in_parts(keys):
        named = of_events(events, keys_part)
        nothing_left = select(events.c.event_type, events.c.event_id).where(
            named, ~exists().where(left)
        )
        of_none = tuple_(particulars.c.event_type, particulars.c.event_id).in_(nothing_left)
        connection.execute(delete(particulars).where(of_none))
        connection.execute(delete(events).where(named, ~exists().where(left)))
    _raise_all(connection, keys, {(row.property_id, row.facility_id) for row in gone}, revision)
    add_entries(connection, -shown)
    return len(gone)


def _write_events(
    connection: Connection, parsed: Sequence[Event], revision: Revision
) -> dict[tuple[str, str], Row[Any]]:
    """Write the events that differ; return what was stored of those known already, by key."""
    known: dict[tuple[str, str], Row[Any]] = {}
    columns = [events.c[name] for name in (*EVENT_KEY, *EVENT_COLUMNS)]
    for keys in in_parts(event.key for event in parsed):
        query = select(*columns).where(of_events(events, keys))
        known |= {(row.event_type, row.event_id): row for row in connection.execute(query)}
    rows = [(event.key, event_values(event)) for event in parsed]
    if new := [values for key, values in rows if key not in known]:
        first = {"first_seen_at": revision.moment, **revision.values}
        insert_missing(connection, events, [values | first for values in new])
    changed = [values for key, values in rows if key in known and known[key]._asdict() != values]
    update_rows(connection, events, EVENT_KEY, changed)
    renamed = [
        event.key for event in parsed if event.key in known and known[event.key].name != event.name
    ]
    raise_revisions(connection, events, renamed, revision)
    return known


def _write_particulars(
    connection: Connection,
    parsed: Sequence[Event],
    known: frozenset[tuple[str, str]],
    revision: Revision,
) -> None:
    """Write staff details where they differ; an event without a row has none.

    Only the revision of the place is raised: public feeds of the event do not change.
    """
    stored: dict[tuple[str, str], StaffDetails] = {}
    for keys in in_parts(event.key for event in parsed):
        named = of_events(particulars, keys)
        columns = particulars.c.event_type, particulars.c.event_id, *PARTICULARS_COLUMNS
        result = connection.execute(select(*columns).where(named))
        stored |= {(row[0], row[1]): StaffDetails(*row[2:]) for row in result}
    differing = [event for event in parsed if event.particulars != stored.get(event.key, UNTOLD)]
    moment = {"changed_at": revision.moment}
    rows = [(event.key, particulars_values(event) | moment) for event in differing]
    new = [values for key, values in rows if key not in stored]
    insert_missing(connection, particulars, new)
    known_rows = [values for key, values in rows if key in stored]
    update_rows(connection, particulars, EVENT_KEY, known_rows)
    if changed := {event.key for event in differing} & known:
        raise_around(connection, changed, revision)


def _write_entries(connection: Connection, changes: Changes, revision: Revision) -> None:
    texts = {texts_of(entry) for entry in (*changes.added, *changes.changed)}
    rows = sorted((text_row(*row) for row in texts), key=itemgetter("id"))
    insert_missing(connection, entry_texts, rows)
    if changes.added:
        rows = [entry_values(entry) | {"first_seen_at": revision.moment} for entry in changes.added]
        connection.execute(insert(entries), rows)
    rows = [entry_values(entry) for entry in (*changes.changed, *changes.withdrawn)]
    update_rows(connection, entries, ["uid"], rows)


def _stored(connection: Connection, touched: Sequence[Entry]) -> tuple[set[tuple[str, str]], int]:
    """Return property and facility of these entries as they are stored, and how many are shown."""
    places: set[tuple[str, str]] = set()
    shown = 0
    for uids in in_parts({entry.uid for entry in touched}):
        query = (
            select(
                entries.c.property_id, entries.c.facility_id, func.sum(case((SHOWN, 1), else_=0))
            )
            .where(entries.c.uid.in_(uids))
            .group_by(entries.c.property_id, entries.c.facility_id)
        )
        for property_id, facility_id, count in connection.execute(query):
            places.add((property_id, facility_id))
            shown += count
    return places, shown


def add_entries(connection: Connection, by: int) -> None:
    """Add to the counter of shown entries."""
    if by:
        raise_counter(connection, ENTRIES_COUNTER, by)


def _raise_all(
    connection: Connection,
    keys: set[EventKey],
    places: set[tuple[str, str]],
    revision: Revision,
) -> None:
    """Raise the revisions of some events and of some pairs of property and facility."""
    raise_revisions(connection, properties, {place[0] for place in places}, revision)
    raise_revisions(connection, facilities, {place[1] for place in places}, revision)
    raise_revisions(connection, events, keys, revision)
