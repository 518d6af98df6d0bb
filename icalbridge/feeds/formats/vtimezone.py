"""An IANA zone as a VTIMEZONE: one STANDARD and one DAYLIGHT, a yearly rule each, since some
clients read no more.

The rule is the zone's own for all years to come (RFC 8536, section 3.3). Where it cannot be said in
this form, or gives another offset than the zone does at some moment, `holds` says so, and that
moment is written in UTC instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

from icalbridge import timezones

BASE_YEAR = 1970
"""The year of every DTSTART: before any event, and the same whatever a feed holds."""

WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")

_NAME = r"(<[A-Za-z0-9+-]+>|[A-Za-z]+)"
_TIME = r"([+-]?\d+(?::\d+){0,2})"
_ONSET = rf"M(\d+)\.(\d)\.(\d)(?:/{_TIME})?"
_RULE = re.compile(rf"{_NAME}{_TIME}(?:{_NAME}{_TIME}?,{_ONSET},{_ONSET})?")


@dataclass(frozen=True, slots=True)
class Onset:
    """When a side of the year begins: the nth weekday of a month, at a local time under the
    offset before.
    """

    month: int
    week: int
    """1 to 4; 5 is the last."""
    weekday: int
    """0 is Sunday."""
    at: timedelta

    def in_year(self, year: int) -> datetime:
        """Return the onset's local time, without a zone."""
        first = date(year, self.month, 1)
        day = first + timedelta(days=(self.weekday - first.isoweekday()) % 7 + 7 * (self.week - 1))
        if day.month != self.month:
            day -= timedelta(days=7)
        return datetime.combine(day, time()) + self.at

    @property
    def rrule(self) -> dict[str, object]:
        week = -1 if self.week == 5 else self.week
        return {"FREQ": "YEARLY", "BYMONTH": self.month, "BYDAY": f"{week}{WEEKDAYS[self.weekday]}"}


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the year: what it is called, its offset from UTC, and when it begins."""

    name: str
    offset: timedelta
    onset: Onset | None = None
    """None for a zone that knows one side only."""


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """A zone's rule for all years: one side, or two that take turns."""

    sides: tuple[Side, ...]

    def offset(self, moment: datetime) -> timedelta:
        """Return the offset that a client reads out of the VTIMEZONE at a moment."""
        if len(self.sides) == 1:
            return self.sides[0].offset
        return _offsets(self, moment.year, moment)


@cache
def rule(zone: str) -> ZoneRule | None:
    """Return a zone's rule; None where it cannot be said as one yearly rule a side.

    That is so for days of the year without a weekday, and for changes outside the day that they are
    named for.
    """
    result = _RULE.fullmatch(timezones.posix_rule(zone))
    if not result:
        return None
    standard, offset, daylight, saved, *onsets = result.groups()
    usual = -_span(offset)
    if not daylight:
        return ZoneRule((Side(standard.strip("<>"), usual),))
    other = -_span(saved) if saved else usual + timedelta(hours=1)
    begin, end = _onset(*onsets[:4]), _onset(*onsets[4:])
    if not all(timedelta() <= item.at < timedelta(days=1) for item in (begin, end)):
        return None
    return ZoneRule(
        (Side(standard.strip("<>"), usual, end), Side(daylight.strip("<>"), other, begin))
    )


@cache
def vtimezone(zone: str) -> Timezone:
    """Return the VTIMEZONE of a zone that has a rule; the TZID is its IANA name."""
    result = rule(zone)
    if result is None:
        raise ValueError(zone)
    component = Timezone()
    component.add("TZID", zone)
    summer = max(side.offset for side in result.sides)
    for side in sorted(result.sides, key=lambda side: side.offset):
        before = next((item.offset for item in result.sides if item is not side), side.offset)
        part = (
            TimezoneDaylight()
            if len(result.sides) == 2 and side.offset == summer
            else TimezoneStandard()
        )
        january = datetime(BASE_YEAR, 1, 1)  # noqa: DTZ001
        part.add("DTSTART", side.onset.in_year(BASE_YEAR) if side.onset else january)
        part.add("RRULE", side.onset.rrule if side.onset else {"FREQ": "YEARLY"})
        part.add("TZOFFSETFROM", before)
        part.add("TZOFFSETTO", side.offset)
        part.add("TZNAME", side.name)
        component.add_component(part)
    return component


def holds(zone: str, local: datetime) -> bool:
    """Say whether an aware local time is read alike by all clients: it occurs once, and the rule
    gives its offset.
    """
    result = rule(zone)
    offset = local.utcoffset()
    if result is None or offset is None or local.replace(fold=1 - local.fold).utcoffset() != offset:
        return False
    return result.offset(local.astimezone(UTC)) == offset


def _offsets(result: ZoneRule, year: int, moment: datetime) -> timedelta:
    latest = max(
        (begun, side.offset)
        for item in (year - 1, year, year + 1)
        for begun, side in _changes(result, item)
        if begun <= moment
    )
    return latest[1]


@cache
def _changes(result: ZoneRule, year: int) -> tuple[tuple[datetime, Side], ...]:
    """Return when each side of the rule begins in a year, in UTC."""
    one, other = result.sides
    return tuple(
        ((side.onset.in_year(year) - before.offset).replace(tzinfo=UTC), side)
        for side, before in ((one, other), (other, one))
        if side.onset
    )


def _onset(month: str, week: str, weekday: str, at: str | None) -> Onset:
    return Onset(int(month), int(week), int(weekday), _span(at or "2"))


def _span(text: str) -> timedelta:
    """Read hours, minutes and seconds as POSIX writes them: `-5:30`, `2`, `+01:00:00`."""
    hours, minutes, seconds = (int(part) for part in (text.lstrip("+-") + ":0:0").split(":")[:3])
    span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return -span if text.startswith("-") else span
