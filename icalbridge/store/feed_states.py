"""States of feeds: title, zone and revision, read before any entry is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select

from icalbridge.models import UID_SUFFIX, EventKey, FeedState
from icalbridge.store.entries import member_ids, resolve_event_id
from icalbridge.store.rows import SHOWN
from icalbridge.store.saved_feeds import saved_feed
from icalbridge.store.statements import of_events
from icalbridge.store.tables import entries, events, facilities, properties, saved_feeds, windows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection, Row, Table

    from icalbridge.models import Feed

EVER_SHOWN = or_(SHOWN, entries.c.cancelled_at.is_not(None))
"""Entries that are on, or were before they were called off."""


def feed_state(connection: Connection, feed: Feed) -> FeedState | None:
    """Return a feed's state; None for an id that was never seen."""
    match feed.kind:
        case "facility":
            return _facility_state(connection, feed.id)
        case "property":
            return _property_state(connection, feed.id)
        case "event":
            return _event_state(connection, feed)
        case "booking":
            return _booking_state(connection, f"{feed.id}{UID_SUFFIX}")
        case "saved":
            return _saved_state(connection, feed.id)


def _facility_state(connection: Connection, facility_id: str) -> FeedState | None:
    query = (
        select(
            facilities,
            properties.c.name.label("property_name"),
            properties.c.zone,
            properties.c.unlisted_at,
        )
        .join(properties, properties.c.id == facilities.c.property_id)
        .where(facilities.c.id == facility_id)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    title = ", ".join(part for part in (row.name or row.type, row.property_name) if part)
    synced = _any_synced(connection, [row.property_id])
    return FeedState(
        title or "Facility",
        row.zone or "UTC",
        row.revision,
        row.changed_at,
        row.property_id,
        synced,
        row.unlisted_at,
    )


def _property_state(connection: Connection, property_id: str) -> FeedState | None:
    own = connection.execute(select(properties).where(properties.c.id == property_id)).first()
    if own is None:
        return None
    members = member_ids(connection, [property_id])
    newest = select(func.max(properties.c.revision), func.max(properties.c.changed_at))
    revision, changed = connection.execute(newest.where(properties.c.id.in_(members))).one()
    synced = _all_tried(connection, members, own.first_seen_at) and _any_synced(connection, members)
    title, zone = own.name or "School", own.zone or "UTC"
    return FeedState(title, zone, revision, changed, property_id, synced, own.unlisted_at)


def _event_state(connection: Connection, feed: Feed) -> FeedState | None:
    event_id = resolve_event_id(connection, feed)
    result = and_(events.c.event_type == feed.event_type, events.c.event_id == event_id)
    row = None if event_id is None else connection.execute(select(events).where(result)).first()
    if row is None:
        return None
    ever_on = and_(of_events(entries, [(row.event_type, row.event_id)]), EVER_SHOWN)
    public = connection.scalar(select(entries.c.uid).where(ever_on).limit(1)) is not None
    title = (row.name if public else "") or "Reserved"
    # What is for staff alone of an event raises its property's revision and not its own.
    around = select(properties.c.revision, properties.c.unlisted_at).where(
        properties.c.id == row.property_id
    )
    of_property, left = connection.execute(around).one()
    revision = max(row.revision, of_property)
    return FeedState(
        title, row.zone, revision, row.changed_at, row.property_id, synced=True, unlisted=left
    )


def _booking_state(connection: Connection, uid: str) -> FeedState | None:
    """Return the state of one entry's feed; None for one that the public never saw."""
    query = (
        select(
            entries,
            events.c.revision,
            events.c.changed_at,
            properties.c.revision.label("property_revision"),
            properties.c.unlisted_at,
        )
        .join(
            events,
            and_(
                events.c.event_type == entries.c.event_type,
                events.c.event_id == entries.c.event_id,
            ),
        )
        .join(properties, properties.c.id == entries.c.property_id)
        .where(entries.c.uid == uid, EVER_SHOWN)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    return FeedState(
        row.name or "Reserved",
        row.zone,
        max(row.revision, row.property_revision),
        row.changed_at,
        row.property_id,
        synced=True,
        unlisted=row.unlisted_at,
        event_key=EventKey(row.event_type, row.event_id),
    )


def _saved_state(connection: Connection, slug: str) -> FeedState | None:
    """Return a saved feed's state: it is as new as the newest of itself and all that it selects."""
    saved = saved_feed(connection, slug)
    if saved is None:
        return None
    of_facilities = _marks(connection, facilities, facilities.c.id.in_(saved.facility_ids))
    own_events = _marks(connection, events, of_events(events, saved.event_keys))
    # What is for staff alone of an event raises its property's revision and not its own.
    around = {
        *member_ids(connection, saved.property_ids),
        *(item.property_id for item in own_events),
    }
    members = around | {item.property_id for item in of_facilities}
    here = select(properties).where(properties.c.id.in_(sorted(members)))
    known = {item.id: item for item in connection.execute(here)}
    own = connection.execute(select(saved_feeds).where(saved_feeds.c.slug == slug)).one()
    around_marks = [item for item in known.values() if item.id in around]
    marks = [own, *of_facilities, *own_events, *around_marks]
    revision = max(item.revision for item in marks)
    changed = max(item.changed_at for item in marks)
    named = [*saved.property_ids, *(item.property_id for item in (*of_facilities, *own_events))]
    result = [known[item] for item in named if item in known]
    if not result:
        return FeedState(saved.title, "UTC", revision, changed, "", synced=True)
    first_seen_at = min(item.first_seen_at for item in result)
    ids, left = list(known), [item.unlisted_at for item in result]
    return FeedState(
        saved.title,
        result[0].zone or "UTC",
        revision,
        changed,
        result[0].id,
        _all_tried(connection, ids, first_seen_at) and _any_synced(connection, ids),
        None if None in left else max(left),
    )


def _marks(
    connection: Connection, table: Table, requested: ColumnElement[bool]
) -> Sequence[Row[Any, Any, Any]]:
    """Return revision, time and property of some facilities or events, by key."""
    query = select(table.c.revision, table.c.changed_at, table.c.property_id).where(requested)
    return connection.execute(query.order_by(*table.primary_key)).all()


def _any_synced(connection: Connection, property_ids: Sequence[str]) -> bool:
    done = and_(windows.c.property_id.in_(property_ids), windows.c.synced_at.is_not(None))
    return connection.scalar(select(windows.c.number).where(done).limit(1)) is not None


def _all_tried(
    connection: Connection, property_ids: Sequence[str], first_seen_at: datetime
) -> bool:
    """Return whether today's windows were attempted, so that no feed starts out half full.

    Properties that joined later do not take their district's feed away.
    """
    query = (
        select(windows.c.property_id)
        .join(properties, properties.c.id == windows.c.property_id)
        .where(
            windows.c.property_id.in_(property_ids),
            windows.c.number == 0,
            windows.c.attempted_at.is_(None),
        )
        .where(properties.c.first_seen_at <= first_seen_at)
    )
    return connection.scalar(query.limit(1)) is None
