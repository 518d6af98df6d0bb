"""Districts as hypothesis draws them: hostile texts, five zones, nights on which the clock changes,
every status.

A drawn district is the vendor's own objects; edits are those that the sandbox's world offers.
Nothing here is ours.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from icalbridge.sandbox import World
from tests.any_entries import CHANGES, TEXTS, ZONES
from tests.fixtures.bridges import START

if TYPE_CHECKING:
    from collections.abc import Callable

    from icalbridge.sandbox.world import Dto

WORDS = st.one_of(
    st.none(), TEXTS.map(lambda text: text.encode(errors="ignore").decode()), st.just("Practice")
)
STATUSES = st.sampled_from(
    [*["Approved"] * 6, "approved", "APPROVED", "Pending", "cancelled", "Declined", None]
)
KINDS = st.sampled_from(["Gymnasium", "Salón; Teatro, \\ 2", "", None])
SPELLINGS = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S.500", "%Y-%m-%dT%H:%M:00%z")
UNREADABLE = (None, "soon", 7, "2026-13-01T00:00:00")
EDITS = (
    "rename",
    "status",
    "suspend",
    "resume",
    "activity",
    "move",
    "place",
    "delete",
    "add",
    "rename facility",
)


@dataclass(frozen=True)
class Edit:
    """One change of a world; `which` picks an event, timeslot or facility out of those that are
    there.
    """

    kind: str
    which: int
    words: str | None
    status: str | None
    minutes: int
    event: Dto


@st.composite
def times(draw: st.DrawFn, zone: str) -> tuple[str, str]:
    """Draw start and end as the vendor writes them: around today, a clock change, or the edges of
    what feeds show.
    """
    coming = [
        START,
        *(each for each in CHANGES[zone] if START < each < START + timedelta(days=365)),
    ]
    anchors = [
        *coming,
        *coming,
        *CHANGES[zone],
        START - timedelta(days=60),
        START + timedelta(days=365),
    ]
    at = draw(st.sampled_from(anchors)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    start = at.replace(minute=0, second=0) + timedelta(minutes=5 * draw(st.integers(-400, 400)))
    length = draw(st.sampled_from([*range(1, 48), 300, 1000, 0, -5]))
    spelling = draw(st.sampled_from(SPELLINGS))
    start, end = (
        each.replace(tzinfo=ZoneInfo(zone)) if "%z" in spelling else each
        for each in (start, start + timedelta(minutes=5 * length))
    )
    return start.strftime(spelling), end.strftime(spelling)


@st.composite
def events(draw: st.DrawFn, number: int, schools: list[Dto], facilities: list[Dto]) -> Dto:
    """Draw an event of one school; its timeslots are in a facility of that school, in an unlisted
    one, or in none.
    """
    school = draw(st.sampled_from(schools))
    listed = [each for each in facilities if each["property_id"] == school["_id"]]
    hidden = {"_id": "hidden", "name": draw(WORDS), "type": "Virtual"}
    places = st.sampled_from([*listed, *listed, hidden, None])
    timeslots: list[Dto] = []
    for _ in range(draw(st.integers(1, 4))):
        place = draw(places)
        start, end = draw(times(school["timezone"]))
        timeslots.append(
            {
                "external_system_timeslot_id": draw(
                    st.sampled_from([None, None, f"slot-{number}-{len(timeslots)}"])
                ),
                "activity_name": draw(WORDS),
                "facility": place and {name: place[name] for name in ("_id", "name", "type")},
                "start_datetime": start,
                "end_datetime": end,
                "status": draw(st.sampled_from([*["active"] * 7, "suspended"])),
            }
        )
    return {
        "_id": f"event{number}",
        "short_id": "R-PRIVATE-1",
        "status": draw(STATUSES),
        "name": draw(WORDS),
        "property_id": school["_id"],
        "property_timezone": school["timezone"],
        "timeslots": timeslots,
        "type": "reservation",
        "renter": {"name": "Renata Privada"},
        "external_system_event_id": None,
    }


@st.composite
def worlds(draw: st.DrawFn) -> tuple[World, list[Edit]]:
    """Draw a district of one or two schools with up to eight events, and edits to be made to it
    later.
    """
    schools = [_property(draw, f"school{number}") for number in range(draw(st.integers(1, 2)))]
    district = _property(draw, "district")
    district["properties"] = [each["_id"] for each in schools]
    facilities: list[Dto] = [
        {
            "_id": f"{school['_id']}-{number}",
            "property_id": school["_id"],
            "name": draw(WORDS),
            "type": draw(KINDS),
        }
        for school in schools
        for number in range(draw(st.integers(1, 2)))
    ]
    made = World([district, *schools], facilities)
    for number in range(draw(st.sampled_from([6, 5, 4, 8, 3, 2, 1, 0]))):
        made.add_event(draw(events(number, schools, facilities)))
    edits = st.builds(
        Edit,
        kind=st.sampled_from(EDITS),
        which=st.integers(0, 99),
        words=WORDS,
        status=STATUSES,
        minutes=st.sampled_from([-60 * 24 * 40, -60 * 24, -90, 30, 60, 60 * 24 * 7, 60 * 24 * 100]),
        event=st.integers(100, 105).flatmap(lambda number: events(number, schools, facilities)),
    )
    return made, draw(st.lists(edits, max_size=8))


def _property(draw: st.DrawFn, property_id: str) -> Dto:
    texts = {name: draw(WORDS) for name in ("name", "address", "city", "state", "zip")}
    return {"_id": property_id, "timezone": draw(st.sampled_from(ZONES)), "properties": [], **texts}


def fill(world: World, drawn: World) -> None:
    """Put what was drawn into a world that is served; it is a copy, and may be edited."""
    with world.lock:
        world.properties[:] = copy.deepcopy(drawn.properties)
        world.facilities[:] = copy.deepcopy(drawn.facilities)
        world.events.clear()
        world.events.update(copy.deepcopy(drawn.events))
        world.edited()


def edit(world: World, wanted: Edit) -> None:
    """Make one edit, if there is anything to make it to."""
    if wanted.kind == "add":
        world.add_event(copy.deepcopy(wanted.event))
    elif wanted.kind == "rename facility":
        world.rename_facility(
            world.facilities[wanted.which % len(world.facilities)]["_id"], wanted.words
        )
    elif world.events:
        _edit_event(world, list(world.events)[wanted.which % len(world.events)], wanted)


def _edit_event(world: World, event_id: str, wanted: Edit) -> None:
    index = wanted.which % len(world.events[event_id]["timeslots"])
    place = world.facilities[wanted.which % len(world.facilities)]
    edits: dict[str, Callable[[], None]] = {
        "rename": lambda: world.rename(event_id, wanted.words),
        "status": lambda: world.set_status(event_id, wanted.status),
        "suspend": lambda: world.suspend_timeslot(event_id, index),
        "resume": lambda: world.set_timeslot_field(event_id, index, "status", "active"),
        "activity": lambda: world.set_timeslot_field(
            event_id, index, "activity_name", wanted.words
        ),
        "move": lambda: world.move_timeslot(event_id, index, timedelta(minutes=wanted.minutes)),
        "place": lambda: world.set_timeslot_field(
            event_id, index, "facility", {name: place[name] for name in ("_id", "name", "type")}
        ),
        "delete": lambda: world.delete(event_id),
    }
    edits[wanted.kind]()


def make_unreadable(world: World, which: int) -> None:
    """Make one time of one timeslot nothing that can be read."""
    event_id = list(world.events)[which % len(world.events)]
    index = which % len(world.events[event_id]["timeslots"])
    world.set_timeslot_field(event_id, index, "end_datetime", UNREADABLE[which % len(UNREADABLE)])
