"""Steps of a push, and the states of events before and after them. Pure.

Facilitron may accept a write and still answer with the old state for a while: `RequestedState` is
compared with the event as it is read afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from icalbridge.statuses import APPROVED, is_cancelled
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from icalbridge.models import Entry, Event, Timeslot
    from icalbridge.push.mapping import Impossible, PushSlot
    from icalbridge.settings import Settings

    SlotState = tuple[str, datetime, datetime, str, str]
    """External id, start, end, facility id and activity."""

FEW = 2
"""At least so many timeslots must end for that to be implausible."""
OVER = frozenset({"cancelled", "declined"})
"""Statuses of an event whose timeslots are no bookings."""


@dataclass(frozen=True, slots=True)
class PushedState:
    """Event that was pushed for a UID, or was going to be, as the vendor has it."""

    external_id: str
    uid: str
    event: Event | None = None
    """As the vendor has it; None where it has none of that id, and for what is settled."""
    dropped: bool = False
    """Whether it was a push that cancelled it, or was going to."""
    settled: bool = False
    """Whether nothing will become of it any more; the vendor was not asked."""
    unread: bool = False
    """Whether the vendor's answer cannot be read in full: its state is not known then."""

    @property
    def property_id(self) -> str:
        return self.event.property_id if self.event else ""

    @property
    def timeslots(self) -> tuple[Timeslot, ...]:
        return self.event.timeslots if self.event else ()

    @property
    def live(self) -> bool:
        return self.event is not None and self.event.status not in OVER

    @property
    def unmade(self) -> bool:
        """Whether its id was chosen, and the vendor has no event of it: it is the next to be made.

        What is still on its way to the vendor must not stand there beside another.
        """
        return self.event is None and not (self.dropped or self.settled or self.unread)

    def coming(self, now: datetime) -> tuple[Timeslot, ...]:
        """Return what is not over of the timeslots that were pushed, by start."""
        coming = (slot for slot in self.timeslots if slot.external_id and slot.end > now)
        return tuple(sorted(coming, key=lambda slot: slot.start))


def event_ids(pushed: Iterable[PushedState]) -> set[str]:
    return {state.event.id for state in pushed if state.event}


@dataclass(frozen=True, slots=True)
class Create:
    uid: str
    name: str
    number: int
    """Which of its UID's events it is: see `instances.event_id`."""
    slots: tuple[PushSlot, ...]
    """All in facilities of one property."""

    @property
    def property_id(self) -> str:
        return self.slots[0].facility.property_id


@dataclass(frozen=True, slots=True)
class Move:
    """Change a timeslot's time, place or activity."""

    uid: str
    name: str
    pushed: PushedState
    before: Timeslot
    after: PushSlot

    @property
    def slots(self) -> tuple[PushSlot, ...]:
        return (self.after,)

    @property
    def property_id(self) -> str:
        return self.after.facility.property_id

    @property
    def leaves(self) -> tuple[str, str, datetime, datetime]:
        """Return the vendor's id of its event, facility id, start and end of what it frees."""
        event_id = next(iter(event_ids([self.pushed])), "")
        return event_id, self.before.facility_id, self.before.start, self.before.end


@dataclass(frozen=True, slots=True)
class Cancel:
    """Cancel an event; `why` is a clause."""

    uid: str
    name: str
    pushed: PushedState
    slots: tuple[Timeslot, ...]
    """What of it is not over."""
    why: str

    @property
    def property_id(self) -> str:
        return self.pushed.property_id


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Timeslots of an event that are as they shall be."""

    uid: str
    name: str
    property_id: str
    slots: tuple[Timeslot, ...]


Step: TypeAlias = Cancel | Move | Create


@dataclass(frozen=True, slots=True)
class Renewal:
    """Creations for a UID, then cancellations of those in whose place they are; all or nothing."""

    uid: str
    creates: tuple[Create, ...]
    cancels: tuple[Cancel, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        return (*self.creates, *self.cancels)


@dataclass(frozen=True, slots=True)
class PushPlan:
    """All that there is to do, in this order: what frees a place stands before what takes it."""

    cancels: tuple[Cancel, ...] = ()
    """Of what only goes."""
    moves: tuple[Move, ...] = ()
    renewals: tuple[Renewal, ...] = ()
    unchanged: tuple[Unchanged, ...] = ()
    impossible: tuple[Impossible, ...] = ()
    coming: int = 0
    """How many timeslots that are not over there are that were pushed."""
    ending: int = 0
    """How many of them would go with nothing in their stead under the same UID."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return every step, in order."""
        renewed = (step for renewal in self.renewals for step in renewal.steps)
        return (*self.cancels, *self.moves, *renewed)

    @property
    def implausible(self) -> bool:
        """Whether so much would go that this is likely to be the wrong calendar, or half of one."""
        return self.ending >= FEW and self.ending * 2 > self.coming


@dataclass(frozen=True, slots=True)
class RequestedState:
    slots: frozenset[SlotState] = frozenset()
    cancelled: bool = False

    @classmethod
    def of(cls, slots: Iterable[Timeslot]) -> RequestedState:
        return cls(frozenset(map(slot_state, slots)))

    def matches(self, event: Event) -> bool:
        if self.cancelled:
            return is_cancelled(event.status)
        return self.slots <= {slot_state(slot) for slot in event.timeslots}

    def hidden_reason(
        self, event: Event, entries: Iterable[Entry], settings: Settings, now: datetime
    ) -> str:
        """Return as a clause why calendars do not show an event in this state; "" where they do.

        `entries`: the event's in the store.
        """
        if self.cancelled:
            return ""
        shown = {(entry.facility_id, entry.start, entry.end) for entry in entries if entry.shown}
        slots = [slot for slot in event.timeslots if slot_state(slot) in self.slots]
        for slot in slots:
            if (slot.facility_id, slot.start, slot.end) not in shown:
                if (event.entry_status or event.status) != APPROVED:
                    return f"its status at Facilitron is {event.status or 'empty'}"
                return f"its timeslot's status at Facilitron is {slot.status or 'empty'}"
        ahead, back = settings.horizon_days, settings.history_days
        if any(slot.start - now >= timedelta(days=ahead) for slot in slots):
            return f"they reach {ahead} days ahead, and show it when it comes nearer"
        if any(now - slot.end >= timedelta(days=back) for slot in slots):
            return f"they reach {back} days back"
        return ""


def slot_state(slot: Timeslot) -> SlotState:
    """Return what of a timeslot a write can change."""
    activity = display_text(slot.activity)
    return slot.external_id, slot.start, slot.end, slot.facility_id, activity
