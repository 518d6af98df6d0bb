"""Queries for entries by time. What a query costs grows with what it returns, not with history."""

from __future__ import annotations

import json
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, false, or_, select, text, true

from icalbridge.store.rows import ENTRY_COLUMNS, SHOWN, entry_of, maybe, seconds
from icalbridge.store.saved_feeds import saved_feed
from icalbridge.store.statements import in_parts, of_events
from icalbridge.store.tables import LONG_SECONDS, entries, events, properties

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Connection, Row

    from icalbridge.models import Entry, EventKey, Feed

LONG = text(f"entries.end_at - entries.start_at > {LONG_SECONDS}")
"""The condition of the partial indexes, in their words: SQLite compares it as text."""


@dataclass(frozen=True, slots=True)
class EntryCriteria:
    """Which entries of a feed are read; texts are folded."""

    shown: bool = True
    """Approved, active and not withdrawn."""
    pending: bool = False
    cancelled: bool = False
    """Those that were shown before they were called off."""
    facility_ids: tuple[str, ...] = ()

    @property
    def status(self) -> ColumnElement[bool]:
        conditions = []
        if self.shown:
            conditions.append(SHOWN)
        if self.pending:
            conditions.append(
                and_(
                    entries.c.status == "pending",
                    entries.c.timeslot_status == "active",
                    entries.c.withdrawn_at.is_(None),
                )
            )
        if self.cancelled:
            conditions.append(entries.c.cancelled_at.is_not(None))
        return or_(false(), *conditions)

    @property
    def condition(self) -> ColumnElement[bool]:
        here = entries.c.facility_id.in_(self.facility_ids) if self.facility_ids else true()
        return and_(self.status, here)


@dataclass(frozen=True, slots=True)
class AnyStatus(EntryCriteria):
    """Entries of every status, such as never were shown too."""

    @property
    def status(self) -> ColumnElement[bool]:
        return true()


SHOWN_ENTRIES = EntryCriteria()
ALL_ENTRIES = AnyStatus()


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Bounds of entries' starts and ends; entries overlap [a, b) that end after a and start before
    b.
    """

    ends_after: datetime
    starts_before: datetime | None = None
    starts_from: datetime | None = None
    ends_by: datetime | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions of disjoint statements, each of which an index answers."""
        if self.starts_from is not None:
            yield and_(entries.c.start_at >= seconds(self.starts_from), self._bounds)
            return
        a_day_before = seconds(self.ends_after) - LONG_SECONDS
        yield and_(entries.c.start_at >= a_day_before, self._bounds)
        yield and_(LONG, entries.c.start_at < a_day_before, self._bounds)

    @property
    def _bounds(self) -> ColumnElement[bool]:
        bounds = [entries.c.end_at > seconds(self.ends_after)]
        if self.starts_before is not None:
            bounds.append(entries.c.start_at < seconds(self.starts_before))
        if self.ends_by is not None:
            bounds.append(entries.c.end_at <= seconds(self.ends_by))
        return and_(*bounds)


def read_entries(
    connection: Connection,
    scopes: Iterable[ColumnElement[bool]],
    times: TimeRange,
    criteria: EntryCriteria,
    *,
    limit: int | None = None,
    newest_first: bool = False,
    ordered: bool = True,
) -> list[Entry]:
    """Return entries by start, end and UID; with a limit the first ones, or the last with
    `newest_first`, or, not `ordered`, any.
    """
    rows: dict[str, Row[Any]] = {}  # a saved feed may select one entry in more than one way
    # The order of code points, as Python's.
    uid = entries.c.uid.collate("C" if connection.dialect.name == "postgresql" else "BINARY")
    order = [entries.c.start_at, entries.c.end_at, uid]
    if newest_first:
        order = [column.desc() for column in order]
    for scope in scopes:
        for condition in times.conditions():
            query = select(*ENTRY_COLUMNS).where(scope, condition, criteria.condition)
            if limit is not None:
                query = (query.order_by(*order) if ordered else query).limit(limit)
            rows |= {row.uid: row for row in connection.execute(query)}
    in_order = sorted(rows.values(), key=attrgetter("start_at", "end_at", "uid"))
    if limit is not None:
        in_order = in_order[-limit:] if newest_first else in_order[:limit]
    return [entry_of(row) for row in in_order]


def first_start(
    connection: Connection,
    scopes: Iterable[ColumnElement[bool]],
    starts_from: datetime,
    criteria: EntryCriteria,
) -> datetime | None:
    """Return when the first entry starts that starts at a moment or later."""
    later = entries.c.start_at >= seconds(starts_from)
    return maybe(
        _extreme(connection, scopes, and_(later, criteria.condition), entries.c.start_at, min)
    )


def latest_start(
    connection: Connection,
    scopes: Iterable[ColumnElement[bool]],
    ended_by: datetime,
    criteria: EntryCriteria,
) -> datetime | None:
    """Return when the last entry started that ended by a moment."""
    end = seconds(ended_by)
    earlier = and_(entries.c.start_at < end, entries.c.end_at <= end, criteria.condition)
    return maybe(_extreme(connection, scopes, earlier, entries.c.start_at, max))


def latest_end(
    connection: Connection,
    scopes: Iterable[ColumnElement[bool]],
    ended_by: datetime,
    criteria: EntryCriteria,
) -> datetime | None:
    """Return when the last entry ended that ended by a moment."""
    over = and_(entries.c.end_at <= seconds(ended_by), criteria.condition)
    return maybe(_extreme(connection, scopes, over, entries.c.end_at, max))


def _extreme(
    connection: Connection,
    scopes: Iterable[ColumnElement[bool]],
    condition: ColumnElement[bool],
    column: Column[int],
    choose: Callable[[Iterable[int]], int],
) -> int | None:
    """Return the first or last value of a column, by one seek in an index for each id."""
    order = column.desc() if choose is max else column
    found = []
    for scope in scopes:
        query = select(column).where(scope, condition).order_by(order).limit(1)
        found.append(connection.scalar(query))
    return choose([value for value in found if value is not None] or [0]) or None


def feed_scopes(connection: Connection, feed: Feed) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that select a feed's entries, for one statement each; none for a saved
    feed that was deleted.

    Joined by OR into one, they could make SQLite read the whole table.
    """
    match feed.kind:
        case "facility":
            yield entries.c.facility_id == feed.id
        case "property":
            yield from scopes_of(member_ids(connection, [feed.id]))
        case "event":
            event_id = resolve_event_id(connection, feed) or feed.id
            yield of_events(entries, [(feed.event_type, event_id)])
        case "saved":
            if saved := saved_feed(connection, feed.id):
                yield from scopes_of(
                    member_ids(connection, saved.property_ids),
                    saved.facility_ids,
                    saved.event_keys,
                )


def scopes_of(
    property_ids: Iterable[str],
    facility_ids: Iterable[str] = (),
    event_keys: Iterable[EventKey] = (),
) -> Iterator[ColumnElement[bool]]:
    """Yield one condition for as many ids as a statement may name."""
    yield from (entries.c.property_id.in_(ids) for ids in in_parts(set(property_ids)))
    yield from (entries.c.facility_id.in_(ids) for ids in in_parts(set(facility_ids)))
    yield from (of_events(entries, keys) for keys in in_parts(set(event_keys)))


def member_ids(connection: Connection, property_ids: Collection[str]) -> list[str]:
    """Return some properties and those that the vendor lists as their children, seen by the key or
    not.
    """
    members = dict.fromkeys(property_ids)
    for ids in in_parts(set(property_ids)):
        children = select(properties.c.child_ids).where(properties.c.id.in_(ids))
        for child_ids in connection.scalars(children):
            members |= dict.fromkeys(json.loads(child_ids))
    return list(members)


def resolve_event_id(connection: Connection, feed: Feed) -> str | None:
    """Resolve the vendor's id or the external one; the vendor's wins where both name something.

    The type is compared here: named in the second statement, it makes SQLite read all events of
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
