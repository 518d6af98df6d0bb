"""Requests of `event`: one event is read, created, moved or cancelled by hand.

Everything that can be checked here is checked before a request is spent. A write is confirmed on
the terminal unless `--yes` is given; afterwards the store follows at once, so that feeds show it.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import click

from icalbridge.cli.clients import (
    as_bad_input,
    require_write_permission,
)
from icalbridge.cli.event_checks import (
    NOT_OURS,
    current_collisions,
    foresee,
    move_obstacle,
    taken_id,
)
from icalbridge.cli.event_request import (
    BY_DAY,
    CreateInput,
    CreatePlan,
    TimeslotInput,
    creation_notes,
    find_timeslot,
    plan_create,
    plan_move,
    planned_event,
    quote_name,
)
from icalbridge.cli.event_result import (
    REFUSALS,
    EventResult,
    collision_lines,
    entry_values,
    event_values,
    refused,
    timeslots_table,
    without_renter,
)
from icalbridge.cli.event_session import EventSession, open_key, open_session
from icalbridge.cli.output import console, warn
from icalbridge.cli.runtime import open_current
from icalbridge.errors import ConfigurationError, InvalidRequest
from icalbridge.facilitron import (
    CancelledEvent,
    Conflict,
    Created,
    Moved,
    NotCreated,
    split_by_day,
    write_requests,
)
from icalbridge.push.requested import RequestedSlot, RequestedState
from icalbridge.statuses import is_cancelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.cli.signals import Stop
    from icalbridge.facilitron import CreateOutcome
    from icalbridge.models import Event
    from icalbridge.settings import Settings


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """Options of every command that writes."""

    key: str = ""
    """The name of the key; empty: the one that the property belongs to."""
    dry_run: bool = False
    yes: bool = False


def get_event(settings: Settings, event_type: str, event_id: str, key: str) -> EventResult:
    """Fetch one event; nothing is written but the quota's use."""
    with open_session(settings, key, event_type, event_id) as session:
        event = session.fetch(event_type, event_id)
        external = f", external id {event.external_id}" if event.external_id else ""
        message = (
            f"{quote_name(event.name)}: {event.status} {event.type} {event.id}{external}, times of"
            f" {event.zone}."
        )
        return EventResult("get", "found", message, event_values(session.store, event))


def create_event(settings: Settings, given: CreateInput, options: WriteOptions) -> EventResult:
    """Create an event, and let the store follow."""
    require_write_permission(settings, dry_run=options.dry_run, yes=options.yes)
    settings.require_keys()
    with open_current(settings) as store:
        plan = plan_create(store, given)
        with open_key(settings, store, plan.owner.id, options.key) as session:
            return _create(session, plan, options)


def _create(session: EventSession, plan: CreatePlan, options: WriteOptions) -> EventResult:
    creator, notes = session.overnight_creator(), [*plan.notes]
    if creator.by_day and (split := split_by_day(plan.request)) != plan.request:
        plan, notes = replace(plan, request=split), [*notes, BY_DAY]
    with as_bad_input(InvalidRequest):
        body = write_requests.checked_event(plan.request)
    event = planned_event(plan)
    result = EventResult(
        "create",
        "planned",
        "",
        event_values(session.store, event),
        collides_with=[entry_values(entry) for entry in current_collisions(session, event)],
        notes=[*notes, *creation_notes(plan.request, session.clock())],
    )
    named = f"{quote_name(event.name)} with the external id {event.external_id}"
    if options.dry_run:
        result = foresee(result, taken_id(session, plan.request))
        done = f"{named} could be created"
        return _dry_run(session.settings, result, done, "POST", "/event", body)
    question = f"Create {named} at {plan.owner.name or plan.owner.id}?"
    _confirm(question, result, options, session.stop)
    with _explain_interruption(event.type, event.external_id):
        try:
            sent, outcome = creator.create(plan.request)
        except REFUSALS as error:
            return refused(replace(result, notes=notes), error, "Not created")
        if sent != plan.request:
            plan, notes = replace(plan, request=sent), [*notes, BY_DAY]
        return _created(session, replace(result, notes=notes), outcome, plan)


def _created(
    session: EventSession, result: EventResult, outcome: CreateOutcome, plan: CreatePlan
) -> EventResult:
    request = plan.request
    command = _get_command(request.event_type, request.external_id)
    if isinstance(outcome, Created):
        written = replace(planned_event(plan), id=outcome.event_id)
        slots = [
            RequestedSlot(slot.external_id, slot.start, slot.end, slot.facility_id)
            for slot in written.timeslots
        ]
        after = session.follow(written, RequestedState(tuple(slots)))
        lost = "; its answer was lost, and it was found afterwards" if outcome.looked_up else ""
        return replace(
            result,
            outcome="created",
            message=(
                f"Created {quote_name(request.name)} as {request.event_type} {outcome.event_id},"
                f" external id {request.external_id}{lost}."
            ),
            event=event_values(session.store, after.event or written),
            has_conflict=outcome.has_conflict,
            collides_with=result.collides_with if outcome.has_conflict is not False else [],
            followed=after.state == "shown",
            notes=[*result.notes, *after.notes],
            invocation_id=outcome.invocation_id,
        )
    if isinstance(outcome, Conflict):
        return refused(
            result,
            outcome,
            f"Not created; look at what is there with {command}, or give an --external-id",
        )
    failed = replace(result, invocation_id=outcome.error.invocation_id)
    if isinstance(outcome, NotCreated):
        message = (
            "Not created, and it will not appear; the same command may be run again."
            f" {outcome.error}"
        )
        return replace(failed, outcome="not_created", message=message)
    message = (
        f"Not known whether it was created; find out with {command} before you send it again."
        f" {outcome.error}"
    )
    return replace(failed, outcome="unknown", message=message)


def cancel_event(
    settings: Settings, event_type: str, event_id: str, log_message: str, options: WriteOptions
) -> EventResult:
    """Cancel an event, and let the store follow."""
    require_write_permission(settings, dry_run=options.dry_run, yes=options.yes)
    with as_bad_input(InvalidRequest):
        body = write_requests.checked_cancellation(event_type, event_id, log_message)
    with open_session(settings, options.key, event_type, event_id) as session:
        event = session.fetch(event_type, event_id)
        notes = [] if event.external_id else [NOT_OURS]
        result = EventResult(
            "cancel", "planned", "", event_values(session.store, event), notes=notes
        )
        if options.dry_run:
            return _dry_run(
                settings,
                result,
                _cancel_text(event),
                "PATCH",
                f"/event/{event_type}/{event_id}",
                body,
            )
        if not is_cancelled(event.status):
            question = (
                f"Cancel {quote_name(event.name)}, {event.type} {event.id}, with all of this?"
            )
            _confirm(question, result, options, session.stop)
        with _explain_interruption(event_type, event_id):
            before = CancelledEvent(event.id, event.external_id, already=True)
            outcome = before
            if not is_cancelled(event.status):
                try:
                    answered = session.client.cancel_event(event_type, event_id, log_message)
                except REFUSALS as error:
                    return refused(result, error, "Not cancelled")
                if isinstance(answered, Conflict):
                    return refused(result, answered, "Not cancelled; nothing was changed")
                outcome = answered
            return _cancelled(session, result, event, outcome)


def _cancel_text(event: Event) -> str:
    done = is_cancelled(event.status)
    return f"{quote_name(event.name)} {'is cancelled already' if done else 'could be cancelled'}"


def _cancelled(
    session: EventSession, result: EventResult, event: Event, outcome: CancelledEvent
) -> EventResult:
    written = replace(event, status="cancelled")
    after = session.follow(written, RequestedState(cancelled=True))
    named = f"{quote_name(event.name)}, {event.type} {event.id}"
    message = f"{named}, {'was cancelled before' if outcome.already else 'is cancelled'}."
    if after.state == "not yet":
        message = f"Facilitron accepted the cancellation of {named}."
    return replace(
        result,
        outcome="cancelled",
        message=message,
        event=event_values(session.store, after.event or written),
        followed=after.state == "shown",
        notes=after.notes,
        invocation_id=outcome.invocation_id,
    )


def move_timeslot(
    settings: Settings,
    event_type: str,
    event_id: str,
    timeslot_id: str,
    change: TimeslotInput,
    options: WriteOptions,
) -> EventResult:
    """Give a timeslot other times, another facility or another name, and let the store follow."""
    require_write_permission(settings, dry_run=options.dry_run, yes=options.yes)
    if change.empty:
        raise ConfigurationError(
            "Nothing to change; give --start, --end, --facility or --activity."
        )
    with open_session(settings, options.key, event_type, event_id) as session:
        event = session.fetch(event_type, event_id)
        index = find_timeslot(event, timeslot_id)
        after, request, notes = plan_move(session.store, event, index, change)
        with as_bad_input(InvalidRequest):
            body = write_requests.checked_change(
                event_type, event_id, timeslot_id, request, session.clock()
            )
        slot = after.timeslots[index]
        result = EventResult(
            "move",
            "planned",
            "",
            event_values(session.store, after),
            collides_with=[
                entry_values(entry)
                for entry in current_collisions(session, replace(after, timeslots=(slot,)))
            ],
            notes=notes,
        )
        named = f"timeslot {timeslot_id} of {quote_name(event.name)}, {event.type} {event.id}"
        if options.dry_run:
            result = foresee(result, move_obstacle(event, result))
            path = f"/event/{event_type}/{event_id}/timeslot/{timeslot_id}"
            return _dry_run(
                settings, result, f"The {named} could be changed to this", "PATCH", path, body
            )
        _confirm(f"Change the {named} to this?", result, options, session.stop)
        with _explain_interruption(event_type, event_id):
            try:
                outcome = session.client.change_timeslot(event_type, event_id, timeslot_id, request)
            except REFUSALS as error:
                return refused(result, error, "Not changed")
            if isinstance(outcome, Conflict):
                return refused(result, outcome, "Not changed; give another time or facility")
            place = slot.facility_id if change.facility else None
            requested = RequestedSlot(timeslot_id, slot.start, slot.end, place, change.activity)
            return _moved(session, result, after, requested, named, outcome)


def _moved(
    session: EventSession,
    result: EventResult,
    written: Event,
    requested: RequestedSlot,
    named: str,
    outcome: Moved,
) -> EventResult:
    after = session.follow(written, RequestedState((requested,)))
    not_yet = after.state == "not yet"
    return replace(
        result,
        outcome="moved",
        message=(
            f"Facilitron accepted the change of the {named}."
            if not_yet
            else f"Changed the {named}."
        ),
        event=event_values(session.store, after.event or written),
        collides_with=[],
        followed=after.state == "shown",
        notes=[*result.notes, *after.notes],
        invocation_id=outcome.invocation_id,
    )


def _confirm(question: str, result: EventResult, options: WriteOptions, stop: Stop) -> None:
    """Show what would be written, and ask; raises `click.Abort` for a no."""
    if options.yes:
        return
    if result.event:
        console(stderr=True).print(timeslots_table(result.event))
    for line in (*result.notes, *collision_lines(result)):
        click.echo(line, err=True)
    with stop.waiting():
        click.confirm(question, abort=True, err=True)


def _dry_run(
    settings: Settings, result: EventResult, done: str, method: str, path: str, body: dict[str, Any]
) -> EventResult:
    off = (
        [] if settings.enable_writes else ["Writing is off; ICALBRIDGE_ENABLE_WRITES=1 allows it."]
    )
    request = {"method": method, "path": path, "body": without_renter(body)}
    message = result.message or f"{done}; nothing was sent."
    return replace(result, message=message, request=request, notes=[*result.notes, *off])


@contextmanager
def _explain_interruption(event_type: str, event_id: str) -> Iterator[None]:
    """Warn that an interrupted write may be done."""
    try:
        yield
    except KeyboardInterrupt:
        warn(
            "interrupted; it may be done or not: look with"
            f" {_get_command(event_type, event_id)} before it is sent again."
        )
        raise


def _get_command(event_type: str, event_id: str) -> str:
    option = "" if event_type == "reservation" else f"--event-type {event_type} "
    return f"`icalbridge event get {option}{event_id}`"
