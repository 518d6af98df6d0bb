"""What the page of a facility, a school or a district shows: its days in one of four views, how it
stands right now, and what comes next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from icalbridge import timezones
from icalbridge.feeds import PLAIN
from icalbridge.feeds.query import FeedQuery, Surface, filter_query
from icalbridge.web.parameters import Key
from icalbridge.web.revision_cache import Missing
from icalbridge.web.views.calendar_grid import (
    GridContext,
    grid_days,
    list_days,
    page_title,
    shorten_days,
    with_spans,
)
from icalbridge.web.views.filters import DateRange, page_view
from icalbridge.web.views.open_times import open_times
from icalbridge.web.views.time_grid import day_timeline, week_grid
from icalbridge.web.views.week_table import TableLimits, week_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.feeds.completeness import Completeness
    from icalbridge.models import Facility, Feed, FeedState
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.views.filters import PageView
    from icalbridge.web.views.open_times import Gap

    Parameters = Mapping[str, Sequence[str]]

DAY = timedelta(days=1)
LIST_DAYS = {"facility": 14, "property": 7}
"""How many days after today a list has."""
LIST_ENTRIES = {"facility": 100, "property": 40}
"""How many entries a list has; the others are behind a link."""
DAY_ENTRIES = 150
"""How many entries a school's day shows; it leads to the pages of the facilities of the others."""
COLUMN_ENTRIES = 36
"""How many entries of a day the hours of a facility show."""
WEEK_LINES = 12
"""How many entries of a day a district's week shows."""
WEEK_TABLE = TableLimits(rows=40, cells=160, per_day=6, in_all=215)
"""How much of a school's week its table has; it leads to the pages of the other facilities."""
MONTH_LINES = 3
MONTH_OPENED = 12
"""How many more entries of a day a month opens in place at most."""
MONTH_ENTRIES = 330
"""How many entries a month has in all: where that is not enough, fewer of each day."""
NEXT_ENTRIES = 200
"""How many entries that are not over are read to find what is next and what can be chosen."""
NEXT_HOURS = (1, 24)
"""So many hours ahead the next entry is looked for where too much is on now."""
DISTRICT_ENTRIES = 30
NAME_ENTRIES = 30
"""How many entries the list of a name has."""
NAMES_SHOWN = 3
"""How many of the names that a page is narrowed down to it shows."""
NOTHING: dict[str, Any] = {
    "grid": None,
    "rows": None,
    "other_rows": (),
    "columns": (),
    "open_times": {},
    "gaps": {},
    "list_days": 0,
    "sheet": (),
    "rest": "",
    "month_count": MONTH_LINES,
}
"""What a template finds of the views that a page does not show."""


@dataclass(frozen=True, slots=True)
class SchedulePage:
    """One page of a feed."""

    view: PageView
    state: FeedState
    coming: Calendar
    """The first entries that are not over, without the page's filters."""
    completeness: Completeness
    context: GridContext

    @property
    def feed(self) -> Feed:
        return self.coming.feed

    @property
    def zone(self) -> str:
        return self.state.zone


class Schedules:
    """Loads the pages of feeds."""

    def __init__(self, service: FeedCache) -> None:
        self._service = service

    def load(
        self,
        feed: Feed,
        parameters: Parameters,
        now: datetime,
        default: str,
        schools: Mapping[str, str] | None = None,
    ) -> SchedulePage | Missing:
        """Return a feed's page, or why there is none.

        `default` is the view of an address that names none; `schools` are names by property id
        where entries are shown with them. Raises `BadQuery` and `Refused`.
        """
        filters = self._service.parse_query(filter_query(parameters, Surface.PAGE))
        state = self._service.state(feed)
        if isinstance(state, Missing):
            return state
        reach = DateRange.of(timezones.local_date(now, state.zone), *self._service.reach)
        until = timezones.midnight(reach.last + DAY, state.zone)
        coming = self._service.calendar(feed, PLAIN, None, until, limit=NEXT_ENTRIES)
        if isinstance(coming, Missing):
            return coming
        completeness = self._service.completeness(feed, filters)
        if isinstance(completeness, Missing):
            return completeness
        view = page_view(parameters, reach, filters, LIST_DAYS[feed.kind] + 1, default)
        context = GridContext(now, state.zone, schools or {}, page_title)
        return SchedulePage(view, state, coming, completeness, context)

    def next_item(self, page: SchedulePage) -> Item | None:
        """Return the first item of a page's feed that has not begun, whatever its filters."""
        now = page.context.now
        following = next((item for item in page.coming.items if item.start > now), None)
        if following is not None or page.coming.complete_until is None:
            return following
        # So much is on in a large district that nothing else was read.
        minute = now.replace(second=0, microsecond=0)
        after = (int(minute.timestamp()) + 1, 0, "")
        for hours in NEXT_HOURS:
            until = minute + timedelta(hours=hours)
            later = self._service.calendar(page.feed, PLAIN, None, until, limit=1, after=after)
            if not isinstance(later, Missing) and later.items:
                return later.items[0]
        return None

    def _span(
        self,
        page: SchedulePage,
        filters: FeedQuery,
        first: date,
        end: date,
        day_limit: int | None = None,
    ) -> Calendar | Missing:
        """Return what is on in some days, in whatever zone of a school."""
        # A school in another zone may have the day earlier, or still have it.
        since = timezones.midnight(first - DAY, page.zone)
        until = timezones.midnight(end + DAY, page.zone)
        return self._service.calendar(page.feed, filters, since, until, day_limit=day_limit)

    def _items(
        self, page: SchedulePage, filters: FeedQuery, first: date, end: date
    ) -> Sequence[Item]:
        calendar = self._span(page, filters, first, end)
        return () if isinstance(calendar, Missing) else calendar.items

    def facility(self, page: SchedulePage) -> dict[str, Any]:
        """Return what the template shows of a facility's days."""
        view = page.view
        if view.name not in ("day", "week"):
            return self.sheet(page)
        shown = view.span
        items = self._items(page, view.filters, shown.first, shown.end)
        booked = items
        if view.filters != PLAIN:
            booked = self._items(page, PLAIN, shown.first, shown.end)
        now = page.context.now
        days = [shown.first + number * DAY for number in range(shown.count)]
        gaps = {
            day: open_times(booked, day, page.zone, now) for day in days if day >= view.reach.today
        }
        grid = week_grid(items, shown.first, shown.count, page.context, COLUMN_ENTRIES)
        return NOTHING | {"grid": grid, "open_times": gaps}

    def school(self, page: SchedulePage, facilities: Sequence[Facility]) -> dict[str, Any]:
        """Return what the template shows of a school's days; `facilities` are its own."""
        view = page.view
        if view.name not in ("day", "week"):
            return self.sheet(page)
        shown = view.span
        items = self._items(page, view.filters, shown.first, shown.end)
        keys = [place.id for place in facilities]
        if view.name == "week":
            table = week_table(items, shown, keys, page.context, WEEK_TABLE)
            return NOTHING | table._asdict() | {"columns": _days_shown(page)}
        on_day = [item for item in items if _is_on(item, shown.first, page.context)]
        if view.filters != PLAIN:
            chosen = {key for item in on_day for key in item.facility_ids} | {
                *view.filters.facility
            }
            keys = [key for key in keys if key in chosen]
        grid = day_timeline(on_day, shown.first, keys, page.context)
        grid, others = grid.cut_rows(DAY_ENTRIES)
        others = (*(column for column in grid.columns if column.left_out), *others)
        gaps = self._gaps(page, facilities)
        return NOTHING | {"grid": grid, "other_rows": others, "gaps": gaps}

    def _gaps(self, page: SchedulePage, facilities: Sequence[Facility]) -> dict[str, Sequence[Gap]]:
        """Return the open times of a school's own facilities on the page's day, by facility id."""
        day = page.view.span.day
        if day < page.view.reach.today:
            return {}
        by_facility: dict[str, list[Item]] = {place.id: [] for place in facilities}
        for item in self._items(page, PLAIN, day, day + DAY) if facilities else ():
            for facility_id in by_facility.keys() & item.facility_ids:
                by_facility[facility_id].append(item)
        now = page.context.now
        return {
            facility_id: open_times(booked, day, page.zone, now)
            for facility_id, booked in by_facility.items()
        }

    def sheet(self, page: SchedulePage) -> dict[str, Any]:
        """Return the days of a list, a week or a month."""
        view, shown = page.view, page.view.span
        if shown.view == "list":
            return NOTHING | self._list(page)
        per_day = MONTH_LINES + MONTH_OPENED if shown.view == "month" else WEEK_LINES
        calendar = self._span(page, view.filters, shown.first, shown.end, per_day)
        items, counts = (
            ((), None) if isinstance(calendar, Missing) else (calendar.items, calendar.day_counts)
        )
        days = grid_days(items, shown, page.context, per_day=per_day, counts=counts)
        if shown.view == "month":
            days = with_spans(shorten_days(days, MONTH_ENTRIES, MONTH_LINES))
        return NOTHING | {"sheet": days}

    def _first_items(self, page: SchedulePage, query: FeedQuery, most: int) -> Calendar | Missing:
        """Return the first items that are not over, as far as feeds reach."""
        until = timezones.midnight(page.view.reach.last + DAY, page.zone)
        return self._service.calendar(page.feed, query, None, until, limit=most)

    def names(self, page: SchedulePage) -> str:
        """Return the names that a page is narrowed down to, as its bookings have them; empty where
        it is not.
        """
        keys = page.view.filters.name
        shown = [self._name(page, key) for key in keys[:NAMES_SHOWN]]
        return ", ".join([*shown, *(["…"] if len(keys) > NAMES_SHOWN else [])])

    def _name(self, page: SchedulePage, key: str) -> str:
        calendar = self._first_items(page, FeedQuery(name=(key,)), 1)
        items = () if isinstance(calendar, Missing) else calendar.items
        return items[0].name if items else key

    def district(self, page: SchedulePage) -> dict[str, Any]:
        """Return what the template shows of a district's days: of one day the first entries."""
        return NOTHING | self._list(page) if page.view.name == "day" else self.sheet(page)

    def _list(self, page: SchedulePage) -> dict[str, Any]:
        """Return the first entries of a day or of some days, and the query of those that follow;
        today's begin with what is on.
        """
        view, shown, context = page.view, page.view.span, page.context
        from_now = not view.dated or (shown.view == "day" and shown.day == view.reach.today)
        end, limit = shown.end, LIST_ENTRIES[page.feed.kind]
        if shown.view == "day":
            limit = DISTRICT_ENTRIES
        elif from_now and view.filters.name:
            # The next booking of a name may be months ahead.
            end, limit = view.reach.last + DAY, NAME_ENTRIES
        zones = self._zones(page)
        since = min(timezones.midnight(shown.first, zone) for zone in zones)
        until = max(timezones.midnight(end, zone) for zone in zones)
        calendar = self._service.calendar(
            page.feed,
            view.filters,
            None if from_now else since,
            until,
            limit=limit,
            after=view.left_off,
        )
        if isinstance(calendar, Missing):
            return {}
        items = calendar.items
        days = (
            list_days(items, None, context, limit).days
            if from_now
            else grid_days(items, shown, context)
        )
        last = items[-1] if items and not calendar.is_complete else None
        # What began before the first day is listed there; farther east it is a later day.
        begun = {timezones.local_date(item.start, context.zone_of(item)) for item in items}
        reached = max(shown.first, *begun) if last else end
        empty = None if from_now or view.left_off else shown.first
        return {
            "sheet": tuple(
                day
                for day in days
                if (day.count or day.day == empty) and day.day < end and day.day <= reached
            ),
            "rest": view.rest(Key.of(last)) if last else "",
            "list_days": (end - view.reach.today).days - 1,
        }

    def _zones(self, page: SchedulePage) -> set[str]:
        """Return the zones in which days of a page begin and end."""
        own = self._service.catalog.property(page.feed.id) if page.feed.kind == "property" else None
        members = self._service.catalog.members(own) if own else []
        zones = (place.timezone for place in members)
        return {page.zone, *(zone for zone in zones if timezones.exists(zone))}


def _days_shown(page: SchedulePage) -> tuple[Any, ...]:
    """Return the days of a span without their entries."""
    return grid_days((), page.view.span, page.context)


def _is_on(item: Item, day: date, context: GridContext) -> bool:
    """Say whether an item is on during a day of its own school."""
    since, until = timezones.day_bounds(day, context.zone_of(item))
    return item.start < until and item.end > since
