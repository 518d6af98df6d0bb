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
from icalbridge.push.decide import tally
from icalbridge.push.instances import plain_uid
from icalbridge.push.mapping import Impossible, PushSlot
from icalbridge.push.steps import Cancel, Create, Move, PushedState, PushPlan, Step, event_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from zoneinfo import ZoneInfo

    from rich.table import Table

    from icalbridge.models import Timeslot
    from icalbridge.push.apply import Outcome, PushRun
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.service import PlannedPush
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
_WORDS: Mapping[type, tuple[StepName, str]] = {
    Create: ("create", "created"),
    Move: ("move", "moved"),
    Cancel: ("cancel", "canceled"),
}


@dataclass(frozen=True, slots=True)
class PlanRow:
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
    rows = [(_row(step, places), _requested(step)) for step in plan.steps]
    for item in plan.unchanged:
        known = (slot for slot in item.slots if slot.facility_id in places.facilities)
        staying = tuple(PushSlot.as_pushed(slot, places) for slot in known)
        first = item.slots[0].start.astimezone(places.clock_of(item.property_id))
        when, count = f"from {first:%Y-%m-%d}", len(item.slots)
        rows.append((PlanRow("unchanged", item.name, item.uid, when, count=count), staying))
    slots = [slot for _, slots in rows for slot in slots]
    bookings = load_bookings(store, slots)
    # what goes or moves away stands in nobody's way, nor does the rest of the same event
    going = {step.pushed.external_id for step in plan.steps if isinstance(step, Cancel)}
    leaving = {move.leaves for move in plan.moves}

    def colliding(row: PlanRow, slots: Sequence[PushSlot]) -> PlanRow:
        own = (state for state in pushed if state.uid == row.uid or state.external_id in going)
        others = bookings.describe(slots, places, event_ids(own), leaving)
        return replace(row, collides_with=others)

    return [*(colliding(*row) for row in rows), *_impossible(plan.impossible, places)]


def _requested(step: Step) -> tuple[PushSlot, ...]:
    return () if isinstance(step, Cancel) else step.slots


def _row(step: Step, places: PlaceTable) -> PlanRow:
    slots, clock = _requested(step), places.clock_of(step.property_id)
    why = [step.why] if isinstance(step, Cancel) else []
    spans = [(slot.start.astimezone(clock), slot.end.astimezone(clock)) for slot in slots]
    if any(start.time() == time() and end.time() == LAST_MINUTE for start, end in spans):
        why.append("ALL DAY: nobody else has the place from 00:00 to 23:59")
    if isinstance(step, Move):
        why = [*_changes(step, clock), *why]
    return PlanRow(
        _WORDS[type(step)][0],
        step.name,
        step.uid,
        _when(step.slots, clock),
        places.with_school(map(_facility_name, step.slots), step.property_id),
        len(step.slots),
        "; ".join(why),
        timeslots=tuple(_timeslot(slot, clock) for slot in slots),
    )


def _facility_name(slot: PushSlot | Timeslot) -> str:
    if isinstance(slot, PushSlot):
        return slot.facility.name or slot.facility.id
    return slot.facility_name or slot.facility_id


def _timeslot(slot: PushSlot, clock: ZoneInfo) -> dict[str, str]:
    start, end = (
        moment.astimezone(clock).isoformat(timespec="seconds") for moment in (slot.start, slot.end)
    )
    return {"id": slot.id, "start": start, "end": end, "facility_id": slot.facility.id}


def _changes(step: Move, clock: ZoneInfo) -> Iterator[str]:
    before, after = step.before, step.after
    if (before.start, before.end) != (after.start, after.end):
        yield f"it is at {_when([before], clock)} now"
    if before.facility_id != after.facility.id:
        yield f"it is in {_facility_name(before)} now"
    if before.activity != after.activity:
        yield "its text has changed"


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


def _when(slots: Sequence[PushSlot | Timeslot], clock: ZoneInfo) -> str:
    """Return a timeslot's time; of several, the first one's and how many there are until when."""
    start, end = slots[0].start.astimezone(clock), slots[0].end.astimezone(clock)
    end_text = f"{end:%H:%M}" if start.date() == end.date() else f"{end:%a %Y-%m-%d %H:%M}"
    last = slots[-1].start.astimezone(clock)
    times = f", {len(slots)} times to {last:%Y-%m-%d}" if len(slots) > 1 else ""
    return f"{start:%a %Y-%m-%d %H:%M}–{end_text}{times}"


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
        step, clock = outcome.step, places.clock_of(outcome.step.property_id)
        named = f"'{step.name}' ({step.slots[0].start.astimezone(clock):%Y-%m-%d})"
        others = ", and with ".join(outcome.collisions)
        if outcome.result == "collides":
            with_whom = others or "a booking that the bridge does not know yet"
            yield f"{named} is booked, and collides with {with_whom}."
        elif outcome.result == "refused":
            why = outcome.why.removesuffix(".") + (f"; it collides with {others}" if others else "")
            yield f"{named} could not be {_WORDS[type(step)][1]}: {why}."


def push_json(
    planned: PlannedPush, rows: Sequence[PlanRow], applied: PushRun | None
) -> dict[str, Any]:
    """Return plan and outcomes as one object; outcomes are null where nothing was to be done."""
    done = [
        {
            "what": _WORDS[type(outcome.step)][0],
            "uid": plain_uid(outcome.step.uid),
            "name": outcome.step.name,
            "result": outcome.result,
            "why": outcome.why,
            "collides_with": outcome.collisions,
        }
        for outcome in (applied.done if applied else ())
    ]
    return {
        "source": planned.name,
        "notes": planned.requests.notes,
        "sum": asdict(tally(planned.requests, planned.plan)),
        "plan": [{**asdict(row), "uid": plain_uid(row.uid)} for row in rows],
        "outcomes": done if applied else None,
    }
