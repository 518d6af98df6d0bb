"""How `push` shows a plan and what came of it: rows, as a table for people and as JSON for
programs.

One row is an event, or a timeslot that moves; times are those of the property's clock. Nothing here
knows who rents.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from icalbridge import timezones
from icalbridge.cli.output import table
from icalbridge.push.collisions import load_bookings
from icalbridge.push.mapping import PushSlot
from icalbridge.push.steps import OVER, Cancel, Create, Move

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from rich.table import Table

    from icalbridge.models import Timeslot
    from icalbridge.push.apply import Outcome
    from icalbridge.push.mapping import Impossible
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.steps import PushedState, PushPlan, Step, Unchanged
    from icalbridge.store import Store

StepName = Literal["create", "move", "cancel", "unchanged", "impossible"]
SYMBOLS: dict[StepName, str] = {
    "create": "+",
    "move": "~",
    "cancel": "-",
    "unchanged": "=",
    "impossible": "!",
}
STYLES: dict[StepName, str] = {
    "create": "green",
    "move": "yellow",
    "cancel": "red",
    "unchanged": "dim",
    "impossible": "bold",
}


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of the plan."""

    what: StepName
    name: str
    uid: str
    when: str = ""
    where: str = ""
    count: int = 0
    """How many timeslots it is about."""
    why: str = ""
    collides_with: tuple[str, ...] = ()
    """StepName the bridge knows to stand in the way."""
    timeslots: tuple[dict[str, str], ...] = field(default=(), repr=False)


def plan_rows(
    plan: PushPlan, places: PlaceTable, store: Store, held: Sequence[PushedState]
) -> list[PlanRow]:
    """Return a row for each step, and for what stays and what cannot be."""
    staying = {each.uid: _staying(each, plan, places, held) for each in plan.unchanged}
    slots = [slot for some in (*map(_slots, plan.steps), *staying.values()) for slot in some]
    known = load_bookings(store, slots) if slots else None
    going = {each.pushed.external_id for each in plan.steps if isinstance(each, Cancel)}

    def colliding(row: PlanRow, some: Sequence[PushSlot]) -> PlanRow:
        # what goes stands in nobody's way, nor does the rest of the same event
        own = {
            each.event.id
            for each in held
            if each.event and (each.uid == row.uid or each.external_id in going)
        }
        return replace(row, collides_with=known.describe(some, places.zones, own) if known else ())

    return [
        *(colliding(_row(each, places), _slots(each)) for each in plan.steps),
        *(colliding(_unchanged(each, places), staying[each.uid]) for each in plan.unchanged),
        *_impossible(plan.impossible, places),
    ]


def _staying(
    unchanged: Unchanged, plan: PushPlan, places: PlaceTable, held: Sequence[PushedState]
) -> list[PushSlot]:
    """Return the timeslots to come of an event that stays, as they are at the vendor."""
    going = {each.pushed.external_id for each in plan.steps if isinstance(each, Cancel)}
    moving = {(each.pushed.external_id, each.before.external_id) for each in plan.moves}
    return [
        PushSlot(
            slot.external_id,
            slot.start,
            slot.end,
            places.facilities[slot.facility_id],
            slot.activity,
        )
        for each in held
        if each.uid == unchanged.uid and each.event and each.event.status not in OVER
        if each.external_id not in going
        for slot in each.event.timeslots
        if slot.start >= unchanged.start and (each.external_id, slot.external_id) not in moving
        if slot.facility_id in places.facilities
    ]


def _slots(step: Step) -> tuple[PushSlot, ...]:
    return (
        step.slots if isinstance(step, Create) else (step.after,) if isinstance(step, Move) else ()
    )


def _row(step: Step, places: PlaceTable) -> PlanRow:
    if isinstance(step, Create):
        where = _joined(each.facility.name or each.facility.id for each in step.slots)
        zone = places.zones[step.slots[0].facility.property_id]
        told = tuple(
            {"id": each.id, **_span(each.start, each.end, zone), "facility_id": each.facility.id}
            for each in step.slots
        )
        return PlanRow(
            "create",
            step.name,
            step.uid,
            _when(step.slots, zone),
            where,
            len(step.slots),
            "",
            (),
            told,
        )
    if isinstance(step, Move):
        return _move(step, places)
    zone = _zone(step.pushed, places)
    where = _joined(each.facility_name or each.facility_id for each in step.slots)
    return PlanRow(
        "cancel", step.name, step.uid, _when(step.slots, zone), where, len(step.slots), step.why
    )


def _move(step: Move, places: PlaceTable) -> PlanRow:
    before, after = step.before, step.after
    zone = places.zones[after.facility.property_id]
    changes = []
    if (before.start, before.end) != (after.start, after.end):
        changes.append(f"it is at {_when([before], zone)} now")
    if before.facility_id != after.facility.id:
        changes.append(f"it is in {before.facility_name or before.facility_id} now")
    if before.activity != after.activity:
        changes.append("its text has changed")
    told = {"id": after.id, **_span(after.start, after.end, zone), "facility_id": after.facility.id}
    where = after.facility.name or after.facility.id
    return PlanRow(
        "move", step.name, step.uid, _when([after], zone), where, 1, "; ".join(changes), (), (told,)
    )


def _unchanged(each: Unchanged, places: PlaceTable) -> PlanRow:
    zone = places.zones.get(each.property_id, "UTC")
    return PlanRow(
        "unchanged",
        each.name,
        each.uid,
        f"from {each.start.astimezone(timezones.zone(zone)):%Y-%m-%d}",
        "",
        each.count,
    )


def _impossible(some: Sequence[Impossible], places: PlaceTable) -> Iterator[PlanRow]:
    """Yield a row for all instances of an event that are impossible for the same reason."""
    clock = timezones.zone(places.zone)
    alike: dict[tuple[str, str], list[Impossible]] = {}
    for each in some:
        alike.setdefault((each.uid or each.name, each.why), []).append(each)
    for (_uid, why), instances in alike.items():
        days = sorted(each.start.astimezone(clock).date() for each in instances if each.start)
        when = str(days[0]) if days else ""
        times = f", {len(instances)} times to {days[-1]}" if len(days) > 1 else ""
        first = instances[0]
        yield PlanRow(
            "impossible", first.name, first.uid, f"{when}{times}", "", len(instances), why
        )


def _zone(held: PushedState, places: PlaceTable) -> str:
    return places.zones.get(held.event.property_id if held.event else "", "UTC")


def _span(start: datetime, end: datetime, zone: str) -> dict[str, str]:
    clock = timezones.zone(zone)
    return {
        name: moment.astimezone(clock).isoformat(timespec="seconds")
        for name, moment in (("start", start), ("end", end))
    }


def _when(slots: Sequence[PushSlot | Timeslot], zone: str) -> str:
    """Return a timeslot's time; of several, the first one's and how many there are until when."""
    clock = timezones.zone(zone)
    start, end = slots[0].start.astimezone(clock), slots[0].end.astimezone(clock)
    told = f"{start:%a %Y-%m-%d %H:%M}–{end:%H:%M}"
    return (
        told
        if len(slots) == 1
        else f"{told}, {len(slots)} times to {slots[-1].start.astimezone(clock):%Y-%m-%d}"
    )


def _joined(names: Any) -> str:
    return ", ".join(dict.fromkeys(names))


def plan_table(shown: Sequence[PlanRow]) -> Table:
    """Return a plan as a table; what stays as it is, is in it too."""
    rows = table("", "What", "Event", "When", "Where", "Why")
    for each in shown:
        why = [each.why, *(f"collides with {other}" for other in each.collides_with)]
        told = "; ".join(filter(None, why))
        rows.add_row(
            SYMBOLS[each.what],
            each.what,
            each.name or "–",
            each.when,
            each.where,
            told,
            style=STYLES[each.what],
        )
    return rows


def summary(shown: Sequence[PlanRow]) -> str:
    """Say how much of what there is, in one sentence."""
    counts = {what: sum(each.what == what for each in shown) for what in SYMBOLS}
    stay = sum(each.count for each in shown if each.what == "unchanged")
    impossible = sum(each.count for each in shown if each.what == "impossible")
    timeslots = "1 timeslot" if stay == 1 else f"{stay} timeslots"
    return (
        f"{counts['create']} to create, {counts['move']} to move, {counts['cancel']} to cancel,"
        f" {timeslots} unchanged, {impossible} impossible."
    )


def sentences(outcomes: Sequence[Outcome], places: PlaceTable) -> list[str]:
    """Return a sentence on everything that did not go as planned."""
    told = []
    for each in outcomes:
        others = ", and with ".join(each.collisions)
        if each.result == "collides":
            with_whom = others or "a booking that the bridge does not know yet"
            told.append(f"{_named(each.step, places)} is booked, and collides with {with_whom}.")
        elif each.result == "refused":
            why = each.why.removesuffix(".") + (f"; it collides with {others}" if others else "")
            told.append(
                f"{_named(each.step, places)} could not be {_DONE[type(each.step)]}: {why}."
            )
    return told


_DONE: Mapping[type, str] = {Create: "created", Move: "moved", Cancel: "cancelled"}


def _named(step: Step, places: PlaceTable) -> str:
    if isinstance(step, Cancel):
        start, zone = step.slots[0].start, _zone(step.pushed, places)
    else:
        first = _slots(step)[0]
        start, zone = first.start, places.zones[first.facility.property_id]
    return f"'{step.name}' ({start.astimezone(timezones.zone(zone)):%Y-%m-%d})"


def push_json(
    source: str, shown: Sequence[PlanRow], notes: Sequence[str], outcomes: Sequence[Outcome] | None
) -> str:
    """Return plan and outcomes as one object; outcomes are null where nothing was to be done."""
    done = [
        {
            "what": type(each.step).__name__.lower(),
            "uid": each.step.uid,
            "name": each.step.name,
            "result": each.result,
            "why": each.why,
            "collides_with": list(each.collisions),
        }
        for each in outcomes or ()
    ]
    plan = [
        {
            "what": each.what,
            "uid": each.uid,
            "name": each.name,
            "when": each.when,
            "where": each.where,
            "count": each.count,
            "why": each.why,
            "collides_with": list(each.collides_with),
            "timeslots": list(each.timeslots),
        }
        for each in shown
    ]
    whole = {
        "source": source,
        "notes": list(notes),
        "plan": plan,
        "outcomes": None if outcomes is None else done,
    }
    return json.dumps(whole, ensure_ascii=False)
