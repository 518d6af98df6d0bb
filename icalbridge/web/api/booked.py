"""The API's answers about what is booked: entries a page at a time, what is on now, and when a
facility is free.

Entries are those of the calendar with the same filters, as `feeds` finds, keeps and shows them to
the public; what is on now is what `present` gathers for displays; open times are those of the pages
(`open_times`). No reader costs the vendor anything, and few cost the database.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import msgspec
from cachetools import LRUCache

from icalbridge import timezones
from icalbridge.feeds import Address, display_text
from icalbridge.feeds.audience import Audience, view
from icalbridge.feeds.formats.datetimes import iso_local, iso_utc
from icalbridge.feeds.formats.json_format import item_values
from icalbridge.web.api import asking, schema
from icalbridge.web.api.places import api_path, in_order
from icalbridge.web.feed_cache import Missing
from icalbridge.web.routes.feeds import is_id
from icalbridge.web.views.filters import Reach
from icalbridge.web.views.occupancy_state import standing
from icalbridge.web.views.open_times import open_times

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.feeds import FeedQuery
    from icalbridge.feeds.audience import Item
    from icalbridge.models import Facility, Feed, FeedState
    from icalbridge.web.api.asking import Asked, Span
    from icalbridge.web.feed_cache import FeedService, Held
    from icalbridge.web.present import Present
    from icalbridge.web.site import Site
    from icalbridge.web.views.occupancy_state import Standing

MOST_ITEMS = 20_000
"""How many entries are kept as calendars told them; each takes about a kilobyte."""
PUBLIC = view(Audience.PUBLIC)


class Told(NamedTuple):
    """An answer, and when it last changed where that is known."""

    answer: msgspec.Struct
    modified: datetime | None = None


class _Kept(NamedTuple):
    """A calendar's entries while its data are the same and time alone changes nothing."""

    state: FeedState
    until: datetime | None
    items: list[Item]


@dataclass(frozen=True, slots=True)
class _On:
    """An entry as the public may see it, with its moments in seconds since 1970."""

    item: Item
    starts_at: int
    ends_at: int
    cancelled: bool


class Booked:
    """What is booked in one store."""

    def __init__(self, service: FeedService, present: Present, site: Site) -> None:
        self._service = service
        self._present = present
        self._site = site
        self._kept: LRUCache[Address, _Kept] = LRUCache(
            MOST_ITEMS, lambda kept: len(kept.items) + 1
        )
        self._lock = Lock()

    def entries(self, feed: Feed, found: Asked, now: datetime) -> Told | Missing:
        """Return a page of what is booked. Raises `BadQuery`."""
        shape = self._service.shape(asking.filters(found))
        address = Address(feed, shape)
        held = self._held(address)
        if isinstance(held, Missing):
            return held
        zone = held.state.zone
        asked = asking.span(found, self._reach(zone, now), zone)
        items, more = _page(self._items(address, held), asked)
        path = self._site.path(api_path(feed, "/entries"))
        answer = schema.Entries(
            title=held.state.title,
            zone=zone,
            from_=iso_local(asked.since, zone),
            to=iso_local(asked.until, zone),
            entries=[_entry(each) for each in items],
            next=f"{path}?{_next(asked, shape, items[-1])}" if more else None,
        )
        modified = held.made.document.modified
        if modified is not None and not asked.fixed:
            modified = max(modified, asked.since)
        return Told(answer, modified)

    def open_times(self, feed: Feed, found: Asked, now: datetime) -> Told | Missing:
        """Return when a facility is free on some days. Raises `BadQuery`."""
        address = Address(feed)
        held = self._held(address)
        if isinstance(held, Missing):
            return held
        zone = held.state.zone
        wished = asking.open_days(found, self._reach(zone, now))
        begins, ends = (
            asking.midnight(wished[0], zone),
            asking.midnight(wished[-1] + timedelta(days=1), zone),
        )
        items = _overlapping(self._items(address, held), begins, ends)
        days = [
            schema.OpenDay(
                date=day.isoformat(),
                open=[
                    schema.Open(start=iso_local(gap.start, zone), end=iso_local(gap.end, zone))
                    for gap in open_times(items, day, zone, now)
                ],
            )
            for day in wished
        ]
        return Told(
            schema.OpenTimes(facility_id=feed.id, title=held.state.title, zone=zone, days=days)
        )

    def now(self, feed: Feed, now: datetime) -> Told | Missing:
        """Return what is on at a place, and what comes next, as its displays tell it."""
        known = self._present.find(feed, now)
        if isinstance(known, Missing):
            return known
        zone, seconds = known.place.zone, now.timestamp()
        until, booked = known.until, [_on(item) for item in known.items]
        ends = asking.midnight(asking.tomorrow(now, zone), zone).timestamp()
        stands = standing(booked, seconds, ends, until.timestamp())
        made = schema.Now(
            id=feed.id,
            title=display_text(known.place.title),
            zone=zone,
            as_of=iso_utc(known.as_of),
            state=stands.state,
            until=_until(stands, zone),
            now=[_entry(each.item) for each in stands.on],
            next=None if stands.next is None else _entry(stands.next.item),
        )
        if feed.kind == "facility":
            return Told(made)
        facilities = in_order(known.facilities, known.place.schools)
        each_stands = [
            _standing(each, booked, seconds, ends, until.timestamp(), zone) for each in facilities
        ]
        return Told(schema.PropertyNow(**msgspec.structs.asdict(made), facilities=each_stands))

    def _held(self, address: Address) -> Held | Missing:
        return self._service.find(address) if is_id(address.feed.id) else Missing.UNKNOWN

    def _reach(self, zone: str, now: datetime) -> Reach:
        return Reach.of(timezones.local_date(now, zone), *self._service.reach)

    def _items(self, address: Address, held: Held) -> list[Item]:
        """Return a calendar's entries by start, end and uid; arranged anew only when they are
        others.
        """
        until = held.made.expires
        with self._lock:
            kept = self._kept.get(address)
        if kept is not None and (kept.state, kept.until) == (held.state, until):
            return kept.items
        items = self._service.items(address, held)
        if len(items) < MOST_ITEMS:
            with self._lock:
                self._kept[address] = _Kept(held.state, until, items)
        return items


def _page(items: Sequence[Item], asked: Span) -> tuple[list[Item], bool]:
    """Return those of a page, and whether there are more."""
    found = _overlapping(items, asked.since, asked.until)
    if asked.after is not None:
        found = [each for each in found if asking.Key.of(each) > asked.after]
    return found[: asked.limit], len(found) > asked.limit


def _overlapping(items: Sequence[Item], since: datetime, until: datetime) -> list[Item]:
    """Return what is on at some time in a span, of items in order of their start."""
    begun = items[: bisect_left(items, until, key=lambda each: each.start)]
    return [each for each in begun if each.end > since]


def _next(asked: Span, shape: FeedQuery, last: Item) -> str:
    """Return the query of the page after this one, which says all that this one left open."""
    own = urlencode([*asked.wished, ("after", str(asking.Key.of(last)))])
    return "&".join(filter(None, (own, shape.query)))


def _entry(item: Item) -> schema.Entry:
    return msgspec.convert(item_values(item, item.zone or "UTC", ()), schema.Entry)


def _on(item: Item) -> _On:
    cancelled = item.cancelled is not None
    return _On(item, int(item.start.timestamp()), int(item.end.timestamp()), cancelled)


def _until(stands: Standing[_On], zone: str) -> str | None:
    return (
        None if stands.until is None else iso_local(datetime.fromtimestamp(stands.until, UTC), zone)
    )


def _standing(
    facility: Facility,
    booked: Sequence[_On],
    now: float,
    day_ends: float,
    known_until: float,
    zone: str,
) -> schema.Standing:
    own = [each for each in booked if each.item.facility_ids == (facility.id,)]
    stands = standing(own, now, day_ends, known_until)
    name = display_text(facility.name)
    return schema.Standing(
        facility_id=facility.id, name=name, state=stands.state, until=_until(stands, zone)
    )
