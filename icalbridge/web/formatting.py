"""Formatting of times, days, spans, ages and numbers in the language and region of the request.

Every function takes an IANA zone and writes the moment as people there read it. The forms are
CLDR's, as Babel has them; the words around them are in the templates.
"""

from __future__ import annotations

import re
from datetime import time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from babel.core import get_global
from babel.dates import (
    format_date,
    format_interval,
    format_skeleton,
    format_time,
    get_timezone_name,
    parse_pattern,
)
from babel.numbers import format_decimal, format_percent

from icalbridge import timezones
from icalbridge.web.i18n import current, gettext, ngettext

if TYPE_CHECKING:
    from datetime import date, datetime

    from babel import Locale

PLAIN_SPACES = {0x202F: " ", 0xA0: " "}
"""CLDR's spaces before `PM`: the narrow one is a box on old screens, and nobody types either into a
search.
"""
YEAR = re.compile(r"^y |(,? 'de'|,)? y$")
"""Where the year stands in the full dates of English and Spanish; CLDR has no full date without one
for all regions.
"""

_clock_pattern = re.compile(r"(?P<hour>HH?|h)(?P<between>[:.])mm(?P<half>\W?a)?")


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(timezones.zone(zone))


def clock_time(moment: datetime, zone: str) -> str:
    """Return `7:30 PM` or `19:30`; with the zone's short name where the clocks show this time twice
    that night.
    """
    there = local(moment, zone)
    text = _time(there.time().replace(second=0, microsecond=0), current())
    return f"{text} {there.tzname()}" if _occurs_twice(there) else text


def _occurs_twice(there: datetime) -> bool:
    """Two offsets for one local time (PEP 495): a moment never falls into a gap, so this hour is a
    repeated one.
    """
    return there.replace(fold=0).utcoffset() != there.replace(fold=1).utcoffset()


@lru_cache(maxsize=4096)
def _time(of: time, locale: Locale) -> str:
    return format_time(of, "short", locale=locale).translate(PLAIN_SPACES)


def time_span(start: datetime, end: datetime, zone: str) -> str:
    """Return `4:30 – 6:00 PM`; for hours that the clocks show twice, as `clock_time` has them."""
    begins, ends = local(start, zone), local(end, zone)
    if begins.date() != ends.date() or _occurs_twice(begins) or _occurs_twice(ends):
        return f"{clock_time(start, zone)} – {clock_time(end, zone)}"
    return _span(begins.time(), ends.time(), current())


@lru_cache(maxsize=4096)
def _span(begins: time, ends: time, locale: Locale) -> str:
    skeleton = "hm" if "h" in locale.time_formats["short"].pattern else "Hm"
    text = format_interval(begins, ends, skeleton, locale=locale)
    return text.translate(PLAIN_SPACES).replace("\u2009", " ")


def clock_words() -> dict[str, str]:
    """Return what a display needs to write a time of day by itself (`now_next.WORDS`)."""
    locale = current()
    halves = locale.day_periods["format"]["abbreviated"]
    hour = {"h": "{hour}", "H": "{hour24}", "HH": "{hour24_of_two}"}
    match = _clock_pattern.match(locale.time_formats["short"].pattern)
    text = "{hour24}:{minute}"
    if match:
        text = (
            f"{hour[match['hour']]}{match['between']}{{minute}}{' {half}' if match['half'] else ''}"
        )
    return {"clock": text} | {
        name: str(halves[name]).translate(PLAIN_SPACES) for name in ("am", "pm")
    }


def weekday(of: date) -> str:
    """Return `Friday, November 20`, as it begins a line."""
    return _begun(_full(of, current(), year=False))


@lru_cache(maxsize=1024)
def _full(of: date, locale: Locale, *, year: bool) -> str:
    pattern = locale.date_formats["full"].pattern
    return parse_pattern(pattern if year else YEAR.sub("", pattern)).apply(of, locale)


def _begun(text: str) -> str:
    """Write a text as it begins a line: Spanish names of days are small elsewhere."""
    return text[:1].upper() + text[1:]


def day(of: date, today: date) -> str:
    """Return `Today, Friday, November 20`; with the year only where it is another one."""
    text = _full(of, current(), year=of.year != today.year)
    if of == today:
        return gettext("Today, %(day)s") % {"day": text}
    if of == today + timedelta(days=1):
        return gettext("Tomorrow, %(day)s") % {"day": text}
    return _begun(text)


def full_date(of: date) -> str:
    """Return `Friday, November 20, 2026`, as it begins a line."""
    return _begun(_full(of, current(), year=True))


def short_weekday(of: date) -> str:
    """Return `Sat`."""
    return str(format_date(of, "ccc", locale=current()))


def month_day(of: date) -> str:
    """Return `Nov 21`."""
    return str(format_skeleton("MMMd", of, locale=current()))


def hour(of: int) -> str:
    """Return an hour of the day, 0 to 23, as an axis has it: `7 AM` or `07`."""
    return _hour(of, current())


@lru_cache(maxsize=256)
def _hour(of: int, locale: Locale) -> str:
    skeleton = "h" if "h" in locale.time_formats["short"].pattern else "H"
    return str(format_skeleton(skeleton, time(of), locale=locale)).translate(PLAIN_SPACES)


def short_day(of: date) -> str:
    """Return `Fri, Nov 20`."""
    return _short(of, current())


@lru_cache(maxsize=1024)
def _short(of: date, locale: Locale) -> str:
    return format_skeleton("MMMEd", of, locale=locale)


def long_date(moment: datetime, zone: str) -> str:
    """Return `November 20, 2026`."""
    return _long(local(moment, zone).date(), current())


@lru_cache(maxsize=256)
def _long(of: date, locale: Locale) -> str:
    return str(locale.date_formats["long"].apply(of, locale))


def day_or_moment(moment: datetime | None, zone: str) -> str:
    """Return `November 20, 2026` for a midnight, else `November 20, 2026, 3:30 PM`; empty for
    None.
    """
    if moment is None:
        return ""
    day = long_date(moment, zone)
    return day if local(moment, zone).time() == time() else f"{day}, {clock_time(moment, zone)}"


def month_name(of: date) -> str:
    """Return `November 2026`."""
    return str(format_skeleton("yMMMM", of, locale=current()))


def days(first: date, last: date) -> str:
    """Return `Nov 15 – 21, 2026`."""
    return str(format_interval(first, last, "yMMMd", locale=current()))


def end_time(end: datetime, zone: str, listed: date) -> str:
    """Return when something ends: `9:00 PM`, and the day where it is not the one under which it is
    listed.

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


def zone_name(zone: str) -> str:
    """Return `Pacific Time`; `Mountain Standard Time` where clocks are never changed; the name
    itself for what is no zone of a region.
    """
    return _zone_name(zone, current())


@lru_cache(maxsize=256)
def _zone_name(zone: str, locale: Locale) -> str:
    if not timezones.exists(zone) or get_global("zone_territories").get(zone, "ZZ") == "ZZ":
        return zone.rpartition("/")[2].replace("_", " ")
    fixed = "," not in timezones.posix_rule(zone)
    variant: Literal["standard"] | None = "standard" if fixed else None
    return get_timezone_name(timezones.zone(zone), zone_variant=variant, locale=locale)


def number(value: int) -> str:
    """Return a number with the marks between its thousands that the reader is used to."""
    return str(format_decimal(value, locale=current()))


def share(part: int, whole: int) -> str:
    """Return how much of a whole something is, in whole per cent; of nothing it is none."""
    return str(format_percent(part / whole if whole else 0, locale=current()))


def age(seconds: float) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    days, hours, minutes = (int(seconds // length) for length in (86_400, 3_600, 60))
    if days > 0:
        return ngettext("%(num)d day ago", "%(num)d days ago", days) % {"num": days}
    if hours > 0:
        return ngettext("%(num)d hour ago", "%(num)d hours ago", hours) % {"num": hours}
    if minutes > 0:
        return ngettext("%(num)d minute ago", "%(num)d minutes ago", minutes) % {"num": minutes}
    return gettext("just now")
