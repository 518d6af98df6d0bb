"""`event`: one booking is read, created, moved or cancelled by hand.

Every write takes the same way (`EventWrite.run`): what can be checked here is checked before a
request is spent, collisions are looked up, the terminal is asked unless `--yes` is given, the write
is sent, and the store follows at once, so that feeds show it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import click

from icalbridge.cli.after_write import follow_write
from icalbridge.cli.clients import (
    as_bad_input,
    choose_user,
    open_client,
    require_write_permission,
)
from icalbridge.cli.event_request import (
    CreateOptions,
    CreatePlan,
    MoveOptions,
    WriteOptions,
    creation_notes,
    find_timeslot,
    parse_slots,
    plan_create,
    plan_move,
    quote_name,
    read_renter,
)
from icalbridge.cli.event_result import (
    HIDDEN,
    EventResult,
    collision_lines,
    entry_values,
    event_values,
    timeslots_table,
)
from icalbridge.cli.output import console, warn
from icalbridge.cli.runtime import open_current
from icalbridge.cli.signals import Stop
from icalbridge.errors import ConfigurationError, InvalidRequest, NotFound, VendorError
from icalbridge.facilitron import (
    CancelledEvent,
    Conflict,
    Created,
    CreateOutcome,
    Moved,
    NotCreated,
    TimeslotChange,
    Unknown,
    split_by_day,
    write_requests,
)
from icalbridge.models import Event, Feed, Timeslot
from icalbridge.push.collisions import find_collisions
from icalbridge.push.requested import RequestedState
from icalbridge.push.session import WriteRefusal, WriteSession, send_write
from icalbridge.push.steps import OVER
from icalbridge.statuses import is_cancelled
from icalbridge.sync.clock import DatabaseClock
from icalbridge.sync.zone_evidence import zones_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icalbridge.models import Entry
    from icalbridge.push.collisions import Span
    from icalbridge.settings import Settings
    from icalbridge.store import Store

MOST_CHECKED = 5
"""Colliding events that the vendor is asked about; the others count as stored."""
NOT_OURS = (
    "It has no external id, so it was not made through Facilitron's API; Facilitron may refuse to"
    " cancel it."
)


@dataclass(frozen=True, slots=True)
class EventSession(WriteSession):
    """Session of one `event` command."""

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
        entries = find_collisions(self.store, {event.property_id}, spans, {event.id})
        keys = list(dict.fromkeys((entry.event_type, entry.event_id) for entry in entries))
        moved = {key for key in keys[:MOST_CHECKED] if self._is_away(key, spans)}
        return [entry for entry in entries if (entry.event_type, entry.event_id) not in moved]

    def _is_away(self, key: tuple[str, str], spans: Sequence[Span]) -> bool:
        """Return whether the vendor has an event elsewhere now, or nowhere."""
        try:
            event = self.fetch(*key)
        except NotFound:
            return True
        except VendorError:
            return False
        return event.status in OVER or not any(
            slot.facility_id == facility_id and slot.start < end and start < slot.end
            for slot in event.timeslots
            for facility_id, start, end in spans
        )


@contextmanager
def _open_for_event(
    settings: Settings, key: str, event_type: str, event_id: str
) -> Iterator[EventSession]:
    """Open the database and the client of the right key: of the event's property by default."""
    settings.require_keys()
    with open_current(settings) as store:
        known = store.read.feed_state(Feed("event", event_id, event_type))
        with _open_session(settings, store, known.property_id if known else "", key) as session:
            yield session


@contextmanager
def _open_session(
    settings: Settings, store: Store, property_id: str, key: str
) -> Iterator[EventSession]:
    unknown = "Which key this is for is not known here; say it with --key, one of"
    user = choose_user(
        settings, key, lambda: store.read.api_user_of(property_id) if property_id else None, unknown
    )
    stop = Stop()
    stop.listen()
    with open_client(user, store, stop) as client:
        yield EventSession(store, user, client, DatabaseClock(store), stop.sleep, settings, stop)


def get_event(settings: Settings, event_type: str, event_id: str, key: str) -> EventResult:
    """Fetch one event; nothing is written but the quota's use."""
    with _open_for_event(settings, key, event_type, event_id) as session:
        event = session.fetch(event_type, event_id)
        external = f", external id {event.external_id}" if event.external_id else ""
        message = (
            f"{quote_name(event.name)}: {event.status} {event.type} {event.id}{external}, times of"
            f" {event.zone}."
        )
        return EventResult("get", "found", message, event_values(session.store, event))


def create_event(settings: Settings, given: CreateOptions) -> EventResult:
    slots = parse_slots(given)
    renter = read_renter(settings, given.renter_email, given.renter_email_file)
    require_write_permission(settings, dry_run=given.dry_run, yes=given.yes)
    settings.require_keys()
    with open_current(settings) as store:
        plan = plan_create(store, given, slots, renter)
        with _open_session(settings, store, plan.owner.id, given.key) as session:
            return _Creation(session, plan).run(given)


def cancel_event(settings: Settings, event_id: str, given: WriteOptions) -> EventResult:
    require_write_permission(settings, dry_run=given.dry_run, yes=given.yes)
    event_type, log_message = given.event_type, given.log_message or ""
    with as_bad_input(InvalidRequest):
        write_requests.checked_cancellation(event_type, event_id, log_message)
    with _open_for_event(settings, given.key, event_type, event_id) as session:
        event = session.fetch(event_type, event_id)
        return _Cancellation(session, event, event_id, log_message).run(given)


def move_timeslot(
    settings: Settings, event_id: str, timeslot_id: str, given: MoveOptions
) -> EventResult:
    require_write_permission(settings, dry_run=given.dry_run, yes=given.yes)
    if given.changes_nothing:
        raise ConfigurationError(
            "Nothing to change; give --start, --end, --facility or --activity."
        )
    with _open_for_event(settings, given.key, given.event_type, event_id) as session:
        event = session.fetch(given.event_type, event_id)
        index = find_timeslot(event, timeslot_id)
        after, change, notes = plan_move(session.store, event, index, given)
        slot = after.timeslots[index]
        return _TimeslotMove(session, after, event_id, slot, change, notes).run(given)


class EventWrite(ABC):
    """One write of an event: `run` is its way from the request to the result."""

    command: ClassVar[str]
    outcome: ClassVar[str]
    """Of the command where the write is done."""
    method: ClassVar[str] = "PATCH"
    not_done: ClassVar[str]
    """How the message on a refusal begins; on a conflict `conflict_advice`."""

    session: EventSession
    event: Event
    """As it is requested."""
    event_id: str
    """By which `event get` finds it."""
    path: str
    body: dict[str, Any]
    slots: Sequence[Timeslot] = ()
    """The timeslots that are booked: collisions are looked up for them."""
    notes: Sequence[str] = ()
    doubts: Sequence[str] = ()
    """Notes that matter only until it is sent."""
    possible: str
    """What a dry run reports."""
    question: str
    """Asked on a terminal; "" where nothing is sent."""
    conflict_advice: str

    @abstractmethod
    def send(self) -> Any:
        """Send it; raises as `Client` does."""

    @abstractmethod
    def report(self, result: EventResult, answer: Any) -> EventResult:
        """Return the result of a write that was not refused."""

    def find_obstacle(self, _planned: EventResult) -> str:
        """Return why it would be refused, as a clause; "" where nothing is known against it."""
        return ""

    def run(self, given: WriteOptions) -> EventResult:
        """Look up collisions, confirm and send it; return its result."""
        entries = self.session.collisions(self.event, self.slots)
        planned = EventResult(
            self.command,
            "planned",
            "",
            event_values(self.session.store, self.event),
            collides_with=[entry_values(entry) for entry in entries],
            notes=[*self.notes, *self.doubts],
        )
        if given.dry_run:
            return self._foresee(planned)
        if self.question and not given.yes:
            self._confirm(planned)
        with self._explain_interruption():
            answer = send_write(self.send)
            result = replace(planned, notes=[*self.notes])
            if isinstance(answer, WriteRefusal):
                return self._refuse(result, answer)
            return self.report(result, answer)

    def follow(
        self, result: EventResult, requested: RequestedState, done: str, accepted: str = ""
    ) -> EventResult:
        """Return the result of what is done; `accepted`: its message if it does not show yet."""
        session = self.session
        after = follow_write(session, session.settings, self.event, requested)
        return replace(
            result,
            outcome=self.outcome,
            message=accepted if accepted and after.state == "not yet" else done,
            event=event_values(session.store, after.event or self.event),
            followed=after.state == "shown",
            notes=[*result.notes, *after.notes],
        )

    def get_command(self) -> str:
        kind = self.event.type
        option = "" if kind == "reservation" else f"--event-type {kind} "
        return f"`icalbridge event get {option}{self.event_id}`"

    def _foresee(self, planned: EventResult) -> EventResult:
        """Return the result of a dry run."""
        shown = {name: "(hidden)" if name in HIDDEN else self.body[name] for name in self.body}
        obstacle = self.find_obstacle(planned)
        message = f"Facilitron would refuse this: {obstacle}" if obstacle else self.possible
        off = "Writing is off; ICALBRIDGE_ENABLE_WRITES=1 allows it."
        return replace(
            planned,
            outcome="conflict" if obstacle else "planned",
            message=f"{message}; nothing was sent.",
            request={"method": self.method, "path": self.path, "body": shown},
            notes=[*planned.notes, *([] if self.session.settings.enable_writes else [off])],
        )

    def _confirm(self, planned: EventResult) -> None:
        """Show what would be written, and ask; raises `click.Abort` for a no."""
        if planned.event:
            console(stderr=True).print(timeslots_table(planned.event))
        for line in (*planned.notes, *collision_lines(planned)):
            click.echo(line, err=True)
        with self.session.stop.waiting():
            click.confirm(self.question, abort=True, err=True)

    def _refuse(self, result: EventResult, refusal: WriteRefusal) -> EventResult:
        advice = self.conflict_advice if refusal.is_conflict else self.not_done
        return replace(
            result,
            outcome="conflict" if refusal.is_conflict else "refused",
            message=f"{advice}. {refusal.reason[:1].upper()}{refusal.reason[1:]}.",
            invocation_id=refusal.invocation_id,
        )

    @contextmanager
    def _explain_interruption(self) -> Iterator[None]:
        """Warn that an interrupted write may be done."""
        try:
            yield
        except KeyboardInterrupt:
            warn(
                f"interrupted; it may be done or not: look with {self.get_command()} before it is"
                " sent again."
            )
            raise


class _Creation(EventWrite):
    command, outcome, method, not_done = "create", "created", "POST", "Not created"
    path = "/event"

    def __init__(self, session: EventSession, plan: CreatePlan) -> None:
        self.session = session
        self.creator = session.make_creator()
        self._set_plan(
            plan.with_request(split_by_day(plan.request)) if self.creator.by_day else plan
        )
        with as_bad_input(InvalidRequest):
            self.body = write_requests.checked_event(self.plan.request)
        self.doubts = creation_notes(self.plan.request, session.clock())
        named = f"{quote_name(self.event.name)} with the external id {self.event_id}"
        self.possible = f"{named} could be created"
        self.question = f"Create {named} at {plan.owner.name or plan.owner.id}?"
        self.conflict_advice = (
            f"Not created; look at what is there with {self.get_command()}, or give an"
            " --external-id"
        )

    def _set_plan(self, plan: CreatePlan) -> None:
        self.plan, self.event, self.event_id = plan, plan.event, plan.request.external_id
        self.slots, self.notes = self.event.timeslots, plan.notes

    def find_obstacle(self, _planned: EventResult) -> str:
        try:
            event = self.session.fetch(self.event.type, self.event_id)
        except VendorError:
            return ""
        other = f"{quote_name(event.name)}, {event.type} {event.id}"
        return f"the external id {self.event_id} is that of {other}"

    def send(self) -> CreateOutcome:
        sent, outcome = self.creator.create(self.plan.request)
        self._set_plan(self.plan.with_request(sent))
        return outcome

    def report(self, result: EventResult, answer: Created | NotCreated | Unknown) -> EventResult:
        if isinstance(answer, Created):
            return self._report_created(result, answer)
        message = (
            "Not created, and it will not appear; the same command may be run again."
            if isinstance(answer, NotCreated)
            else f"Not known whether it was created; find out with {self.get_command()} before you"
            " send it again."
        )
        return replace(
            result,
            outcome="not_created" if isinstance(answer, NotCreated) else "unknown",
            message=f"{message} {answer.error}",
            invocation_id=answer.error.invocation_id,
        )

    def _report_created(self, result: EventResult, answer: Created) -> EventResult:
        event = self.event = replace(self.event, id=answer.event_id)
        lost = "; its answer was lost, and it was found afterwards" if answer.looked_up else ""
        result = replace(
            result,
            has_conflict=answer.has_conflict,
            collides_with=result.collides_with if answer.has_conflict is not False else [],
            invocation_id=answer.invocation_id,
        )
        return self.follow(
            result,
            RequestedState.of(event.timeslots),
            f"Created {quote_name(event.name)} as {event.type} {event.id}, external id"
            f" {event.external_id}{lost}.",
        )


class _Cancellation(EventWrite):
    command, outcome, not_done = "cancel", "cancelled", "Not cancelled"
    conflict_advice = "Not cancelled; nothing was changed"

    def __init__(
        self, session: EventSession, event: Event, event_id: str, log_message: str
    ) -> None:
        self.session, self.event, self.event_id = session, event, event_id
        self.log_message = log_message
        self.path = f"/event/{event.type}/{event_id}"
        self.body = write_requests.checked_cancellation(event.type, event_id, log_message)
        self.notes = [] if event.external_id else [NOT_OURS]
        self.before = is_cancelled(event.status)
        name = quote_name(event.name)
        self.named = f"{name}, {event.type} {event.id}"
        self.possible = f"{name} {'is cancelled already' if self.before else 'could be cancelled'}"
        self.question = "" if self.before else f"Cancel {self.named}, with all of this?"

    def send(self) -> CancelledEvent | Conflict:
        if self.before:
            return CancelledEvent(self.event.id, self.event.external_id, already=True)
        return self.session.client.cancel_event(self.event.type, self.event_id, self.log_message)

    def report(self, result: EventResult, answer: CancelledEvent) -> EventResult:
        self.event = replace(self.event, status="cancelled")
        return self.follow(
            replace(result, notes=[], invocation_id=answer.invocation_id),
            RequestedState(cancelled=True),
            f"{self.named}, {'was cancelled before' if answer.already else 'is cancelled'}.",
            f"Facilitron accepted the cancellation of {self.named}.",
        )


class _TimeslotMove(EventWrite):
    command, outcome, not_done = "move", "moved", "Not changed"
    conflict_advice = "Not changed; give another time or facility"

    def __init__(
        self,
        session: EventSession,
        event: Event,
        event_id: str,
        slot: Timeslot,
        change: TimeslotChange,
        notes: Sequence[str],
    ) -> None:
        self.session, self.event, self.event_id = session, event, event_id
        self.slots, self.change, self.notes = (slot,), change, notes
        self.path = f"/event/{event.type}/{event_id}/timeslot/{slot.external_id}"
        with as_bad_input(InvalidRequest):
            self.body = write_requests.checked_change(
                event.type, event_id, slot.external_id, change, session.clock()
            )
        named = f"timeslot {slot.external_id} of {quote_name(event.name)}, {event.type} {event.id}"
        self.named = named
        self.possible = f"The {named} could be changed to this"
        self.question = f"Change the {named} to this?"

    def find_obstacle(self, planned: EventResult) -> str:
        if is_cancelled(self.event.status):
            return f"{quote_name(self.event.name)} is cancelled"
        return "a booking cannot be moved onto another one" if planned.collides_with else ""

    def send(self) -> Moved | Conflict:
        return self.session.client.change_timeslot(
            self.event.type, self.event_id, self.slots[0].external_id, self.change
        )

    def report(self, result: EventResult, answer: Moved) -> EventResult:
        return self.follow(
            replace(result, collides_with=[], invocation_id=answer.invocation_id),
            RequestedState.of(self.slots),
            f"Changed the {self.named}.",
            f"Facilitron accepted the change of the {self.named}.",
        )
