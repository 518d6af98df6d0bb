"""`icalbridge.sandbox.writes`: what each of the three writes does, which refusal wins, and what the
next read says.

Which bodies are refused, field by field, is in test_sandbox_contract.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.vendor import TODAY, Vendor, vendor
from tests.fixtures.writes import (
    FREE_DAY,
    RENTER,
    at,
    cancel,
    change,
    create,
    event,
    move,
    place,
    slot,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

CANCEL = {"status": "cancelled"}
NEAR = str(TODAY + timedelta(days=20))


@pytest.fixture
def api() -> Iterator[Vendor]:
    """A small vendor of the test's own."""
    with vendor() as opened:
        yield opened


def _refused(answer: requests.Response) -> tuple[int, str]:
    told = answer.json()
    assert sorted(told) == ["invocation_id", "message", "message_code"]
    return answer.status_code, told["message_code"]


def _read(api: Vendor, event_id: str = "event-1") -> dict[str, Any]:
    answer = api.get(f"/event/reservation/{event_id}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()["event"]
    return found


def _near(api: Vendor, clock: str = "03:00", end: str = "03:30") -> dict[str, Any]:
    """Return a timeslot within the windows that may be read, at an hour at which nobody books."""
    return slot(api, start_datetime=at(clock, NEAR), end_datetime=at(end, NEAR))


def test_created_event_is_answered_with_its_ids(api: Vendor) -> None:
    """201 and a CreatedEventDto: the external id, the vendor's own, a uuid, and whether it
    collides.
    """
    answer = create(api, event(api))
    told = answer.json()
    assert (
        answer.status_code,
        told["message_code"],
        told["event"]["external_system_event_id"],
    ) == (201, "A012", "event-1")
    assert sorted(told["event"]) == ["_id", "external_system_event_id", "has_conflict", "short_id"]
    assert (len(told["event"]["_id"]), told["event"]["has_conflict"]) == (24, False)
    assert str(uuid.UUID(told["event"]["short_id"])) == told["event"]["short_id"]


def test_created_event_reads_as_it_was_told(api: Vendor) -> None:
    """Every field; what was left out has the documented default or is null; seconds are filled in."""
    made = create(
        api, event(api, timeslots=[slot(api, start_datetime=at("10:00"), end_datetime=at("11:00"))])
    )
    found = _read(api)
    school = api.world.properties[1]
    gym = api.world.facilities_of(api.school_id)[0]
    assert found == {
        "_id": made.json()["event"]["_id"],
        "short_id": made.json()["event"]["short_id"],
        "rate_category": "Internal",
        "status": "Approved",
        "external_system_event_id": "event-1",
        "created_by_external_api": True,
        "name": "Recital",
        "activity_type": {"_id": 12, "name": "Athletics"},
        "attendance": 0,
        "property_id": api.school_id,
        "timeslots": [
            {
                "external_system_timeslot_id": "slot-1",
                "activity_name": None,
                "facility": {
                    name: gym[name] for name in ("_id", "u_id", "name", "capacity", "type")
                },
                "start_datetime": at("10:00:00"),
                "end_datetime": at("11:00:00"),
                "status": "active",
            }
        ],
        "submit_date": "2026-11-21T20:00:00.000Z",
        "type": "reservation",
        "property_timezone": school["timezone"],
        "renter": {"email": RENTER, "renter_owner": None},
    }


def test_optional_fields_are_kept(api: Vendor) -> None:
    """Attendance, activity, rate category and renter owner show; the audit note is remembered."""
    more: dict[str, Any] = {
        "attendance": 500_000,
        "renter_rate_category_id": "district-internal",
        "renter_owner": api.district_id,
    }
    made = create(
        api,
        event(api, event_log_message="why", timeslots=[slot(api, activity_name="Warm-up")], **more),
    )
    found = _read(api)
    assert (
        found["attendance"],
        found["rate_category"],
        found["timeslots"][0]["activity_name"],
    ) == (500_000, "district-internal", "Warm-up")
    assert found["renter"] == {"email": RENTER, "renter_owner": api.district_id}
    assert api.world.log_messages == [(made.json()["event"]["_id"], "why")]


def test_created_event_is_in_every_read(api: Vendor) -> None:
    """Of its property, of its facility, of the district's day, and by either id: in the very next
    answer.
    """
    made = create(api, event(api, timeslots=[_near(api)])).json()["event"]["_id"]
    day = {"event_types": "reservation", "start_date": NEAR, "end_date": NEAR}
    facility_id = api.world.facilities_of(api.school_id)[0]["_id"]
    answers = [
        api.get(f"/property/{api.school_id}/events", **day),
        api.get(f"/facility/{facility_id}/events", **day),
        api.get(f"/property/{api.district_id}/events", include_child_events="true", **day),
    ]
    assert [made in [each["_id"] for each in answer.json()["events"]] for answer in answers] == [
        True
    ] * 3
    assert _read(api, made) == _read(api, "event-1")


def test_many_timeslots_in_many_facilities_are_one_event(api: Vendor) -> None:
    """300 timeslots in the facilities of one property."""
    slots = [
        slot(
            api,
            f"slot-{number}",
            start_datetime=at("10:00", str(FREE_DAY + timedelta(days=number // 4))),
            end_datetime=at("11:00", str(FREE_DAY + timedelta(days=number // 4))),
            facility_u_id=place(api, number % 4),
        )
        for number in range(300)
    ]
    assert create(api, event(api, timeslots=slots)).json()["event"]["has_conflict"] is False
    assert [each["external_system_timeslot_id"] for each in _read(api)["timeslots"]] == [
        f"slot-{number}" for number in range(300)
    ]


def test_booking_past_midnight_is_one_timeslot(api: Vendor) -> None:
    """It is read on both days, and collides with what is booked on the second one."""
    late, early = (str(FREE_DAY + timedelta(days=number)) for number in (0, 1))
    night = slot(api, start_datetime=at("22:00", late), end_datetime=at("02:00", early))
    morning = slot(api, start_datetime=at("01:00", early), end_datetime=at("03:00", early))
    assert create(api, event(api, timeslots=[morning])).status_code == 201
    made = create(api, event(api, "event-2", timeslots=[night]))
    assert (made.status_code, made.json()["event"]["has_conflict"]) == (201, True)
    (found,) = _read(api, "event-2")["timeslots"]
    assert (found["start_datetime"], found["end_datetime"]) == (
        at("22:00:00", late),
        at("02:00:00", early),
    )


def test_collision_is_made_and_told(api: Vendor) -> None:
    """A new event in a place that is taken is created, and `has_conflict` says so."""
    create(api, event(api))
    answers = {
        "same": slot(api),
        "overlap": slot(api, start_datetime=at("09:30"), end_datetime=at("10:01")),
        "after": slot(api, start_datetime=at("11:00"), end_datetime=at("11:30")),
        "elsewhere": slot(api, facility_u_id=place(api, 1)),
    }
    told = {
        name: create(api, event(api, f"event-{name}", timeslots=[each]))
        for name, each in answers.items()
    }
    assert {
        name: (each.status_code, each.json()["event"]["has_conflict"])
        for name, each in told.items()
    } == {
        "same": (201, True),
        "overlap": (201, True),
        "after": (201, False),
        "elsewhere": (201, False),
    }


@pytest.mark.parametrize("status", ["Pending", "Cancelled", "Declined"])
def test_only_what_is_approved_collides(api: Vendor, status: str) -> None:
    """An event of another status takes no place."""
    api.world.set_status(create(api, event(api)).json()["event"]["_id"], status)
    assert create(api, event(api, "event-2")).json()["event"]["has_conflict"] is False


def test_suspended_timeslot_does_not_collide(api: Vendor) -> None:
    """It takes no place either."""
    api.world.suspend_timeslot(create(api, event(api)).json()["event"]["_id"], 0)
    assert create(api, event(api, "event-2")).json()["event"]["has_conflict"] is False


def test_duplicate_external_id_is_409(api: Vendor) -> None:
    """Whatever else the event says, and also when the first was cancelled: an external id is taken
    for ever.
    """
    create(api, event(api))
    assert _refused(create(api, event(api, name="Another"))) == (409, "EV005")
    cancel(api, "event-1", CANCEL)
    assert _refused(create(api, event(api))) == (409, "EV005")
    assert _read(api)["name"] == "Recital"


def test_unknown_names_are_404(api: Vendor) -> None:
    """Facility, renter, activity type and renter owner, each with its own code; a virtual facility
    is unknown too.
    """
    hidden = next(each for each in api.world.events.values() if each["name"] == "Staff Training")
    virtual = hidden["timeslots"][0]["facility"]["u_id"]
    wrong = [
        event(api, timeslots=[slot(api, facility_u_id="nowhere")]),
        event(api, timeslots=[slot(api, facility_u_id=virtual)]),
        event(api, renter_email="nobody@school.example"),
        event(api, activity_type_id=13),
        event(api, activity_type_id=12.5),
        event(api, renter_owner="nobody"),
    ]
    codes = ["FC001", "FC001", "US001", "EV006", "EV006", "PR001"]
    assert [_refused(create(api, each)) for each in wrong] == [(404, code) for code in codes]


def test_renter_is_known_without_regard_to_case(api: Vendor) -> None:
    """Mail systems do not tell either."""
    assert create(api, event(api, renter_email=RENTER.upper())).status_code == 201


def test_facilities_of_one_event_belong_to_one_property(api: Vendor) -> None:
    """400, for a new event and for a moved timeslot."""
    other = place(api, 0, str(api.world.properties[2]["_id"]))
    both = [slot(api), slot(api, "slot-2", facility_u_id=other)]
    assert _refused(create(api, event(api, timeslots=both))) == (400, "FC002")
    create(api, event(api))
    assert _refused(change(api, move(facility_u_id=other))) == (400, "FC002")


def test_clock_is_the_propertys_own(api: Vendor) -> None:
    """Seven days back to the second, on the clock of the facility's property."""
    api.state.strict_creations = True
    api.now = datetime(2026, 11, 28, 12, 30, tzinfo=UTC)
    west, east = api.world.properties[1], api.world.properties[3]
    begun = {"start_datetime": "2026-11-21T04:30:00", "end_datetime": "2026-11-21T05:00:00"}
    early = {"start_datetime": "2026-11-21T04:29:59", "end_datetime": "2026-11-21T05:00:00"}
    assert (west["timezone"], east["timezone"]) == ("America/Los_Angeles", "America/New_York")
    tried = [
        event(
            api,
            f"event-{number}-{owner['timezone'][-4:]}",
            timeslots=[slot(api, **times, facility_u_id=gym)],
        )
        for owner in (west, east)
        for gym in [place(api, 0, str(owner["_id"]))]
        for number, times in enumerate((begun, early))
    ]
    assert [create(api, each).status_code for each in tried] == [201, 400, 400, 400]


def test_leap_day_is_two_years_before_the_28th(api: Vendor) -> None:
    """From the 29th of February two years ahead is the 28th."""
    api.state.strict_creations = True
    api.now = datetime(2028, 2, 29, 20, tzinfo=UTC)
    last, late = (
        [slot(api, start_datetime="2030-02-28T11:00", end_datetime=f"2030-02-28T{end}")]
        for end in ("12:00", "12:01")
    )
    assert [create(api, event(api, timeslots=each)).status_code for each in (late, last)] == [
        400,
        201,
    ]


def test_cancelled_event_stays_and_says_so(api: Vendor) -> None:
    """200 and its ids; from the next read on it is `Cancelled`, with its timeslots."""
    made = create(api, event(api)).json()["event"]
    answer = cancel(api, "event-1", {**CANCEL, "event_log_message": "rain"})
    assert (answer.status_code, answer.json()["message_code"]) == (200, "A013")
    assert answer.json()["event"] == {
        name: made[name] for name in ("external_system_event_id", "_id", "short_id")
    }
    found = _read(api)
    assert (found["status"], len(found["timeslots"])) == ("Cancelled", 1)
    assert api.world.log_messages == [(made["_id"], "rain")]


def test_event_is_cancelled_by_either_id(api: Vendor) -> None:
    """The vendor's own too."""
    made = create(api, event(api)).json()["event"]["_id"]
    assert cancel(api, made, CANCEL).status_code == 200
    assert _read(api)["status"] == "Cancelled"


def test_cancelled_event_is_neither_cancelled_nor_moved(api: Vendor) -> None:
    """409, invalid state."""
    create(api, event(api))
    cancel(api, "event-1", CANCEL)
    assert _refused(cancel(api, "event-1", CANCEL)) == (409, "EV003")
    assert _refused(change(api, move())) == (409, "EV003")


def test_event_of_others_is_403(api: Vendor) -> None:
    """What was not made through the API is neither cancelled nor moved by it."""
    theirs = next(each for each in api.world.events.values() if not each["created_by_external_api"])
    api.world.set_timeslot_field(theirs["_id"], 0, "external_system_timeslot_id", "slot-1")
    assert _refused(cancel(api, theirs["_id"], CANCEL)) == (403, "AC001")
    assert _refused(change(api, move(), theirs["_id"])) == (403, "AC001")


def test_unknown_event_and_timeslot_are_404(api: Vendor) -> None:
    """EV001 and EV002, as the pages number them; a type that the event has not is as good as
    unknown.
    """
    create(api, event(api))
    assert _refused(cancel(api, "nothing", CANCEL)) == (404, "EV001")
    assert _refused(change(api, move(), "nothing")) == (404, "EV001")
    assert _refused(change(api, move(), timeslot_id="nothing")) == (404, "EV002")


def test_moved_timeslot_is_where_it_was_moved(api: Vendor) -> None:
    """200 and an UpdatedTimeslotDto; the old day forgets it, the new day has it; what was left out
    is unchanged.
    """
    create(api, event(api, timeslots=[{**_near(api), "activity_name": "Warm-up"}]))
    day = str(TODAY + timedelta(days=21))
    answer = change(api, {"start_datetime": at("03:00", day), "end_datetime": at("04:00", day)})
    told = answer.json()["timeslot"]
    assert (answer.status_code, answer.json()["message_code"], len(told.pop("_id"))) == (
        200,
        "A014",
        24,
    )
    assert told == {
        "external_system_timeslot_id": "slot-1",
        "start_datetime": at("03:00:00", day),
        "end_datetime": at("04:00:00", day),
    }
    seen = {
        each: "event-1" in [found["external_system_event_id"] for found in answer.json()["events"]]
        for each in (NEAR, day)
        for answer in [
            api.get(
                f"/property/{api.school_id}/events",
                event_types="reservation",
                start_date=each,
                end_date=each,
            )
        ]
    }
    assert seen == {NEAR: False, day: True}
    assert _read(api)["timeslots"][0]["activity_name"] == "Warm-up"


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({}, "Warm-up"),
        ({"activity_name": None}, ""),
        ({"activity_name": ""}, ""),
        ({"activity_name": "x"}, "x"),
    ],
)
def test_activity_name_is_kept_cleared_or_replaced(
    api: Vendor, told: dict[str, Any], left: str
) -> None:
    """Omitted, null, empty, given."""
    create(api, event(api, timeslots=[slot(api, activity_name="Warm-up")]))
    assert change(api, move(**told)).status_code == 200
    assert _read(api)["timeslots"][0]["activity_name"] == left


def test_facility_is_replaced(api: Vendor) -> None:
    """By another of the property; an unknown one is 404."""
    create(api, event(api))
    assert change(api, move(facility_u_id=place(api, 2))).status_code == 200
    assert _read(api)["timeslots"][0]["facility"]["u_id"] == place(api, 2)
    assert _refused(change(api, move(facility_u_id="nowhere"))) == (404, "FC001")


def test_move_onto_a_booking_is_409(api: Vendor) -> None:
    """EV004, by time and by place; nothing is changed."""
    create(api, event(api))
    taken = [slot(api, "slot-2", start_datetime=at("14:30"), end_datetime=at("16:00"))]
    create(api, event(api, "event-2", timeslots=taken))
    create(api, event(api, "event-3", timeslots=[slot(api, "slot-3", facility_u_id=place(api, 1))]))
    before = _read(api)
    assert _refused(change(api, move())) == (409, "EV004")
    same_time = {"start_datetime": at("10:00"), "end_datetime": at("11:00")}
    assert _refused(change(api, {**same_time, "facility_u_id": place(api, 1)})) == (409, "EV004")
    assert _read(api) == before


def test_move_that_is_sent_twice_is_answered_twice(api: Vendor) -> None:
    """Idempotent, also where the event collided from the start: what stays where it is disturbs
    nobody.
    """
    create(api, event(api))
    create(api, event(api, "event-2", timeslots=[slot(api, "slot-2")]))
    stay = {
        "start_datetime": at("10:00"),
        "end_datetime": at("11:00"),
        "activity_name": "Still here",
    }
    first, second = (change(api, stay, "event-2", "slot-2") for _ in range(2))
    assert (first.status_code, first.json()["timeslot"]) == (200, second.json()["timeslot"])
