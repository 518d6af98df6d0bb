"""State that a write requested, compared with the event as it is read afterwards.

Facilitron may accept a write and still answer with the old state for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.push import external_ids
from icalbridge.push.steps import Cancel, Create
from icalbridge.statuses import APPROVED, is_cancelled
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from icalbridge.models import Entry, Event, Timeslot
    from icalbridge.push.apply import Outcome
    from icalbridge.push.mapping import PushSlot
    from icalbridge.settings import Settings


@dataclass(frozen=True, slots=True)
class RequestedSlot:
    """A timeslot as it was requested; None stands for what was not."""

    external_id: str
    start: datetime
    end: datetime
    facility_id: str | None = None
    activity: str | None = None

    def matches(self, slot: Timeslot) -> bool:
        """Return whether a timeslot is as requested."""
        requested = (self.external_id, self.start, self.end)
        return (
            requested == (slot.external_id, slot.start, slot.end)
            and self.facility_id in {None, slot.facility_id}
            and (self.activity is None or _is_same_text(self.activity, slot.activity))
        )


@dataclass(frozen=True, slots=True)
class RequestedState:
    """The state of an event that a write requested."""

    slots: tuple[RequestedSlot, ...] = ()
    cancelled: bool = False

    def matches(self, event: Event) -> bool:
        """Return whether an event is in this state."""
        if self.cancelled:
            return is_cancelled(event.status)
        return all(any(item.matches(slot) for slot in event.timeslots) for item in self.slots)

    def hidden_reason(
        self, event: Event, entries: Iterable[Entry], settings: Settings, now: datetime
    ) -> str:
        """Return as a clause why calendars do not show an event in this state; "" where they do.

        `entries`: the event's in the store.
        """
        if self.cancelled:
            return ""
        shown = {(entry.facility_id, entry.start, entry.end) for entry in entries if entry.shown}
        slots = [slot for slot in event.timeslots if any(item.matches(slot) for item in self.slots)]
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


def count_not_shown(source: str, outcomes: Iterable[Outcome], events: Mapping[str, Event]) -> int:
    """Return how many events of a push are not yet in the state that its steps requested.

    `events`: by external id, each as it was read after the push wrote to it.
    """
    late = set()
    for outcome in outcomes:
        step = outcome.step
        slots = () if isinstance(step, Cancel) else step.slots
        external_id = (
            external_ids.event_id(source, step.uid, step.number)
            if isinstance(step, Create)
            else step.pushed.external_id
        )
        state = RequestedState(tuple(map(_requested, slots)), isinstance(step, Cancel))
        event = events.get(external_id)
        if outcome.result != "refused" and event is not None and not state.matches(event):
            late.add(external_id)
    return len(late)


def _requested(slot: PushSlot) -> RequestedSlot:
    return RequestedSlot(slot.id, slot.start, slot.end, slot.facility.id)


def _is_same_text(requested: str, there: str) -> bool:
    return display_text(requested) == display_text(there)
