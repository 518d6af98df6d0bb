"""Compares an event, as it is read after a write, with what was requested; says when the calendars
here will show it.

Facilitron may accept a write and still answer with the old state for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from icalbridge import timezones
from icalbridge.cli.work import make_grant
from icalbridge.feeds import display_text
from icalbridge.push import identify
from icalbridge.push.plan import Cancel, Create
from icalbridge.statuses import APPROVED, is_cancelled
from icalbridge.sync.schedule import Schedule
from icalbridge.sync.windows import today, window_days

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from icalbridge.models import Entry, Event, Timeslot
    from icalbridge.push.apply import Outcome
    from icalbridge.push.want import Slot
    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store


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
        return (
            (self.external_id, self.start, self.end) == (slot.external_id, slot.start, slot.end)
            and self.facility_id in {None, slot.facility_id}
            and (
                self.activity is None or display_text(self.activity) == display_text(slot.activity)
            )
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
        return all(any(each.matches(slot) for slot in event.timeslots) for each in self.slots)

    def hidden_reason(
        self, event: Event, entries: Iterable[Entry], settings: Settings, now: datetime
    ) -> str:
        """Return why calendars do not show an event that is in this state, as a clause; empty where
        they do.

        `entries` are those of the event in the store.
        """
        if self.cancelled:
            return ""
        shown = {(each.facility_id, each.start, each.end) for each in entries if each.shown}
        requested = [
            slot for slot in event.timeslots if any(each.matches(slot) for each in self.slots)
        ]
        if hidden := [
            slot for slot in requested if (slot.facility_id, slot.start, slot.end) not in shown
        ]:
            if (event.entry_status or event.status) != APPROVED:
                return f"its status at Facilitron is {event.status or 'empty'}"
            return f"its timeslot's status at Facilitron is {hidden[0].status or 'empty'}"
        if any(slot.start - now >= timedelta(days=settings.horizon_days) for slot in requested):
            return (
                f"they reach {settings.horizon_days} days ahead, and show it when it comes nearer"
            )
        if any(now - slot.end >= timedelta(days=settings.history_days) for slot in requested):
            return f"they reach {settings.history_days} days back"
        return ""


@dataclass(frozen=True, slots=True)
class AfterWrite:
    """What was found out after a write."""

    event: Event | None
    """The event as the vendor answers it now; None where it could not be read."""
    state: Literal["shown", "hidden", "not yet", "unread"]
    """`shown`: the calendars here show what was requested; `hidden`: the vendor does, and the
    calendars do not; `not yet`: the vendor still answers with the old state; `unread`: nothing is
    known.
    """
    note: str = ""
    """What to say of it."""

    @property
    def notes(self) -> list[str]:
        return [self.note] if self.note else []


@dataclass(frozen=True, slots=True)
class ReadPace:
    """How often the sync of one key reads an event."""

    settings: Settings
    store: Store
    user: ApiUser

    def not_yet(self, property_id: str, slots: Iterable[Timeslot], now: datetime) -> str:
        """Return what to say where an event is still in its old state; `slots` are those it has or
        was to have.
        """
        seconds = self._interval(property_id, slots, now)
        within = "" if seconds is None else f", within {_span(seconds)}"
        return (
            "Facilitron does not yet show the change; the calendars here follow when it"
            f" does{within}."
        )

    def _interval(self, property_id: str, slots: Iterable[Timeslot], now: datetime) -> float | None:
        """Return the seconds between two reads of any window with one of these timeslots; None
        where there is none.
        """
        owner = self.store.read.property(property_id)
        zone = (owner.timezone if owner else "") or "UTC"
        if owner is None or not timezones.exists(zone):
            return None
        days = {timezones.local_date(slot.start, zone) for slot in slots}
        situation = self.store.windows.state(self.user.name)
        planned = Schedule(situation, make_grant(self.user, self.settings), now)
        return min(
            (
                planned.interval(each)
                for each in situation.windows
                if each.property_id == property_id and each.number >= 0
                if any(day in window_days(each.number, today(now, zone)) for day in days)
            ),
            default=None,
        )


def _span(seconds: float) -> str:
    """Return a length of time in minutes, or in hours from two hours on, rounded up."""
    minutes = max(1, -int(-seconds // 60))
    if minutes < 120:
        return f"{minutes} minute{'s' * (minutes > 1)}"
    return f"{-(-minutes // 60)} hours"


def count_not_shown(source: str, outcomes: Iterable[Outcome], events: Mapping[str, Event]) -> int:
    """Return how many events of a push are not yet in the state that its steps requested.

    `events`: by external id, each as it was read after the push wrote to it.
    """
    late = set()
    for outcome in outcomes:
        step = outcome.step
        if isinstance(step, Create):
            external_id = identify.event_id(source, step.uid, step.number)
            state = RequestedState(tuple(map(_requested, step.slots)))
        elif isinstance(step, Cancel):
            external_id, state = step.held.external_id, RequestedState(cancelled=True)
        else:
            external_id, state = step.held.external_id, RequestedState((_requested(step.after),))
        event = events.get(external_id)
        if outcome.result != "refused" and event is not None and not state.matches(event):
            late.add(external_id)
    return len(late)


def _requested(slot: Slot) -> RequestedSlot:
    return RequestedSlot(slot.id, slot.start, slot.end, slot.facility.id)
