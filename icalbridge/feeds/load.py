"""Loads a `Calendar` from the store: selection, audience, saved feeds, grouping and occupancy.

A whole feed is read from today outward, in the order in which days are kept where size is limited
(`size_limit`), until as many entries are there as could fit: what is cut for size is never read.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from icalbridge.feeds.audience import Audience, Item, admit, view
from icalbridge.feeds.calendar import Calendar
from icalbridge.feeds.completeness import Completeness, bound_by_count
from icalbridge.feeds.days import read_days
from icalbridge.feeds.grouping import grouped
from icalbridge.feeds.metadata import cover
from icalbridge.feeds.occupancy import FOREVER, blocks, present
from icalbridge.feeds.outward import DAY, EntriesRead, OutwardReader, steps
from icalbridge.feeds.places import read_places
from icalbridge.feeds.query import Cancelled
from icalbridge.feeds.saved_feed import apply
from icalbridge.feeds.selection import BEGINNING, reach, select
from icalbridge.store.entries import ALL_ENTRIES, SHOWN_ENTRIES, EntryCriteria, TimeRange

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.feeds.calendar import CalendarRequest
    from icalbridge.feeds.metadata import FeedMetadata
    from icalbridge.feeds.places import PlaceDetails
    from icalbridge.feeds.query import FeedQuery
    from icalbridge.feeds.saved_feed import Saved
    from icalbridge.feeds.selection import Selection
    from icalbridge.feeds.source import Source
    from icalbridge.models import Entry, EventKey, FeedState
    from icalbridge.store.reading import Reading

MARGIN = timedelta(days=7)
"""How much more is read on either side for occupancy, whose blocks go on over midnight."""


def load_calendar(
    source: Source, request: CalendarRequest, state: FeedState, now: datetime, *, count: int = 0
) -> Calendar | None:
    """Load a calendar as it is at `now`; None for a saved feed that the address does not open.

    `count`: how many entries of a whole feed are read at most before its far days are left out; 0:
    all.
    """
    saved = None
    if request.feed.kind == "saved":
        saved = source.saved_feed(request.feed.id, private=request.private)
        if saved is None:
            return None
    with source.reading(saved).snapshot() as read:
        loader = _Loader(source, read, request, state, now, saved)
        return loader.whole(count) if request.whole else loader.span()


def bound_completeness(
    source: Source, request: CalendarRequest, state: FeedState, now: datetime
) -> Completeness | None:
    """Bound what a very large district's file has; None for feeds that are to be measured."""
    with source.public.snapshot() as read:
        return _Loader(source, read, request, state, now).completeness()


class _Loader:
    """Loads one calendar."""

    def __init__(
        self,
        source: Source,
        read: Reading,
        request: CalendarRequest,
        state: FeedState,
        now: datetime,
        saved: Saved | None = None,
    ) -> None:
        self._read = read
        self._source = source
        self._request = request
        self._feed = request.feed
        self._state = state
        self._now = now
        self._saved = saved
        query = saved.query if saved else request.query
        if request.with_cancelled and query.cancelled is Cancelled.DROP and not query.occupancy:
            query = replace(query, cancelled=Cancelled.TOMBSTONE)
        self._query = query
        # One booking is there as long as it is known.
        alone = request.feed.kind == "booking"
        self._limits = (FOREVER, FOREVER) if alone else (source.history, source.horizon)
        self._history, self._horizon = reach(query, *self._limits)

    # what is read

    @cached_property
    def _criteria(self) -> EntryCriteria:
        query = self._query
        approved = "approved" in query.status
        text_ids, text_total = self._text_ids()
        return EntryCriteria(
            shown=approved,
            pending=query.pending,
            cancelled=approved and (query.occupancy or query.cancelled is not Cancelled.DROP),
            facility_ids=query.facility,
            text_ids=text_ids,
            text_total=text_total,
        )

    def _text_ids(self) -> tuple[tuple[int, ...] | None, int]:
        if self._feed.kind != "property" or not self._query.limits_texts:
            return None, 0
        return self._read.text_ids(self._feed.id, self._query)

    @property
    def _oldest(self) -> datetime:
        """Return after when entries end that are read: what has left a feed tells when it last
        changed, where SQL does not select.
        """
        query = self._query
        is_in_python = query.limits_texts or query.is_beyond_sql
        if query.occupancy or query.cancelled is Cancelled.TOMBSTONE or is_in_python:
            return self._now - self._limits[0]
        return self._now - self._history

    @property
    def _newest(self) -> datetime:
        """Return before when entries start that are read."""
        margin = MARGIN + timedelta(minutes=self._query.before) if self._query.occupancy else None
        return self._now + self._horizon + (margin or timedelta(0))

    def span(self) -> Calendar:
        """Load what overlaps a span."""
        since, until = self._request.since or self._now, self._request.until or self._newest
        if self._request.limit is not None:
            return self._page(since, until, self._request.limit)
        if calendar := self._days(since, until):
            return calendar
        margin = MARGIN if self._query.occupancy else timedelta(0)
        entries = self._of(TimeRange(since - margin, until + margin))
        calendar = self._calendar(EntriesRead(entries), moments=())
        items = [item for item in calendar.items if item.end > since and item.start < until]
        return replace(calendar, items=tuple(items))

    def _days(self, since: datetime, until: datetime) -> Calendar | None:
        """Load the first items of each day; None where all are to be loaded at once."""
        limit = self._request.day_limit
        if limit is None or not self._sql_decides or self._feed.kind != "property":
            return None
        since, until = self._within_reach(since, until)
        read = read_days(
            self._read, self._feed, self._criteria, self._state.zone, since, until, limit
        )
        if read is None:
            return None
        return replace(self._calendar(EntriesRead(read.entries), ()), day_counts=read.counts)

    def _within_reach(self, since: datetime, until: datetime) -> tuple[datetime, datetime]:
        return max(since, self._now - self._history), min(until, self._newest)

    def _page(self, since: datetime, until: datetime, limit: int) -> Calendar:
        """Load the first items of a span, by days until there are enough."""
        since, until = self._within_reach(since, until)
        after, read = self._request.after, EntriesRead([])
        first = datetime.fromtimestamp(after[0], UTC) if after else since
        for begins, ends in steps(first, until):
            starts_from = begins if after or begins > first else None
            times = TimeRange(since, ends, starts_from=starts_from)
            read.entries += self._of(times, limit + 1 if self._sql_decides and not after else None)
            if len(read.entries) > limit or self._query.occupancy:
                calendar = self._following(read)
                if len(calendar.items) > limit:
                    return self._first_of(calendar, limit)
        return self._following(read)

    def _following(self, read: EntriesRead) -> Calendar:
        """Return a calendar with the items after the page before."""
        calendar, after = self._calendar(read, moments=()), self._request.after
        if after is None:
            return calendar
        return replace(calendar, items=tuple(item for item in calendar.items if item.key > after))

    def _first_of(self, calendar: Calendar, limit: int) -> Calendar:
        shown, left_out = calendar.items[:limit], calendar.items[limit]
        ends = [item.end for item in shown] if self._request.since is None else []
        return replace(
            calendar,
            items=shown,
            complete_until=left_out.start,
            expires=min(filter(None, [calendar.expires, *ends]), default=None),
        )

    @property
    def _sql_decides(self) -> bool:
        """Whether SQL alone selects the items, so that its LIMIT and its counts are right."""
        query = self._query
        once = not (query.grouped or query.occupancy or query.is_beyond_sql)
        plain = self._saved is None and query.cancelled is not Cancelled.TOMBSTONE
        exact = self._criteria.text_ids is not None and self._read.finds_texts_exactly
        return once and plain and (exact or not query.limits_texts)

    def whole(self, count: int) -> Calendar:
        """Load a whole feed, or at least so many of its entries from today outward."""
        times = TimeRange(self._oldest, self._newest)
        limit = count + 1 if count else None
        entries = self._read.entries(self._feed, times, self._criteria, limit=limit, ordered=False)
        if limit is None or len(entries) <= count:
            return self._calendar(EntriesRead(entries), moments=self._moments())
        return self._calendar(self._outward().read(count), moments=())

    def _moments(self) -> list[datetime]:
        """Return when time alone last changed and next changes a whole feed, as far as entries tell
        that are not read.
        """
        query, moments = self._query, []
        first = self._read.first_start(self._feed, self._newest, self._criteria)
        if first is not None:
            begins = first - timedelta(minutes=query.before)
            moments.append(begins - self._horizon + timedelta(seconds=1))
        if query.occupancy:
            return moments
        old = self._now - self._limits[0]
        plain = not (self._criteria.pending or self._criteria.cancelled)
        statuses = SHOWN_ENTRIES if plain and self._criteria.shown else ALL_ENTRIES
        last = self._read.latest_end(self._feed, old, statuses)
        if last is not None:
            moments.append(last + self._history)
        if self._oldest > old:
            last = self._read.latest_end(self._feed, self._oldest, self._criteria)
            if last is not None and last > old:
                moments.append(last + self._history)
        return moments

    def completeness(self) -> Completeness | None:
        far = min(self._history, self._horizon) >= 2 * DAY
        if self._feed.kind != "property" or not (self._sql_decides and far):
            return None
        settings, zone = self._source.settings, self._state.zone
        bound = bound_by_count(self._read, self._feed, self._criteria, zone, self._now, settings)
        if bound is None or bound.complete_from:
            return bound
        return replace(bound, complete_from=self._outward().past_from(self._now))

    def _outward(self) -> OutwardReader:
        return OutwardReader(
            self._read,
            self._feed,
            self._criteria,
            self._state.zone,
            self._now,
            self._oldest,
            self._newest,
            MARGIN if self._query.occupancy else timedelta(0),
        )

    def _of(self, times: TimeRange, limit: int | None = None) -> list[Entry]:
        return self._read.entries(self._feed, times, self._criteria, limit=limit)

    # what becomes of it

    def _calendar(self, read: EntriesRead, moments: Sequence[datetime]) -> Calendar:
        metadata = self._metadata()
        if self._query.occupancy and self._saved is None:
            items, changed, expires = self._blocks(read.entries, metadata, moments)
            property_ids: tuple[str, ...] = self._members()
        else:
            selection, categories_changed = self._select(read.entries, moments)
            items, changed = self._items(selection)
            changed = max(selection.changed, categories_changed, changed)
            expires = selection.until
            property_ids = self._members(selection)
        return Calendar(
            feed=self._feed,
            metadata=metadata,
            state=self._state,
            items=tuple(items),
            last_modified=max(self._state.changed, changed),
            expires=min(filter(None, (expires, read.expires)), default=None),
            property_ids=property_ids,
            complete_from=read.complete_from,
            complete_until=read.complete_until,
        )

    def _metadata(self) -> FeedMetadata:
        request, settings = self._request, self._source.settings
        metadata = cover(self._feed, request.query, self._state, settings.public_url)
        saved = self._saved
        if saved is None:
            return metadata
        # A private feed does not say where it lives: that is a secret.
        return replace(
            metadata,
            description=" ".join(filter(None, (metadata.description, saved.description))),
            colour=saved.colour,
            source="" if request.private else metadata.source,
            page=metadata.page if self._state.property_id else "",
            utc=saved.query.utc,
            fields=saved.view.fields,
        )

    def _members(self, selection: Selection | None = None) -> tuple[str, ...]:
        own = self._state.property_id
        if self._feed.kind == "property":
            known = self._read.property(own)
            return (own, *(known.child_ids if known else ()))
        if self._saved is None or selection is None:
            return (own,)
        shown = {entry.property_id for entry in selection.entries}
        return tuple(sorted(filter(None, {own, *self._saved.property_ids, *shown})))

    def _select(
        self,
        entries: Sequence[Entry],
        moments: Sequence[datetime],
        *,
        query: FeedQuery | None = None,
        horizon: timedelta | None = None,
    ) -> tuple[Selection, datetime]:
        """Return what the query selects, and when anything that it was selected by beside the
        entries last changed.
        """
        query = query or self._query
        categories = (
            self._read.categories({entry.key for entry in entries}) if query.category else {}
        )
        selection = select(
            entries,
            now=self._now,
            history=self._limits[0],
            horizon=horizon or self._limits[1],
            query=query,
            categories={key: category for key, (category, _) in categories.items()},
            moments=moments,
        )
        return selection, max((changed for _, changed in categories.values()), default=BEGINNING)

    def _blocks(
        self, entries: Sequence[Entry], metadata: FeedMetadata, moments: Sequence[datetime]
    ) -> tuple[list[Item], datetime, datetime | None]:
        """Merge first and cut by time then, or a block would change without any change of data."""
        unlimited = replace(self._query, past=None, ahead=None)
        selection, changed = self._select(entries, (), query=unlimited, horizon=FOREVER)
        every = blocks(selection.shown, self._query, metadata)
        result = present(
            every,
            self._query,
            now=self._now,
            history=self._limits[0],
            horizon=self._limits[1],
            moments=moments,
        )
        return result.items, max(result.changed, changed), result.until

    def _items(self, selection: Selection) -> tuple[list[Item], datetime]:
        """Return the items of a selection, and when what is stored apart from entries last
        changed.
        """
        title = self._query.title
        places = read_places(self._read, selection.entries, schools="{school}" in title)
        if self._saved is not None:
            items, changed = self._saved_items(self._saved, selection, places)
        else:
            shown = view(Audience.PUBLIC, busy=self._query.busy, title=title)
            changed = BEGINNING
            items = [
                (entry.key, admit(entry, status, shown, places=places))
                for entry, status in selection.shown
            ]
        if self._query.grouped:
            return grouped(items, self._read.event_marks(key for key, _ in items), title), changed
        return [item for _, item in items], changed

    def _saved_items(
        self, saved: Saved, selection: Selection, places: PlaceDetails
    ) -> tuple[list[tuple[EventKey, Item]], datetime]:
        """Return what a saved feed shows: only one whose audience may see them is given renters'
        data.
        """
        keys = {entry.key for entry in selection.entries}
        staff = not saved.public and (saved.needs_particulars or saved.needs_categories)
        details = self._read.particulars(keys) if staff else {}
        categories = {key: (one.category, changed) for key, (one, changed) in details.items()}
        if saved.public and saved.needs_categories:
            categories = self._read.categories(keys)
        items = apply(
            saved,
            selection,
            categories={key: category for key, (category, _) in categories.items()},
            details=details,
            places=places,
        )
        return items, max((changed for _, changed in categories.values()), default=BEGINNING)
