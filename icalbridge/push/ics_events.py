"""One VEVENT → what a push needs of it. Unreadable, it is impossible, with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from icalbridge.push.ics_values import (
    CalendarTime,
    Unusable,
    parse_duration,
    parse_rule,
    parse_time,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from icalbridge.push.ics_lines import CalendarPart, ContentLine
    from icalbridge.push.ics_values import CalendarZones, RecurrenceRule

LONGEST_TEXT = 1_000
"""Characters of a SUMMARY or LOCATION, which every instance repeats; the vendor takes a quarter."""
NO_LENGTH = timedelta(0)
DAY = timedelta(days=1)
_KINDS = {"day": "a day", "moment": "a time with a zone", "floating": "a time without one"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EventLength:
    lasts: timedelta = NO_LENGTH
    exact: bool = False
    """Whether in elapsed time, rather than by the clock, which may be put forward meanwhile."""


@dataclass(slots=True)
class CalendarEvent:
    """VEVENT: a single event, a series, or an override of one instance."""

    uid: str
    number: int
    """Of its first line."""
    sequence: int
    summary: str
    location: str
    cancelled: bool
    free: bool
    """Whether it blocks no time."""
    private: bool
    is_override: bool
    recurrence: CalendarTime | None = None
    """The RECURRENCE-ID of an override."""
    follows: bool = False
    """Whether an override is for all that follow, too."""
    start: CalendarTime | None = None
    """None only where `error` is set, or where it is cancelled."""
    length: EventLength = EventLength()  # frozen
    rules: tuple[RecurrenceRule, ...] = ()
    excluded_rules: tuple[RecurrenceRule, ...] = ()
    extra: tuple[tuple[CalendarTime, EventLength | None], ...] = ()
    """Dates of RDATE; a period has a length of its own."""
    excluded: tuple[CalendarTime, ...] = ()
    error: str = ""
    """Why it is impossible."""

    @property
    def name(self) -> str:
        return "" if self.private else self.summary

    @property
    def recurs(self) -> bool:
        return bool(self.rules or self.extra)


def parse_event(part: CalendarPart, zones: CalendarZones, default: tzinfo | None) -> CalendarEvent:
    """Return an event; `default`: the calendar's own zone for times without one, if it has any."""
    event = CalendarEvent(
        uid=text_value(part, "UID").replace("\0", "").replace("\n", " ").strip(),
        number=part.number,
        sequence=int(part.value("SEQUENCE") or 0),
        summary=text_value(part, "SUMMARY")[:LONGEST_TEXT],
        location=text_value(part, "LOCATION")[:LONGEST_TEXT],
        cancelled=part.value("STATUS").strip("\"'").upper().startswith("CANCEL"),
        free=part.value("TRANSP").upper() == "TRANSPARENT"
        or part.value("X-MICROSOFT-CDO-BUSYSTATUS").upper() == "FREE",
        private=part.value("CLASS").upper() in {"PRIVATE", "CONFIDENTIAL"},
        is_override=bool(part.all("RECURRENCE-ID")) or "RECURRENCE-ID" in part.unreadable,
    )
    try:
        _read_times(event, part, zones, default)
        _read_dates(event, part, zones)
    except Unusable as error:
        event.error = str(error)
    except OverflowError:
        event.error = "its times are out of all range"
    return event


def text_value(part: CalendarPart, name: str) -> str:
    """Return the first text of a property (RFC 5545, section 3.3.11)."""
    line = next(iter(part.all(name)), None)
    text = line.value if line else ""
    return _ESCAPE.sub(lambda match: "\n" if match[1] in "nN" else match[1], text)


def _read_times(
    event: CalendarEvent, part: CalendarPart, zones: CalendarZones, default: tzinfo | None
) -> None:
    """Set RECURRENCE-ID, start and length: what was read before an error stays."""
    if line := _only_line(part, "RECURRENCE-ID"):
        scope = line.params.get("RANGE", "").upper()
        if scope not in {"", "THISANDFUTURE"}:
            raise Unusable(f"its RECURRENCE-ID has RANGE={scope[:80]}, which is not supported")
        event.recurrence, event.follows = parse_time(line, zones), bool(scope)
    line = _only_line(part, "DTSTART")
    if line is None:
        raise Unusable("it has no DTSTART")
    event.start = start = _placed(parse_time(line, zones), default)
    end, duration = _only_line(part, "DTEND"), _only_line(part, "DURATION")
    if end:
        event.length = _length(start, parse_time(end, zones), default)
    elif duration:
        event.length = EventLength(parse_duration(duration))
        if start.kind == "day" and event.length.lasts % DAY:
            raise Unusable("its start is a day and its duration has hours")
    # many programs write the same day as start and end of one day
    if start.kind == "day" and not event.length.lasts:
        event.length = EventLength(DAY)


def _only_line(part: CalendarPart, name: str) -> ContentLine | None:
    """Return the line of a property that an event has once."""
    _require_readable(part, name)
    lines = part.all(name)
    if any((line.params, line.value) != (lines[0].params, lines[0].value) for line in lines):
        raise Unusable(f"it has {name} more than once")
    return lines[0] if lines else None


def _require_readable(part: CalendarPart, name: str) -> None:
    if name in part.unreadable:
        raise Unusable(f"its {name} cannot be read (line {part.unreadable[name]})")


def _placed(when: CalendarTime, default: tzinfo | None) -> CalendarTime:
    """Return a floating time in the calendar's zone (X-WR-TIMEZONE), where it has one."""
    if when.kind == "floating" and default:
        return CalendarTime("moment", when.wall, default)
    return when


def _length(start: CalendarTime, end: CalendarTime, default: tzinfo | None) -> EventLength:
    """Return the length between DTSTART and DTEND (RFC 5545, section 3.8.2.2)."""
    if end.kind == "floating" and start.kind == "moment" and start.zone is not UTC:
        end = start.at(end.wall)
    end = _placed(end, default)
    if start.kind != end.kind:
        raise Unusable(f"its start is {_KINDS[start.kind]} and its end {_KINDS[end.kind]}")
    exact = start.zone != end.zone
    lasts = end.moment() - start.moment() if exact else end.wall - start.wall
    if lasts < NO_LENGTH:
        raise Unusable("its end is before its start")
    return EventLength(lasts, exact)


def _read_dates(event: CalendarEvent, part: CalendarPart, zones: CalendarZones) -> None:
    """Set rules, and dates of RDATE and EXDATE."""
    for name in part.unreadable:
        _require_readable(part, name)
    rules, excluded_rules = (
        tuple(parse_rule(line) for line in part.all(name) if line.value.strip())
        for name in ("RRULE", "EXRULE")
    )
    extra = tuple(_extra(line, text, zones) for line, text in _values(part, "RDATE"))
    event.excluded = tuple(parse_time(line, zones, text) for line, text in _values(part, "EXDATE"))
    event.rules, event.excluded_rules, event.extra = rules, excluded_rules, extra


def _values(part: CalendarPart, name: str) -> Iterator[tuple[ContentLine, str]]:
    for line in part.all(name):
        yield from ((line, text) for text in line.value.split(",") if text.strip())


def _extra(
    line: ContentLine, text: str, zones: CalendarZones
) -> tuple[CalendarTime, EventLength | None]:
    """Return a date of RDATE and its length, where it is a period (RFC 5545, section 3.3.9)."""
    first, slash, last = text.partition("/")
    start = parse_time(line, zones, first)
    if not slash:
        return start, None
    if last.strip().upper().startswith(("P", "+P", "-P")):
        return start, EventLength(parse_duration(line, last))
    return start, _length(start, parse_time(line, zones, last), None)
