"""Bookings past midnight: one booking where the vendor takes it, else one for each day.

"Same calendar day" is published for changes only (vendor: UpdateTimeslotDto), so a creation is
tried as it is. A vendor that refuses it gets a timeslot for each day, all but the last until 23:59,
and that is remembered for its key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING, Protocol

from icalbridge import timezones
from icalbridge.errors import InvalidRequest, RequestRefused
from icalbridge.facilitron.write_requests import MIN_DURATION, Created, check_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icalbridge.facilitron.write_requests import CreateOutcome, NewEvent, NewTimeslot

LAST_MINUTE = time(23, 59)
MOST_DAYS = 31
"""Days of one timeslot that is split; a longer one is left as it is."""
LONGEST_ID = 50
BAD_REQUEST = 400


class EventCreator(Protocol):
    """The part of `Client` that is used here."""

    def create_event(self, request: NewEvent) -> CreateOutcome: ...


@dataclass(slots=True)
class OvernightCreator:
    """Creates events with one key, and finds out how it books past midnight."""

    client: EventCreator
    by_day: bool
    """Whether the vendor is known to take one booking a day only."""
    remember: Callable[[], None]
    """Called when that turns out."""

    def create(self, request: NewEvent) -> tuple[NewEvent, CreateOutcome]:
        """Create an event; return the request as it was sent last, with its outcome.

        Raises as `Client.create_event` does. The same external id is used both times: a refused
        creation has not taken it.
        """
        split = split_by_day(request)
        if self.by_day or split == request:
            return split, self.client.create_event(split)
        try:
            return request, self.client.create_event(request)
        except RequestRefused as refusal:
            if refusal.status != BAD_REQUEST or not _is_valid(split):
                raise
        outcome = self.client.create_event(split)
        if isinstance(outcome, Created):
            self.by_day = True
            self.remember()
        return split, outcome


def split_by_day(request: NewEvent) -> NewEvent:
    """Return a creation with a timeslot for each day; the same where none passes midnight."""
    if not timezones.exists(request.zone):
        return request
    slots = (part for slot in request.timeslots for part in _split_slot(slot, request.zone))
    return replace(request, timeslots=tuple(slots))


def split_local_times(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return the parts of a span of naive local times, one a day: the earlier ones until 23:59.

    Parts of less than a minute are left out. A span on one day, or over more than `MOST_DAYS`, is
    returned as it is.
    """
    nights = (end.date() - start.date()).days
    if not 0 < nights < MOST_DAYS:
        return [(start, end)]
    days = [start.date() + timedelta(days=number) for number in range(nights + 1)]
    begins = [start, *(datetime.combine(day, time()) for day in days[1:])]
    ends = [*(datetime.combine(day, LAST_MINUTE) for day in days[:-1]), end]
    parts = [part for part in zip(begins, ends, strict=True) if part[1] - part[0] >= MIN_DURATION]
    return parts or [(start, end)]


def part_id(slot_id: str, number: int) -> str:
    """Return the external id of the `number`th part of a timeslot, from 0."""
    if number == 0:
        return slot_id
    suffix = f".{number + 1}"
    return f"{slot_id[: LONGEST_ID - len(suffix)]}{suffix}"


def _split_slot(slot: NewTimeslot, zone: str) -> Iterator[NewTimeslot]:
    clock = timezones.zone(zone)
    if slot.start.tzinfo is None or slot.end.tzinfo is None:
        yield slot
        return
    moments = (slot.start, slot.end)
    start, end = (moment.astimezone(clock).replace(tzinfo=None) for moment in moments)
    parts = split_local_times(start, end)
    for number, (begin, finish) in enumerate(parts):
        yield replace(
            slot,
            external_id=part_id(slot.external_id, number),
            start=slot.start if begin == start else begin.replace(tzinfo=clock).astimezone(UTC),
            end=slot.end if finish == end else finish.replace(tzinfo=clock).astimezone(UTC),
        )


def _is_valid(request: NewEvent) -> bool:
    try:
        check_event(request)
    except InvalidRequest:
        return False
    return True
