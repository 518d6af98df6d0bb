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
    from collections.abc import Sequence

    from icalbridge.models import Event
    from icalbridge.push.requested import RequestedState
    from icalbridge.push.session import WriteSession
    from icalbridge.settings import Settings


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
    notes: tuple[str, ...] = ()
    """Sentences for the user."""


def follow_write(
    session: WriteSession, settings: Settings, written: Event, requested: RequestedState
) -> AfterWrite:
    """Update the store with an event after a write; whatever fails here, the write is done.

    `written`: the event as requested, with its id.
    """
    try:
        followed = session.refresh(written.type, written.id, written.property_id)
    except IcalbridgeError as error:
        if isinstance(error, NotFound) and not requested.cancelled:
            return AfterWrite(None, "not yet", (_not_yet(session, settings, [written]),))
        note = f"The calendars here show it after the next sync; it could not be read back: {error}"
        return AfterWrite(None, "unread", (note,))
    event, reason = followed.event, followed.left_out
    if not requested.matches(event):
        return AfterWrite(event, "not yet", (_not_yet(session, settings, [written, event]),))
    if not reason:
        (entries,) = session.store.sync_reads.known([event.key]).values()
        reason = requested.hidden_reason(event, entries, settings, session.clock())
    if reason:
        return AfterWrite(event, "hidden", (f"The calendars here do not show it: {reason}.",))
    return AfterWrite(event, "shown")


def _not_yet(session: WriteSession, settings: Settings, states: Sequence[Event]) -> str:
    """Return the note on an event that is still in its old state.

    `states`: as it was to be, and as it is if it was read.
    """
    seconds = _read_interval(session, settings, states)
    within = "" if seconds is None else f", within {_span(seconds)}"
    return (
        f"Facilitron does not yet show the change; the calendars here follow when it does{within}."
    )


def _read_interval(
    session: WriteSession, settings: Settings, states: Sequence[Event]
) -> float | None:
    """Return the seconds between two reads of a window with one of the timeslots, if any."""
    property_id, now = states[-1].property_id, session.clock()
    owner = session.store.read.property(property_id)
    zone = (owner.timezone if owner else "") or "UTC"
    if owner is None or not timezones.exists(zone):
        return None
    days = {timezones.local_date(slot.start, zone) for event in states for slot in event.timeslots}
    stored = session.store.windows.state(session.user.name)
    schedule = Schedule(stored, make_grant(session.user, settings), now)
    return min(
        (
            schedule.interval(window)
            for window in stored.windows
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
