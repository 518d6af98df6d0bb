"""What readers ask: the directory, a feed's state and its entries, how fresh everything is. Writes
nothing.

How many statements a question takes does not grow with what is booked. It may grow with how many
ids are asked about, or are selected by a saved feed, or are a district's schools: by one for every
`changes.KEYS_A_STATEMENT` of them.
"""

from __future__ import annotations

import json
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select, true

from icalbridge.models import Entry, EventKey, Facility, Feed, FeedState, Property, StaffDetails
from icalbridge.store.counts import count_by_facility
from icalbridge.store.engine import reading
from icalbridge.store.health import health
from icalbridge.store.rows import (
    ENTRY_COLUMNS,
    PARTICULARS_COLUMNS,
    SHOWN,
    entry_of,
    facility_of,
    from_seconds,
    maybe,
    property_of,
    seconds,
)
from icalbridge.store.saved_feeds import saved_feed
from icalbridge.store.statements import in_parts, of_events
from icalbridge.store.tables import (
    entries,
    events,
    facilities,
    particulars,
    properties,
    saved_feeds,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Connection, Engine, Row, Select, Table

    from icalbridge.store.health import Health

ENTRIES_A_PART = 1000
"""How many entries are in memory at a time where all that ever was is read."""


class Reading:
    """Everything that readers ask of one database."""

    def __init__(self, engine: Engine | Connection) -> None:
        self._engine = engine

    def feed_state(self, feed: Feed) -> FeedState | None:
        """Return what must be known of a feed before any entry is read; None for an id that was
        never seen.
        """
        with reading(self._engine) as connection:
            match feed.kind:
                case "facility":
                    return _facility_state(connection, feed.id)
                case "property":
                    return _property_state(connection, feed.id)
                case "event":
                    return _event_state(connection, feed)
                case "saved":
                    return _saved_state(connection, feed.id)

    def entries(
        self, feed: Feed, ended_after: datetime, *, everything: bool = False
    ) -> list[Entry]:
        """Return the feed's shown entries that end after a moment, by start.

        With `everything`, whatever their status: pending, suspended, cancelled and withdrawn ones
        too.
        """
        with reading(self._engine) as connection:
            ends_after = entries.c.end_at > seconds(ended_after)
            wanted = ends_after if everything else and_(SHOWN, ends_after)
            found: dict[
                str, Row[Any]
            ] = {}  # a saved feed may select one entry in more than one way
            for some in _of_feed(connection, feed):
                found |= {
                    row.uid: row
                    for row in connection.execute(select(*ENTRY_COLUMNS).where(some, wanted))
                }
        return [
            entry_of(row)
            for row in sorted(found.values(), key=attrgetter("start_at", "end_at", "uid"))
        ]

    def event_marks(self, keys: Iterable[EventKey]) -> dict[EventKey, tuple[int, datetime]]:
        """Return the revisions of some events, and when these were last raised; unknown events are
        left out.
        """
        with reading(self._engine) as connection:
            found = _by_key(connection, events, [events.c.revision, events.c.changed_at], keys)
            return {
                key: (revision, from_seconds(changed_at)) for key, (revision, changed_at) in found
            }

    def particulars(
        self, keys: Iterable[EventKey]
    ) -> dict[EventKey, tuple[StaffDetails, datetime]]:
        """Return what is for staff alone of some events, and when it last changed; for private
        feeds only.

        Events of which nothing of the kind was ever told are left out.
        """
        with reading(self._engine) as connection:
            found = _by_key(
                connection, particulars, [*PARTICULARS_COLUMNS, particulars.c.changed_at], keys
            )
            return {
                key: (StaffDetails(*told), from_seconds(changed_at))
                for key, (*told, changed_at) in found
            }

    def categories(self, keys: Iterable[EventKey]) -> dict[EventKey, tuple[str, datetime]]:
        """Return the rate categories of some events, to choose by and not to show, and when
        anything for staff alone of each last changed.
        """
        with reading(self._engine) as connection:
            found = _by_key(
                connection, particulars, [particulars.c.category, particulars.c.changed_at], keys
            )
            return {
                key: (category, from_seconds(changed_at)) for key, (category, changed_at) in found
            }

    def latest_end(
        self, feed: Feed, not_after: datetime, *, everything: bool = False
    ) -> datetime | None:
        """Return when the last of the feed's entries that ended by a moment did end; None if none
        did.

        Of those that it shows, or with `everything` of all.
        """
        with reading(self._engine) as connection:
            ended = entries.c.end_at <= seconds(not_after)
            latest = select(func.max(entries.c.end_at)).where(
                ended if everything else and_(SHOWN, ended)
            )
            found = [connection.scalar(latest.where(some)) for some in _of_feed(connection, feed)]
            return maybe(max((each for each in found if each is not None), default=None))

    def entries_between(
        self,
        property_ids: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        everything: bool = False,
    ) -> list[Entry]:
        """Return the shown entries of some properties that overlap a span, by start; `everything`:
        of any status.
        """
        wanted = and_(entries.c.property_id.in_(property_ids), _overlap(since, until))
        with reading(self._engine) as connection:
            rows = connection.execute(_by_start(wanted if everything else and_(SHOWN, wanted)))
            return [entry_of(row) for row in rows]

    def began(self) -> datetime | None:
        """Return when the first property was seen; None before that."""
        with reading(self._engine) as connection:
            first = connection.execute(select(func.min(properties.c.first_seen_at))).scalar()
        return maybe(first)

    def history(
        self,
        since: datetime,
        until: datetime,
        property_ids: Collection[str] = (),
        facility_ids: Collection[str] = (),
        *,
        everything: bool = False,
    ) -> Generator[list[Entry]]:
        """Yield the shown entries that overlap a span, by start, a part at a time; all of them are
        of one moment.

        Of any of some properties (a district stands for its schools too) and facilities; of all
        where none is named. With `everything`, whatever their status.
        """
        with reading(self._engine) as connection:
            members = _members_of_many(connection, property_ids)
            places = (
                or_(*_of_any(members, set(facility_ids), set()))
                if property_ids or facility_ids
                else true()
            )
            wanted = and_(_overlap(since, until), places, true() if everything else SHOWN)
            rows = connection.execute(
                _by_start(wanted), execution_options={"yield_per": ENTRIES_A_PART}
            )
            for part in rows.partitions():
                yield [entry_of(row) for row in part]

    def counts(self, since: datetime, until: datetime) -> dict[str, int]:
        """Return how many shown entries overlap a span, by facility."""
        with reading(self._engine) as connection:
            return count_by_facility(connection, since, until)

    def properties(self, api_user_id: str | None = None) -> list[Property]:
        """Return the listed properties, of one key or of all, in the vendor's order.

        `timezone` is the zone that holds for each.
        """
        query = (
            select(properties)
            .where(properties.c.listed)
            .order_by(properties.c.position, properties.c.id)
        )
        if api_user_id is not None:
            query = query.where(properties.c.api_user_id == api_user_id)
        with reading(self._engine) as connection:
            return [property_of(row) for row in connection.execute(query)]

    def property(self, property_id: str) -> Property | None:
        with reading(self._engine) as connection:
            row = connection.execute(
                select(properties).where(properties.c.id == property_id)
            ).first()
            return None if row is None else property_of(row)

    def api_user_of(self, property_id: str) -> str | None:
        """Return the name of the key that a property belongs to, or None for an unknown id."""
        with reading(self._engine) as connection:
            return connection.scalar(
                select(properties.c.api_user_id).where(properties.c.id == property_id)
            )

    def property_names(self, property_ids: Iterable[str]) -> dict[str, str]:
        """Return the names of some properties by their ids, listed or not; unknown properties are
        left out.
        """
        names: dict[str, str] = {}
        with reading(self._engine) as connection:
            for some in in_parts(set(property_ids)):
                found = connection.execute(
                    select(properties.c.id, properties.c.name).where(properties.c.id.in_(some))
                )
                names |= {row.id: row.name for row in found}
        return names

    def facilities(self, property_ids: Sequence[str] | None = None) -> list[Facility]:
        """Return the listed facilities, of some properties or of all, in the vendor's order."""
        query = (
            select(facilities)
            .where(facilities.c.listed)
            .order_by(facilities.c.position, facilities.c.id)
        )
        if property_ids is not None:
            query = query.where(facilities.c.property_id.in_(property_ids))
        with reading(self._engine) as connection:
            return [facility_of(row) for row in connection.execute(query)]

    def facility(self, facility_id: str) -> Facility | None:
        with reading(self._engine) as connection:
            row = connection.execute(
                select(facilities).where(facilities.c.id == facility_id)
            ).first()
            return None if row is None else facility_of(row)

    def health(self, now: datetime) -> Health:
        """Return how the whole stands at `now`."""
        with reading(self._engine) as connection:
            return health(connection, now)


def _by_start(wanted: ColumnElement[bool]) -> Select[Any]:
    return (
        select(*ENTRY_COLUMNS)
        .where(wanted)
        .order_by(entries.c.start_at, entries.c.end_at, entries.c.uid)
    )


def _by_key(
    connection: Connection, table: Table, columns: Sequence[Column[Any]], keys: Iterable[EventKey]
) -> Iterator[tuple[EventKey, Sequence[Any]]]:
    """Yield some columns of the rows of some events."""
    for some in in_parts(set(keys)):
        query = select(table.c.event_type, table.c.event_id, *columns)
        for row in connection.execute(query.where(of_events(table, some))):
            yield EventKey(row[0], row[1]), row[2:]


def _of_any(
    property_ids: set[str], facility_ids: set[str], event_keys: set[EventKey]
) -> Iterator[ColumnElement[bool]]:
    """Yield one condition for every part that a statement can name."""
    yield from (entries.c.property_id.in_(some) for some in in_parts(property_ids))
    yield from (entries.c.facility_id.in_(some) for some in in_parts(facility_ids))
    yield from (of_events(entries, some) for some in in_parts(event_keys))


def _members_of_many(connection: Connection, property_ids: Collection[str]) -> set[str]:
    """Return what `_members` returns of each of some properties."""
    members = set(property_ids)
    for some in in_parts(set(property_ids)):
        for child_ids in connection.scalars(
            select(properties.c.child_ids).where(properties.c.id.in_(some))
        ):
            members.update(json.loads(child_ids))
    return members


def _overlap(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(entries.c.end_at > seconds(since), entries.c.start_at < seconds(until))


def _of_feed(connection: Connection, feed: Feed) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that select a feed's entries, for one statement each; none for a saved
    feed that is gone.

    Joined by OR into one, they could make SQLite read the whole table.
    """
    match feed.kind:
        case "facility":
            yield entries.c.facility_id == feed.id
        case "property":
            yield from _of_any(set(_members(connection, feed.id)), set(), set())
        case "event":
            yield of_events(entries, [(feed.event_type, _event_id(connection, feed) or feed.id)])
        case "saved":
            if saved := saved_feed(connection, feed.id):
                members = _members_of_many(connection, saved.property_ids)
                yield from _of_any(members, set(saved.facility_ids), set(saved.event_keys))


def _members(connection: Connection, property_id: str) -> list[str]:
    """Return the property's own id and those the vendor lists as its children, seen by the key or
    not.
    """
    child_ids = connection.scalar(
        select(properties.c.child_ids).where(properties.c.id == property_id)
    )
    return [property_id, *json.loads(child_ids or "[]")]


def _event_id(connection: Connection, feed: Feed) -> str | None:
    """Resolve the vendor's id or the external one; the vendor's wins where both name something.

    The type is looked at here: named in the second statement, it makes SQLite read all events of
    the type.
    """
    own = select(events.c.event_id).where(
        events.c.event_type == feed.event_type, events.c.event_id == feed.id
    )
    event_id: str | None = connection.scalar(own)
    if event_id is not None:
        return event_id
    named = connection.execute(
        select(events.c.event_type, events.c.event_id).where(events.c.external_id == feed.id)
    )
    return min((row.event_id for row in named if row.event_type == feed.event_type), default=None)


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
    changed = from_seconds(row.changed_at)
    left = maybe(row.unlisted_at)
    return FeedState(
        title or "Facility", row.zone or "UTC", row.revision, changed, row.property_id, synced, left
    )


def _property_state(connection: Connection, property_id: str) -> FeedState | None:
    own = connection.execute(select(properties).where(properties.c.id == property_id)).first()
    if own is None:
        return None
    members = _members(connection, property_id)
    newest = select(func.max(properties.c.revision), func.max(properties.c.changed_at))
    revision, changed = connection.execute(newest.where(properties.c.id.in_(members))).one()
    synced = _all_tried(connection, members, own.first_seen_at) and _any_synced(connection, members)
    left = maybe(own.unlisted_at)
    return FeedState(
        own.name or "School",
        own.zone or "UTC",
        revision,
        from_seconds(changed),
        property_id,
        synced,
        left,
    )


def _event_state(connection: Connection, feed: Feed) -> FeedState | None:
    event_id = _event_id(connection, feed)
    found = and_(events.c.event_type == feed.event_type, events.c.event_id == event_id)
    row = None if event_id is None else connection.execute(select(events).where(found)).first()
    if row is None:
        return None
    ever_on = and_(
        _of_event(row.event_type, row.event_id), or_(SHOWN, entries.c.cancelled_at.is_not(None))
    )
    public = connection.execute(select(entries.c.uid).where(ever_on).limit(1)).first() is not None
    title = (row.name if public else "") or "Reserved"
    # What is for staff alone of an event raises its property's revision and not its own.
    around = select(properties.c.revision, properties.c.unlisted_at).where(
        properties.c.id == row.property_id
    )
    of_property, left = connection.execute(around).one()
    revision, changed = max(row.revision, of_property), from_seconds(row.changed_at)
    return FeedState(
        title, row.zone, revision, changed, row.property_id, synced=True, unlisted=maybe(left)
    )


def _of_event(event_type: str, event_id: str) -> ColumnElement[bool]:
    return and_(entries.c.event_type == event_type, entries.c.event_id == event_id)


def _saved_state(connection: Connection, slug: str) -> FeedState | None:
    """Return a saved feed's state: it is as new as the newest of itself and all that it selects."""
    saved = saved_feed(connection, slug)
    if saved is None:
        return None
    of_facilities = _marks(connection, facilities, facilities.c.id.in_(saved.facility_ids))
    own_events = _marks(connection, events, of_events(events, saved.event_keys))
    # What is for staff alone of an event raises its property's revision and not its own.
    around = {
        *_members_of_many(connection, saved.property_ids),
        *(each.property_id for each in own_events),
    }
    members = around | {each.property_id for each in of_facilities}
    here = select(properties).where(properties.c.id.in_(sorted(members)))
    known = {each.id: each for each in connection.execute(here)}
    own = connection.execute(select(saved_feeds).where(saved_feeds.c.slug == slug)).one()
    marks = [
        own,
        *of_facilities,
        *own_events,
        *(each for each in known.values() if each.id in around),
    ]
    named = [*saved.property_ids, *(each.property_id for each in (*of_facilities, *own_events))]
    found = [known[each] for each in named if each in known]
    synced = (
        _all_tried(connection, list(known), min(each.first_seen_at for each in found))
        if found
        else True
    )
    left = [each.unlisted_at for each in found]
    return FeedState(
        saved.title,
        (found[0].zone if found else "") or "UTC",
        max(each.revision for each in marks),
        from_seconds(max(each.changed_at for each in marks)),
        found[0].id if found else "",
        synced and (not found or _any_synced(connection, list(known))),
        maybe(max(left)) if left and None not in left else None,
    )


def _marks(
    connection: Connection, table: Table, wanted: ColumnElement[bool]
) -> Sequence[Row[Any, Any, Any]]:
    """Return revision, moment and property of some facilities or events, in the order of their
    keys.
    """
    query = select(table.c.revision, table.c.changed_at, table.c.property_id).where(wanted)
    return connection.execute(query.order_by(*table.primary_key)).all()


def _any_synced(connection: Connection, property_ids: Sequence[str]) -> bool:
    done = and_(windows.c.property_id.in_(property_ids), windows.c.synced_at.is_not(None))
    return connection.scalar(select(windows.c.number).where(done).limit(1)) is not None


def _all_tried(connection: Connection, property_ids: Sequence[str], first_seen_at: int) -> bool:
    """Say whether today's window was asked for once, so that a roll-up never starts out half full.

    Only of properties that the first catalog had: a school that joins later does not take its
    district's feed away.
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
