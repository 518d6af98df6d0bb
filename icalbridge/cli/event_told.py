"""How `event` answers: one JSON object for programs; a sentence and a table of timeslots for
people.

What was done goes to stdout, what went wrong and what else to know to stderr. Nothing here knows
who rents.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.table import Table

from icalbridge import timezones
from icalbridge.feeds import display_text
from icalbridge.models import Event, Timeslot

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from icalbridge.cli.event_given import Planned
    from icalbridge.models import Entry
    from icalbridge.store import Store

WIDE = 1000
"""Columns of what is no terminal."""
HIDDEN = frozenset({"renter_email", "renter_owner"})
"""What is sent and never shown."""
DONE = frozenset({"found", "created", "moved", "cancelled", "planned"})
FAILED = 1


@dataclass(frozen=True, slots=True)
class Told:
    """What a command found or did. As JSON it has these names, in this order; what does not apply
    is null or empty.
    """

    command: str
    outcome: str
    """`found`, `created`, `moved`, `cancelled`, `planned` (by --dry-run); or `conflict`,
    `not_created`, `unknown`.
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
        """The exit code."""
        return 0 if self.outcome in DONE else FAILED


def say(told: Told, *, as_json: bool) -> None:
    """Print what a command did."""
    if as_json:
        click.echo(json.dumps(asdict(told), ensure_ascii=False, indent=2))
    if told.code:
        click.secho(f"icalbridge: {told.message}", err=True, fg="red")
        _warn(told)
    elif not as_json:
        click.echo(told.message)
        if told.event:
            console(sys.stdout.isatty()).print(timeslots_table(told.event))
        if told.followed:
            click.echo("The calendars here show it so.")
        if told.request:
            click.echo(f"{told.request['method']} {told.request['path']}")
            click.echo(json.dumps(told.request["body"], ensure_ascii=False, indent=2))
        _warn(told)


def _warn(told: Told) -> None:
    lines = [*told.notes, *collision_lines(told.collides_with)]
    if told.has_conflict:
        lines.insert(
            0, "Facilitron says that it collides with another booking; both are booked now."
        )
    for each in lines:
        click.echo(f"icalbridge: {each}", err=True)


def console(terminal: bool, *, stderr: bool = False) -> Console:
    """Return a console that takes a name in brackets for a name, and cuts nothing where no terminal
    does.
    """
    return Console(
        markup=False, emoji=False, highlight=False, stderr=stderr, width=None if terminal else WIDE
    )


def timeslots_table(event: dict[str, Any]) -> Table:
    """Return an event's timeslots in the local time of their property."""
    table = Table(
        "Start", "End", "Facility", "Activity", "Status", "Timeslot", box=None, pad_edge=False
    )
    for each in event["timeslots"]:
        start, end = (f"{each[name][:10]} {each[name][11:16]}" for name in ("start", "end"))
        shown = (
            each["facility"] or each["facility_id"],
            each["activity"],
            each["status"],
            each["external_id"],
        )
        table.add_row(start, end.removeprefix(start[:11]), *(text or "–" for text in shown))
    return table


def collision_lines(collisions: Sequence[dict[str, Any]]) -> list[str]:
    """Return a sentence on each booking that stands in the way."""
    return [
        f"{each['facility'] or each['facility_id']} is booked from"
        f" {each['start'][:16].replace('T', ' ')} to {each['end'][:16].replace('T', ' ')}:"
        f" {each['name'] or 'Reserved'} ({each['event_type']} {each['event_id']})."
        for each in collisions
    ]


def event_told(store: Store, event: Event) -> dict[str, Any]:
    """Return an event as JSON has it: times as the property's clocks show them, with their
    offset.
    """
    owner = store.read.property(event.property_id)
    return {
        "event_type": event.type,
        "event_id": event.id,
        "external_id": event.external_id,
        "name": display_text(event.name),
        "status": event.status,
        "property_id": event.property_id,
        "property": owner.name if owner else "",
        "zone": event.zone,
        "timeslots": [_timeslot(store, each, event.zone) for each in _by_start(event.timeslots)],
    }


def _by_start(timeslots: Sequence[Timeslot]) -> list[Timeslot]:
    return sorted(timeslots, key=lambda each: (each.start, each.end, each.facility_id))


def _timeslot(store: Store, timeslot: Timeslot, zone: str) -> dict[str, Any]:
    known = store.read.facility(timeslot.facility_id)
    return {
        "external_id": timeslot.external_id,
        "start": local(timeslot.start, zone),
        "end": local(timeslot.end, zone),
        "facility_id": timeslot.facility_id,
        "facility": known.name if known else display_text(timeslot.facility_name),
        "activity": display_text(timeslot.activity),
        "status": timeslot.status,
    }


def local(moment: datetime, zone: str) -> str:
    """Return a moment as a zone's clocks show it, with their offset."""
    return moment.astimezone(timezones.zone(zone)).isoformat(timespec="seconds")


def planned_event(plan: Planned) -> Event:
    """Return an event that is to be made, as it will be."""
    request = plan.request
    slots = tuple(
        Timeslot(
            each.start,
            each.end,
            place.id,
            place.name,
            place.type,
            each.activity_name or "",
            "active",
            each.external_id,
        )
        for each, place in zip(request.timeslots, plan.places, strict=True)
    )
    return Event(
        "",
        request.event_type,
        plan.owner.id,
        request.zone,
        request.name,
        "approved",
        request.external_id,
        slots,
    )


def collisions(store: Store, event: Event) -> list[dict[str, Any]]:
    """Return what the store knows to be on in an event's facilities during its timeslots, but for
    its own.
    """
    found: dict[str, Entry] = {}
    for each in event.timeslots:
        for entry in store.read.entries_between([event.property_id], each.start, each.end):
            if entry.facility_id == each.facility_id and entry.event_id != event.id:
                found[entry.uid] = entry
    ordered = sorted(found.values(), key=lambda each: (each.start, each.facility_id, each.uid))
    return [
        {
            "event_type": each.event_type,
            "event_id": each.event_id,
            "name": each.name,
            "activity": each.activity,
            "facility_id": each.facility_id,
            "facility": each.place,
            "start": local(each.start, each.zone),
            "end": local(each.end, each.zone),
        }
        for each in ordered
    ]


def without_renter(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request's body as it may be shown."""
    return {name: "(hidden)" if name in HIDDEN else value for name, value in body.items()}


def with_timeslot(event: Event, index: int, **changed: Any) -> Event:
    """Return an event with one timeslot changed, as a move would leave it."""
    slots = list(event.timeslots)
    slots[index] = replace(slots[index], **changed)
    return replace(event, timeslots=tuple(slots))
