"""Instances of a calendar, as the parser returns them, their number, and their external ids.

Ids are the same every time, on every machine, so that a push finds again what it made. The vendor
takes 3 to 50 letters, digits, `.`, `-` and `_` (vendor: CreateEventDto), and takes each event's id
for ever, also for one that was cancelled. So an event's id is a digest of where it came from and
its UID, and a number that is raised each time another event has to stand for that UID. A timeslot's
is its instance's RECURRENCE-ID (RFC 5545, section 3.8.4.4).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, tzinfo  # msgspec decodes these classes
from hashlib import sha256
from typing import Literal, NamedTuple

from icalbridge import timezones

NO_NAME = "Reserved"
"""Name of what has none, or a private one."""

SINGLE = "single"
"""The timeslot of what does not recur: it keeps its name wherever it moves."""
_DIGITS = 24

Kind = Literal["moment", "floating", "day"]


class CalendarSpan(NamedTuple):
    """What of a calendar is parsed; times in UTC."""

    since: datetime
    rules_until: datetime
    """End of recurrence rules: within two years, but it moves in half-years."""
    zone: str = "UTC"
    """The facility's, of floating times where they are compared with moments."""
    charset: str = ""
    """The one that HTTP names."""

    @property
    def home(self) -> tzinfo:
        return timezones.zone(self.zone)


@dataclass(frozen=True, slots=True)
class Instance:
    uid: str
    """Its event's UID; of one UID's several events each has one of its own: `unit_uid`."""
    slot_id: str
    """What names it among its UID's instances, for good: `instance_id`."""
    kind: Kind
    start: datetime
    """In UTC for a moment; without a zone for a floating time and for a day's midnight."""
    end: datetime
    name: str
    """The SUMMARY of the event as a whole; "" for a private one."""
    summary: str
    """Its own SUMMARY, where an exception gave it another."""
    location: str
    free: bool = False
    """Whether it blocks no time."""
    private: bool = False


@dataclass(frozen=True, slots=True)
class UnusableEvent:
    """Event that cannot be pushed, or an instance of one."""

    uid: str
    summary: str
    reason: str
    slot_id: str = ""
    """Of an instance; "" for an event as a whole."""
    free: bool = False
    private: bool = False


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Event that METHOD:CANCEL names, or one instance of it (RFC 5546, section 3.2.5)."""

    uid: str
    name: str
    start_id: str = ""
    """`instance_id` of its DTSTART, which tells one UID's several events apart."""
    instance_ids: tuple[str, ...] = ()
    """What the instance's timeslot may be called; empty for the whole event."""
    day: str = ""
    """The instance's day, such as 2027-01-12, where nothing more is given."""


@dataclass(frozen=True, slots=True)
class ParsedCalendar:
    """Content of a calendar within a span."""

    instances: tuple[Instance, ...] = ()
    unusable: tuple[UnusableEvent, ...] = ()
    events: int = 0
    """How many UIDs it has, whatever became of them."""
    ours: bool = False
    """Whether it is a feed of this bridge or a copy; there is nothing else in it then."""
    over: int = 0
    """How many instances ended before the span."""
    cancelled: int = 0
    """How many instances the calendar itself has as cancelled."""
    cancels: tuple[CancelRequest, ...] | None = None
    """Of METHOD:CANCEL, which has nothing else; None for any other calendar."""
    notes: tuple[str, ...] = ()
    """Sentences on lines that were left out, and on what was read in a certain way."""

    @property
    def count(self) -> int:
        """Return how many instances there are, whatever becomes of them."""
        listed = (*self.instances, *self.unusable, *(self.cancels or ()))
        return len(listed) + self.over + self.cancelled


@dataclass(frozen=True, slots=True)
class PushTally:
    """Numbers of instances in a calendar: `instances` is the sum of the others."""

    instances: int = 0
    created: int = 0
    moved: int = 0
    unchanged: int = 0
    cancelled: int = 0
    """By the calendar itself."""
    impossible: int = 0
    over: int = 0
    left_out: int = 0
    """By the rules of whoever pushes: places left out, and `--skip`."""

    @property
    def sentence(self) -> str:
        counts = [f"{count} {name.replace('_', ' ')}" for name, count in asdict(self).items()]
        return f"In the calendar: {counts[0]} = {' + '.join(counts[1:])}."


def unit_uid(uid: str, start_id: str) -> str:
    """Return what takes the place of a UID that several events have, for one of them."""
    return f"{uid}\n{start_id}"


def plain_uid(uid: str) -> str:
    return uid.partition("\n")[0]


def event_id(source: str, uid: str, number: int) -> str:
    """Return the external id of the `number`th event, from 0, that stands for a source's UID."""
    text = f"{len(source)} {source} {uid}".encode("utf-8", "surrogatepass")
    return f"ib-{sha256(text).hexdigest()[:_DIGITS]}-{number}"


def number_of(external_id: str) -> int:
    """Return which of its UID's events an external id of ours names."""
    return int(external_id.rpartition("-")[2])


def instance_of(slot_id: str) -> str:
    """Return the id of the instance of which a timeslot is, or a day of it (`part_id`)."""
    return slot_id.partition(".")[0]


def instance_id(recurrence: date | datetime) -> str:
    """Return the external id of a timeslot from a RECURRENCE-ID: a day, floating or a moment."""
    if not isinstance(recurrence, datetime):
        return f"{recurrence:%Y%m%d}"
    if recurrence.tzinfo is None:
        return f"{recurrence:%Y%m%dT%H%M%S}"
    return f"{recurrence.astimezone(UTC):%Y%m%dT%H%M%SZ}"
