"""Values of a calendar: times, durations, time zones, recurrence rules (RFC 5545, section 3.3).

What cannot be read raises `Unusable` with the reason: its event is impossible, no other one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from itertools import islice
from math import prod
from typing import TYPE_CHECKING

import icalendar
from dateutil.rrule import rrulestr
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from icalbridge import timezones

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icalbridge.push.ics_lines import CalendarPart, ContentLine, LineNotes
    from icalbridge.push.instances import Kind

MOST_A_DAY = 24
_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
_TIME_PARTS = {"BYHOUR", "BYMINUTE", "BYSECOND"}
_DAY_PARTS = {"BYMONTH", "BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY", "BYSETPOS"}
_RULE_PARTS = _TIME_PARTS | _DAY_PARTS | {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
_FOREVER = datetime(9999, 12, 31)  # noqa: DTZ001
_MOMENT = re.compile(r"(\d{8})(?:T(\d{6}|\d{4})(Z?))?", re.IGNORECASE)
_DURATION = re.compile(
    r"([+-]?)P(?=.)(?:(\d{1,6})W)?(?:(\d{1,6})D)?"
    r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?",
    re.IGNORECASE,
)
_ZONE_LINES = frozenset(["DTSTART", "RRULE", "RDATE", "TZOFFSETFROM", "TZOFFSETTO", "TZNAME"])


class Unusable(ValueError):
    """Raised for what makes an event impossible; the text is a sentence without its full stop."""


@dataclass(frozen=True, slots=True)
class CalendarTime:
    """A day, a floating time, or a time in a zone."""

    kind: Kind
    wall: datetime
    """As the clock says, without a zone; of a day its midnight."""
    zone: tzinfo | None = None
    """Of a moment."""

    def moment(self, home: tzinfo = UTC) -> datetime:
        """Return it in UTC; `home`: the zone of what is floating."""
        return self.wall.replace(tzinfo=self.zone or home).astimezone(UTC)

    def at(self, wall: datetime) -> CalendarTime:
        """Return another time of the same kind and zone."""
        return CalendarTime(self.kind, wall, self.zone)


class CalendarZones:
    """Time zones by the names that a calendar uses: known ones, then those that it describes."""

    def __init__(self, parts: list[CalendarPart], notes: LineNotes) -> None:
        self._described: dict[str, tzinfo] = {}
        self._notes = notes
        for part in parts:
            names = [_zone_name(line.value) for line in part.all("TZID")]
            described = _describe(part)
            if described is None:
                notes.add(part.number, "this VTIMEZONE cannot be read; left out")
            else:
                self._described |= {name.casefold(): described for name in names}

    def find(self, text: str) -> tzinfo | None:
        """Return the zone of a name; None where it names none."""
        name = _zone_name(text)
        known = WINDOWS_TO_OLSON.get(name, name)
        if timezones.exists(known) and ("/" in known or known == "UTC"):
            return UTC if known == "UTC" else timezones.zone(known)
        if described := self._described.get(name.casefold()):
            return described
        # a path before the name, as in /mozilla.org/20050126_1/America/Los_Angeles
        tails = (name.split("/", count)[-1] for count in range(name.count("/") + 1))
        resolved = next(filter(None, map(timezones.resolve_name, tails)), "")
        return timezones.zone(resolved) if resolved else None

    def find_default(self, calendar: CalendarPart) -> tzinfo | None:
        """Return the zone of floating times that a calendar names, as Google means it."""
        for line in calendar.all("X-WR-TIMEZONE"):
            if zone := self.find(line.value):
                return zone
            self._notes.add(line.number, "X-WR-TIMEZONE names no time zone; left out")
        return None


def _zone_name(text: str) -> str:
    return text.strip().strip("\"'").strip()


def _describe(part: CalendarPart) -> tzinfo | None:
    """Return the zone of a VTIMEZONE; None where it cannot be read."""
    lines = ["BEGIN:VTIMEZONE", "TZID:described"]
    for observance in part.parts:
        if observance.name not in {"STANDARD", "DAYLIGHT"}:
            continue
        if any("YEARLY" not in line.value.upper() for line in observance.all("RRULE")):
            return None  # each date of a rule that repeats more often would be worked out
        content = [line for line in observance.lines if line.name in _ZONE_LINES]
        lines += [
            f"BEGIN:{observance.name}",
            *(f"{line.name}:{line.value}" for line in content),
            f"END:{observance.name}",
        ]
    try:
        parsed = icalendar.Timezone.from_ical("\r\n".join([*lines, "END:VTIMEZONE", ""]))
        if not isinstance(parsed, icalendar.Timezone) or any(
            component.errors for component in parsed.walk()
        ):
            return None
        zone: tzinfo = parsed.to_tz(lookup_tzid=False)
        return zone if zone.utcoffset(datetime(2027, 1, 1)) is not None else None  # noqa: DTZ001
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
        return None


def parse_time(line: ContentLine, zones: CalendarZones, text: str = "") -> CalendarTime:
    """Return a property's time, or that of `text`, one of its several values."""
    value = (text or line.value).strip()
    match = _MOMENT.fullmatch(value)
    is_date = line.params.get("VALUE", "").upper() == "DATE"
    if not match or (is_date and match[2] and line.name in {"DTSTART", "DTEND"}):
        raise _unreadable(line)
    try:
        wall = _parse_wall(match[1], match[2] or "")
    except ValueError:
        raise Unusable(f"its {line.name} is no date (line {line.number})") from None
    if is_date or not match[2]:
        return CalendarTime("day", wall.replace(hour=0, minute=0, second=0))
    if match[3]:
        return CalendarTime("moment", wall, UTC)
    if "TZID" not in line.params:
        return CalendarTime("floating", wall)
    named = line.params["TZID"]
    if _zone_name(named).casefold() in {"", "none", "null"}:
        raise Unusable(f"its {line.name} has a TZID that names no time zone")
    zone = zones.find(named)
    if zone is None:
        raise Unusable(
            f"its time zone {named[:80]!r} is none that is known, and the calendar does not"
            " describe it"
        )
    return CalendarTime("moment", wall, zone)


def _parse_wall(day: str, clock: str) -> datetime:
    return datetime.strptime(day + clock.ljust(6, "0"), "%Y%m%d%H%M%S")  # noqa: DTZ007


def _unreadable(line: ContentLine) -> Unusable:
    return Unusable(f"its {line.name} cannot be read (line {line.number})")


def parse_duration(line: ContentLine, text: str = "") -> timedelta:
    """Return a property's duration, or that of `text`; negative ones are `Unusable`."""
    match = _DURATION.fullmatch((text or line.value).strip())
    if not match:
        raise _unreadable(line)
    weeks, days, hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    lasts = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    if match[1] == "-" and lasts:
        raise Unusable("its duration is negative")
    return lasts


@dataclass(frozen=True, slots=True)
class RecurrenceRule:
    """Recurrence rule of a property RRULE or EXRULE (RFC 5545, section 3.3.10)."""

    line: ContentLine
    parts: Mapping[str, str]

    def dates(
        self, start: CalendarTime, before: datetime, home: tzinfo, *, counts_start: bool = True
    ) -> Iterator[datetime]:
        """Yield its dates before one, by the clock of `start`, the series' first.

        That one counts for COUNT even where the rule does not match it.
        """
        count = int(self.parts["COUNT"]) if "COUNT" in self.parts else None
        if count and counts_start and not any(self._walls(start, start.wall)):
            count -= 1
        last = min(before - timedelta(seconds=1), self._until(start, home))
        return islice(self._walls(start, last), count)

    def goes_on(self, start: CalendarTime, before: datetime, home: tzinfo) -> bool:
        """Return whether the rule may have dates from one on."""
        return "COUNT" not in self.parts and self._until(start, home) >= before

    def _walls(self, start: CalendarTime, last: datetime) -> Iterator[datetime]:
        names = self.parts.keys() - {"COUNT", "UNTIL"}
        if start.kind == "day":
            names -= _TIME_PARTS
        text = ";".join(f"{name}={self.parts[name]}" for name in sorted(names))
        try:
            return iter(rrulestr(text, dtstart=start.wall).replace(until=last))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            raise _unreadable(self.line) from None

    def _until(self, start: CalendarTime, home: tzinfo) -> datetime:
        """Return the last possible date by the clock of `start`; a day means its end."""
        if "UNTIL" not in self.parts:
            return _FOREVER
        match = _MOMENT.fullmatch(self.parts["UNTIL"])
        try:
            wall = _parse_wall(match[1], match[2] or "235959") if match else None
        except ValueError:
            wall = None
        if match is None or wall is None:
            raise _unreadable(self.line)
        lazy = start.kind != "moment" and wall.time() in (time(), time(23, 59, 59))
        if match[3] and not lazy:
            wall = wall.replace(tzinfo=UTC).astimezone(start.zone or home).replace(tzinfo=None)
        return wall


def parse_rule(line: ContentLine) -> RecurrenceRule:
    """Return a rule, refused where it would never end or be misread."""
    pairs = [part.upper().partition("=") for part in line.value.split(";") if part.strip()]
    parts = {name.strip(): "".join(value.split()) for name, _, value in pairs}
    twice = len(parts) < len(pairs)
    if parts.get("RSCALE") == "GREGORIAN" and parts.get("SKIP", "OMIT") == "OMIT":
        parts = {name: value for name, value in parts.items() if name not in {"RSCALE", "SKIP"}}
    frequency = parts.get("FREQ", "")
    if frequency in {"HOURLY", "MINUTELY", "SECONDLY"}:
        raise Unusable("its rule repeats within a day, which no booking does")
    numbers = [parts.get(name, "1") for name in ("INTERVAL", "COUNT")]
    readable = all(re.fullmatch(r"0*[1-9]\d{0,8}", number) for number in numbers)
    if frequency not in _FREQUENCIES or not readable or twice:
        raise _unreadable(line)
    if unknown := sorted(parts.keys() - _RULE_PARTS):
        raise Unusable(f"its {line.name} has {unknown[0][:80]}, which is not supported")
    if prod(parts.get(name, "").count(",") + 1 for name in _TIME_PARTS) > MOST_A_DAY:
        raise Unusable(f"its rule repeats more than {MOST_A_DAY} times a day")
    return RecurrenceRule(line, parts)
