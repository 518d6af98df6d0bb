"""Values of a calendar: times, durations, time zones, recurrence rules (RFC 5545, section 3.3).

What cannot be read raises `Unusable` with the reason: its event is impossible, no other one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
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
FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
_RULE_PARTS = frozenset(
    [
        "FREQ",
        "INTERVAL",
        "WKST",
        "BYMONTH",
        "BYWEEKNO",
        "BYYEARDAY",
        "BYMONTHDAY",
        "BYDAY",
        "BYHOUR",
        "BYMINUTE",
        "BYSECOND",
        "BYSETPOS",
        "COUNT",
        "UNTIL",
    ]
)
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
        content = [f"{line.name}:{line.value}" for line in observance.lines]
        lines += [
            f"BEGIN:{observance.name}",
            *(line for line in content if line.partition(":")[0] in _ZONE_LINES),
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
        raise Unusable(f"its {line.name} cannot be read (line {line.number})")
    try:
        wall = datetime.strptime(match[1] + (match[2] or "").ljust(6, "0"), "%Y%m%d%H%M%S")  # noqa: DTZ007
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


def parse_duration(line: ContentLine, text: str = "") -> timedelta:
    """Return a property's duration, or that of `text`; negative ones are `Unusable`."""
    match = _DURATION.fullmatch((text or line.value).strip())
    if not match:
        raise Unusable(f"its {line.name} cannot be read (line {line.number})")
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
        count, until = self._count(), self._until(start, home)
        if count is not None and counts_start and next(self._walls(start, start.wall), 0) == 0:
            count -= 1
        last = before - timedelta(seconds=1)
        for number, wall in enumerate(
            self._walls(start, last if until is None else min(until, last))
        ):
            if number == count:
                return
            yield wall

    def goes_on(self, start: CalendarTime, before: datetime, home: tzinfo) -> bool:
        """Return whether the rule may have dates from one on."""
        until = self._until(start, home)
        return self._count() is None and (until is None or until >= before)

    def _walls(self, start: CalendarTime, last: datetime) -> Iterator[datetime]:
        names = self.parts.keys() - {"COUNT", "UNTIL"}
        if start.kind == "day":
            names -= {"BYHOUR", "BYMINUTE", "BYSECOND"}
        text = ";".join(f"{name}={self.parts[name]}" for name in sorted(names))
        try:
            return iter(rrulestr(text, dtstart=start.wall).replace(until=last))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError):
            raise self._unreadable() from None

    def _count(self) -> int | None:
        if "COUNT" not in self.parts:
            return None
        if not re.fullmatch(r"\d{1,9}", self.parts["COUNT"]) or not int(self.parts["COUNT"]):
            raise self._unreadable()
        return int(self.parts["COUNT"])

    def _until(self, start: CalendarTime, home: tzinfo) -> datetime | None:
        """Return the last possible date by the clock of `start`; a day means its end."""
        if "UNTIL" not in self.parts:
            return None
        match = _MOMENT.fullmatch(self.parts["UNTIL"])
        try:
            given = "" if match is None else match[1] + (match[2] or "235959").ljust(6, "0")
            wall = datetime.strptime(given, "%Y%m%d%H%M%S")  # noqa: DTZ007
        except ValueError:
            raise self._unreadable() from None
        lazy = start.kind != "moment" and wall.time() in (time(), time(23, 59, 59))
        if match and match[3] and not lazy:
            clock = start.zone or home
            wall = wall.replace(tzinfo=UTC).astimezone(clock).replace(tzinfo=None)
        return wall

    def _unreadable(self) -> Unusable:
        return Unusable(f"its {self.line.name} cannot be read (line {self.line.number})")


def parse_rule(line: ContentLine) -> RecurrenceRule:
    """Return a rule, refused where it would never end or be misread."""
    pairs = [part.upper().partition("=") for part in line.value.split(";") if part.strip()]
    parts = {name.strip(): "".join(value.split()) for name, _, value in pairs}
    twice = len(parts) < len(pairs)
    if parts.get("RSCALE") == "GREGORIAN" and parts.get("SKIP", "OMIT") == "OMIT":
        parts = {name: value for name, value in parts.items() if name not in {"RSCALE", "SKIP"}}
    rule = RecurrenceRule(line, parts)
    frequency = parts.get("FREQ", "")
    if frequency in {"HOURLY", "MINUTELY", "SECONDLY"}:
        raise Unusable("its rule repeats within a day, which no booking does")
    readable = re.fullmatch(r"0*[1-9]\d{0,5}", parts.get("INTERVAL", "1"))
    if frequency not in FREQUENCIES or not readable or twice:
        raise rule._unreadable()
    if unknown := sorted(parts.keys() - _RULE_PARTS):
        raise Unusable(f"its {line.name} has {unknown[0][:80]}, which is not supported")
    hours = (parts.get(name, "").count(",") + 1 for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
    if prod(hours) > MOST_A_DAY:
        raise Unusable(f"its rule repeats more than {MOST_A_DAY} times a day")
    return rule
