"""After a write of `event`: the store follows, and the result is compared with the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from icalbridge import timezones
from icalbridge.cli.clients import make_grant
from icalbridge.errors import IcalbridgeError, NotFound
from icalbridge.sync.schedule import Schedule
from icalbridge.sync.windows import today, window_days

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from icalbridge.models import Event, Timeslot
    from icalbridge.push.requested import RequestedState
    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store
    from icalbridge.sync.refresh_event import EventRefresher


@dataclass(frozen=True, slots=True)
class AfterWrite:
    """State of an event and of the calendars here after a write."""

    event: Event | None
    """The event as the vendor answers it now; None where it could not be read."""
    state: Literal["shown", "hidden", "not yet", "unread"]
    """`shown`: the calendars here show what was requested; `hidden`: the vendor does, and the
    calendars do not; `not yet`: the vendor still answers with the old state; `unread`: nothing is
    known.
    """
    note: str = ""
    """A sentence for the user."""

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
        """Return the note on an event that is still in its old state.

        `slots`: those that it has, or was to have.
        """
        seconds = self._interval(property_id, slots, now)
        within = "" if seconds is None else f", within {_span(seconds)}"
        return (
            "Facilitron does not yet show the change; the calendars here follow when it"
            f" does{within}."
        )

    def _interval(self, property_id: str, slots: Iterable[Timeslot], now: datetime) -> float | None:
        """Return the seconds between two reads of a window with one of these timeslots, if any."""
        owner = self.store.read.property(property_id)
        zone = (owner.timezone if owner else "") or "UTC"
        if owner is None or not timezones.exists(zone):
            return None
        days = {timezones.local_date(slot.start, zone) for slot in slots}
        situation = self.store.windows.state(self.user.name)
        planned = Schedule(situation, make_grant(self.user, self.settings), now)
        return min(
            (
                planned.interval(window)
                for window in situation.windows
                if window.property_id == property_id and window.number >= 0
                if any(day in window_days(window.number, today(now, zone)) for day in days)
            ),
            default=None,
        )


def _span(seconds: float) -> str:
    """Return a length of time in minutes, or in hours from two hours on, rounded up."""
    minutes = max(1, -int(-seconds // 60))
    if minutes < 120:
        return f"{minutes} minute{'s' * (minutes > 1)}"
    return f"{-(-minutes // 60)} hours"


def follow_write(
    pace: ReadPace,
    follower: EventRefresher,
    written: Event,
    requested: RequestedState,
    clock: Callable[[], datetime],
) -> AfterWrite:
    """Update the store with an event after a write; whatever fails here, the write is done."""

    def not_yet(*events: Event) -> AfterWrite:
        slots = [slot for event in (written, *events) for slot in event.timeslots]
        note = pace.not_yet((written, *events)[-1].property_id, slots, clock())
        return AfterWrite(events[-1] if events else None, "not yet", note)

    try:
        followed = follower.refresh(written.type, written.id, property_id=written.property_id)
    except IcalbridgeError as error:
        if isinstance(error, NotFound) and not requested.cancelled:
            return not_yet()
        note = f"The calendars here show it after the next sync; it could not be read back: {error}"
        return AfterWrite(None, "unread", note)
    if not requested.matches(followed.event):
        return not_yet(followed.event)
    reason = followed.left_out
    if not reason:
        (entries,) = pace.store.sync_reads.known([followed.event.key]).values()
        reason = requested.hidden_reason(followed.event, entries, pace.settings, clock())
    if reason:
        note = f"The calendars here do not show it: {reason}."
        return AfterWrite(followed.event, "hidden", note)
    return AfterWrite(followed.event, "shown")
