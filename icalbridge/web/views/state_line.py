"""How a place stands in one line: `Free until 4:00 PM · next: Volleyball, Team 1`. Pure."""

from __future__ import annotations

from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds.audience import Status
from icalbridge.web import formatting
from icalbridge.web.i18n import gettext, ngettext
from icalbridge.web.views.calendar_grid import page_title, takes_whole_days
from icalbridge.web.views.occupancy_state import find_occupancy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from icalbridge.feeds.audience import Item

LONGEST_TITLE = 60


def facility_line(items: Sequence[Item], now: datetime, zone: str) -> str:
    """Return one facility's state and what comes next; `items` are by start and not over."""
    today = timezones.local_date(now, zone)
    day_ends = timezones.day_bounds(today, zone)[1].timestamp()
    place = find_occupancy(_taking(items), now.timestamp(), day_ends, inf)
    if place.last is not None:
        parts = [_in_use(place.on[0], place.last.end, now, zone)]
    elif place.next is None:
        return gettext("Free; nothing is booked.")
    elif place.taken_by is not None:
        until_text = formatting.clock_time(place.taken_by.start, zone)
        parts = [gettext("Free until %(time)s") % {"time": until_text}]
    else:
        parts = [gettext("Free for the rest of the day")]
    if place.next is not None:
        parts.append(_next(place.next, today, zone, with_time=place.last is not None))
    return " · ".join(parts)


def school_line(running_count: int, following: Item | None, now: datetime, zone: str) -> str:
    """Return how much is on at a school or in a district, and what comes next."""
    today = timezones.local_date(now, zone)
    if running_count:
        on = ngettext("%(num)s on now", "%(num)s on now", running_count)
        text = on % {"num": formatting.number(running_count)}
    else:
        text = gettext("Nothing is on now")
    if following is None:
        return text
    place = following.facility or following.type
    after = _next(following, today, zone, with_time=True)
    return f"{text} · {after}, {place}" if place else f"{text} · {after}"


def _taking(items: Sequence[Item]) -> list[Item]:
    """Return what really takes the place."""
    return [item for item in items if item.cancelled is None and item.status is Status.CONFIRMED]


def _in_use(item: Item, until: datetime, now: datetime, zone: str) -> str:
    today = timezones.local_date(now, zone)
    if until >= timezones.midnight(today + timedelta(days=1), zone):
        return gettext("In use for the rest of the day: %(title)s") % {"title": _title(item)}
    values = {"time": formatting.clock_time(until, zone), "title": _title(item)}
    return gettext("In use until %(time)s: %(title)s") % values


def _next(item: Item, today: date, zone: str, *, with_time: bool) -> str:
    """Return what comes next: with its day, and with its time where that was not said already."""
    day = timezones.local_date(item.start, zone)
    clock = formatting.clock_time(item.start, zone)
    if day == today:
        if not with_time:
            return gettext("next: %(title)s") % {"title": _title(item)}
        values = {"title": _title(item), "time": clock}
        return gettext("next at %(time)s: %(title)s") % values
    values = {"title": _title(item), "time": clock, "day": formatting.short_day(day)}
    tomorrow = day == today + timedelta(days=1)
    if takes_whole_days(item, zone):
        text = (
            gettext("next tomorrow: %(title)s")
            if tomorrow
            else gettext("next on %(day)s: %(title)s")
        )
    elif tomorrow:
        text = gettext("next tomorrow at %(time)s: %(title)s")
    else:
        text = gettext("next on %(day)s at %(time)s: %(title)s")
    return text % values


def _title(item: Item) -> str:
    title = page_title(item)
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1].rstrip()}…"
