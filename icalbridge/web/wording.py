"""How moments are said to people: 12-hour times, days, spans, ages. All the words are here and in the templates.

Every function takes an IANA name and says the moment as people there read it; which zone that is, is for the caller.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge import zones

if TYPE_CHECKING:
    from datetime import date, datetime

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
"""Written out, because strftime's words are those of the machine's language."""


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(zones.zone(zone))


def clock_time(moment: datetime, zone: str) -> str:
    """Return `7:30 PM`; with the zone's short name where the clocks show this time twice that night."""
    there = local(moment, zone)
    text = f"{there.hour % 12 or 12}:{there.minute:02d} {'AM' if there.hour < 12 else 'PM'}"
    return f"{text} {there.tzname()}" if _occurs_twice(there) else text


def _occurs_twice(there: datetime) -> bool:
    """Two offsets for one local time (PEP 495): a moment never falls into a gap, so this hour is a repeated one."""
    return there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()


def weekday(of: date) -> str:
    """Return `Friday, November 20`."""
    return f"{DAYS[of.weekday()]}, {MONTHS[of.month - 1]} {of.day}"


def day(of: date, today: date) -> str:
    """Return `Today, Friday, November 20`; the year is said only where it is another one."""
    text = weekday(of)
    if of.year != today.year:
        text = f"{text}, {of.year}"
    near = {today: "Today", today + timedelta(days=1): "Tomorrow"}.get(of)
    return f"{near}, {text}" if near else text


def short_day(of: date) -> str:
    """Return `Fri, Nov 20`."""
    return f"{DAYS[of.weekday()][:3]}, {MONTHS[of.month - 1][:3]} {of.day}"


def long_date(moment: datetime, zone: str) -> str:
    """Return `November 20, 2026`."""
    there = local(moment, zone)
    return f"{MONTHS[there.month - 1]} {there.day}, {there.year}"


def end_time(end: datetime, zone: str, listed: date) -> str:
    """Return when something ends: `9:00 PM`, and the day where it is not the one under which it is listed.

    Midnight still belongs to the evening before.
    """
    text = clock_time(end, zone)
    if local(end - timedelta(seconds=1), zone).date() == listed:
        return text
    return f"{text}, {short_day(local(end, zone).date())}"


def zone_letters(moment: datetime, zone: str) -> str:
    """Return `PST`, or the zone's name where it has no letters of its own."""
    short = local(moment, zone).tzname() or ""
    return short if short.isalpha() else zone.replace("_", " ")


def zone_name(moment: datetime, zone: str) -> str:
    """Return `America/Los Angeles (PST)`."""
    name, letters = zone.replace("_", " "), zone_letters(moment, zone)
    return name if letters == name else f"{name} ({letters})"


def age(seconds: float) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // length)
        if count > 0:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"
