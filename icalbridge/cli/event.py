"""`event`: the API's event endpoints by hand. After a write the store follows at once, so that
feeds show it.

All that can be found out on this machine is found out before a request is spent; `event_given`
reads what was typed, `event_told` says what came of it. A write is asked about on the terminal
unless `--yes` is given.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click
from msgspec import UNSET

from icalbridge import timezones
from icalbridge.cli import event_given as given
from icalbridge.cli.after_write import AfterWrite, ReadPace, RequestedSlot, RequestedState
from icalbridge.cli.database import connect
from icalbridge.cli.event_told import (
    Told,
    collision_lines,
    collisions,
    console,
    event_told,
    planned_event,
    timeslots_table,
    with_timeslot,
    without_renter,
)
from icalbridge.cli.stopping import Stop
from icalbridge.cli.writes import as_bad_input, client_of, require_leave, user_of
from icalbridge.errors import ConfigurationError, IcalbridgeError, InvalidRequest, NotFound
from icalbridge.facilitron import (
    Cancelled,
    Conflict,
    Created,
    Moved,
    NotCreated,
    TimeslotChange,
    bounds,
)
from icalbridge.feeds import display_text
from icalbridge.models import Feed
from icalbridge.statuses import is_cancelled
from icalbridge.store import Store
from icalbridge.sync.clock import DatabaseClock
from icalbridge.sync.refresh_event import EventRefresher
from icalbridge.sync.zone_evidence import zones_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.facilitron import Client, CreateOutcome
    from icalbridge.models import Event, Timeslot
    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store


@dataclass(frozen=True, slots=True)
class How:
    """What goes for every command that writes."""

    key: str = ""
    """The name of the key; empty: the one that the property belongs to."""
    dry_run: bool = False
    yes: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """How a timeslot shall be, as it was typed; None leaves it as it is."""

    start: str | None = None
    end: str | None = None
    facility: str | None = None
    activity: str | None = None
    log_message: str | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """One key's client over the open database, for one command."""

    settings: Settings
    store: Store
    user: ApiUser
    client: Client
    clock: DatabaseClock
    stop: Stop

    def event(self, event_type: str, event_id: str) -> Event:
        """Ask the vendor for an event."""
        known, unsure = zones_of({each.id: each for each in self.store.read.properties()})
        return self.client.event(event_type, event_id, zones=known, unsure=unsure)

    def follow(self, written: Event, requested: RequestedState) -> AfterWrite:
        """Bring the store up to date with an event that was written; whatever fails here, the write
        is done.

        `written`: the event as it was requested to be, with its id.
        """
        types, sleep = self.user.event_types, self.stop.sleep
        follower = EventRefresher(
            self.client, self.store, event_types=types, clock=self.clock, sleep=sleep
        )
        try:
            told = follower.refresh(written.type, written.id, property_id=written.property_id)
        except IcalbridgeError as error:
            if isinstance(error, NotFound) and not requested.cancelled:
                return AfterWrite(None, "not yet", self._not_yet(written))
            note = (
                "The calendars here show it after the next sync; it could not be read back:"
                f" {error}"
            )
            return AfterWrite(None, "unread", note)
        if not requested.matches(told.event):
            return AfterWrite(told.event, "not yet", self._not_yet(written, told.event))
        reason = told.left_out
        if not reason:
            (entries,) = self.store.sync_reads.known([told.event.key]).values()
            reason = requested.hidden_reason(told.event, entries, self.settings, self.clock())
        if reason:
            return AfterWrite(told.event, "hidden", f"The calendars here do not show it: {reason}.")
        return AfterWrite(told.event, "shown")

    def _not_yet(self, *events: Event) -> str:
        slots = [slot for event in events for slot in event.timeslots]
        pace = ReadPace(self.settings, self.store, self.user)
        return pace.not_yet(events[-1].property_id, slots, self.clock())


def get_event(settings: Settings, event_type: str, event_id: str, key: str) -> Told:
    """Ask for one event; nothing is written anywhere, but for the quota's book."""
    with (
        _opened(settings) as store,
        _desk(settings, store, _property_of(store, event_type, event_id), key) as desk,
    ):
        found = desk.event(event_type, event_id)
        named = f", external id {found.external_id}" if found.external_id else ""
        message = (
            f"{given.spoken(found.name)}: {found.status} {found.type} {found.id}{named}, times of"
            f" {found.zone}."
        )
        return Told("get", "found", message, event_told(store, found))


def create_event(settings: Settings, wish: given.Wish, how: How) -> Told:
    """Create an event, and let the store follow."""
    require_leave(settings, dry_run=how.dry_run, yes=how.yes)
    with _opened(settings) as store:
        plan = given.planned(store, wish)
        with _desk(settings, store, plan.owner.id, how.key) as desk:
            with as_bad_input(InvalidRequest):
                body = bounds.checked_event(plan.request, desk.clock())
            event = planned_event(plan)
            told = Told("create", "planned", "", event_told(store, event), notes=[*plan.notes])
            told = replace(told, collides_with=collisions(store, event))
            named = f"{given.spoken(event.name)} with the external id {event.external_id}"
            if how.dry_run:
                return _dry(settings, told, f"{named} could be created", "POST", "/event", body)
            _ask(f"Create {named} at {plan.owner.name or plan.owner.id}?", told, how, desk.stop)
            with _watched(event.type, event.external_id):
                outcome = desk.client.create_event(plan.request)
                return _created(desk, told, outcome, plan)


def _created(desk: Desk, told: Told, outcome: CreateOutcome, plan: given.Planned) -> Told:
    request = plan.request
    look = _look(request.event_type, request.external_id)
    if isinstance(outcome, Created):
        written = replace(planned_event(plan), id=outcome.event_id)
        slots = [
            RequestedSlot(each.external_id, each.start, each.end, each.facility_id)
            for each in written.timeslots
        ]
        after = desk.follow(written, RequestedState(tuple(slots)))
        lost = "; its answer was lost, and it was found afterwards" if outcome.looked_up else ""
        return replace(
            told,
            outcome="created",
            message=(
                f"Created {given.spoken(request.name)} as {request.event_type} {outcome.event_id},"
                f" external id {request.external_id}{lost}."
            ),
            event=event_told(desk.store, after.event or written),
            has_conflict=outcome.has_conflict,
            collides_with=told.collides_with if outcome.has_conflict is not False else [],
            followed=after.state == "shown",
            notes=[*told.notes, *after.notes],
            invocation_id=outcome.invocation_id,
        )
    if isinstance(outcome, Conflict):
        return _conflict(
            told,
            outcome,
            f"Not created; look at what is there with {look}, or give an --external-id",
        )
    failed = replace(told, invocation_id=outcome.error.invocation_id)
    if isinstance(outcome, NotCreated):
        message = (
            "Not created, and it will not appear; the same command may be run again."
            f" {outcome.error}"
        )
        return replace(failed, outcome="not_created", message=message)
    message = (
        f"Not known whether it was created; find out with {look} before you send it again."
        f" {outcome.error}"
    )
    return replace(failed, outcome="unknown", message=message)


def cancel_event(
    settings: Settings, event_type: str, event_id: str, log_message: str, how: How
) -> Told:
    """Cancel an event, and let the store follow."""
    require_leave(settings, dry_run=how.dry_run, yes=how.yes)
    with as_bad_input(InvalidRequest):
        body = bounds.checked_cancellation(event_type, event_id, log_message)
    with (
        _opened(settings) as store,
        _desk(settings, store, _property_of(store, event_type, event_id), how.key) as desk,
    ):
        event = desk.event(event_type, event_id)
        told = Told("cancel", "planned", "", event_told(store, event))
        if how.dry_run:
            return _dry(
                settings, told, _could(event), "PATCH", f"/event/{event_type}/{event_id}", body
            )
        if not is_cancelled(event.status):
            question = (
                f"Cancel {given.spoken(event.name)}, {event.type} {event.id}, with all of this?"
            )
            _ask(question, told, how, desk.stop)
        with _watched(event_type, event_id):
            before = Cancelled(event.id, event.external_id, already=True)
            outcome = before
            if not is_cancelled(event.status):
                answered = desk.client.cancel_event(event_type, event_id, log_message)
                if isinstance(answered, Conflict):
                    return _conflict(told, answered, "Not cancelled; nothing was changed")
                outcome = answered
            return _cancelled(desk, told, event, outcome)


def _could(event: Event) -> str:
    done = is_cancelled(event.status)
    return f"{given.spoken(event.name)} {'is cancelled already' if done else 'could be cancelled'}"


def _cancelled(desk: Desk, told: Told, event: Event, outcome: Cancelled) -> Told:
    written = replace(event, status="cancelled")
    after = desk.follow(written, RequestedState(cancelled=True))
    named = f"{given.spoken(event.name)}, {event.type} {event.id}"
    message = f"{named}, {'was cancelled before' if outcome.already else 'is cancelled'}."
    if after.state == "not yet":
        message = f"Facilitron accepted the cancellation of {named}."
    return replace(
        told,
        outcome="cancelled",
        message=message,
        event=event_told(desk.store, after.event or written),
        followed=after.state == "shown",
        notes=after.notes,
        invocation_id=outcome.invocation_id,
    )


def move_timeslot(
    settings: Settings, event_type: str, event_id: str, timeslot_id: str, change: Change, how: How
) -> Told:
    """Give a timeslot other times, another facility or another name, and let the store follow."""
    require_leave(settings, dry_run=how.dry_run, yes=how.yes)
    if not (change.start or change.end or change.facility or change.activity is not None):
        raise ConfigurationError(
            "Nothing to change; give --start, --end, --facility or --activity."
        )
    with (
        _opened(settings) as store,
        _desk(settings, store, _property_of(store, event_type, event_id), how.key) as desk,
    ):
        event = desk.event(event_type, event_id)
        index = _index(event, timeslot_id)
        after, request, notes = _changed(store, event, index, change)
        with as_bad_input(InvalidRequest):
            body = bounds.checked_change(event_type, event_id, timeslot_id, request, desk.clock())
        told = Told("move", "planned", "", event_told(store, after), notes=notes)
        told = replace(
            told,
            collides_with=collisions(store, replace(after, timeslots=(after.timeslots[index],))),
        )
        named = f"timeslot {timeslot_id} of {given.spoken(event.name)}, {event.type} {event.id}"
        if how.dry_run:
            path = f"/event/{event_type}/{event_id}/timeslot/{timeslot_id}"
            return _dry(
                settings, told, f"The {named} could be changed to this", "PATCH", path, body
            )
        _ask(f"Change the {named} to this?", told, how, desk.stop)
        with _watched(event_type, event_id):
            outcome = desk.client.change_timeslot(event_type, event_id, timeslot_id, request)
            if isinstance(outcome, Conflict):
                return _conflict(told, outcome, "Not changed; give another time or facility")
            slot = after.timeslots[index]
            place = slot.facility_id if change.facility else None
            requested = RequestedSlot(timeslot_id, slot.start, slot.end, place, change.activity)
            return _moved(desk, told, after, requested, named, outcome)


def _moved(
    desk: Desk, told: Told, written: Event, requested: RequestedSlot, named: str, outcome: Moved
) -> Told:
    after = desk.follow(written, RequestedState((requested,)))
    not_yet = after.state == "not yet"
    return replace(
        told,
        outcome="moved",
        message=(
            f"Facilitron accepted the change of the {named}."
            if not_yet
            else f"Changed the {named}."
        ),
        event=event_told(desk.store, after.event or written),
        collides_with=[],
        followed=after.state == "shown",
        notes=[*told.notes, *after.notes],
        invocation_id=outcome.invocation_id,
    )


def _index(event: Event, timeslot_id: str) -> int:
    names = [each.external_id for each in event.timeslots]
    if timeslot_id in names:
        return names.index(timeslot_id)
    there = ", ".join(sorted(each for each in names if each))
    has = (
        f"it has {there}"
        if there
        else "its timeslots have no external ids, so that none of them can be moved"
    )
    raise ConfigurationError(f"{given.spoken(event.name)} has no timeslot '{timeslot_id}'; {has}.")


def _changed(
    store: Store, event: Event, index: int, change: Change
) -> tuple[Event, TimeslotChange, list[str]]:
    """Return the event as it would be, the request for it, and notes; a new start alone keeps the
    length.
    """
    before: Timeslot = event.timeslots[index]
    zone = event.zone
    if not timezones.exists(zone):
        raise ConfigurationError(
            f"The event {event.id} has no time zone that is known; run `icalbridge sync`."
        )
    notes = []
    start, end = before.start, before.end
    if change.start is not None:
        start, note = given.moment(change.start, zone, "--start")
        end = start + (before.end - before.start)
        notes.append(note)
    if change.end is not None:
        end, note = given.moment(change.end, zone, "--end")
        notes.append(note)
    place = given.facility_called(store, change.facility) if change.facility else None
    if place and place.property_id != event.property_id:
        raise ConfigurationError(
            f"The facility '{place.id}' belongs to another school than the event does."
        )
    where = {"facility_id": place.id, "facility_name": place.name} if place else {}
    named = {} if change.activity is None else {"activity": change.activity}
    request = TimeslotChange(
        start,
        end,
        zone,
        UNSET if change.activity is None else change.activity,
        place.u_id if place else None,
        change.log_message,
    )
    after = with_timeslot(event, index, start=start, end=end, **where, **named)
    return after, request, [each for each in notes if each]


# what all of them do


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    """Open the database, whose schema must be up to date."""
    settings.require_keys()
    store = connect(settings)
    try:
        store.check()
        yield store
    finally:
        store.close()


@contextmanager
def _desk(settings: Settings, store: Store, property_id: str, key: str) -> Iterator[Desk]:
    """Yield the client of the right key: by default the one that the sync reads the property
    with.
    """
    unknown = "Which key this is for is not known here; say it with --key, one of"
    user = user_of(
        settings, key, lambda: store.read.api_user_of(property_id) if property_id else None, unknown
    )
    stop = Stop()
    stop.listen()
    with client_of(user, store, stop) as client:
        yield Desk(settings, store, user, client, DatabaseClock(store), stop)


def _property_of(store: Store, event_type: str, event_id: str) -> str:
    """Return the property of an event that the store knows, by either id; "" of any other."""
    known = store.read.feed_state(Feed("event", event_id, event_type))
    return known.property_id if known else ""


def _ask(question: str, told: Told, how: How, stop: Stop) -> None:
    """Show what is to be done, and ask; raises `click.Abort` for a no."""
    if how.yes:
        return
    if told.event:
        console(sys.stderr.isatty(), stderr=True).print(timeslots_table(told.event))
    for each in (*told.notes, *collision_lines(told.collides_with)):
        click.echo(each, err=True)
    with stop.waiting():
        click.confirm(question, abort=True, err=True)


def _dry(
    settings: Settings, told: Told, done: str, method: str, path: str, body: dict[str, Any]
) -> Told:
    off = (
        [] if settings.enable_writes else ["Writing is off; ICALBRIDGE_ENABLE_WRITES=1 allows it."]
    )
    request = {"method": method, "path": path, "body": without_renter(body)}
    return replace(
        told, message=f"{done}; nothing was sent.", request=request, notes=[*told.notes, *off]
    )


def _conflict(told: Told, outcome: Conflict, advice: str) -> Told:
    code = f" ({outcome.message_code})" if outcome.message_code else ""
    reason = display_text(
        outcome.message, missing="it stands in conflict with what is there"
    ).removesuffix(".")
    message = f"{advice}. Facilitron refused it: 409{code} {reason}."
    return replace(told, outcome="conflict", message=message, invocation_id=outcome.invocation_id)


@contextmanager
def _watched(event_type: str, event_id: str) -> Iterator[None]:
    """Say what is not known when a write is broken off."""
    try:
        yield
    except KeyboardInterrupt:
        told = (
            f"interrupted; it may be done or not: look with {_look(event_type, event_id)} before it"
            " is sent again."
        )
        click.echo(f"icalbridge: {told}", err=True)
        raise


def _look(event_type: str, event_id: str) -> str:
    option = "" if event_type == "reservation" else f"--event-type {event_type} "
    return f"`icalbridge event get {option}{event_id}`"
