"""One VEVENT → what a push needs of it. Unreadable, it is impossible, with the reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
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
"""Characters of a SUMMARY or LOCATION, which every instance repeats; the vendor takes a quarter of
it.
"""
NO_LENGTH = timedelta(0)
DAY = timedelta(days=1)

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EventLength:
    """How long an event lasts."""

    lasts: timedelta = NO_LENGTH
    exact: bool = False
    """Whether in elapsed time, rather than by the clock, which may be put forward meanwhile."""


@dataclass(frozen=True, slots=True)
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
    def recurs(self) -> bool:
        return bool(self.rules or self.extra)


def parse_event(part: CalendarPart, zones: CalendarZones, default: tzinfo | None) -> CalendarEvent:
    """Return an event; `default`: the calendar's own zone for times without one, if it has any."""
    names = {line.name for line in part.lines} | part.unreadable.keys()
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
        is_override="RECURRENCE-ID" in names,
    )
    try:
        for add in (_add_recurrence, _add_start, _add_length, _add_dates):
            event = add(event, part, zones, default)
    except Unusable as error:
        return replace(event, error=str(error))
    except OverflowError:
        return replace(event, error="its times are out of all range")
    return event


def text_value(part: CalendarPart, name: str) -> str:
    """Return the first text of a property (RFC 5545, section 3.3.11)."""
    line = next(iter(part.all(name)), None)
    return _ESCAPE.sub(_unescape, line.value) if line else ""


def _unescape(match: re.Match[str]) -> str:
    return "\n" if match[1] in "nN" else match[1]


def _only_line(part: CalendarPart, name: str) -> ContentLine | None:
    """Return the line of a property that an event has once."""
    if name in part.unreadable:
        raise Unusable(f"its {name} cannot be read (line {part.unreadable[name]})")
    lines = part.all(name)
    if any((line.params, line.value) != (lines[0].params, lines[0].value) for line in lines):
        raise Unusable(f"it has {name} more than once")
    return lines[0] if lines else None


def _add_recurrence(
    event: CalendarEvent, part: CalendarPart, zones: CalendarZones, _default: tzinfo | None
) -> CalendarEvent:
    line = _only_line(part, "RECURRENCE-ID")
    if line is None:
        return event
    scope = line.params.get("RANGE", "").upper()
    if scope not in {"", "THISANDFUTURE"}:
        raise Unusable(f"its RECURRENCE-ID has RANGE={scope[:80]}, which is not supported")
    return replace(event, recurrence=parse_time(line, zones), follows=bool(scope))


def _add_start(
    event: CalendarEvent, part: CalendarPart, zones: CalendarZones, default: tzinfo | None
) -> CalendarEvent:
    line = _only_line(part, "DTSTART")
    if line is None:
        raise Unusable("it has no DTSTART")
    return replace(event, start=_placed(parse_time(line, zones), default))


def _placed(when: CalendarTime, default: tzinfo | None) -> CalendarTime:
    """Return a floating time in the calendar's zone (X-WR-TIMEZONE), where it has one."""
    if when.kind == "floating" and default:
        return CalendarTime("moment", when.wall, default)
    return when


def _add_length(
    event: CalendarEvent, part: CalendarPart, zones: CalendarZones, default: tzinfo | None
) -> CalendarEvent:
    end, duration = _only_line(part, "DTEND"), _only_line(part, "DURATION")
    start = event.start
    if start is None:
        return event
    is_day = start.kind == "day"
    length = EventLength(DAY if is_day else NO_LENGTH)
    if end:
        length = _length(start, parse_time(end, zones), default)
    elif duration:
        length = EventLength(parse_duration(duration))
        if is_day and length.lasts % DAY:
            raise Unusable("its start is a day and its duration has hours")
    # many programs write the same day as start and end of one day
    return replace(event, length=EventLength(DAY) if is_day and not length.lasts else length)


def _length(start: CalendarTime, end: CalendarTime, default: tzinfo | None) -> EventLength:
    """Return the length between DTSTART and DTEND (RFC 5545, section 3.8.2.2)."""
    if end.kind == "floating" and start.kind == "moment" and start.zone is not UTC:
        end = start.at(end.wall)
    end = _placed(end, default)
    if start.kind != end.kind:
        kinds = {"day": "a day", "moment": "a time with a zone", "floating": "a time without one"}
        raise Unusable(f"its start is {kinds[start.kind]} and its end {kinds[end.kind]}")
    exact = start.zone != end.zone
    lasts = end.moment() - start.moment() if exact else end.wall - start.wall
    if lasts < NO_LENGTH:
        raise Unusable("its end is before its start")
    return EventLength(lasts, exact)


def _add_dates(
    event: CalendarEvent, part: CalendarPart, zones: CalendarZones, _default: tzinfo | None
) -> CalendarEvent:
    for name, number in part.unreadable.items():
        raise Unusable(f"its {name} cannot be read (line {number})")
    return replace(
        event,
        rules=tuple(parse_rule(line) for line in part.all("RRULE") if line.value.strip()),
        excluded_rules=tuple(parse_rule(line) for line in part.all("EXRULE") if line.value.strip()),
        extra=tuple(
            _extra(line, text, zones) for line in part.all("RDATE") for text in _values(line)
        ),
        excluded=tuple(
            parse_time(line, zones, text) for line in part.all("EXDATE") for text in _values(line)
        ),
    )


def _values(line: ContentLine) -> Iterator[str]:
    return (text for text in line.value.split(",") if text.strip())


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
