"""Parser for calendars as other programs write them: octets → instances.

ics_lines   octets to lines and components
ics_values  times, zones, durations, rules
ics_events  one VEVENT
ics_series  the events of one UID to instances

Only what decides when an event takes place can make it impossible; anything else that cannot be
read is left out with a note. `ics_process` runs this in a process of its own with limits of time
and memory; `mapping` applies the vendor's rules to the instances.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from icalbridge.push import external_ids
from icalbridge.push.ics_events import parse_event, text_value
from icalbridge.push.ics_lines import LineNotes, NotACalendar, parse_components
from icalbridge.push.ics_series import expand_uid, refuse, slot_id
from icalbridge.push.ics_values import CalendarZones, Unusable
from icalbridge.push.instances import (
    CalendarSpan,
    CancelRequest,
    Instance,
    ParsedCalendar,
    UnusableEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from icalbridge.push.ics_events import CalendarEvent
    from icalbridge.push.ics_lines import CalendarPart
    from icalbridge.push.ics_series import Fate

OURS = "@icalbridge"
NO_UID = "it has no UID, and could not be found again"
REFUSED_METHODS = {
    "REPLY": "is an answer to an invitation",
    "COUNTER": "is a counterproposal",
    "DECLINECOUNTER": "is an answer to a counterproposal",
    "REFRESH": "asks for a calendar",
    "ADD": "adds to an invitation that is not in it",
}
"""METHODs that book nothing (RFC 5546, section 1.4)."""


def parse_calendar(content: bytes, span: CalendarSpan) -> ParsedCalendar:
    """Return the instances in a span. Raises `NotACalendar`."""
    notes = LineNotes()
    root = parse_components(content, span.charset, notes)
    calendars = [root, *(part for part in root.parts if part.name == "VCALENDAR")]
    if any(part.value("CALSCALE").upper() not in {"", "GREGORIAN"} for part in calendars):
        raise NotACalendar("does not count days as the Gregorian calendar does")
    method = _method(calendars, notes)
    by_uid: dict[str, list[CalendarEvent]] = defaultdict(list)
    for event in _events(calendars, notes):
        by_uid[event.uid].append(event)
    if _is_ours(calendars, by_uid):
        return ParsedCalendar(events=len(by_uid), ours=True)
    fates: list[Fate | CancelRequest] = [*refuse("", by_uid.pop("", ()), NO_UID)]
    for uid, events in by_uid.items():
        fates += map(_cancel, events) if method == "CANCEL" else _expand(uid, events, span, notes)
    cancels = tuple(fate for fate in fates if isinstance(fate, CancelRequest))
    counts = Counter(fate for fate in fates if isinstance(fate, str))
    return ParsedCalendar(
        tuple(fate for fate in fates if isinstance(fate, Instance)),
        tuple(fate for fate in fates if isinstance(fate, UnusableEvent)),
        len(by_uid),
        over=counts["over"],
        cancelled=counts["cancelled"],
        cancels=cancels if method == "CANCEL" else None,
        notes=(*notes.sentences(), *_goes_on_note(counts["goes on"], span.rules_until)),
    )


def _expand(
    uid: str, events: Sequence[CalendarEvent], span: CalendarSpan, notes: LineNotes
) -> list[Fate]:
    """Return the fates of a UID's dates; where none can be known, its events are impossible."""
    try:
        if OURS in uid.lower():
            raise Unusable("it is a booking already, copied from one of the bridge's own calendars")
        return list(expand_uid(uid, events, span, notes))
    except Unusable as error:
        return [*refuse(uid, events, str(error))]
    except OverflowError:
        return [*refuse(uid, events, "it is out of all range")]


def _goes_on_note(count: int, until: datetime) -> Iterator[str]:
    if count:
        series = "1 series goes" if count == 1 else f"{count} series go"
        yield f"{series} on after {until:%Y-%m-%d}; later pushes book what comes then."


def _method(calendars: Sequence[CalendarPart], notes: LineNotes) -> str:
    """Return CANCEL, or "" for what is booked (RFC 5546). Raises `NotACalendar`."""
    methods = {}
    for line in (line for part in calendars for line in part.all("METHOD")):
        method = line.value.strip().upper()
        methods[method] = line.number
        if method in REFUSED_METHODS:
            raise NotACalendar(f"{REFUSED_METHODS[method]} (METHOD:{method}), and books nothing")
        if method not in {"PUBLISH", "REQUEST", "CANCEL"}:
            notes.add(line.number, "METHOD cannot be read; left out")
    if "CANCEL" in methods and len(methods) > 1:
        raise NotACalendar("both cancels (METHOD:CANCEL) and books; push them one by one")
    return "CANCEL" if "CANCEL" in methods else ""


def _events(calendars: Sequence[CalendarPart], notes: LineNotes) -> Iterable[CalendarEvent]:
    described = [part for calendar in calendars for part in calendar.parts]
    zones = CalendarZones([part for part in described if part.name == "VTIMEZONE"], notes)
    for calendar in calendars:
        default = zones.find_default(calendar)
        for part in calendar.parts:
            if part.name == "VEVENT":
                yield parse_event(part, zones, default)


def _is_ours(calendars: Sequence[CalendarPart], uids: Mapping[str, object]) -> bool:
    """Return whether these are bookings of this bridge: its own feed or a copy, with its UIDs."""
    made_here = any("//icalbridge//" in text_value(part, "PRODID").lower() for part in calendars)
    return made_here or (bool(uids) and all(OURS in uid.lower() for uid in uids))


def _cancel(event: CalendarEvent) -> CancelRequest | UnusableEvent:
    """Return what METHOD:CANCEL asks for; no instance of it is looked at."""
    start_id = slot_id(event.start) if event.start else ""
    when = event.recurrence
    if when is None:
        lost = next(refuse(event.uid, [event], event.error))
        return lost if event.is_override else CancelRequest(event.uid, event.name, start_id)
    ids = (slot_id(when), external_ids.instance_id(when.wall))
    day = when.wall.date().isoformat() if when.kind == "day" else ""
    return CancelRequest(event.uid, event.name, start_id, ids, day)
