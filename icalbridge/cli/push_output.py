"""Plan and outcomes of `push`: rows, as a table and as JSON.

A row is an event, or a timeslot that moves; times are in the property's zone. No row contains the
renter.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import time
from typing import TYPE_CHECKING, Literal

from icalbridge import timezones
from icalbridge.cli.output import table
from icalbridge.facilitron import LAST_MINUTE
from icalbridge.push.collisions import load_bookings
from icalbridge.push.instances import plain_uid
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
    from icalbridge.push.tally import PushTally
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
    """Row of a plan."""

    what: StepName
    name: str
    uid: str
    when: str = ""
    where: str = ""
    count: int = 0
    """Number of timeslots."""
    why: str = ""
    collides_with: tuple[str, ...] = ()
    """What is known to stand in the way."""
    timeslots: tuple[dict[str, str], ...] = field(default=(), repr=False)


def plan_rows(
    plan: PushPlan, places: PlaceTable, store: Store, pushed: Sequence[PushedState]
) -> list[PlanRow]:
    """Return a row for each step, each unchanged event and each impossible one."""
    staying = {event.uid: _staying(event, plan, places, pushed) for event in plan.unchanged}
    slots = [slot for group in (*map(_slots, plan.steps), *staying.values()) for slot in group]
    bookings = load_bookings(store, slots) if slots else None
    going = {step.pushed.external_id for step in plan.steps if isinstance(step, Cancel)}
    leaving = {move.leaves for move in plan.moves}

    def colliding(row: PlanRow, slots: Sequence[PushSlot]) -> PlanRow:
        # what goes or moves away stands in nobody's way, nor does the rest of the same event
        own = {
            state.event.id
            for state in pushed
            if state.event and (state.uid == row.uid or state.external_id in going)
        }
        others = bookings.describe(slots, places, own, leaving) if bookings else ()
        return replace(row, collides_with=others)

    return [
        *(colliding(_row(step, places), _slots(step)) for step in plan.steps),
        *(colliding(_unchanged(event, places), staying[event.uid]) for event in plan.unchanged),
        *_impossible(plan.impossible, places),
    ]


def _staying(
    unchanged: Unchanged, plan: PushPlan, places: PlaceTable, pushed: Sequence[PushedState]
) -> list[PushSlot]:
    """Return the timeslots to come of an event that stays, as they are at the vendor."""
    going = {step.pushed.external_id for step in plan.steps if isinstance(step, Cancel)}
    moving = {(move.pushed.external_id, move.before.external_id) for move in plan.moves}
    return [
        PushSlot(
            slot.external_id,
            slot.start,
            slot.end,
            places.facilities[slot.facility_id],
            slot.activity,
        )
        for state in pushed
        if state.uid == unchanged.uid and state.event and state.event.status not in OVER
        if state.external_id not in going
        for slot in state.event.timeslots
        if slot.start >= unchanged.start and (state.external_id, slot.external_id) not in moving
        if slot.facility_id in places.facilities
    ]


def _slots(step: Step) -> tuple[PushSlot, ...]:
    return (
        step.slots if isinstance(step, Create) else (step.after,) if isinstance(step, Move) else ()
    )


def _row(step: Step, places: PlaceTable) -> PlanRow:
    if isinstance(step, Create):
        names = [slot.facility.name or slot.facility.id for slot in step.slots]
        property_id = step.slots[0].facility.property_id
        where, zone = places.with_school(names, property_id), places.zones[property_id]
        values = tuple(
            {"id": slot.id, **_span(slot.start, slot.end, zone), "facility_id": slot.facility.id}
            for slot in step.slots
        )
        return PlanRow(
            "create",
            step.name,
            step.uid,
            _when(step.slots, zone),
            where,
            len(step.slots),
            _all_day(step.slots, zone),
            (),
            values,
        )
    if isinstance(step, Move):
        return _move(step, places)
    zone = _zone(step.pushed, places)
    where = places.with_school(
        (slot.facility_name or slot.facility_id for slot in step.slots), step.pushed.property_id
    )
    return PlanRow(
        "cancel", step.name, step.uid, _when(step.slots, zone), where, len(step.slots), step.why
    )


def _move(step: Move, places: PlaceTable) -> PlanRow:
    before, after = step.before, step.after
    property_id = after.facility.property_id
    zone = places.zones[property_id]
    changes = []
    if (before.start, before.end) != (after.start, after.end):
        changes.append(f"it is at {_when([before], zone)} now")
    if before.facility_id != after.facility.id:
        changes.append(f"it is in {before.facility_name or before.facility_id} now")
    if before.activity != after.activity:
        changes.append("its text has changed")
    if whole := _all_day([after], zone):
        changes.append(whole)
    values = {
        "id": after.id,
        **_span(after.start, after.end, zone),
        "facility_id": after.facility.id,
    }
    where = places.with_school([after.facility.name or after.facility.id], property_id)
    return PlanRow(
        "move",
        step.name,
        step.uid,
        _when([after], zone),
        where,
        1,
        "; ".join(changes),
        (),
        (values,),
    )


def _unchanged(item: Unchanged, places: PlaceTable) -> PlanRow:
    zone = places.zones.get(item.property_id, "UTC")
    return PlanRow(
        "unchanged",
        item.name,
        item.uid,
        f"from {item.start.astimezone(timezones.zone(zone)):%Y-%m-%d}",
        "",
        item.count,
    )


def _impossible(items: Sequence[Impossible], places: PlaceTable) -> Iterator[PlanRow]:
    """Yield a row for all instances of an event that are impossible for the same reason."""
    clock = timezones.zone(places.zone)
    alike: dict[tuple[str, str], list[Impossible]] = {}
    for item in items:
        alike.setdefault((item.uid or item.name, item.why), []).append(item)
    for (_uid, why), instances in alike.items():
        days = sorted(
            instance.start.astimezone(clock).date() for instance in instances if instance.start
        )
        when = str(days[0]) if days else ""
        times = f", {len(instances)} times to {days[-1]}" if len(days) > 1 else ""
        first = instances[0]
        yield PlanRow(
            "impossible", first.name, first.uid, f"{when}{times}", "", len(instances), why
        )


def _zone(pushed: PushedState, places: PlaceTable) -> str:
    return places.zones.get(pushed.event.property_id if pushed.event else "", "UTC")


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
    end_text = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %Y-%m-%d %H:%M}"
    text = f"{start:%a %Y-%m-%d %H:%M}–{end_text}"
    return (
        text
        if len(slots) == 1
        else f"{text}, {len(slots)} times to {slots[-1].start.astimezone(clock):%Y-%m-%d}"
    )


def _all_day(slots: Sequence[PushSlot], zone: str) -> str:
    """Return a warning where timeslots take their place for a whole day."""
    clock = timezones.zone(zone)
    spans = [(slot.start.astimezone(clock), slot.end.astimezone(clock)) for slot in slots]
    whole = any(start.time() == time() and end.time() == LAST_MINUTE for start, end in spans)
    return "ALL DAY: nobody else has the place from 00:00 to 23:59" if whole else ""


def plan_table(shown: Sequence[PlanRow]) -> Table:
    """Return a plan as a table; what stays as it is, is in it too."""
    rows = table("", "What", "Event", "When", "Where", "Why")
    for row in shown:
        why = [row.why, *(f"collides with {other}" for other in row.collides_with)]
        reasons = "; ".join(filter(None, why))
        rows.add_row(
            SYMBOLS[row.what],
            row.what,
            row.name or "–",
            row.when,
            row.where,
            reasons,
            style=STYLES[row.what],
        )
    return rows


def summary(shown: Sequence[PlanRow]) -> str:
    """Return the counts of a plan in one sentence."""
    counts = {what: sum(row.what == what for row in shown) for what in SYMBOLS}
    stay = sum(row.count for row in shown if row.what == "unchanged")
    impossible = sum(row.count for row in shown if row.what == "impossible")
    timeslots = "1 timeslot" if stay == 1 else f"{stay} timeslots"
    return (
        f"{counts['create']} to create, {counts['move']} to move, {counts['cancel']} to cancel,"
        f" {timeslots} unchanged, {impossible} impossible."
    )


def sum_sentence(numbers: PushTally) -> str:
    """Return what becomes of all instances in the calendar in one sentence."""
    counts = [f"{count} {name.replace('_', ' ')}" for name, count in asdict(numbers).items()]
    return f"In the calendar: {counts[0]} = {' + '.join(counts[1:])}."


def sentences(outcomes: Sequence[Outcome], places: PlaceTable) -> list[str]:
    """Return a sentence on everything that did not go as planned."""
    lines = []
    for outcome in outcomes:
        others = ", and with ".join(outcome.collisions)
        if outcome.result == "collides":
            with_whom = others or "a booking that the bridge does not know yet"
            lines.append(
                f"{_named(outcome.step, places)} is booked, and collides with {with_whom}."
            )
        elif outcome.result == "refused":
            why = outcome.why.removesuffix(".") + (f"; it collides with {others}" if others else "")
            lines.append(
                f"{_named(outcome.step, places)} could not be {_DONE[type(outcome.step)]}: {why}."
            )
    return lines


_DONE: Mapping[type, str] = {Create: "created", Move: "moved", Cancel: "cancelled"}


def _named(step: Step, places: PlaceTable) -> str:
    if isinstance(step, Cancel):
        start, zone = step.slots[0].start, _zone(step.pushed, places)
    else:
        first = _slots(step)[0]
        start, zone = first.start, places.zones[first.facility.property_id]
    return f"'{step.name}' ({start.astimezone(timezones.zone(zone)):%Y-%m-%d})"


def push_json(
    source: str,
    shown: Sequence[PlanRow],
    notes: Sequence[str],
    numbers: PushTally,
    outcomes: Sequence[Outcome] | None,
) -> str:
    """Return plan and outcomes as one object; outcomes are null where nothing was to be done."""
    done = [
        {
            "what": type(outcome.step).__name__.lower(),
            "uid": plain_uid(outcome.step.uid),
            "name": outcome.step.name,
            "result": outcome.result,
            "why": outcome.why,
            "collides_with": list(outcome.collisions),
        }
        for outcome in outcomes or ()
    ]
    plan = [
        {
            "what": row.what,
            "uid": plain_uid(row.uid),
            "name": row.name,
            "when": row.when,
            "where": row.where,
            "count": row.count,
            "why": row.why,
            "collides_with": list(row.collides_with),
            "timeslots": list(row.timeslots),
        }
        for row in shown
    ]
    whole = {
        "source": source,
        "notes": list(notes),
        "sum": asdict(numbers),
        "plan": plan,
        "outcomes": None if outcomes is None else done,
    }
    return json.dumps(whole, ensure_ascii=False)
