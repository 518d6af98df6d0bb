"""What readers ask: the directory, a feed's state and its entries, how fresh everything is. Writes
nothing.

How many statements a question takes does not grow with what is booked. It may grow with how many
ids are asked about, or are selected by a saved feed, or are a district's schools: by one for every
`statements.KEYS_A_STATEMENT` of them.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, func, select, true

from icalbridge.models import (
    Entry,
    EventKey,
    Facility,
    Feed,
    FeedState,
    Property,
    StaffDetails,
    window_with,
)
from icalbridge.store.booked_names import coming_names, match_names, names_in_facility
from icalbridge.store.counts import BookedSpan, count_by_span, count_entries
from icalbridge.store.engine import Repository, reading, snapshot
from icalbridge.store.entries import (
    ALL_ENTRIES,
    SHOWN_ENTRIES,
    TimeRange,
    feed_scopes,
    find_extreme,
    member_ids,
    read_all,
    read_entries,
    read_first_entries,
    scopes_of,
)
from icalbridge.store.feed_states import feed_state
from icalbridge.store.health import health
from icalbridge.store.rows import (
    PARTICULARS_COLUMNS,
    SHOWN,
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
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from sqlalchemy import Column, ColumnElement, Connection, Engine, Row, Table

    from icalbridge.store.booked_names import BookedName, NameMatch
    from icalbridge.store.counts import SpanCount
    from icalbridge.store.entries import EntryCriteria
    from icalbridge.store.health import Health
    from icalbridge.store.texts import TextCriteria


class Reading(Repository):
    """All queries of readers to one database; with `visible`, of the entries that it leaves."""

    def __init__(
        self,
        opened: Engine | Connection,
        visible: ColumnElement[bool] | None = None,
        *,
        is_snapshot: bool = False,
    ) -> None:
        super().__init__(opened)
        self._visible = visible
        self._scopes = cache(feed_scopes) if is_snapshot else feed_scopes

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        """Open one transaction for several questions: all are about one moment."""
        with snapshot(self._opened) as connection:
            yield Reading(connection, self._visible, is_snapshot=True)

    @property
    def finds_texts_exactly(self) -> bool:
        """Whether every entry that has one of the `text_ids` matches."""
        return True

    def _leave_visible(self, criteria: EntryCriteria) -> EntryCriteria:
        return criteria if self._visible is None else replace(criteria, visible=self._visible)

    def feed_state(self, feed: Feed) -> FeedState | None:
        """Return a feed's title, zone and revision; None for an id that was never seen."""
        with reading(self._opened) as connection:
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
        criteria = self._leave_visible(criteria)
        with reading(self._opened) as connection:
            return read_entries(
                connection,
                self._scopes(connection, feed, criteria),
                times,
                criteria,
                limit=limit,
                newest_first=newest_first,
                ordered=ordered,
            )

    def first_entries(
        self,
        feed: Feed,
        ranges: Iterable[TimeRange],
        criteria: EntryCriteria,
        limit: int,
        uids: Collection[str] = (),
    ) -> list[Entry]:
        """Return the first entries of each of some time ranges, and those of some UIDs, each once,
        in order of start.
        """
        criteria = self._leave_visible(criteria)
        with reading(self._opened) as connection:
            scopes = self._scopes(connection, feed, criteria)
            return read_first_entries(connection, scopes, ranges, uids, criteria, limit)

    def count(self, feed: Feed, times: TimeRange, criteria: EntryCriteria = SHOWN_ENTRIES) -> int:
        """Count the entries of a feed, which is not a saved one, in a time range."""
        criteria = self._leave_visible(criteria)
        with reading(self._opened) as connection:
            scopes = self._scopes(connection, feed, criteria)
            return count_entries(connection, scopes, times, criteria)

    def count_by_span(
        self,
        feed: Feed,
        times: TimeRange,
        criteria: EntryCriteria = SHOWN_ENTRIES,
        uids_over: timedelta | None = None,
    ) -> list[SpanCount]:
        """Count the entries of a feed, which is not a saved one, by start, end and zone; with the
        UIDs of those that are longer than `uids_over`.
        """
        criteria = self._leave_visible(criteria)
        with reading(self._opened) as connection:
            scopes = self._scopes(connection, feed, criteria)
            return count_by_span(connection, scopes, times, criteria, uids_over)

    def first_start(
        self, feed: Feed, starts_from: datetime, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> datetime | None:
        """Return when the first of the feed's entries starts that start at a moment or later."""
        later = entries.c.start_at >= starts_from
        return self._extreme(feed, criteria, later, entries.c.start_at, min)

    def latest_start(
        self, feed: Feed, ended_by: datetime, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> datetime | None:
        """Return when the last of the feed's entries started that ended by a moment."""
        earlier = and_(entries.c.start_at < ended_by, entries.c.end_at <= ended_by)
        return self._extreme(feed, criteria, earlier, entries.c.start_at, max)

    def latest_end(
        self, feed: Feed, ended_by: datetime, criteria: EntryCriteria = SHOWN_ENTRIES
    ) -> datetime | None:
        """Return when the last of the feed's entries ended that ended by a moment."""
        over = entries.c.end_at <= ended_by
        return self._extreme(feed, criteria, over, entries.c.end_at, max)

    def _extreme(
        self,
        feed: Feed,
        criteria: EntryCriteria,
        times: ColumnElement[bool],
        column: Column[datetime],
        choose: Callable[[Iterable[datetime]], datetime],
    ) -> datetime | None:
        criteria = self._leave_visible(criteria)
        condition = and_(times, criteria.condition)
        with reading(self._opened) as connection:
            scopes = self._scopes(connection, feed, criteria)
            return find_extreme(connection, scopes, condition, column, choose)

    def text_ids(self, property_id: str, texts: TextCriteria) -> tuple[tuple[int, ...], int]:
        """Return the keys of the matching texts in a property's feed, and the number of all."""
        with reading(self._opened) as connection:
            return texts.ids(connection, member_ids(connection, [property_id]))

    def match_names(
        self,
        property_ids: Collection[str],
        terms: Collection[str] = (),
        names: Collection[str] = (),
    ) -> list[NameMatch]:
        """Return the names in some properties of which entries have all terms in their texts."""
        with reading(self._opened) as connection:
            return match_names(connection, property_ids, terms, names)

    def coming_names(self, name_ids: Collection[int], now: datetime) -> dict[int, BookedName]:
        """Return how many entries of some names are coming, and when the next one is."""
        with reading(self._opened) as connection:
            return coming_names(connection, name_ids, now, self._visible)

    def names_in_facility(self, facility_id: str, now: datetime) -> dict[int, BookedName]:
        """Return how many entries of which names are coming in one facility."""
        with reading(self._opened) as connection:
            return names_in_facility(connection, facility_id, now, self._visible)

    def fetched(self, property_ids: Collection[str]) -> dict[str, datetime | None]:
        """Return when today's entries of some listed properties were last fetched; None: never."""
        columns = windows.c.synced_at, windows.c.covered_at, windows.c.spanned_at
        return {
            property_id: synced and latest(synced, *covered)
            for property_id, synced, *covered in self._window_rows(columns, 0, property_ids)
        }

    def fetched_ahead(self, property_ids: Collection[str], days: int) -> set[str]:
        """Return of which listed properties a day so many days ahead was ever fetched."""
        columns, number = (windows.c.synced_at, windows.c.spanned_at), window_with(days)
        rows = self._window_rows(columns, number, property_ids)
        return {property_id for property_id, *times in rows if latest(*times)}

    def _window_rows(
        self, columns: Sequence[Column[Any]], number: int, property_ids: Collection[str]
    ) -> Iterable[Row[*tuple[Any, ...]]]:
        """Return columns of the windows of a number of some listed properties, behind their ids."""
        query = (
            select(windows.c.property_id, *columns)
            .join(properties, properties.c.id == windows.c.property_id)
            .where(properties.c.listed, windows.c.number == number)
        )
        parts = in_parts(set(property_ids))
        return self._rows(*(query.where(windows.c.property_id.in_(ids)) for ids in parts))

    def event_marks(self, keys: Iterable[EventKey]) -> dict[EventKey, tuple[int, datetime]]:
        """Return the revisions of some known events, and when these were last raised."""
        columns = events.c.revision, events.c.changed_at
        return {key: (revision, at) for key, revision, at in self._by_key(events, columns, keys)}

    def particulars(
        self, keys: Iterable[EventKey]
    ) -> dict[EventKey, tuple[StaffDetails, datetime]]:
        """Return staff details of events, and when they changed; for private feeds only."""
        columns = *PARTICULARS_COLUMNS, particulars.c.changed_at
        return {
            key: (StaffDetails(*values), at)
            for key, *values, at in self._by_key(particulars, columns, keys)
        }

    def categories(self, keys: Iterable[EventKey]) -> dict[EventKey, tuple[str, datetime]]:
        """Return the rate categories of events, for filters, and when staff details changed."""
        columns = particulars.c.category, particulars.c.changed_at
        rows = self._by_key(particulars, columns, keys)
        return {key: (category, at) for key, category, at in rows}

    def _by_key(
        self, table: Table, columns: Sequence[Column[Any]], keys: Iterable[EventKey]
    ) -> Iterator[tuple[Any, ...]]:
        """Yield key and columns of the rows of some events."""
        query = select(table.c.event_type, table.c.event_id, *columns)
        parts = in_parts(set(keys))
        for row in self._rows(*(query.where(of_events(table, part)) for part in parts)):
            yield EventKey(row[0], row[1]), *row[2:]

    def entries_between(
        self,
        property_ids: Sequence[str],
        since: datetime,
        until: datetime,
        *,
        everything: bool = False,
    ) -> list[Entry]:
        """Return shown (`everything`: all) entries of properties in a span, by start."""
        criteria = self._leave_visible(ALL_ENTRIES if everything else SHOWN_ENTRIES)
        with reading(self._opened) as connection:
            times = TimeRange(since, until)
            return read_entries(connection, scopes_of(property_ids), times, criteria)

    def revision(self) -> int | None:
        """Return the last revision that anything was raised to; None before the first."""
        query = select(counters.c.value).where(counters.c.name == "revision")
        value: int | None = self._value(query)
        return value

    def began(self) -> datetime | None:
        """Return when the first property was seen; None before that."""
        began: datetime | None = self._value(select(func.min(properties.c.first_seen_at)))
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
        """Yield the shown entries that overlap a span, by start, in parts of one snapshot.

        Of some properties (a district includes its schools) and facilities; of all where none is
        named. With `everything`, whatever their status.
        """
        with reading(self._opened) as connection:
            members = member_ids(connection, property_ids)
            scopes = scopes_of(members, facility_ids)
            yield from read_all(connection, scopes, TimeRange(since, until), everything=everything)

    def counts(self, since: datetime, until: datetime) -> dict[str, int]:
        """Return the number of shown entries that overlap a span, by facility."""
        counted: Counter[str] = Counter()
        for facility_id, count in self._overlapping(since, until, func.count(), grouped=True):
            counted[facility_id] += count
        return dict(counted)

    def booked_spans(self, since: datetime, until: datetime) -> dict[str, list[BookedSpan]]:
        """Return when shown entries are on that overlap a span, by facility."""
        booked: dict[str, list[BookedSpan]] = {}
        times = entries.c.start_at, entries.c.end_at
        for facility_id, start, end in self._overlapping(since, until, *times):
            booked.setdefault(facility_id, []).append(BookedSpan(start, end))
        return booked

    def _overlapping(
        self, since: datetime, until: datetime, *columns: ColumnElement[Any], grouped: bool = False
    ) -> Iterable[Any]:
        """Return the facilities of shown entries that overlap a span, and some columns of them."""
        known = entries.c.property_id.in_(select(properties.c.id))
        seen = true() if self._visible is None else self._visible
        query = select(entries.c.facility_id, *columns).where(known, SHOWN, seen)
        if grouped:
            query = query.group_by(entries.c.facility_id)
        times = TimeRange(since, until).conditions()
        return self._rows(*(query.where(condition) for condition, _ in times))

    def properties(self, api_user_id: str | None = None) -> list[Property]:
        """Return the listed properties, of one key or of all, in the vendor's order."""
        query = select(properties).where(properties.c.listed)
        if api_user_id is not None:
            query = query.where(properties.c.api_user_id == api_user_id)
        rows = self._rows(query.order_by(properties.c.position, properties.c.id))
        return [property_of(row) for row in rows]

    def property(self, property_id: str) -> Property | None:
        row = self._row(select(properties).where(properties.c.id == property_id))
        return None if row is None else property_of(row)

    def api_user_of(self, property_id: str) -> str | None:
        """Return the name of the key that a property belongs to, or None for an unknown id."""
        row = self._row(select(properties.c.api_user_id).where(properties.c.id == property_id))
        return None if row is None else row.api_user_id

    def property_names(self, property_ids: Iterable[str]) -> dict[str, str]:
        """Return the names of some properties by id, listed or not; unknown ones are left out."""
        query = select(properties.c.id, properties.c.name)
        parts = in_parts(set(property_ids))
        rows = self._rows(*(query.where(properties.c.id.in_(ids)) for ids in parts))
        return {row.id: row.name for row in rows}

    def facilities(self, property_ids: Sequence[str] | None = None) -> list[Facility]:
        """Return the listed facilities, of some properties or of all, in the vendor's order."""
        query = select(facilities).where(facilities.c.listed)
        if property_ids is not None:
            query = query.where(facilities.c.property_id.in_(property_ids))
        rows = self._rows(query.order_by(facilities.c.position, facilities.c.id))
        return [facility_of(row) for row in rows]

    def facility(self, facility_id: str) -> Facility | None:
        row = self._row(select(facilities).where(facilities.c.id == facility_id))
        return None if row is None else facility_of(row)

    def health(self, now: datetime, *, losses: bool = True) -> Health:
        """Return the state of everything at `now`; without `losses` what monitoring reads."""
        with reading(self._opened) as connection:
            return health(connection, now, losses=losses)
