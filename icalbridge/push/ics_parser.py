"""Parser for calendars: recurring events are expanded in their own zone (RFC 5545).

recurring-ical-events expands them. What it cannot be trusted with is refused before: rules that
repeat within a day, unknown zones. `ics_process` runs this in a process of its own with limits of
time and memory; `mapping` applies the vendor's rules to the instances.
"""

from __future__ import annotations

import re
import signal
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from math import prod
from typing import TYPE_CHECKING, Any, Literal

import icalendar
import recurring_ical_events

from icalbridge.push import external_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_INSTANCES = 1_000
"""Of one UID: a season has some dozens, a daily rule 730 in two years."""
MOST_IN_ALL = 50_000
MOST_TEXT = 40_000_000
"""Characters of all instances: twice what the most instances with real texts have."""
MOST_A_DAY = 24
LONGEST_TEXT = 1_000
"""Characters of a SUMMARY or LOCATION, which every instance repeats; the vendor takes a quarter of
it.
"""
SECONDS_A_UID = 5.0
"""Of work on one UID; the longest honest rule takes a tenth of one."""
OURS = "@icalbridge"
NO_UID = "it has no UID, and could not be found again"
RECURRING = {"RRULE", "RDATE", "RECURRENCE-ID"}
FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}

_BEGINS = re.compile(rb"^BEGIN:", re.IGNORECASE | re.MULTILINE)
_ENDS = re.compile(rb"^END:", re.IGNORECASE | re.MULTILINE)
"""Lines that are folded go on with a space, so that no text can begin one like this (RFC 5545,
section 3.1).
"""

Kind = Literal["moment", "floating", "day"]


class NotACalendar(ValueError):
    """Raised for bytes that are no usable calendar; the text is the end of a sentence."""


class _TooLong(Exception):
    """Raised by the timer in the middle of an expansion."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of an event."""

    uid: str
    slot_id: str
    """What names it among its UID's instances, for good: `external_ids.instance_id`."""
    kind: Kind
    start: datetime
    """In UTC for a moment; as the wall clock says, without a zone, for a floating time and for a
    day's midnight.
    """
    end: datetime
    name: str
    """The SUMMARY of the event as a whole."""
    summary: str
    """Its own SUMMARY, where an exception gave it another."""
    location: str


@dataclass(frozen=True, slots=True)
class UnusableEvent:
    """Event that cannot be pushed."""

    uid: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class ParsedCalendar:
    """Content of a calendar within a span."""

    instances: tuple[Instance, ...] = ()
    unusable: tuple[UnusableEvent, ...] = ()
    events: int = 0
    """How many UIDs it has, whatever became of them."""
    ours: bool = False
    """Whether it is a feed of this bridge, or what another service made of one: there is nothing
    else in it then.
    """


def parse_calendar(
    content: bytes, since: datetime, until: datetime, rules_until: datetime
) -> ParsedCalendar:
    """Return the instances that overlap a span; recurring ones only until `rules_until`.

    Raises `NotACalendar`.
    """
    calendars = _parsed(content)
    events = [item for calendar in calendars for item in calendar.walk("VEVENT")]
    by_uid = _by_uid(events)
    if _is_ours(calendars, by_uid):
        return ParsedCalendar(events=len(by_uid), ours=True)
    unusable = [UnusableEvent("", _text(item, "SUMMARY"), NO_UID) for item in by_uid.pop("", ())]
    zone = next(
        (str(calendar["X-WR-TIMEZONE"]) for calendar in calendars if "X-WR-TIMEZONE" in calendar),
        "",
    )
    instances: list[Instance] = []
    size = 0
    for uid, components in by_uid.items():
        name = _name(components)
        try:
            with _at_most(SECONDS_A_UID):
                span = since, until, rules_until
                expanded = list(_instances(uid, name, components, zone, span))
        except (
            _TooLong,
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
            OverflowError,
        ) as error:
            unusable.append(UnusableEvent(uid, name, _reason(error)))
            continue
        instances += expanded
        if len(instances) > MOST_IN_ALL:
            raise NotACalendar(f"has more than {MOST_IN_ALL:,} instances in the two years ahead")
        size += sum(map(_text_size, expanded))
        if size > MOST_TEXT:
            raise NotACalendar(
                f"has more than {MOST_TEXT // 1_000_000} MB of names and places in the two years"
                " ahead"
            )
    return ParsedCalendar(tuple(instances), tuple(unusable), len(by_uid))


def _text_size(instance: Instance) -> int:
    texts = (instance.uid, instance.name, instance.summary, instance.location)
    return sum(map(len, texts))


class _Refused(ValueError):
    """Raised for an event that cannot be pushed; the text is a sentence without its full stop."""


def _reason(error: Exception) -> str:
    if isinstance(error, _Refused):
        return str(error)
    if isinstance(error, _TooLong):
        return "its rule takes too long to work out; it may never be met"
    return "it cannot be read"


def _parsed(content: bytes) -> list[icalendar.Calendar]:
    text = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise NotACalendar("is empty")
    if text.startswith(b"<"):
        raise NotACalendar("is a web page and no calendar; look for the address that ends in .ics")
    if not text[:15].upper() == b"BEGIN:VCALENDAR":
        raise NotACalendar("is no calendar: it does not begin with BEGIN:VCALENDAR")
    if (
        text.rstrip()[-13:].upper() != b"END:VCALENDAR"
    ):  # what is missing must not be taken for what is gone
        raise NotACalendar("is cut off: it does not end with END:VCALENDAR")
    if len(_BEGINS.findall(text)) != len(_ENDS.findall(text)):
        raise NotACalendar("is damaged: not everything that begins in it ends")
    try:
        parsed = icalendar.Calendar.from_ical(text, multiple=True)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise NotACalendar("cannot be read as a calendar") from None
    calendars = [item for item in parsed if isinstance(item, icalendar.Calendar)]
    if any(
        str(calendar.get("CALSCALE", "GREGORIAN")).upper() != "GREGORIAN" for calendar in calendars
    ):
        raise NotACalendar("does not count days as the Gregorian calendar does")
    return calendars


def _is_ours(calendars: Sequence[icalendar.Calendar], uids: dict[str, Any]) -> bool:
    """Say whether bookings of this bridge would come back to it: its own feed, or another service's
    copy of one.

    Those that copy a calendar keep its UIDs, or put something after them.
    """
    made_here = any(
        "//icalbridge//" in str(calendar.get("PRODID", "")).lower() for calendar in calendars
    )
    return made_here or (bool(uids) and all(OURS in uid.lower() for uid in uids))


def _by_uid(events: Sequence[icalendar.Component]) -> dict[str, list[icalendar.Component]]:
    expanded: dict[str, list[icalendar.Component]] = defaultdict(list)
    for event in events:
        expanded[_text(event, "UID").replace("\0", "").strip()].append(event)
    return dict(expanded)


def _instances(
    uid: str,
    name: str,
    components: list[icalendar.Component],
    zone: str,
    span: tuple[datetime, datetime, datetime],
) -> Iterator[Instance]:
    since, until, rules_until = span
    if OURS in uid.lower():
        raise _Refused("it is a booking already, copied from one of the bridge's own calendars")
    for component in components:
        _check(component)
    recurs = any(not RECURRING.isdisjoint(component) for component in components)
    taken: set[str] = set()
    for item in _between(components, zone, since, until):
        # of a change to all that follows, every instance bears the RECURRENCE-ID of the first
        follows = "RANGE" in item["RECURRENCE-ID"].params
        recurrence = _when(item, "DTSTART" if follows else "RECURRENCE-ID")
        if recurs and _after(recurrence, rules_until):
            continue
        slot_id = external_ids.instance_id(recurrence) if recurs else external_ids.SINGLE
        if slot_id in taken:
            raise _Refused("two of its instances have the same RECURRENCE-ID")
        taken.add(slot_id)
        yield Instance(
            uid, slot_id, *_span(item), name, _text(item, "SUMMARY"), _text(item, "LOCATION")
        )


def _between(
    components: list[icalendar.Component], zone: str, since: datetime, until: datetime
) -> Iterator[icalendar.Component]:
    """Yield the instances of one UID that are not cancelled."""
    calendar = icalendar.Calendar()
    if zone:
        calendar.add("X-WR-TIMEZONE", zone)
    for component in components:
        calendar.add_component(component)
    expanded = recurring_ical_events.of(calendar).between(since, until)
    if len(expanded) > MOST_INSTANCES:
        raise _Refused(f"it has more than {MOST_INSTANCES:,} instances in the two years ahead")
    for item in expanded:
        if str(item.get("STATUS", "")).upper() != "CANCELLED":
            yield item


def _check(event: icalendar.Component) -> None:
    """Refuse an event that would be misread, or that would never end."""
    if event.errors or any(
        name in event and not hasattr(event[name], "dt") for name in ("DTSTART", "DTEND")
    ):
        named = sorted({str(name) for name, _ in event.errors} or {"DTSTART"})
        raise _Refused(f"its {named[0]} cannot be read")
    if "DTSTART" not in event:
        raise _Refused("it has no DTSTART")
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE", "RDATE"):
        if unknown := next(filter(None, map(_unknown_zone, _listed(event.get(name)))), ""):
            raise _Refused(
                f"its time zone {unknown!r} is none that is known, and the calendar does not"
                " describe it"
            )
    for rule in _listed(event.get("RRULE")):
        _check_rule(rule)


def _listed(content: Any) -> list[Any]:
    """Return what a property has, which may stand there once, more often or not at all."""
    return content if isinstance(content, list) else [] if content is None else [content]


def _unknown_zone(content: Any) -> str:
    """Return the TZID of times that were read without one."""
    named = str(content.params.get("TZID", ""))
    moments = [moment.dt for moment in content.dts] if hasattr(content, "dts") else [content.dt]
    return (
        named[:80]
        if named
        and any(isinstance(moment, datetime) and moment.tzinfo is None for moment in moments)
        else ""
    )


def _check_rule(rule: Any) -> None:
    frequency = "".join(map(str, rule.get("FREQ", []))).upper()
    if frequency not in FREQUENCIES:
        raise _Refused(
            "its rule repeats within a day, which no booking does"
            if frequency in {"HOURLY", "MINUTELY", "SECONDLY"}
            else "its rule cannot be read"
        )
    if (
        prod(len(rule.get(name, [1])) or 1 for name in ("BYHOUR", "BYMINUTE", "BYSECOND"))
        > MOST_A_DAY
    ):
        raise _Refused(f"its rule repeats more than {MOST_A_DAY} times a day")


def _after(recurrence: date | datetime, moment: datetime) -> bool:
    if not isinstance(recurrence, datetime):
        return recurrence >= moment.date()
    return recurrence >= (moment if recurrence.tzinfo else moment.replace(tzinfo=None))


def _span(event: icalendar.Component) -> tuple[Kind, datetime, datetime]:
    """Return how an instance's times are meant, and both."""
    start, end = _when(event, "DTSTART"), _when(event, "DTEND")
    if not isinstance(start, datetime) or not isinstance(end, datetime):
        return "day", _midnight(start), _midnight(max(end, start + timedelta(days=1)))
    if start.tzinfo is None:
        return "floating", start, end.replace(tzinfo=None)
    moments = start.astimezone(UTC), end.astimezone(UTC)
    if (
        moments[1] <= moments[0]
    ):  # the clock was put forward in between: it lasts as long as it says
        lasts = end.replace(tzinfo=None) - start.replace(tzinfo=None)
        return "moment", moments[0], moments[0] + max(lasts, timedelta(0))
    return "moment", *moments


def _when(event: icalendar.Component, name: str) -> date:
    """Return a day or a time of an instance; raises `TypeError` for anything else."""
    content: Any = event[name]
    if not isinstance(content.dt, date):
        raise TypeError(name)
    return content.dt


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _name(components: Sequence[icalendar.Component]) -> str:
    """Return the SUMMARY of the event as a whole: of what is no exception to it."""
    return _text(
        next(
            (component for component in components if "RECURRENCE-ID" not in component),
            components[0],
        ),
        "SUMMARY",
    )


def _text(event: icalendar.Component, name: str) -> str:
    content = event.get(name, "")
    text = str(content[0] if isinstance(content, list) and content else content)
    return text if name == "UID" else text[:LONGEST_TEXT]


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Give a block so much of the processor, then break into it; in a main thread only."""

    def strike(_number: int, _frame: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, strike)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
