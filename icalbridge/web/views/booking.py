"""A booking as its page shows it: when, its other times, and links to maps, calendars and the page
where people ask for a booking. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from icalbridge import timezones
from icalbridge.text import facility_with_school
from icalbridge.web import formatting
from icalbridge.web.i18n import gettext
from icalbridge.web.views.calendar_grid import calendar_line, page_title

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.models import Property
    from icalbridge.web.views.calendar_grid import GridContext

MAP = "https://www.google.com/maps/search/?api=1"
GOOGLE = "https://calendar.google.com/calendar/render"
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class BookingTime:
    """One time of an event."""

    item: Item
    when: str
    """`Saturday, November 21, 2026, 10:00 AM – 12:00 PM`"""
    title: str
    """Empty where it is that of the page."""
    place: str
    """The facility; empty where it is that of the page."""


def when(item: Item, context: GridContext) -> str:
    """Return the days and times of an item."""
    zone = context.zone_of(item)
    first, last = (
        timezones.local_date(moment, zone)
        for moment in (item.start, max(item.start, item.end - SECOND))
    )
    line = calendar_line(item, context, first)
    if first == last:
        return f"{formatting.full_date(first)}, {line.span}"
    begins = f"{formatting.full_date(first)}, {line.starts}"
    if item.end == timezones.midnight(last + timedelta(days=1), zone):
        whole = item.start == timezones.midnight(first, zone)
        begins = formatting.full_date(first) if whole else begins
        return f"{begins} – {formatting.full_date(last)}"
    return f"{begins} – {formatting.full_date(last)}, {formatting.clock_time(item.end, zone)}"


def booking_times(
    items: Iterable[Item], own: Item, context: GridContext
) -> tuple[BookingTime, ...]:
    """Return the other times of an item's event."""
    title, place = page_title(own), own.facility
    return tuple(
        BookingTime(
            item,
            when(item, context),
            "" if page_title(item) == title else page_title(item),
            "" if item.facility == place else item.facility or item.type,
        )
        for item in items
        if item.uid != own.uid
    )


def describe(item: Item, times: str, school: Property | None) -> str:
    """Return when and where a booking is, as other sites show it beside a link to its page."""
    place = facility_with_school(item.facility or item.type, school.name if school else "")
    sentences = [gettext("This booking was canceled.")] if item.cancelled is not None else []
    return " · ".join(filter(None, [*sentences, times, place]))


def address_of(school: Property | None) -> str:
    """Return where a school is, in one line."""
    if school is None:
        return ""
    region = " ".join(filter(None, (school.state, school.zip)))
    return ", ".join(filter(None, (school.address, school.city, region)))


def map_link(school: Property | None) -> str:
    """Return the map of a school's address; empty where that is not known."""
    address = address_of(school)
    if school is None or not address:
        return ""
    return f"{MAP}&{urlencode({'query': ', '.join(filter(None, (school.name, address)))})}"


def google_link(item: Item, address: str) -> str:
    """Return the form of Google Calendar that adds a copy of one item; `address` is its page's."""
    begins, ends = (f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}" for moment in (item.start, item.end))
    fields = {
        "action": "TEMPLATE",
        "text": page_title(item),
        "dates": f"{begins}/{ends}",
        "location": item.location,
        "details": address,
    }
    return f"{GOOGLE}?{urlencode({name: text for name, text in fields.items() if text})}"


def booking_link(template: str, property_id: str, facility_id: str) -> str:
    """Return where to ask for a booking of a facility; empty where the operator names no page."""
    ids = {"{property_id}": property_id, "{facility_id}": facility_id}
    for mark, value in ids.items():
        template = template.replace(mark, quote(value, safe=""))
    return template


def state_text(item: Item, now: datetime) -> str:
    """Return `On now` or `Over`; empty for what is to come or is called off."""
    if item.cancelled is not None or now < item.start:
        return ""
    return gettext("On now") if now < item.end else gettext("Over")
