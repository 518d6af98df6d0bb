"""`icalbridge.sandbox.district`: the same world everywhere, dense where schools are, with each
surprise it promises.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from icalbridge import sandbox
from icalbridge.sandbox import hostile_names as names
from icalbridge.sandbox.builder import STATUSES
from icalbridge.sandbox.surprises import CLOCK_CHANGES, change_days
from tests.fixtures.commands import ROOT, environment

TODAY = date(2026, 11, 21)
UTC = ZoneInfo("UTC")
EVENT_FIELDS = (
    *(
        "_id",
        "short_id",
        "rate_category",
        "status",
        "external_system_event_id",
        "created_by_external_api",
        "name",
    ),
    *(
        "activity_type",
        "attendance",
        "property_id",
        "timeslots",
        "submit_date",
        "type",
        "property_timezone",
        "renter",
    ),
)
DIGEST = """
import hashlib, json, sys
from datetime import date
from icalbridge import sandbox
world = sandbox.build_world(seed=int(sys.argv[1]), today=date.fromisoformat(sys.argv[2]), schools=3, hostile=True)
told = json.dumps([world.properties, world.facilities, list(world.events.values())])
print(hashlib.sha256(told.encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def world() -> sandbox.World:
    """The default district; no test here edits it."""
    return sandbox.build_world(seed=1, today=TODAY, hostile=True)


def _digest(world: sandbox.World) -> str:
    told = json.dumps([world.properties, world.facilities, list(world.events.values())])
    return hashlib.sha256(told.encode()).hexdigest()


def _named(world: sandbox.World, name: str | None) -> dict[str, Any]:
    return next(each for each in world.events.values() if each["name"] == name)


def _shown(world: sandbox.World) -> list[dict[str, Any]]:
    """Return the active timeslots of approved events."""
    events = [each for each in world.events.values() if each["status"] == "Approved"]
    return [slot for event in events for slot in event["timeslots"] if slot["status"] == "active"]


def _starts(world: sandbox.World, days: int) -> list[datetime]:
    starts = [datetime.fromisoformat(slot["start_datetime"]) for slot in _shown(world)]
    return [each for each in starts if 0 <= (each.date() - TODAY).days < days]


@pytest.mark.parametrize("hash_seed", ["0", "random"])
def test_same_seed_and_day_give_the_same_world_in_any_process(hash_seed: str) -> None:
    """Byte for byte, whatever PYTHONHASHSEED is."""
    ran = subprocess.run(
        [sys.executable, "-c", DIGEST, "7", TODAY.isoformat()],
        cwd=ROOT,
        env=environment({"PYTHONHASHSEED": hash_seed}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout.strip() == _digest(
        sandbox.build_world(seed=7, today=TODAY, schools=3, hostile=True)
    )


def test_other_seed_or_day_gives_another_world() -> None:
    """Both count."""
    made = {
        _digest(
            sandbox.build_world(
                seed=seed, today=TODAY + timedelta(days=ahead), schools=1, hostile=True
            )
        )
        for seed in (1, 2)
        for ahead in (0, 1)
    }
    assert len(made) == 4


def test_district_comes_first_with_a_dozen_schools(world: sandbox.World) -> None:
    """One parent that names all its schools, and one child that the answer leaves out."""
    district, *schools = world.properties
    listed = [each["_id"] for each in schools]
    assert district["properties"][:-1] == listed
    assert district["properties"][-1] not in listed
    assert [each["properties"] for each in schools] == [[]] * 12
    assert {len(each) for each in district["properties"]} == {24, 25}
    assert {len(each["u_id"]) for each in world.properties} == {20}


def test_three_time_zones(world: sandbox.World) -> None:
    """Most schools are in Los Angeles' zone, one in Phoenix's, one in New York's; so too in a world
    of three.
    """
    zones = Counter(each["timezone"] for each in world.properties)
    assert zones == {"America/Los_Angeles": 11, "America/Phoenix": 1, "America/New_York": 1}
    small = sandbox.build_world(seed=1, today=TODAY, schools=3, hostile=True)
    assert len({each["timezone"] for each in small.properties}) == 3


def test_shapes_are_the_vendors(world: sandbox.World) -> None:
    """Exactly the fields of PropertyDto, FacilityDto, EventDto, TimeslotDto and
    TimeslotFacilityDto.
    """
    slots = [slot for event in world.events.values() for slot in event["timeslots"]]
    shapes = [
        {" ".join(sorted(each)) for each in found}
        for found in (
            world.properties,
            world.facilities,
            world.events.values(),
            slots,
            [slot["facility"] for slot in slots],
        )
    ]
    assert shapes == [
        {"_id address city name properties state timezone u_id zip"},
        {"_id capacity name property_id search_term type u_id"},
        {" ".join(sorted(EVENT_FIELDS))},
        {"activity_name end_datetime external_system_timeslot_id facility start_datetime status"},
        {"_id capacity name type u_id"},
    ]


def test_ids_are_unique(world: sandbox.World) -> None:
    """Of properties, facilities and events."""
    ids = [each["_id"] for each in (*world.properties, *world.facilities)] + list(world.events)
    assert len(set(ids)) == len(ids)
    assert all(event["_id"] == event_id for event_id, event in world.events.items())


def test_default_density(world: sandbox.World) -> None:
    """About 250 active timeslots a day over eight weeks, in well under a second."""
    assert 230 < len(_starts(world, 56)) / 56 < 270
    began = time.process_time()
    sandbox.build_world(seed=2, today=TODAY, hostile=True)
    assert time.process_time() - began < 5


def test_weekday_evenings_and_saturdays_are_dense(world: sandbox.World) -> None:
    """On weekdays nearly everything begins from 15:00 on; Saturday is the fullest day, Sunday the
    emptiest.
    """
    starts = _starts(world, 56)
    evenings = [each.hour >= 15 for each in starts if each.weekday() < 5]
    assert sum(evenings) / len(evenings) > 0.98
    days = [day for day, _ in Counter(each.weekday() for each in starts).most_common()]
    assert (days[0], days[-1]) == (5, 6)


@pytest.mark.parametrize(("facilities", "events_per_day"), [(1, 1), (2, 3), (3, 40)])
def test_small_world_has_something_every_week(facilities: int, events_per_day: int) -> None:
    """As dense as asked for, and approved events in each week of the year."""
    small = sandbox.build_world(
        seed=3,
        today=TODAY,
        schools=1,
        facilities=facilities,
        events_per_day=events_per_day,
        hostile=True,
    )
    assert len(small.facilities_of(small.properties[1]["_id"])) == facilities
    weeks = {(each.date() - TODAY).days // 7 for each in _starts(small, 364)}
    assert weeks == set(range(52))
    assert events_per_day * 0.8 < len(_starts(small, 56)) / 56 < events_per_day * 1.2 + 1.5


@pytest.mark.soak
def test_large_world_is_built_and_asked_in_seconds() -> None:
    """60 schools of 33 facilities; then a window is a matter of milliseconds."""
    began = time.process_time()
    large = sandbox.build_world(seed=1, today=TODAY, schools=60, facilities=33, hostile=True)
    school_id = large.properties[30]["_id"]
    assert large.events_of([school_id], TODAY, TODAY + timedelta(days=30), ["reservation"])
    assert time.process_time() - began < 30
    assert (len(large.properties), len(large.facilities)) == (61, 60 * 33 + 1)
    assert sum(len(each["timeslots"]) for each in large.events.values()) > 250_000


def test_world_may_be_empty() -> None:
    """No school, or no facility in it, is a world too."""
    assert [len(sandbox.build_world(seed=1, today=TODAY, schools=0, hostile=True).properties)] == [
        1
    ]
    assert (
        len(
            sandbox.build_world(
                seed=1, today=TODAY, schools=1, facilities=0, hostile=True
            ).facilities
        )
        == 1
    )


def test_every_event_can_be_answered(world: sandbox.World) -> None:
    """Each has a timeslot in the year that may be asked for: wholly past events disappear."""
    first, last = TODAY.isoformat(), (TODAY + timedelta(days=365)).isoformat()
    for event in world.events.values():
        assert any(
            first <= slot["end_datetime"][:10] and slot["start_datetime"][:10] <= last
            for slot in event["timeslots"]
        )


def test_every_timeslot_can_be_read(world: sandbox.World) -> None:
    """It has a place, and ends after it begins, also where the clock changes."""
    for event in world.events.values():
        zone = ZoneInfo(event["property_timezone"])
        for slot in event["timeslots"]:
            start, end = (
                datetime.fromisoformat(slot[name]).replace(tzinfo=zone).astimezone(UTC)
                for name in ("start_datetime", "end_datetime")
            )
            assert start < end
            assert slot["facility"]["_id"]


def test_series_repeat_weekly_from_the_past_to_beyond_a_year(world: sandbox.World) -> None:
    """One event, many timeslots; one of them reaches more than a year back and ahead."""
    sizes = Counter(len(each["timeslots"]) > 5 for each in world.events.values())
    assert min(sizes.values()) > 1000
    starts = [slot["start_datetime"][:10] for slot in _named(world, "Early Birds")["timeslots"]]
    assert starts[0] < (TODAY - timedelta(days=365)).isoformat()
    assert starts[-1] > (TODAY + timedelta(days=365)).isoformat()
    weeks = {(date.fromisoformat(b) - date.fromisoformat(a)).days for a, b in pairwise(starts)}
    assert weeks == {7}


def test_statuses_are_spelled_as_the_vendor_spells_them(world: sandbox.World) -> None:
    """All four, and suspended timeslots among active ones, also within one event."""
    assert {each["status"] for each in world.events.values()} == {
        "Approved",
        "Pending",
        "Cancelled",
        "Declined",
    }
    assert [_named(world, f"Audition ({status})")["status"] for status in STATUSES] == list(
        STATUSES
    )
    assert [slot["status"] for slot in _named(world, "Half Suspended")["timeslots"]] == [
        "suspended",
        "active",
    ]


def test_one_event_uses_several_facilities_at_once(world: sandbox.World) -> None:
    """The same hours in four places."""
    slots = _named(world, "Health Fair")["timeslots"]
    assert (
        len({slot["facility"]["_id"] for slot in slots}),
        len({slot["start_datetime"] for slot in slots}),
    ) == (4, 1)


def test_virtual_facility_is_named_and_not_listed(world: sandbox.World) -> None:
    """A timeslot may name a facility that the list leaves out."""
    place = _named(world, "Staff Training")["timeslots"][0]["facility"]
    assert (world.facility(place["_id"]), place["type"]) == (None, "Virtual")


def test_nulls_are_where_the_vendor_has_nulls(world: sandbox.World) -> None:
    """Each of these fields is null somewhere and told elsewhere."""
    slots = [slot for event in world.events.values() for slot in event["timeslots"]]
    fields: dict[str, list[Any]] = {
        "external_system_timeslot_id": slots,
        "activity_name": slots,
        "external_system_event_id": list(world.events.values()),
        "attendance": list(world.events.values()),
        "name": world.facilities,
        "capacity": world.facilities,
        "zip": world.properties,
    }
    assert {name: {each[name] is None for each in found} for name, found in fields.items()} == {
        name: {True, False} for name in fields
    }


def test_renter_and_activity_type_have_every_shape(world: sandbox.World) -> None:
    """String, number, object, list and null."""
    for name in ("renter", "activity_type"):
        assert {type(each[name]) for each in world.events.values()} == {
            str,
            int,
            dict,
            list,
            type(None),
        }


def test_private_values_can_be_recognised(world: sandbox.World) -> None:
    """What must appear in no output has values that appear nowhere else."""
    events = list(world.events.values())
    assert {each["attendance"] for each in events} == {77777, None}
    assert all(each["short_id"].startswith("R-PRIVATE-") for each in events)
    assert {str(each["rate_category"])[-7:] for each in events} == {"Privada", "None"}
    renters = json.dumps([each["renter"] for each in events])
    assert "Renata Privada" in renters
    assert "@renter.example" in renters
    public = json.dumps(
        [[each["name"], each["timeslots"]] for each in events] + world.properties + world.facilities
    )
    assert "Privada" not in public
    assert "renter" not in public


def test_odd_names_are_all_there(world: sandbox.World) -> None:
    """Markup, quotes, line breaks, control characters, blanks, formulas, length, bidi, and no name
    at all.
    """
    told = {each["name"] for each in world.events.values()}
    assert told.issuperset(names.ODD_NAMES)
    assert max(len(name.encode("utf-16-le")) // 2 for name in names.ODD_NAMES if name) > 255
    assert (
        _named(world, "Tricky Activity")["timeslots"][0]["activity_name"] == names.HOSTILE_ACTIVITY
    )


@pytest.mark.parametrize("name", CLOCK_CHANGES)
def test_timeslots_lie_on_nights_when_the_clock_changes(world: sandbox.World, name: str) -> None:
    """In Los Angeles and in New York, and not in Phoenix, where it never does."""
    nights = {
        each["property_timezone"]: each["timeslots"][0]["start_datetime"][:10]
        for each in world.events.values()
        if each["name"] == name
    }
    way = CLOCK_CHANGES[name][2]
    expected = "2027-03-14" if way == 1 else "2027-11-07"
    assert nights == {"America/Los_Angeles": expected, "America/New_York": expected}


def test_change_days_follow_the_zone() -> None:
    """The next day forward and the next day back; none where the clock stands."""
    assert change_days(ZoneInfo("America/Los_Angeles"), date(2026, 7, 1)) == {
        1: date(2027, 3, 14),
        -1: date(2026, 11, 1),
    }
    assert change_days(ZoneInfo("Australia/Sydney"), date(2026, 7, 1)) == {
        1: date(2026, 10, 4),
        -1: date(2027, 4, 4),
    }
    assert change_days(ZoneInfo("America/Phoenix"), date(2026, 7, 1)) == {}
