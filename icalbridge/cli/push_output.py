"""Plan and outcomes of `push`: rows, as a table and as JSON.

A row is an event, or a timeslot that moves; times are in the property's zone. No row contains the
renter.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from datetime import time
from typing import TYPE_CHECKING, Any, Literal

from icalbridge import timezones
from icalbridge.cli.output import table
from icalbridge.facilitron import LAST_MINUTE
from icalbridge.push.collisions import load_bookings
from icalbridge.push.instances import plain_uid
from icalbridge.push.mapping import PushSlot
from icalbridge.push.steps import Cancel, Create, Move, event_ids
from icalbridge.push.tally import tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rich.table import Table

    from icalbridge.models import Timeslot
    from icalbridge.push.apply import Outcome
    from icalbridge.push.mapping import Impossible
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.service import AppliedPush, PlannedPush
    from icalbridge.push.steps import PushedState, PushPlan, Step, Unchanged
    from icalbridge.store import Store

StepName = Literal["create", "move", "cancel", "unchanged", "impossible"]
STYLES: dict[StepName, tuple[str, str]] = {
    "create": ("+", "green"),
    "move": ("~", "yellow"),
    "cancel": ("-", "red"),
    "unchanged": ("=", "dim"),
    "impossible": ("!", "bold"),
}
"""Symbol and style by step."""
_DONE: Mapping[type, str] = {Create: "created", Move: "moved", Cancel: "cancelled"}


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
    rows = [
        *((_row(step, places), _slots(step)) for step in plan.steps),
        *(
            (_unchanged(event, places), _staying(event, plan, places, pushed))
            for event in plan.unchanged
        ),
    ]
    slots = [slot for _, slots in rows for slot in slots]
    bookings = load_bookings(store, slots) if slots else None
    # what goes or moves away stands in nobody's way, nor does the rest of the same event
    going = {step.pushed.external_id for step in plan.steps if isinstance(step, Cancel)}
    leaving = {move.leaves for move in plan.moves}

    def colliding(row: PlanRow, slots: Sequence[PushSlot]) -> PlanRow:
        own = (state for state in pushed if state.uid == row.uid or state.external_id in going)
        others = bookings.describe(slots, places, event_ids(own), leaving) if bookings else ()
        return replace(row, collides_with=others)

    return [*(colliding(*row) for row in rows), *_impossible(plan.impossible, places)]


def _staying(
    unchanged: Unchanged, plan: PushPlan, places: PlaceTable, pushed: Sequence[PushedState]
) -> list[PushSlot]:
    """Return the timeslots to come of an event that stays, as they are at the vendor."""
    going = {step.pushed.external_id for step in plan.steps if isinstance(step, Cancel)}
    moving = {(move.pushed.external_id, move.before.external_id) for move in plan.moves}
    return [
        PushSlot.as_pushed(slot, places)
        for state in pushed
        if state.uid == unchanged.uid and state.live and state.external_id not in going
        for slot in state.timeslots
        if slot.start >= unchanged.start and (state.external_id, slot.external_id) not in moving
        if slot.facility_id in places.facilities
    ]


def _slots(step: Step) -> tuple[PushSlot, ...]:
    if isinstance(step, Create):
        return step.slots
    return (step.after,) if isinstance(step, Move) else ()


def _row(step: Step, places: PlaceTable) -> PlanRow:
    if isinstance(step, Cancel):
        zone = places.zones.get(step.pushed.property_id, "UTC")
        names = [slot.facility_name or slot.facility_id for slot in step.slots]
        where = places.with_school(names, step.pushed.property_id)
        when, count = _when(step.slots, zone), len(step.slots)
        return PlanRow("cancel", step.name, step.uid, when, where, count, step.why)
    slots = _slots(step)
    property_id = slots[0].facility.property_id
    zone = places.zones[property_id]
    changes = _changes(step, zone) if isinstance(step, Move) else []
    return PlanRow(
        "move" if isinstance(step, Move) else "create",
        step.name,
        step.uid,
        _when(slots, zone),
        places.with_school([slot.facility.name or slot.facility.id for slot in slots], property_id),
        len(slots),
        "; ".join([*changes, *_all_day(slots, zone)]),
        timeslots=tuple(_timeslot(slot, zone) for slot in slots),
    )


def _timeslot(slot: PushSlot, zone: str) -> dict[str, str]:
    start, end = (
        moment.astimezone(timezones.zone(zone)).isoformat(timespec="seconds")
        for moment in (slot.start, slot.end)
    )
    return {"id": slot.id, "start": start, "end": end, "facility_id": slot.facility.id}


def _changes(step: Move, zone: str) -> Iterator[str]:
    before, after = step.before, step.after
    if (before.start, before.end) != (after.start, after.end):
        yield f"it is at {_when([before], zone)} now"
    if before.facility_id != after.facility.id:
        yield f"it is in {before.facility_name or before.facility_id} now"
    if before.activity != after.activity:
        yield "its text has changed"


def _unchanged(item: Unchanged, places: PlaceTable) -> PlanRow:
    clock = timezones.zone(places.zones.get(item.property_id, "UTC"))
    when = f"from {item.start.astimezone(clock):%Y-%m-%d}"
    return PlanRow("unchanged", item.name, item.uid, when, count=item.count)


def _impossible(items: Sequence[Impossible], places: PlaceTable) -> Iterator[PlanRow]:
    """Yield a row for all instances of an event that are impossible for the same reason."""
    clock = timezones.zone(places.zone)
    alike: dict[tuple[str, str], list[Impossible]] = {}
    for item in items:
        alike.setdefault((item.uid or item.name, item.why), []).append(item)
    for (_uid, why), same in alike.items():
        days = sorted(item.start.astimezone(clock).date() for item in same if item.start)
        times = f", {len(same)} times to {days[-1]}" if len(days) > 1 else ""
        when = f"{days[0]}{times}" if days else ""
        yield PlanRow("impossible", same[0].name, same[0].uid, when, count=len(same), why=why)


def _when(slots: Sequence[PushSlot | Timeslot], zone: str) -> str:
    """Return a timeslot's time; of several, the first one's and how many there are until when."""
    clock = timezones.zone(zone)
    start, end = slots[0].start.astimezone(clock), slots[0].end.astimezone(clock)
    end_text = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %Y-%m-%d %H:%M}"
    last = slots[-1].start.astimezone(clock)
    times = f", {len(slots)} times to {last:%Y-%m-%d}" if len(slots) > 1 else ""
    return f"{start:%a %Y-%m-%d %H:%M}–{end_text}{times}"


def _all_day(slots: Sequence[PushSlot], zone: str) -> Iterator[str]:
    """Yield a warning where timeslots take their place for a whole day."""
    clock = timezones.zone(zone)
    spans = ((slot.start.astimezone(clock), slot.end.astimezone(clock)) for slot in slots)
    if any(start.time() == time() and end.time() == LAST_MINUTE for start, end in spans):
        yield "ALL DAY: nobody else has the place from 00:00 to 23:59"


def plan_table(rows: Sequence[PlanRow]) -> Table:
    """Return a plan as a table; what stays as it is, is in it too."""
    shown = table("", "What", "Event", "When", "Where", "Why")
    for row in rows:
        symbol, style = STYLES[row.what]
        why = [row.why, *(f"collides with {other}" for other in row.collides_with)]
        cells = (row.name or "–", row.when, row.where, "; ".join(filter(None, why)))
        shown.add_row(symbol, row.what, *cells, style=style)
    return shown


def summary(rows: Sequence[PlanRow]) -> str:
    """Return the counts of a plan in one sentence."""
    counts = {what: sum(row.what == what for row in rows) for what in STYLES}
    stay = sum(row.count for row in rows if row.what == "unchanged")
    impossible = sum(row.count for row in rows if row.what == "impossible")
    return (
        f"{counts['create']} to create, {counts['move']} to move, {counts['cancel']} to cancel,"
        f" {stay} timeslot{'s' * (stay != 1)} unchanged, {impossible} impossible."
    )


def sentences(outcomes: Sequence[Outcome], places: PlaceTable) -> Iterator[str]:
    """Yield a sentence on everything that did not go as planned."""
    for outcome in outcomes:
        named = _named(outcome.step, places)
        others = ", and with ".join(outcome.collisions)
        if outcome.result == "collides":
            with_whom = others or "a booking that the bridge does not know yet"
            yield f"{named} is booked, and collides with {with_whom}."
        elif outcome.result == "refused":
            why = outcome.why.removesuffix(".") + (f"; it collides with {others}" if others else "")
            yield f"{named} could not be {_DONE[type(outcome.step)]}: {why}."


def _named(step: Step, places: PlaceTable) -> str:
    if isinstance(step, Cancel):
        start, zone = step.slots[0].start, places.zones.get(step.pushed.property_id, "UTC")
    else:
        first = _slots(step)[0]
        start, zone = first.start, places.zones[first.facility.property_id]
    return f"'{step.name}' ({start.astimezone(timezones.zone(zone)):%Y-%m-%d})"


def push_json(
    planned: PlannedPush, rows: Sequence[PlanRow], applied: AppliedPush | None
) -> dict[str, Any]:
    """Return plan and outcomes as one object; outcomes are null where nothing was to be done."""
    done = [
        {
            "what": type(outcome.step).__name__.lower(),
            "uid": plain_uid(outcome.step.uid),
            "name": outcome.step.name,
            "result": outcome.result,
            "why": outcome.why,
            "collides_with": outcome.collisions,
        }
        for outcome in (applied.outcomes if applied else ())
    ]
    return {
        "source": planned.name,
        "notes": planned.requests.notes,
        "sum": asdict(tally(planned.requests, planned.plan)),
        "plan": [{**asdict(row), "uid": plain_uid(row.uid)} for row in rows],
        "outcomes": done if applied else None,
    }
