"""`icalbridge.sandbox.world`: which windows an event is answered for, and that edits are indexed."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.sandbox.builder import timeslot
from icalbridge.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = date(2026, 11, 21)
RESERVATION = frozenset({"reservation"})
PLACE = {"_id": "f1", "u_id": "u1", "name": "Gym", "capacity": None, "type": "Gymnasium"}


def _event(
    event_id: str, *times: tuple[str, str], place: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    slots = [timeslot(PLACE if place is None else place, start, end) for start, end in times]
    told = {
        "_id": event_id,
        "property_id": "p1",
        "type": "reservation",
        "status": "Approved",
        "name": event_id,
    }
    return {**told, "external_system_event_id": None, "timeslots": slots, **more}


def _world(*events: dict[str, Any]) -> World:
    world = World(properties=[{"_id": "p1", "timezone": None, "properties": []}])
    for event in events:
        world.add_event(event)
    return world


def _ids(world: World, start: date, end: date, owner: str = "p1") -> list[str]:
    return [each["_id"] for each in world.events_of([owner], start, end, RESERVATION)]


@pytest.mark.parametrize(
    ("times", "days"),
    [
        (("2026-11-21T10:00:00", "2026-11-21T11:00:00"), [0]),
        (("2026-11-20T22:00:00", "2026-11-21T02:00:00"), [-1, 0]),
        (("2026-11-19T08:00", "2026-11-22T12:00"), [-2, -1, 0, 1]),
        (("2026-11-21T10:00:00", "2026-11-21T10:00:00"), [0]),
        (("2026-11-21T10:00:00", "2026-11-20T10:00:00"), []),
        (("2026-11-21T10:00:00", "later"), [0]),
    ],
)
def test_event_is_in_each_window_that_a_timeslot_touches(
    times: tuple[str, str], days: list[int]
) -> None:
    """By local days, both counted, also over midnight and over several days."""
    world = _world(_event("e1", times))
    spans = [DAY + timedelta(days=ahead) for ahead in range(-4, 5)]
    assert [(day - DAY).days for day in spans if _ids(world, day, day)] == days


def test_suspended_timeslot_of_a_declined_event_counts() -> None:
    """Whatever the status of either."""
    world = _world(_event("e1", ("2026-11-21T10:00:00", "2026-11-21T11:00:00"), status="Declined"))
    world.suspend_timeslot("e1", 0)
    assert _ids(world, DAY, DAY) == ["e1"]


def test_events_come_in_the_order_of_the_world() -> None:
    """However they are indexed; each once, though many timeslots touch the window."""
    times = ("2026-11-21T10:00:00", "2026-11-21T11:00:00")
    names = [f"e{number * 7919 % 101}" for number in range(50)]
    world = _world(*(_event(name, times, times) for name in names))
    assert _ids(world, DAY - timedelta(days=9), DAY + timedelta(days=9)) == names


def test_unreadable_timeslots_harm_nobody() -> None:
    """One time places a timeslot; without any, without a place, or in another shape it is in no
    window of theirs.
    """
    times = ("2026-11-21T10:00:00", "2026-11-21T11:00:00")
    world = _world(*(_event(f"e{number}", times) for number in range(7)))
    world.set_timeslot_field("e1", 0, "start_datetime")
    world.set_timeslot_field("e2", 0, "facility")
    world.set_field("e3", "timeslots")
    world.set_field("e4", "timeslots", "none")
    world.set_field("e5", "timeslots", [None, 7])
    for name in ("start_datetime", "end_datetime"):
        world.set_timeslot_field("e6", 0, name)
    assert _ids(world, DAY, DAY) == ["e0", "e1", "e2"]
    assert [each["_id"] for each in world.events_in("f1", DAY, DAY, RESERVATION)] == ["e0", "e1"]


def test_edit_by_hand_shows_after_edited() -> None:
    """Times that a test changes past the methods need to be told of."""
    world = _world(_event("e1", ("2026-11-21T10:00:00", "2026-11-21T11:00:00")))
    assert _ids(world, DAY, DAY) == ["e1"]
    world.events["e1"]["property_id"] = "p2"
    world.edited()
    assert (_ids(world, DAY, DAY), _ids(world, DAY, DAY, "p2")) == ([], ["e1"])


def test_event_is_replaced_in_its_place() -> None:
    """Adding an event with a known id changes it, and its windows, and keeps its place."""
    today, tomorrow = (
        ("2026-11-21T10:00:00", "2026-11-21T11:00:00"),
        ("2026-11-22T10:00:00", "2026-11-22T11:00:00"),
    )
    world = _world(_event("e1", today), _event("e2", today))
    assert _ids(world, DAY, DAY) == ["e1", "e2"]
    world.add_event(_event("e1", tomorrow))
    assert (_ids(world, DAY, DAY), list(world.events)) == (["e2"], ["e1", "e2"])


def test_edits_of_unknown_events_raise() -> None:
    """KeyError, and nothing is changed."""
    world = _world()
    edits: tuple[Callable[[], None], ...] = (
        lambda: world.delete("nowhere"),
        lambda: world.rename("nowhere", "x"),
        lambda: world.suspend_timeslot("nowhere", 0),
        lambda: world.move_timeslot("nowhere", 0, timedelta(hours=1)),
    )
    for edit in edits:
        with pytest.raises(KeyError):
            edit()
    assert world.events == {}


def test_property_without_zone_has_utc_days() -> None:
    """The vendor has nulls anywhere; a zone that nobody knows is none."""
    world = _world()
    assert [world.zone_of(each).key for each in ("p1", "nowhere")] == ["UTC", "UTC"]
    for told in ("Mars/Base", "../etc", 7):
        world.properties[0]["timezone"] = told
        assert world.zone_of("p1").key == "UTC"


def test_edits_and_reads_may_run_at_once() -> None:
    """A reader sees an event before or after an edit, and the index is whole at the end."""
    world = _world(
        *(_event(f"e{n}", ("2026-11-21T10:00:00", "2026-11-21T11:00:00")) for n in range(20))
    )

    def edit(number: int) -> None:
        for _ in range(50):
            world.move_timeslot(f"e{number}", 0, timedelta(days=1))
            world.move_timeslot(f"e{number}", 0, timedelta(days=-1))

    threads = [threading.Thread(target=edit, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for _ in range(50):
        assert set(_ids(world, DAY, DAY + timedelta(days=1))) == {f"e{n}" for n in range(20)}
    for each in threads:
        each.join()
    assert len(_ids(world, DAY, DAY)) == 20
