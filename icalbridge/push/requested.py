"""State that a write requested, compared with the event as it is read afterwards.

Facilitron may accept a write and still answer with the old state for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.statuses import APPROVED, is_cancelled
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from icalbridge.models import Entry, Event, Timeslot
    from icalbridge.settings import Settings

    SlotState = tuple[str, datetime, datetime, str, str]
    """External id, start, end, facility id and activity."""


@dataclass(frozen=True, slots=True)
class RequestedState:
    """The state of an event that a write requested."""

    slots: frozenset[SlotState] = frozenset()
    cancelled: bool = False

    @classmethod
    def of(cls, slots: Iterable[Timeslot]) -> RequestedState:
        """Return the state in which an event has timeslots."""
        return cls(frozenset(map(slot_state, slots)))

    def matches(self, event: Event) -> bool:
        """Return whether an event is in this state."""
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
