"""Queries for entries by time. What a query costs grows with what it returns, not with history."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, and_, bindparam, cast, false, func, literal_column, or_, select, true

from icalbridge.models import UID_SUFFIX, EventKey
from icalbridge.store.rows import ENTRY_COLUMNS, SHOWN, entry_of
from icalbridge.store.saved_feeds import saved_feed
from icalbridge.store.statements import KEYS_A_STATEMENT, in_parts, of_events
from icalbridge.store.tables import LONG, LONG_SECONDS, entries, events, properties

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence

    from sqlalchemy import Column, ColumnElement, Connection
    from sqlalchemy.sql.selectable import TableValuedAlias

    from icalbridge.models import Entry, Feed

ANY_START: ColumnElement[datetime] = literal_column("entries.start_at + 0", entries.c.start_at.type)
"""The start in words that no index answers: what is long is found by its end."""
ENTRIES_A_PART = 1000
"""How many entries are in memory at a time where all of history is read."""
RARE = 20
"""Texts that are fewer than one in so many are found by their own index."""


@dataclass(frozen=True, slots=True)
class EntryScope:
    """Entries by the values of a column that has indexes, or of some events."""

    column: str = ""
    values: tuple[Any, ...] = ()
    event_keys: tuple[EventKey, ...] = ()
    within: EntryScope | None = None
    """A scope that the entries are of, too."""
    other: EntryScope | None = None
    """The same entries found by another index, where that is the better one."""
    is_frequent: bool = False
    """Whether so many entries are of the scope that they are found while reading all of a day."""

    def for_range(self, *, is_long: bool) -> EntryScope:
        return self.other if self.other and (is_long or self.is_frequent) else self

    def condition(self, connection: Connection) -> ColumnElement[bool]:
        if self.within is not None:
            alone = replace(self, within=None).condition(connection)
            return and_(alone, self.within.condition_without_index(connection))
        if self.event_keys:
            return of_events(entries, self.event_keys)
        return self._among(entries.c[self.column], connection)

    def condition_without_index(self, connection: Connection) -> ColumnElement[bool]:
        """Return the condition of a column in words that no index answers."""
        column = entries.c[self.column]
        is_number = self.column == "text_id"
        return self._among(column + 0 if is_number else column.concat(""), connection)

    def _among(self, column: ColumnElement[Any], connection: Connection) -> ColumnElement[bool]:
        if len(self.values) <= KEYS_A_STATEMENT:
            return column.in_(self.values)
        return column.in_(select(self.table(connection).c.value))

    def table(self, connection: Connection) -> TableValuedAlias:
        """Return the values as a table, by one parameter."""
        if connection.dialect.name == "postgresql":
            array = cast(self.values, ARRAY(entries.c[self.column].type))
            return func.unnest(array).table_valued("value", joins_implicitly=True).render_derived()
        return func.json_each(json.dumps(self.values)).table_valued("value", joins_implicitly=True)


@dataclass(frozen=True, slots=True)
class EntryCriteria:
    """Which entries of a feed are read; texts are folded."""

    shown: bool = True
    """Approved, active and not withdrawn."""
    pending: bool = False
    cancelled: bool = False
    """Those that were shown before they were called off."""
    facility_ids: tuple[str, ...] = ()
    text_ids: tuple[int, ...] | None = None
    """Keys of the texts that are looked for, see `TextCriteria`; of a property's feed only."""
    text_total: int = 0
    """How many texts there are in the feed."""
    any_status: bool = False
    """Whatever the status."""
    visible: ColumnElement[bool] | None = field(default=None, compare=False)
    """What the public may see; None: everything."""

    @property
    def status(self) -> ColumnElement[bool]:
        if self.any_status:
            return true()
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
        return and_(self.status, here, true() if self.visible is None else self.visible)


SHOWN_ENTRIES = EntryCriteria()
ALL_ENTRIES = EntryCriteria(any_status=True)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """Bounds of entries' starts and ends; overlapping [a, b): end after a, start before b."""

    ends_after: datetime
    starts_before: datetime | None = None
    starts_from: datetime | None = None
    ends_by: datetime | None = None

    def conditions(self) -> Iterator[tuple[ColumnElement[bool], bool]]:
        """Yield disjoint, indexed conditions, and whether each is for the index of long entries."""
        if self.starts_from is not None:
            yield and_(entries.c.start_at >= self.starts_from, self.bounds), False
            return
        a_day_before = self.ends_after - timedelta(seconds=LONG_SECONDS)
        yield and_(entries.c.start_at >= a_day_before, self.bounds), False
        yield and_(LONG, a_day_before > ANY_START, self._bounds(ANY_START)), True

    @property
    def bounds(self) -> ColumnElement[bool]:
        return self._bounds(entries.c.start_at)

    def _bounds(self, start: ColumnElement[datetime]) -> ColumnElement[bool]:
        bounds = [entries.c.end_at > self.ends_after]
        if self.starts_before is not None:
            bounds.append(start < self.starts_before)
        if self.ends_by is not None:
            bounds.append(entries.c.end_at <= self.ends_by)
        return and_(*bounds)


EPOCH = datetime.fromtimestamp(0, UTC)
ORDER = attrgetter("start", "end", "uid")
"""The key by which entries are in order."""
ALL_TIMES = TimeRange(EPOCH, starts_from=EPOCH)
_ANY_RANGE = (
    entries.c.start_at >= bindparam("starts_from"),
    entries.c.end_at > bindparam("ends_after"),
    entries.c.start_at < bindparam("starts_before"),
)
"""The conditions of a `TimeRange` whose values are given when the statement is executed."""


def read_entries(
    connection: Connection,
    scopes: Iterable[EntryScope],
    times: TimeRange,
    criteria: EntryCriteria,
    *,
    limit: int | None = None,
    newest_first: bool = False,
    ordered: bool = True,
) -> list[Entry]:
    """Return entries by start, end and UID; with `limit` the first, last or, unordered, any."""
    by_uid: dict[str, Entry] = {}  # a saved feed may select one entry in more than one way
    order = _order(connection)
    if newest_first:
        order = [column.desc() for column in order]
    for scope in scopes:
        for condition, is_long in times.conditions():
            here = scope.for_range(is_long=is_long).condition(connection)
            query = select(*ENTRY_COLUMNS).where(here, condition, criteria.condition)
            if limit is not None:
                query = (query.order_by(*order) if ordered else query).limit(limit)
            by_uid |= {row[0]: entry_of(row) for row in connection.execute(query).all()}
    in_order = sorted(by_uid.values(), key=ORDER)
    if limit is None:
        return in_order
    return in_order[-limit:] if newest_first else in_order[:limit]


def _order(connection: Connection) -> list[ColumnElement[Any]]:
    """Return the columns that entries are in order of; UIDs in that of code points, as Python's."""
    collation = "C" if connection.dialect.name == "postgresql" else "BINARY"
    return [entries.c.start_at, entries.c.end_at, entries.c.uid.collate(collation)]


def read_first_entries(
    connection: Connection,
    scopes: Sequence[EntryScope],
    ranges: Iterable[TimeRange],
    uids: Collection[str],
    criteria: EntryCriteria,
    limit: int,
) -> list[Entry]:
    """Return the first entries of each time range, which has all bounds but `ends_by`, and those of
    some UIDs, each once, by start.
    """
    named = [EntryScope("uid", tuple(part)) for part in in_parts(set(uids))]
    result = {entry.uid: entry for entry in read_entries(connection, named, ALL_TIMES, criteria)}
    queries = [
        select(*ENTRY_COLUMNS)
        .where(scope.condition(connection), *_ANY_RANGE, criteria.condition)
        .order_by(*_order(connection))
        .limit(limit)
        for scope in scopes
    ]
    for times in ranges:
        bounds = asdict(times)
        rows = [row for query in queries for row in connection.execute(query, bounds).all()]
        read = sorted(map(entry_of, rows), key=ORDER)[:limit]
        result |= {entry.uid: entry for entry in read}
    return sorted(result.values(), key=ORDER)


def read_all(
    connection: Connection, scopes: Iterable[EntryScope], times: TimeRange, *, everything: bool
) -> Generator[list[Entry]]:
    """Yield the shown entries of a time range, by start, in parts; of all where there is no scope.
    With `everything`, whatever their status.
    """
    here = [scope.condition(connection) for scope in scopes]
    query = (
        select(*ENTRY_COLUMNS)
        .where(times.bounds, or_(*here) if here else true())
        .where(true() if everything else SHOWN)
        .order_by(entries.c.start_at, entries.c.end_at, entries.c.uid)
    )
    rows = connection.execute(query, execution_options={"yield_per": ENTRIES_A_PART})
    for part in rows.partitions():
        yield [entry_of(row) for row in part]


def find_extreme(
    connection: Connection,
    scopes: Iterable[EntryScope],
    condition: ColumnElement[bool],
    column: Column[datetime],
    choose: Callable[[Iterable[datetime]], datetime],
) -> datetime | None:
    """Return the first or last value of a column, by one index seek per value of a scope."""
    order = column.desc() if choose is max else column
    values: list[datetime | None] = []
    for scope in scopes:
        query = select(column).where(condition).order_by(order).limit(1)
        if scope.event_keys:
            values.append(connection.scalar(query.where(of_events(entries, scope.event_keys))))
        elif scope.values:
            table = scope.table(connection)
            own = entries.c[scope.column] == table.c.value
            if scope.within is not None:
                own = and_(own, scope.within.condition_without_index(connection))
            item = query.where(own).correlate(table).scalar_subquery()
            values += connection.scalars(select(item).select_from(table))
    chosen = [value for value in values if value is not None]
    return choose(chosen) if chosen else None


def feed_scopes(connection: Connection, feed: Feed, criteria: EntryCriteria) -> list[EntryScope]:
    """Return the scopes of a feed's entries, one per statement; none for a deleted saved feed.

    Joined by OR into one, they could make SQLite read the whole table.
    """
    return list(_scopes(connection, feed, criteria))


def _scopes(connection: Connection, feed: Feed, criteria: EntryCriteria) -> Iterator[EntryScope]:
    match feed.kind:
        case "facility":
            yield EntryScope("facility_id", (feed.id,))
        case "property":
            yield from _property_scopes(member_ids(connection, [feed.id]), criteria)
        case "event":
            event_id = resolve_event_id(connection, feed) or feed.id
            yield EntryScope(event_keys=(EventKey(feed.event_type, event_id),))
        case "booking":
            yield EntryScope("uid", (f"{feed.id}{UID_SUFFIX}",))
        case "saved":
            if saved := saved_feed(connection, feed.id):
                yield from scopes_of(
                    member_ids(connection, saved.property_ids),
                    saved.facility_ids,
                    saved.event_keys,
                )


def _property_scopes(members: list[str], criteria: EntryCriteria) -> Iterator[EntryScope]:
    if criteria.text_ids is not None:
        by_text = EntryScope("text_id", criteria.text_ids)
        by_property = EntryScope("property_id", tuple(members), within=by_text)
        frequent = len(by_text.values) * RARE > criteria.text_total
        yield replace(by_text, other=by_property, is_frequent=frequent)
    elif criteria.facility_ids:
        own = EntryScope("property_id", tuple(members))
        yield EntryScope("facility_id", criteria.facility_ids, within=own)
    else:
        yield from scopes_of(members)


def scopes_of(
    property_ids: Iterable[str],
    facility_ids: Iterable[str] = (),
    event_keys: Iterable[EventKey] = (),
) -> Iterator[EntryScope]:
    """Yield one scope for as many ids as a statement may name."""
    yield from (EntryScope("property_id", tuple(ids)) for ids in in_parts(set(property_ids)))
    yield from (EntryScope("facility_id", tuple(ids)) for ids in in_parts(set(facility_ids)))
    yield from (EntryScope(event_keys=tuple(keys)) for keys in in_parts(set(event_keys)))


def member_ids(connection: Connection, property_ids: Collection[str]) -> list[str]:
    """Return some properties and their children, visible to the key or not."""
    members = dict.fromkeys(property_ids)
    for ids in in_parts(set(property_ids)):
        children = select(properties.c.child_ids).where(properties.c.id.in_(ids))
        for child_ids in connection.scalars(children):
            members |= dict.fromkeys(child_ids)
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
