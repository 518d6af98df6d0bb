"""What readers ask: the directory, a feed's state and its entries, how fresh everything is. Writes nothing.

Every question is answered by a number of statements that does not grow with the data.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select

from icalbridge.model import Entry, Facility, Feed, FeedState, Property
from icalbridge.store.engine import reading
from icalbridge.store.rows import ENTRY_COLUMNS, entry_of, facility_of, from_seconds, maybe, property_of, seconds
from icalbridge.store.tables import api_users, counters, entries, events, facilities, properties, windows, workers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection, Engine, Row

WORKER_ALIVE_SECONDS = 90
"""A worker that gave no sign for this long is taken for dead."""

SHOWN = and_(entries.c.status == "approved", entries.c.timeslot_status == "active", entries.c.withdrawn_at.is_(None))
"""`Entry.shown`, said in SQL."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How well one property is known."""

    property_id: str
    name: str
    zone: str
    today_synced: datetime | None
    """When the window that holds today was last fetched; None while it never was."""
    oldest_synced: datetime | None
    """When the window that waits longest was last fetched; None while one never was."""
    attempted: datetime | None
    error: str
    """The last failure in one sentence, empty after a success."""
    error_at: datetime | None
    invocation_id: str


@dataclass(frozen=True, slots=True)
class Health:
    """How the whole stands, for `/readyz`, `/metrics` and `status`."""

    catalogue_synced: datetime | None
    """When the catalogue that waits longest was last fetched; None while one never was."""
    catalogue_error: str
    catalogue_invocation_id: str
    workers_alive: int
    entries: int
    skipped: int
    """Things in the vendor's answers that could not be read, since the database was made."""
    quota_day: date | None
    quota_used: int
    properties: tuple[Freshness, ...]

    @property
    def ready(self) -> bool:
        """Whether the catalogue and every property's window that holds today were fetched at least once."""
        return (
            self.catalogue_synced is not None
            and bool(self.properties)
            and all(each.today_synced for each in self.properties)
        )


class Reading:
    """Everything that readers ask of one database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def feed_state(self, feed: Feed) -> FeedState | None:
        """Return what must be known of a feed before any entry is read; None for an id that was never seen."""
        with reading(self._engine) as connection:
            match feed.kind:
                case "facility":
                    return _facility_state(connection, feed.id)
                case "property":
                    return _property_state(connection, feed.id)
                case "event":
                    return _event_state(connection, feed)

    def entries(self, feed: Feed, ended_after: datetime) -> list[Entry]:
        """Return the feed's shown entries that end after a moment, by start."""
        with reading(self._engine) as connection:
            wanted = and_(_of_feed(connection, feed), SHOWN, entries.c.end_at > seconds(ended_after))
            return _entries(connection, wanted)

    def latest_end(self, feed: Feed, not_after: datetime) -> datetime | None:
        """Return when the last of the feed's shown entries that ended by a moment did end; None if none did."""
        with reading(self._engine) as connection:
            wanted = and_(_of_feed(connection, feed), SHOWN, entries.c.end_at <= seconds(not_after))
            return maybe(connection.scalar(select(func.max(entries.c.end_at)).where(wanted)))

    def entries_between(self, property_ids: Sequence[str], since: datetime, until: datetime) -> list[Entry]:
        """Return the shown entries of some properties that overlap a span, by start."""
        with reading(self._engine) as connection:
            return _entries(connection, and_(entries.c.property_id.in_(property_ids), SHOWN, _overlap(since, until)))

    def counts(self, since: datetime, until: datetime) -> dict[str, int]:
        """Return how many shown entries overlap a span, by facility."""
        query = (
            select(entries.c.facility_id, func.count().label("entries"))
            .where(SHOWN, _overlap(since, until))
            .group_by(entries.c.facility_id)
        )
        with reading(self._engine) as connection:
            return {row.facility_id: row.entries for row in connection.execute(query)}

    def properties(self) -> list[Property]:
        """Return the listed properties in the vendor's order; `timezone` is the zone that holds for each."""
        query = select(properties).where(properties.c.listed).order_by(properties.c.position, properties.c.id)
        with reading(self._engine) as connection:
            return [property_of(row) for row in connection.execute(query)]

    def property(self, property_id: str) -> Property | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(properties).where(properties.c.id == property_id)).first()
            return None if row is None else property_of(row)

    def facilities(self, property_ids: Sequence[str] | None = None) -> list[Facility]:
        """Return the listed facilities, of some properties or of all, in the vendor's order."""
        query = select(facilities).where(facilities.c.listed).order_by(facilities.c.position, facilities.c.id)
        if property_ids is not None:
            query = query.where(facilities.c.property_id.in_(property_ids))
        with reading(self._engine) as connection:
            return [facility_of(row) for row in connection.execute(query)]

    def facility(self, facility_id: str) -> Facility | None:
        with reading(self._engine) as connection:
            row = connection.execute(select(facilities).where(facilities.c.id == facility_id)).first()
            return None if row is None else facility_of(row)

    def health(self, now: datetime) -> Health:
        """Return how the whole stands at `now`."""
        with reading(self._engine) as connection:
            users = connection.execute(select(api_users).order_by(api_users.c.id)).all()
            failed = next((user for user in users if user.catalogue_error), None)
            synced = [user.catalogue_synced_at for user in users]
            today = now.date().isoformat()
            alive = workers.c.seen_at > seconds(now) - WORKER_ALIVE_SECONDS
            return Health(
                catalogue_synced=from_seconds(min(synced)) if synced and None not in synced else None,
                catalogue_error=failed.catalogue_error if failed else "",
                catalogue_invocation_id=failed.catalogue_invocation_id if failed else "",
                workers_alive=connection.scalar(select(func.count()).where(alive)) or 0,
                entries=connection.scalar(select(func.count()).where(SHOWN)) or 0,
                skipped=_skipped(connection),
                quota_day=now.date() if users else None,
                quota_used=sum(user.quota_used for user in users if user.quota_day == today),
                properties=tuple(_freshness(connection)),
            )


def _entries(connection: Connection, wanted: ColumnElement[bool]) -> list[Entry]:
    query = select(*ENTRY_COLUMNS).where(wanted).order_by(entries.c.start_at, entries.c.end_at, entries.c.uid)
    return [entry_of(row) for row in connection.execute(query)]


def _overlap(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(entries.c.end_at > seconds(since), entries.c.start_at < seconds(until))


def _of_feed(connection: Connection, feed: Feed) -> ColumnElement[bool]:
    match feed.kind:
        case "facility":
            return entries.c.facility_id == feed.id
        case "property":
            return entries.c.property_id.in_(_members(connection, feed.id))
        case "event":
            return and_(
                entries.c.event_type == feed.event_type, entries.c.event_id == (_event_id(connection, feed) or feed.id)
            )


def _members(connection: Connection, property_id: str) -> list[str]:
    """Return the property's own id and those the vendor lists as its children, seen by the key or not."""
    child_ids = connection.scalar(select(properties.c.child_ids).where(properties.c.id == property_id))
    return [property_id, *json.loads(child_ids or "[]")]


def _event_id(connection: Connection, feed: Feed) -> str | None:
    """Resolve the vendor's id or the external one; the vendor's wins where both name something."""
    of_type = events.c.event_type == feed.event_type
    named = or_(events.c.event_id == feed.id, events.c.external_id == feed.id)
    query = select(events.c.event_id).where(of_type, named).order_by(events.c.event_id != feed.id, events.c.event_id)
    return connection.scalar(query.limit(1))


def _facility_state(connection: Connection, facility_id: str) -> FeedState | None:
    query = (
        select(facilities, properties.c.name.label("property_name"), properties.c.zone)
        .join(properties, properties.c.id == facilities.c.property_id)
        .where(facilities.c.id == facility_id)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    title = ", ".join(part for part in (row.name or row.type, row.property_name) if part)
    synced = _any_synced(connection, [row.property_id])
    changed = from_seconds(row.changed_at)
    return FeedState(title or "Facility", row.zone or "UTC", row.revision, changed, row.property_id, synced)


def _property_state(connection: Connection, property_id: str) -> FeedState | None:
    own = connection.execute(select(properties).where(properties.c.id == property_id)).first()
    if own is None:
        return None
    members = _members(connection, property_id)
    newest = select(func.max(properties.c.revision), func.max(properties.c.changed_at))
    revision, changed = connection.execute(newest.where(properties.c.id.in_(members))).one()
    synced = _all_tried(connection, members, own.first_seen_at) and _any_synced(connection, members)
    return FeedState(own.name or "School", own.zone or "UTC", revision, from_seconds(changed), property_id, synced)


def _event_state(connection: Connection, feed: Feed) -> FeedState | None:
    event_id = _event_id(connection, feed)
    found = and_(events.c.event_type == feed.event_type, events.c.event_id == event_id)
    row = None if event_id is None else connection.execute(select(events).where(found)).first()
    if row is None:
        return None
    title = row.name or "Reserved"
    return FeedState(title, row.zone, row.revision, from_seconds(row.changed_at), row.property_id, synced=True)


def _any_synced(connection: Connection, property_ids: Sequence[str]) -> bool:
    done = and_(windows.c.property_id.in_(property_ids), windows.c.synced_at.is_not(None))
    return connection.scalar(select(windows.c.number).where(done).limit(1)) is not None


def _all_tried(connection: Connection, property_ids: Sequence[str], first_seen_at: int) -> bool:
    """Say whether today's window was asked for once, so that a roll-up never starts out half full.

    Only of properties that the first catalogue had: a school that joins later does not take its district's feed away.
    """
    query = (
        select(windows.c.property_id)
        .join(properties, properties.c.id == windows.c.property_id)
        .where(windows.c.property_id.in_(property_ids), windows.c.number == 0, windows.c.attempted_at.is_(None))
        .where(properties.c.first_seen_at <= first_seen_at)
    )
    return connection.scalar(query.limit(1)) is None


def _skipped(connection: Connection) -> int:
    named = counters.c.name.startswith("skipped:", autoescape=True)
    return int(connection.scalar(select(func.coalesce(func.sum(counters.c.value), 0)).where(named)) or 0)


def _freshness(connection: Connection) -> list[Freshness]:
    query = (
        select(properties.c.id, properties.c.name, properties.c.zone, windows)
        .join(windows, windows.c.property_id == properties.c.id)
        .where(properties.c.listed)
        .order_by(properties.c.position, properties.c.id, windows.c.number)
    )
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(query):
        found.setdefault(row.id, []).append(row)
    return [_freshness_of(rows) for rows in found.values()]


def _freshness_of(rows: list[Row[Any]]) -> Freshness:
    synced = [row.synced_at for row in rows]
    attempted = [row.attempted_at for row in rows if row.attempted_at is not None]
    failed = max((row for row in rows if row.error), key=lambda row: row.error_at or 0, default=None)
    return Freshness(
        property_id=rows[0].id,
        name=rows[0].name,
        zone=rows[0].zone,
        today_synced=maybe(rows[0].synced_at),
        oldest_synced=None if None in synced else maybe(min(synced)),
        attempted=maybe(max(attempted, default=None)),
        error=failed.error if failed else "",
        error_at=maybe(failed.error_at) if failed else None,
        invocation_id=failed.invocation_id if failed else "",
    )
