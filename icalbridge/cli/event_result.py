"""Results of `event`: as one JSON object, or as a sentence and a table of timeslots.

Results go to stdout, errors and notes to stderr. No result contains the renter. After a write the
store follows, and the event is compared with the request.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import click

from icalbridge import timezones
from icalbridge.cli import FAILED
from icalbridge.cli.clients import make_grant
from icalbridge.cli.output import console, print_failure, print_json, table, warn
from icalbridge.errors import IcalbridgeError, NotFound
from icalbridge.sync.schedule import Schedule
from icalbridge.sync.windows import today, window_days
from icalbridge.text import display_text, facility_with_school

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.table import Table

    from icalbridge.models import Entry, Event, Timeslot
    from icalbridge.push.session import WriteSession
    from icalbridge.push.steps import RequestedState
    from icalbridge.settings import Settings
    from icalbridge.store import Store

HIDDEN = frozenset({"renter_email", "renter_owner"})
"""Fields that are sent and never shown."""
DONE = frozenset({"found", "created", "moved", "cancelled", "planned"})


@dataclass(frozen=True, slots=True)
class EventResult:
    """Outcome of a command. JSON has these names in this order; what does not apply is null or
    empty.
    """

    command: str
    outcome: str
    """`found`, `created`, `moved`, `cancelled`, `planned` (by --dry-run); or `conflict`,
    `refused`, `not_created`, `unknown`.
    """
    message: str
    event: dict[str, Any] | None = None
    has_conflict: bool | None = None
    """Whether the vendor says that what was created collides with another booking."""
    collides_with: list[dict[str, Any]] = field(default_factory=list)
    """What the store knows to be in the same places at the same times."""
    followed: bool | None = None
    """Whether the calendars here show what was written already, by the vendor's answer after the
    write.
    """
    request: dict[str, Any] | None = None
    """What would be sent; only of a dry run."""
    notes: list[str] = field(default_factory=list)
    invocation_id: str = ""

    @property
    def code(self) -> int:
        return 0 if self.outcome in DONE else FAILED


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


def print_result(result: EventResult, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(result))
    if result.code:
        print_failure(result.message)
        _print_notes(result)
    elif not as_json:
        click.echo(result.message)
        if result.event:
            console().print(timeslots_table(result.event))
        if result.followed:
            click.echo("The calendars here show it so.")
        if result.request:
            click.echo(f"{result.request['method']} {result.request['path']}")
            click.echo(json.dumps(result.request["body"], ensure_ascii=False, indent=2))
        _print_notes(result)


def _print_notes(result: EventResult) -> None:
    if result.outcome == "refused" and result.invocation_id:
        warn(f"Facilitron's support asks for this: invocation_id {result.invocation_id}.")
    if result.has_conflict:
        warn("Facilitron says that it collides with another booking; both are booked now.")
    for line in (*result.notes, *collision_lines(result)):
        warn(line)


def timeslots_table(event: dict[str, Any]) -> Table:
    """Return an event's timeslots in the local time of their property."""
    rows = table("Start", "End", "Facility", "Activity", "Status", "Timeslot")
    for slot in event["timeslots"]:
        start, end = (f"{slot[name][:10]} {slot[name][11:16]}" for name in ("start", "end"))
        texts = (
            facility_with_school(slot["facility"] or slot["facility_id"], event["property"]),
            slot["activity"],
            slot["status"],
            slot["external_id"],
        )
        rows.add_row(start, end.removeprefix(start[:11]), *(text or "–" for text in texts))
    return rows


def collision_lines(result: EventResult) -> list[str]:
    """Return a sentence on each booking that collides; all are in one property."""
    school = result.event["property"] if result.event else ""
    return [
        f"{facility_with_school(item['facility'] or item['facility_id'], school)} is booked from"
        f" {item['start'][:16].replace('T', ' ')} to {item['end'][:16].replace('T', ' ')}:"
        f" {item['name'] or 'Reserved'} ({item['event_type']} {item['event_id']})."
        for item in result.collides_with
    ]


def event_values(store: Store, event: Event) -> dict[str, Any]:
    """Return an event as JSON has it: times in the property's zone with their offset."""
    owner = store.read.property(event.property_id)
    by_start = sorted(event.timeslots, key=lambda slot: (slot.start, slot.end, slot.facility_id))
    return {
        "event_type": event.type,
        "event_id": event.id,
        "external_id": event.external_id,
        "name": display_text(event.name),
        "status": event.status,
        "property_id": event.property_id,
        "property": owner.name if owner else "",
        "zone": event.zone,
        "timeslots": [_timeslot_values(store, slot, event.zone) for slot in by_start],
    }


def _timeslot_values(store: Store, timeslot: Timeslot, zone: str) -> dict[str, Any]:
    known = store.read.facility(timeslot.facility_id)
    return {
        "external_id": timeslot.external_id,
        "start": _local_text(timeslot.start, zone),
        "end": _local_text(timeslot.end, zone),
        "facility_id": timeslot.facility_id,
        "facility": known.name if known else display_text(timeslot.facility_name),
        "activity": display_text(timeslot.activity),
        "status": timeslot.status,
    }


def _local_text(moment: datetime, zone: str) -> str:
    return moment.astimezone(timezones.zone(zone)).isoformat(timespec="seconds")


def entry_values(entry: Entry) -> dict[str, Any]:
    return {
        "event_type": entry.event_type,
        "event_id": entry.event_id,
        "name": entry.name,
        "activity": entry.activity,
        "facility_id": entry.facility_id,
        "facility": entry.place,
        "start": _local_text(entry.start, entry.zone),
        "end": _local_text(entry.end, entry.zone),
    }
