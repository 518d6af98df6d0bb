"""What readers ask: the directory, a feed's state and its entries, how fresh everything is. Writes
nothing.

How many statements a question takes does not grow with what is booked. It may grow with how many
ids are asked about, or are selected by a saved feed, or are a district's schools: by one for every
`statements.KEYS_A_STATEMENT` of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, or_, select, true

from icalbridge.models import Entry, EventKey, Facility, Feed, FeedState, Property, StaffDetails
from icalbridge.store.booked_names import coming_names, match_names, names_in_facility
from icalbridge.store.counts import count_by_facility, count_by_span
from icalbridge.store.engine import reading
from icalbridge.store.entries import (
    ALL_ENTRIES,
    SHOWN_ENTRIES,
    TimeRange,
    feed_scopes,
    first_start,
    latest_end,
    latest_start,
    member_ids,
    read_entries,
    scopes_of,
)
from icalbridge.store.feed_states import feed_state
from icalbridge.store.health import health
from icalbridge.store.rows import (
    ENTRY_COLUMNS,
    PARTICULARS_COLUMNS,
    SHOWN,
    entry_of,
    facility_of,
    latest,
    property_of,
)
from icalbridge.store.statements import in_parts, of_events
from icalbridge.store.tables import (
    counters,
    entries,
    events,
    facilities,
    particulars,
    properties,
    windows,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Connection, Engine, Select, Table

    from icalbridge.store.booked_names import BookedName, NameMatch
    from icalbridge.store.counts import SpanCount
    from icalbridge.store.entries import EntryCriteria, TextCriteria
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
            return feed_state(connection, feed)

    def entries(
        self,
        feed: Feed,
        times: TimeRange,
        criteria: EntryCriteria = SHOWN_ENTRIES,
        *,
        limit: int | None = None,
        newest_first: bool = False,
        ordered: bool = True,
    ) -> list[Entry]:
        """Return the feed's entries of a time range by start; see `read_entries`."""
        with reading(self._engine) as connection:
            return read_entries(
                connection,
                feed_scopes(connection, feed, criteria),
                times,
                criteria,
                limit=limit,
                newest_first=newest_first,
                ordered=ordered,
            )

    def count_by_span(
        self, feed: Feed, times: TimeRange, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> list[SpanCount]:
        """Count the entries of a feed, which is not a saved one, by start, end and zone."""
        with reading(self._engine) as connection:
            scopes = feed_scopes(connection, feed, criteria)
            return count_by_span(connection, scopes, times, criteria)

    def first_start(
        self, feed: Feed, starts_from: datetime, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> datetime | None:
        """Return when the first of the feed's entries starts that start at a moment or later."""
        with reading(self._engine) as connection:
            return first_start(
                connection, feed_scopes(connection, feed, criteria), starts_from, criteria
            )

    def latest_start(
        self, feed: Feed, ended_by: datetime, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> datetime | None:
        """Return when the last of the feed's entries started that ended by a moment."""
        with reading(self._engine) as connection:
            return latest_start(
                connection, feed_scopes(connection, feed, criteria), ended_by, criteria
            )

    def latest_end(
        self, feed: Feed, ended_by: datetime, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> datetime | None:
        """Return when the last of the feed's entries ended that ended by a moment."""
        with reading(self._engine) as connection:
            return latest_end(
                connection, feed_scopes(connection, feed, criteria), ended_by, criteria
            )

    def text_ids(self, property_id: str, texts: TextCriteria) -> tuple[tuple[int, ...], int]:
        """Return the keys of the texts in a property's feed that meet some criteria, and how many
        texts there are.
        """
        with reading(self._engine) as connection:
            return texts.ids(connection, member_ids(connection, [property_id]))

    def match_names(
        self,
        property_ids: Collection[str],
        terms: Collection[str] = (),
        names: Collection[str] = (),
    ) -> list[NameMatch]:
        """Return the names in some properties of which entries have all terms in their texts."""
        with reading(self._engine) as connection:
            return match_names(connection, property_ids, terms, names)

    def coming_names(self, name_ids: Collection[int], now: datetime) -> dict[int, BookedName]:
        """Return how many entries of some names are coming, and when the next one is."""
        with reading(self._engine) as connection:
            return coming_names(connection, name_ids, now)

    def names_in_facility(self, facility_id: str, now: datetime) -> dict[int, BookedName]:
        """Return how many entries of which names are coming in one facility."""
        with reading(self._engine) as connection:
            return names_in_facility(connection, facility_id, now)

    def fetched(self, property_ids: Collection[str]) -> dict[str, datetime | None]:
        """Return when today's entries of some listed properties were last fetched; None: never."""
        fetched: dict[str, datetime | None] = {}
        query = (
            select(windows.c.property_id, windows.c.synced_at, windows.c.covered_at)
            .join(properties, properties.c.id == windows.c.property_id)
            .where(properties.c.listed, windows.c.number == 0)
        )
        with reading(self._engine) as connection:
            for ids in in_parts(set(property_ids)):
                for row in connection.execute(query.where(windows.c.property_id.in_(ids))):
                    fetched[row.property_id] = row.synced_at and latest(
                        row.synced_at, row.covered_at
                    )
        return fetched

    def event_marks(self, keys: Iterable[EventKey]) -> dict[EventKey, tuple[int, datetime]]:
        """Return the revisions of some events, and when these were last raised; unknown events are
        left out.
        """
        with reading(self._engine) as connection:
            result = _by_key(connection, events, [events.c.revision, events.c.changed_at], keys)
            return {key: (revision, changed_at) for key, (revision, changed_at) in result}

    def particulars(
        self, keys: Iterable[EventKey]
    ) -> dict[EventKey, tuple[StaffDetails, datetime]]:
        """Return what is for staff alone of some events, and when it last changed; for private
        feeds only.

        Events of which nothing of the kind was ever told are left out.
        """
        with reading(self._engine) as connection:
            result = _by_key(
                connection, particulars, [*PARTICULARS_COLUMNS, particulars.c.changed_at], keys
            )
            return {
                key: (StaffDetails(*values), changed_at) for key, (*values, changed_at) in result
            }

    def categories(self, keys: Iterable[EventKey]) -> dict[EventKey, tuple[str, datetime]]:
        """Return the rate categories of some events, to choose by and not to show, and when
        anything for staff alone of each last changed.
        """
        with reading(self._engine) as connection:
            result = _by_key(
                connection, particulars, [particulars.c.category, particulars.c.changed_at], keys
            )
            return {key: (category, changed_at) for key, (category, changed_at) in result}

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
        criteria = ALL_ENTRIES if everything else SHOWN_ENTRIES
        with reading(self._engine) as connection:
            return read_entries(
                connection, scopes_of(property_ids), TimeRange(since, until), criteria
            )

    def revision(self) -> int | None:
        """Return the last revision that anything was raised to; None before the first."""
        with reading(self._engine) as connection:
            return connection.scalar(select(counters.c.value).where(counters.c.name == "revision"))

    def began(self) -> datetime | None:
        """Return when the first property was seen; None before that."""
        with reading(self._engine) as connection:
            began: datetime | None = connection.scalar(select(func.min(properties.c.first_seen_at)))
        return began

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
            members = member_ids(connection, property_ids)
            scopes = [scope.condition(connection) for scope in scopes_of(members, facility_ids)]
            places = or_(*scopes) if scopes else true()
            requested = and_(_overlap(since, until), places, true() if everything else SHOWN)
            rows = connection.execute(
                _by_start(requested), execution_options={"yield_per": ENTRIES_A_PART}
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
            for chunk in in_parts(set(property_ids)):
                result = connection.execute(
                    select(properties.c.id, properties.c.name).where(properties.c.id.in_(chunk))
                )
                names |= {row.id: row.name for row in result}
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


def _by_start(requested: ColumnElement[bool]) -> Select[Any]:
    return (
        select(*ENTRY_COLUMNS)
        .where(requested)
        .order_by(entries.c.start_at, entries.c.end_at, entries.c.uid)
    )


def _by_key(
    connection: Connection, table: Table, columns: Sequence[Column[Any]], keys: Iterable[EventKey]
) -> Iterator[tuple[EventKey, Sequence[Any]]]:
    """Yield some columns of the rows of some events."""
    for chunk in in_parts(set(keys)):
        query = select(table.c.event_type, table.c.event_id, *columns)
        for row in connection.execute(query.where(of_events(table, chunk))):
            yield EventKey(row[0], row[1]), row[2:]


def _overlap(since: datetime, until: datetime) -> ColumnElement[bool]:
    return and_(entries.c.end_at > since, entries.c.start_at < until)
