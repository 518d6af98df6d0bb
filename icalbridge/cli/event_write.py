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

from icalbridge.cli import clients, event_request, event_result
from icalbridge.cli.event_request import quote_name
from icalbridge.cli.event_result import EventResult, follow_write
from icalbridge.cli.output import console, warn
from icalbridge.cli.runtime import open_current
from icalbridge.cli.signals import Stop
from icalbridge.errors import ConfigurationError, InvalidRequest, VendorError
from icalbridge.facilitron import CancelledEvent, Created, NotCreated, split_by_day, write_requests
from icalbridge.models import Event, Feed, Timeslot
from icalbridge.push.collisions import find_collisions
from icalbridge.push.session import WriteRefusal, WriteSession, send_write
from icalbridge.push.steps import RequestedState
from icalbridge.statuses import is_cancelled
from icalbridge.sync.clock import DatabaseClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from icalbridge.cli.event_request import CreateOptions, CreatePlan, MoveOptions, WriteOptions
    from icalbridge.facilitron import Conflict, CreateOutcome, Moved, TimeslotChange, Unknown
    from icalbridge.settings import Settings
    from icalbridge.store import Store

NOT_OURS = (
    "It has no external id, so it was not made through Facilitron's API; Facilitron may refuse to"
    " cancel it."
)


@dataclass(frozen=True, slots=True)
class EventSession(WriteSession):
    """Session of one `event` command."""

    settings: Settings
    stop: Stop


@contextmanager
def _open_session(
    settings: Settings, key: str, find_property: Callable[[Store], str]
) -> Iterator[EventSession]:
    """Open the database and the client of the right key: by default that of a property."""
    settings.require_keys()
    stop, unknown = Stop(), "Which key this is for is not known here; say it with --key, one of"
    with open_current(settings) as store:
        owner = find_property(store)
        user = clients.choose_user(settings, key, lambda: store.read.api_user_of(owner), unknown)
        stop.listen()
        with clients.open_client(user, store, stop) as client:
            clock = DatabaseClock(store)
            yield EventSession(store, user, client, clock, stop.sleep, settings, stop)


@contextmanager
def _open_event(
    settings: Settings, key: str, event_type: str, event_id: str
) -> Iterator[tuple[EventSession, Event]]:
    """Open the session of an event's property, and fetch the event."""

    def find_property(store: Store) -> str:
        known = store.read.feed_state(Feed("event", event_id, event_type))
        return known.property_id if known else ""

    with _open_session(settings, key, find_property) as session:
        yield session, session.fetch(event_type, event_id)


def get_event(settings: Settings, event_type: str, event_id: str, key: str) -> EventResult:
    """Fetch one event; nothing is written but the quota's use."""
    with _open_event(settings, key, event_type, event_id) as (session, event):
        external = f", external id {event.external_id}" if event.external_id else ""
        message = (
            f"{quote_name(event.name)}: {event.status} {event.type} {event.id}{external}, times of"
            f" {event.zone}."
        )
        return EventResult("get", "found", message, event_result.event_values(session.store, event))


def create_event(settings: Settings, given: CreateOptions) -> EventResult:
    slots = event_request.parse_slots(given)
    renter = event_request.read_renter(settings, given.renter_email, given.renter_email_file)
    clients.require_write_permission(settings, dry_run=given.dry_run, yes=given.yes)
    facility = slots[0].facility or given.facility

    def find_property(store: Store) -> str:
        return event_request.require_facility(store, facility).property_id

    with _open_session(settings, given.key, find_property) as session:
        plan = event_request.plan_create(session.store, given, slots, renter)
        return _Creation(session, given, plan).run()


def cancel_event(settings: Settings, event_id: str, given: WriteOptions) -> EventResult:
    clients.require_write_permission(settings, dry_run=given.dry_run, yes=given.yes)
    with clients.as_bad_input(InvalidRequest):
        body = write_requests.checked_cancellation(
            given.event_type, event_id, given.log_message or ""
        )
    with _open_event(settings, given.key, given.event_type, event_id) as (session, event):
        return _Cancellation(session, given, event, event_id, body).run()


def move_timeslot(
    settings: Settings, event_id: str, timeslot_id: str, given: MoveOptions
) -> EventResult:
    clients.require_write_permission(settings, dry_run=given.dry_run, yes=given.yes)
    if not (given.start or given.end or given.facility or given.activity is not None):
        raise ConfigurationError(
            "Nothing to change; give --start, --end, --facility or --activity."
        )
    with _open_event(settings, given.key, given.event_type, event_id) as (session, event):
        index = event_request.find_timeslot(event, timeslot_id)
        after, change, notes = event_request.plan_move(session.store, event, index, given)
        slot = after.timeslots[index]
        return _TimeslotMove(session, given, after, event_id, slot, change, notes).run()


class EventWrite(ABC):
    """One write of an event: `run` is its way from the request to the result."""

    command: ClassVar[str]
    outcome: ClassVar[str]
    """Of the command where the write is done."""
    method: ClassVar[str] = "PATCH"
    not_done: ClassVar[str]
    """How the message on a refusal begins; on a conflict `conflict_advice`."""

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

    def __init__(
        self, session: EventSession, given: WriteOptions, event: Event, event_id: str
    ) -> None:
        """`event` as it is requested; `event_id` is what `event get` finds it by."""
        self.session, self.given, self.event, self.event_id = session, given, event, event_id

    @abstractmethod
    def send(self) -> Any:
        """Send it; raises as `Client` does."""

    @abstractmethod
    def report(self, result: EventResult, answer: Any) -> EventResult:
        """Return the result of a write that was not refused."""

    def find_obstacle(self, _planned: EventResult) -> str:
        """Return why it would be refused, as a clause; "" where nothing is known against it."""
        return ""

    def run(self) -> EventResult:
        """Look up collisions, confirm and send it; return its result."""
        entries = find_collisions(self.session, self.event, self.slots)
        planned = EventResult(
            self.command,
            "planned",
            "",
            event_result.event_values(self.session.store, self.event),
            collides_with=[event_result.entry_values(entry) for entry in entries],
            notes=[*self.notes, *self.doubts],
        )
        if self.given.dry_run:
            return self._foresee(planned)
        if self.question and not self.given.yes:
            self._confirm(planned)
        try:
            answer = send_write(self.send)
            result = replace(planned, notes=[*self.notes])
            if isinstance(answer, WriteRefusal):
                return self._refuse(result, answer)
            return self.report(result, answer)
        except KeyboardInterrupt:
            warn(
                f"interrupted; it may be done or not: look with {self.get_command()} before it is"
                " sent again."
            )
            raise

    def follow(
        self,
        result: EventResult,
        answer: Created | Moved | CancelledEvent,
        requested: RequestedState,
        done: str,
        accepted: str = "",
    ) -> EventResult:
        """Return the result of what is done; `accepted`: its message if it does not show yet."""
        session = self.session
        after = follow_write(session, session.settings, self.event, requested)
        return replace(
            result,
            outcome=self.outcome,
            message=accepted if accepted and after.state == "not yet" else done,
            event=event_result.event_values(session.store, after.event or self.event),
            followed=after.state == "shown",
            notes=[*result.notes, *after.notes],
            invocation_id=answer.invocation_id,
        )

    def get_command(self) -> str:
        kind = self.given.event_type
        option = "" if kind == "reservation" else f"--event-type {kind} "
        return f"`icalbridge event get {option}{self.event_id}`"

    def _foresee(self, planned: EventResult) -> EventResult:
        shown = {
            name: "(hidden)" if name in event_result.HIDDEN else self.body[name]
            for name in self.body
        }
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
            console(stderr=True).print(event_result.timeslots_table(planned.event))
        for line in (*planned.notes, *event_result.collision_lines(planned)):
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


class _Creation(EventWrite):
    command, outcome, method, not_done = "create", "created", "POST", "Not created"
    path = "/event"

    def __init__(self, session: EventSession, given: CreateOptions, plan: CreatePlan) -> None:
        super().__init__(session, given, plan.event, plan.request.external_id)
        self.creator = session.make_creator()
        self._set_plan(
            plan.with_request(split_by_day(plan.request)) if self.creator.by_day else plan
        )
        with clients.as_bad_input(InvalidRequest):
            self.body = write_requests.checked_event(self.plan.request)
        self.doubts = event_request.creation_notes(self.plan.request, session.clock())
        named = f"{quote_name(self.event.name)} with the external id {self.event_id}"
        self.possible = f"{named} could be created"
        self.question = f"Create {named} at {plan.owner.name or plan.owner.id}?"
        self.conflict_advice = (
            f"Not created; look at what is there with {self.get_command()}, or give an"
            " --external-id"
        )

    def _set_plan(self, plan: CreatePlan) -> None:
        self.plan, self.event = plan, plan.event
        self.slots, self.notes = self.event.timeslots, plan.notes

    def find_obstacle(self, _planned: EventResult) -> str:
        try:
            event = self.session.fetch(self.given.event_type, self.event_id)
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
        outcome, message = "unknown", "Not known whether it was created; find out with"
        message += f" {self.get_command()} before you send it again."
        if isinstance(answer, NotCreated):
            outcome = "not_created"
            message = "Not created, and it will not appear; the same command may be run again."
        trace = answer.error.invocation_id
        message = f"{message} {answer.error}"
        return replace(result, outcome=outcome, message=message, invocation_id=trace)

    def _report_created(self, result: EventResult, answer: Created) -> EventResult:
        event = self.event = replace(self.event, id=answer.event_id)
        lost = "; its answer was lost, and it was found afterwards" if answer.looked_up else ""
        done = (
            f"Created {quote_name(event.name)} as {event.type} {event.id}, external id"
            f" {event.external_id}{lost}."
        )
        collisions = [] if answer.has_conflict is False else result.collides_with
        result = replace(result, has_conflict=answer.has_conflict, collides_with=collisions)
        return self.follow(result, answer, RequestedState.of(event.timeslots), done)


class _Cancellation(EventWrite):
    command, outcome, not_done = "cancel", "cancelled", "Not canceled"
    conflict_advice = "Not canceled; nothing was changed"

    def __init__(
        self,
        session: EventSession,
        given: WriteOptions,
        event: Event,
        event_id: str,
        body: dict[str, Any],
    ) -> None:
        super().__init__(session, given, event, event_id)
        self.path, self.body = f"/event/{given.event_type}/{event_id}", body
        self.notes = [] if event.external_id else [NOT_OURS]
        self.before = is_cancelled(event.status)
        name = quote_name(event.name)
        self.named = f"{name}, {event.type} {event.id}"
        self.possible = f"{name} {'is canceled already' if self.before else 'could be canceled'}"
        self.question = "" if self.before else f"Cancel {self.named}, with all of this?"

    def send(self) -> CancelledEvent | Conflict:
        if self.before:
            return CancelledEvent(self.event.id, self.event.external_id, already=True)
        cancel, given = self.session.client.cancel_event, self.given
        return cancel(given.event_type, self.event_id, given.log_message or "")

    def report(self, result: EventResult, answer: CancelledEvent) -> EventResult:
        self.event = replace(self.event, status="cancelled")
        done = f"{self.named}, {'was canceled before' if answer.already else 'is canceled'}."
        accepted = f"Facilitron accepted the cancellation of {self.named}."
        requested = RequestedState(cancelled=True)
        return self.follow(replace(result, notes=[]), answer, requested, done, accepted)


class _TimeslotMove(EventWrite):
    command, outcome, not_done = "move", "moved", "Not changed"
    conflict_advice = "Not changed; give another time or facility"

    def __init__(
        self,
        session: EventSession,
        given: WriteOptions,
        event: Event,
        event_id: str,
        slot: Timeslot,
        change: TimeslotChange,
        notes: Sequence[str],
    ) -> None:
        super().__init__(session, given, event, event_id)
        self.slots, self.change, self.notes = (slot,), change, notes
        self.names = names = (given.event_type, event_id, slot.external_id)
        self.path = f"/event/{given.event_type}/{event_id}/timeslot/{slot.external_id}"
        with clients.as_bad_input(InvalidRequest):
            self.body = write_requests.checked_change(*names, change, session.clock())
        named = f"timeslot {slot.external_id} of {quote_name(event.name)}, {event.type} {event.id}"
        self.named = named
        self.possible = f"The {named} could be changed to this"
        self.question = f"Change the {named} to this?"

    def find_obstacle(self, planned: EventResult) -> str:
        if is_cancelled(self.event.status):
            return f"{quote_name(self.event.name)} is canceled"
        return "a booking cannot be moved onto another one" if planned.collides_with else ""

    def send(self) -> Moved | Conflict:
        return self.session.client.change_timeslot(*self.names, self.change)

    def report(self, result: EventResult, answer: Moved) -> EventResult:
        done = f"Changed the {self.named}."
        accepted = f"Facilitron accepted the change of the {self.named}."
        requested, result = RequestedState.of(self.slots), replace(result, collides_with=[])
        return self.follow(result, answer, requested, done, accepted)
