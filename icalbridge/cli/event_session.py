"""Session of `event`: one key's client over the open database, before a write and after it.

Before it, collisions are looked up; afterwards the store follows, and the result is compared with
the request.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from icalbridge import timezones
from icalbridge.cli.clients import choose_user, make_grant, open_client
from icalbridge.cli.runtime import open_current
from icalbridge.cli.signals import Stop
from icalbridge.errors import IcalbridgeError, NotFound, VendorError
from icalbridge.models import Event, Feed, Timeslot
from icalbridge.push.collisions import SpanIndex, StoredBookings
from icalbridge.push.session import WriteSession
from icalbridge.push.steps import OVER
from icalbridge.sync.clock import DatabaseClock
from icalbridge.sync.schedule import Schedule
from icalbridge.sync.windows import today, window_days
from icalbridge.sync.zone_evidence import zones_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from icalbridge.models import Entry
    from icalbridge.push.collisions import Span
    from icalbridge.push.steps import RequestedState
    from icalbridge.settings import Settings
    from icalbridge.store import Store

MOST_CHECKED = 5
"""Colliding events that the vendor is asked about; the others count as stored."""


@dataclass(frozen=True, slots=True)
class EventSession(WriteSession):
    settings: Settings
    stop: Stop

    def fetch(self, event_type: str, event_id: str) -> Event:
        """Return an event as the vendor has it. Raises `VendorError`."""
        zones, unsure = zones_of({place.id: place for place in self.store.read.properties()})
        return self.client.event(event_type, event_id, zones=zones, unsure=unsure)

    def collisions(self, event: Event, slots: Sequence[Timeslot]) -> list[Entry]:
        """Return the bookings of other events that overlap timeslots of an event.

        They are looked up in the store, and then at the vendor, since one that has just been moved
        may still be stored at its old time.
        """
        spans = [(slot.facility_id, slot.start, slot.end) for slot in slots]
        bookings = StoredBookings(self.store, {event.property_id}, spans)
        entries = bookings.overlapping(spans, {event.id})
        taken = SpanIndex((span, span) for span in spans)
        keys = dict.fromkeys((entry.event_type, entry.event_id) for entry in entries)
        away = {key for key in list(keys)[:MOST_CHECKED] if self._is_away(*key, taken)}
        return [entry for entry in entries if (entry.event_type, entry.event_id) not in away]

    def _is_away(self, event_type: str, event_id: str, taken: SpanIndex[Span]) -> bool:
        """Return whether the vendor has an event elsewhere now, or nowhere."""
        try:
            event = self.fetch(event_type, event_id)
        except VendorError as error:
            return isinstance(error, NotFound)
        spans = ((slot.facility_id, slot.start, slot.end) for slot in event.timeslots)
        return event.status in OVER or not any(any(taken.overlapping(span)) for span in spans)


@contextmanager
def open_session(
    settings: Settings, key: str, find_property: Callable[[Store], str]
) -> Iterator[EventSession]:
    """Open the database and the client of the right key: by default that of a property."""
    settings.require_keys()
    stop, unknown = Stop(), "Which key this is for is not known here; say it with --key, one of"
    with open_current(settings) as store:
        property_id = find_property(store)
        user = choose_user(settings, key, lambda: store.read.api_user_of(property_id), unknown)
        stop.listen()
        with open_client(user, store, stop) as client:
            clock = DatabaseClock(store)
            yield EventSession(store, user, client, clock, stop.sleep, settings, stop)


@contextmanager
def open_event(
    settings: Settings, key: str, event_type: str, event_id: str
) -> Iterator[tuple[EventSession, Event]]:
    """Open the session of an event's property, and fetch the event."""

    def find_property(store: Store) -> str:
        known = store.read.feed_state(Feed("event", event_id, event_type))
        return known.property_id if known else ""

    with open_session(settings, key, find_property) as session:
        yield session, session.fetch(event_type, event_id)


@dataclass(frozen=True, slots=True)
class AfterWrite:
    event: Event | None
    """The event as the vendor answers it now; None where it could not be read."""
    state: Literal["shown", "hidden", "not yet", "unread"]
    """`shown`: the calendars here show what was requested; `hidden`: the vendor does, and the
    calendars do not; `not yet`: the vendor still answers with the old state; `unread`: nothing is
    known.
    """
    notes: tuple[str, ...] = ()
    """Sentences for the user."""


def follow_write(session: EventSession, written: Event, requested: RequestedState) -> AfterWrite:
    """Update the store with an event after a write; whatever fails here, the write is done.

    `written`: the event as requested, with its id.
    """
    try:
        followed = session.refresh(written.type, written.id, written.property_id)
    except IcalbridgeError as error:
        if isinstance(error, NotFound) and not requested.cancelled:
            return AfterWrite(None, "not yet", (_not_yet(session, [written]),))
        note = f"The calendars here show it after the next sync; it could not be read back: {error}"
        return AfterWrite(None, "unread", (note,))
    event, reason = followed.event, followed.left_out
    if not requested.matches(event):
        return AfterWrite(event, "not yet", (_not_yet(session, [written, event]),))
    if not reason:
        (entries,) = session.store.sync_reads.known([event.key]).values()
        reason = requested.hidden_reason(event, entries, session.settings, session.clock())
    if reason:
        return AfterWrite(event, "hidden", (f"The calendars here do not show it: {reason}.",))
    return AfterWrite(event, "shown")


def _not_yet(session: EventSession, states: Sequence[Event]) -> str:
    """Return the note on an event that is still in its old state.

    `states`: as it was to be, and as it is if it was read.
    """
    seconds = _read_interval(session, states)
    within = "" if seconds is None else f", within {_span(seconds)}"
    return (
        f"Facilitron does not yet show the change; the calendars here follow when it does{within}."
    )


def _read_interval(session: EventSession, states: Sequence[Event]) -> float | None:
    """Return the seconds between two reads of a window with one of the timeslots, if any."""
    property_id, now = states[-1].property_id, session.clock()
    owner = session.store.read.property(property_id)
    zone = (owner.timezone if owner else "") or "UTC"
    if owner is None or not timezones.exists(zone):
        return None
    days = {timezones.local_date(slot.start, zone) for event in states for slot in event.timeslots}
    stored = session.store.windows.state(session.user.name)
    schedule = Schedule(stored, make_grant(session.user, session.settings), now)
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
