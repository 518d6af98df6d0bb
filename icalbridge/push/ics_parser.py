"""Parser for calendars as other programs write them: octets → instances.

ics_lines   octets to lines and components
ics_values  times, zones, durations, rules
ics_events  one VEVENT
ics_series  the events of one UID to instances

Only what decides when an event takes place can make it impossible; anything else that cannot be
read is left out with a note. `mapping` applies the vendor's rules to the instances.

A rule of one line can ask for more instances than any memory holds, and a parser can be led astray:
`parse_in_process` parses in a child with limits of time and memory, which costs the caller one
sentence. Run as a program, this module is the child: it reads limits, span and calendar from stdin,
and writes what `parse_calendar` returns to stdout.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from icalbridge.errors import BadCalendar
from icalbridge.push import instances
from icalbridge.push.ics_events import CalendarEvent, parse_event, text_value
from icalbridge.push.ics_lines import CalendarPart, LineNotes, NotACalendar, parse_components
from icalbridge.push.ics_series import Fate, expand_uid, refuse, slot_id
from icalbridge.push.ics_values import CalendarZones, Unusable
from icalbridge.push.instances import (
    CalendarSpan,
    CancelRequest,
    Instance,
    ParsedCalendar,
    UnusableEvent,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


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

CPU_SECONDS = 120
"""Five times what the largest calendar takes on a small machine."""
MEMORY_BYTES = 800_000_000
"""Address space, where the system limits it: three times what the largest calendar takes."""
MOST_RESULT = 20_000_000
"""Bytes of all instances, which the caller must hold: twice what the largest calendar has."""
UNUSABLE = 3
"""Exit code of the child where it explains on stderr why it cannot parse the calendar."""
OUT_OF_MEMORY = 4
TOO_MUCH = (
    "The calendar takes more time or memory to be worked out than any real one does; look for a"
    " rule that never ends."
)
LOOKS_BACK = timedelta(days=2)
"""What is over in the property's zone may not be in UTC, in which days and floating times are
compared here; and what is missing must be gone from the calendar, rather than over.
"""


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
    all_notes = [*notes.sentences()]
    if count := counts["goes on"]:
        series = "1 series goes" if count == 1 else f"{count} series go"
        until = f"{span.rules_until:%Y-%m-%d}"
        all_notes.append(f"{series} on after {until}; later pushes book what comes then.")
    return ParsedCalendar(
        tuple(fate for fate in fates if isinstance(fate, Instance)),
        tuple(fate for fate in fates if isinstance(fate, UnusableEvent)),
        len(by_uid),
        over=counts["over"],
        cancelled=counts["cancelled"],
        cancels=cancels if method == "CANCEL" else None,
        notes=tuple(all_notes),
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
    ids = (slot_id(when), instances.instance_id(when.wall))
    day = when.wall.date().isoformat() if when.kind == "day" else ""
    return CancelRequest(event.uid, event.name, start_id, ids, day)


def span_at(now: datetime, zone: str = "UTC", charset: str = "") -> CalendarSpan:
    """Return what a push looks at: everything from a little before now on.

    Rules are followed to the last half-year's end within the two years that are published. Were it
    a day more each day, each day would bring one more instance, and with it one more event at the
    vendor, since no timeslot can be added to one that is there.
    """
    until = now + timedelta(days=2 * 365)
    midnight = until.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    half = midnight.replace(month=7 if until.month >= 7 else 1)
    return CalendarSpan(now - LOOKS_BACK, half, zone, charset)


def parse_in_process(
    content: bytes,
    span: CalendarSpan,
    *,
    cpu_seconds: int = CPU_SECONDS,
    memory_bytes: int = MEMORY_BYTES,
) -> ParsedCalendar:
    """Return the instances in a span. Raises `BadCalendar`, also where a limit is reached."""
    head = msgspec.json.encode((span, cpu_seconds, memory_bytes))
    child = subprocess.run(
        [sys.executable, "-m", "icalbridge.push.ics_parser"],
        input=head + b"\n" + content,
        capture_output=True,
        # the zones that ship with the bridge, as everywhere in it
        env={**os.environ, "PYTHONTZPATH": ""},
        check=False,
    )
    if child.returncode:
        raise BadCalendar(_failure_text(child.returncode, child.stderr.decode(errors="replace")))
    return msgspec.json.decode(child.stdout, type=ParsedCalendar)


def _failure_text(code: int, stderr: str) -> str:
    """Return why there is no result; of an error only its kind, since it may quote the calendar."""
    if code == UNUSABLE:
        return f"The calendar {stderr}."
    kind = stderr.strip().rpartition("\n")[2].partition(":")[0]
    # outside of our own code, an interpreter without memory ends with 1, perhaps without a message
    if code in (OUT_OF_MEMORY, -signal.SIGXCPU) or (code == 1 and kind in ("", "MemoryError")):
        return TOO_MUCH
    named = f", {kind}" if kind.replace(".", "").isidentifier() else ""
    how = f"signal {-code}" if code < 0 else f"exit code {code}{named}"
    return (
        f"The calendar could not be worked out: the bridge's own program for it broke off ({how})."
    )


def main() -> None:
    """Run as the child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends this
    head, _, content = sys.stdin.buffer.read().partition(b"\n")
    span, seconds, octets = msgspec.json.decode(head, type=tuple[CalendarSpan, int, int])
    # at the second limit the signal is SIGKILL
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (octets, octets))
    try:
        parsed = msgspec.json.encode(parse_calendar(content, span))
        if len(parsed) > MOST_RESULT:
            most = MOST_RESULT // 1_000_000
            raise NotACalendar(f"has more than {most} MB of instances in the two years ahead")
    except NotACalendar as error:
        sys.stderr.write(str(error))
        sys.exit(UNUSABLE)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)  # any other way out may need memory, too
    sys.stdout.buffer.write(parsed)


if __name__ == "__main__":
    main()
