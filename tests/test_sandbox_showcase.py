"""`icalbridge.sandbox.bookings`: what the demo shows is a believable district without surprises."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any

import pytest

from icalbridge import sandbox
from icalbridge.sandbox import hostile_names
from icalbridge.sandbox.bookings import is_holiday

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def world() -> sandbox.World:
    """The demo's district; no test here edits it."""
    return sandbox.build_world(seed=1, today=TODAY)


def _slots(world: sandbox.World) -> list[dict[str, Any]]:
    return [slot for event in world.events.values() for slot in event["timeslots"]]


def _start(slot: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(slot["start_datetime"])


def _end(slot: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(slot["end_datetime"])


def test_showcase_is_the_same_for_the_same_seed_and_day(world: sandbox.World) -> None:
    """And another one for another seed."""
    assert sandbox.build_world(seed=1, today=TODAY).events == world.events
    assert sandbox.build_world(seed=2, today=TODAY).events != world.events


def test_showcase_has_no_null_that_a_page_would_show(world: sandbox.World) -> None:
    """Every property, facility and event is complete; only external ids may be missing."""
    shown = [*world.properties, *world.facilities]
    shown += [slot["facility"] for slot in _slots(world)]
    assert [item for item in shown if None in item.values()] == []
    names = {
        name for event in world.events.values() for name, field in event.items() if field is None
    }
    assert names == {"external_system_event_id"}


def test_showcase_names_are_plain(world: sandbox.World) -> None:
    """Printable, short, without markup, and none of the hostile district's."""
    names = {
        item["name"] for item in (*world.properties, *world.facilities, *world.events.values())
    }
    assert {name for name in names if not name.isprintable() or len(name) > 40} == set()
    assert {name for name in names if set(name) & set('<>"\\;🏀🎓')} == set()
    assert names.isdisjoint(hostile_names.ODD_NAMES)


def test_showcase_is_one_district_in_one_zone(world: sandbox.World) -> None:
    """It names exactly the schools that are listed, and every facility of a timeslot is listed."""
    district, *schools = world.properties
    assert district["properties"] == [school["_id"] for school in schools]
    assert {item["timezone"] for item in world.properties} == {"America/Los_Angeles"}
    assert {slot["facility"]["_id"] for slot in _slots(world)} <= {
        facility["_id"] for facility in world.facilities
    }
    assert len({school["name"] for school in schools}) == len(schools) == 12


def test_showcase_books_no_facility_twice_at_a_time(world: sandbox.World) -> None:
    """Whatever the events' status."""
    booked = Counter((slot["facility"]["_id"], slot["start_datetime"]) for slot in _slots(world))
    assert set(booked.values()) == {1}
    by_facility: dict[str, list[dict[str, Any]]] = {}
    for slot in sorted(_slots(world), key=_start):
        by_facility.setdefault(slot["facility"]["_id"], []).append(slot)
    for slots in by_facility.values():
        overlaps = [
            (first, second) for first, second in pairwise(slots) if _end(first) > _start(second)
        ]
        assert overlaps == []


def test_showcase_hours_are_a_schools(world: sandbox.World) -> None:
    """From 15:00 to 21:15 on weekdays and from 8:00 to 16:00 on weekends, 90 to 150 minutes."""
    for slot in _slots(world):
        start, end = _start(slot), _end(slot)
        weekend = start.weekday() >= 5
        assert (time(8) if weekend else time(15)) <= start.time()
        assert end.time() <= (time(16) if weekend else time(21, 15))
        assert start.date() == end.date()
        assert timedelta(minutes=90) <= end - start <= timedelta(minutes=150)


def test_showcase_density(world: sandbox.World) -> None:
    """About 200 approved timeslots on each weekday, most on Saturdays, few on Sundays; and no week
    of the year is empty.
    """
    starts = [
        _start(slot).date()
        for event in world.events.values()
        if event["status"] == "Approved"
        for slot in event["timeslots"]
    ]
    counts = Counter(day for day in starts if 0 <= (day - TODAY).days < 28)
    weekdays, saturdays, sundays = (
        [count for day, count in counts.items() if day.weekday() in range(*span)]
        for span in ((0, 5), (5, 6), (6, 7))
    )
    assert 150 < min(weekdays) <= max(weekdays) < min(saturdays) <= max(saturdays) < 260
    assert 10 < min(sundays) <= max(sundays) < 40
    assert {(day - TODAY).days // 7 for day in starts} >= set(range(52))


def test_showcase_keeps_public_holidays_free(world: sandbox.World) -> None:
    """Thanksgiving and Christmas within the next weeks, and all others."""
    days = {_start(slot).date() for slot in _slots(world)}
    assert days.isdisjoint({date(2026, 11, 26), date(2026, 11, 27), date(2026, 12, 25)})
    assert not any(is_holiday(day) for day in days)


@pytest.mark.parametrize(
    "day",
    [
        "2026-11-26",
        "2026-11-27",
        "2027-01-18",
        "2027-02-15",
        "2027-05-31",
        "2027-09-06",
        "2026-07-04",
    ],
)
def test_is_holiday_knows_movable_days(day: str) -> None:
    """Such as Thanksgiving; the same weekday a week before is none."""
    assert is_holiday(date.fromisoformat(day))
    assert not is_holiday(date.fromisoformat(day) - timedelta(days=7))


@pytest.mark.parametrize(("facilities", "per_day"), [(0, 5), (1, 1), (1, 500), (20, 3)])
def test_showcase_of_any_size(facilities: int, per_day: int) -> None:
    """No more is booked than asked for, nor than there are hours in a week."""
    small = sandbox.build_world(
        seed=3, today=TODAY, schools=2, facilities=facilities, events_per_day=per_day
    )
    assert len(small.facilities) == 2 * facilities + 1
    starts = [_start(slot).date() for slot in _slots(small)]
    count = sum(0 <= (day - TODAY).days < 28 for day in starts) / 28
    assert count <= min(per_day * 1.3 + 1.5, facilities * 2 * 5 + 1)
    names = [item["name"] for item in small.facilities_of(small.properties[1]["_id"])]
    assert len(set(names)) == facilities


def test_scene_is_hostile_only_by_name() -> None:
    """`--scenario hostile` serves the district that tests use; without it, the showcase."""
    options = {"seed": 5, "schools": 1, "facilities": 2, "events_per_day": 3}
    hostile = sandbox.build_scene("hostile", NOW, **options)
    assert hostile.world.events == sandbox.build_world(today=TODAY, hostile=True, **options).events
    names = {event["name"] for event in hostile.world.events.values()}
    assert names.issuperset(hostile_names.ODD_NAMES)
    plain = json.dumps(list(sandbox.build_scene(None, NOW, **options).world.events.values()))
    assert "<script>" not in plain
    assert "Privada" not in plain
    quiet = sandbox.build_scene("quiet-week", NOW, **options)
    assert "Lincoln High School" in {item["name"] for item in quiet.world.properties}
