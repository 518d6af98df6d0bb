"""`icalbridge.sandbox.app`: the six endpoints that read over HTTP, with the published statuses,
codes and bodies.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from icalbridge.sandbox.builder import timeslot
from tests.fixtures.vendor import TODAY, Vendor, vendor

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = {"event_types": "reservation"}
ENVELOPE = ["invocation_id", "message", "message_code"]


@pytest.fixture(scope="module")
def api() -> Iterator[Vendor]:
    """A small vendor that no test here edits."""
    with vendor() as opened:
        yield opened


@pytest.fixture
def own() -> Iterator[Vendor]:
    """A small vendor of the test's own."""
    with vendor() as opened:
        yield opened


def _day(ahead: int) -> str:
    return (TODAY + timedelta(days=ahead)).isoformat()


def _facility_id(api: Vendor) -> str:
    return str(api.world.facilities_of(api.school_id)[0]["_id"])


def _error(answer: requests.Response) -> tuple[int, str]:
    told = answer.json()
    assert sorted(told) == ENVELOPE
    assert str(uuid.UUID(told["invocation_id"])) == told["invocation_id"]
    return answer.status_code, told["message_code"]


def _found(answer: requests.Response, name: str) -> Any:
    told = answer.json()
    assert (answer.status_code, sorted(told)) == (200, sorted([*ENVELOPE, name]))
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    return told[name]


def test_properties_begin_with_the_district(api: Vendor) -> None:
    """Every property, the parent first, with the published code and text and an id of the call's
    own.
    """
    answer = api.get("/properties")
    assert _found(answer, "properties") == api.world.properties
    told = answer.json()
    assert (told["message_code"], told["message"]) == (
        "A007",
        (
            "Properties retrieved successfully – The property details have been successfully"
            " retrieved."
        ),
    )
    assert told["invocation_id"] != api.get("/properties").json()["invocation_id"]
    assert str(uuid.UUID(told["invocation_id"])) == told["invocation_id"]


def test_property_is_one_of_them(api: Vendor) -> None:
    """By id."""
    assert _found(api.get(f"/property/{api.school_id}"), "property") == api.world.properties[1]


def test_facilities_are_the_propertys_own(api: Vendor) -> None:
    """All listed ones in one answer; a virtual one is not listed."""
    found = _found(api.get(f"/property/{api.school_id}/facilities"), "facilities")
    assert found == api.world.facilities_of(api.school_id)
    assert (len(found), {each["property_id"] for each in found}) == (4, {api.school_id})


def test_events_of_a_property_come_whole(api: Vendor) -> None:
    """Each event that touches the window, of any status, with all its timeslots, in one stable
    order.
    """
    found = _found(
        api.get(f"/property/{api.school_id}/events", **EVENTS, end_date=_day(20)), "events"
    )
    days = {_day(ahead) for ahead in range(21)}
    expected = [
        event
        for event in api.world.events.values()
        if event["property_id"] == api.school_id
        and any(
            {slot["start_datetime"][:10], slot["end_datetime"][:10]} & days
            or slot["start_datetime"][:10] < _day(0) <= slot["end_datetime"][:10]
            for slot in event["timeslots"]
        )
    ]
    assert found == expected
    assert {event["status"] for event in found} == {"Approved", "Pending", "Cancelled", "Declined"}
    starts = [slot["start_datetime"][:10] for event in found for slot in event["timeslots"]]
    assert min(starts) < _day(-365)
    assert max(starts) > _day(365)


def test_events_default_to_today(api: Vendor) -> None:
    """Without dates the window is the property's today."""
    path = f"/property/{api.school_id}/events"
    today = api.get(path, **EVENTS, start_date=_day(0), end_date=_day(0))
    assert _found(api.get(path, **EVENTS), "events") == _found(today, "events")


def test_events_of_a_facility_name_it(api: Vendor) -> None:
    """An event is answered for each facility that it uses, with the timeslots in the others too."""
    facility_id = _facility_id(api)
    found = _found(
        api.get(f"/facility/{facility_id}/events", **EVENTS, end_date=_day(10)), "events"
    )
    used = [{slot["facility"]["_id"] for slot in event["timeslots"]} for event in found]
    assert all(facility_id in each for each in used)
    assert max(map(len, used)) == 4


def test_unlisted_facility_is_named_but_unknown(api: Vendor) -> None:
    """A timeslot may name a virtual facility, which cannot be asked for."""
    event = next(each for each in api.world.events.values() if each["name"] == "Staff Training")
    hidden_id = event["timeslots"][0]["facility"]["_id"]
    assert _error(api.get(f"/facility/{hidden_id}/events", **EVENTS)) == (404, "FC001")


def test_child_events_expand_a_parent_only(api: Vendor) -> None:
    """With the flag a district answers for all its schools; a school, and a district without the
    flag, for itself.
    """
    day = {"start_date": _day(3), "end_date": _day(3), **EVENTS}

    def owners(property_id: str, **more: str) -> set[str]:
        found = _found(api.get(f"/property/{property_id}/events", **day, **more), "events")
        return {event["property_id"] for event in found}

    everyone = {each["_id"] for each in api.world.properties}
    expanded = owners(api.district_id, include_child_events="true")
    assert expanded | {api.district_id} == everyone
    assert owners(api.district_id) <= {api.district_id}
    assert owners(api.school_id, include_child_events="true") == {api.school_id}


def test_date_rule_of_child_events_is_a_parents(api: Vendor) -> None:
    """Several days: refused of a district, and what it is without the flag of a school; a facility
    has no such parameter.
    """
    days = {"start_date": _day(0), "end_date": _day(9), **EVENTS}
    flag = {"include_child_events": "true"}
    assert _error(api.get(f"/property/{api.district_id}/events", **days, **flag)) == (400, "SY001")
    for path in (f"/property/{api.school_id}/events", f"/facility/{_facility_id(api)}/events"):
        assert _found(api.get(path, **days, **flag), "events") == _found(
            api.get(path, **days), "events"
        )


def test_event_by_either_id(api: Vendor) -> None:
    """The vendor's own id or that of the external system."""
    event = next(each for each in api.world.events.values() if each["external_system_event_id"])
    for event_id in (event["_id"], event["external_system_event_id"]):
        assert _found(api.get(f"/event/reservation/{event_id}"), "event") == event


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/property/nowhere", "PR001"),
        ("/property/nowhere/facilities", "PR001"),
        ("/property/nowhere/events", "PR001"),
        ("/facility/nowhere/events", "FC001"),
        ("/event/reservation/nowhere", "EV001"),
    ],
)
def test_unknown_id_is_404(api: Vendor, path: str, code: str) -> None:
    """With the code of the kind that was not found."""
    assert _error(api.get(path, **EVENTS)) == (404, code)


def test_child_without_access_is_404(api: Vendor) -> None:
    """The district names a child that the answer leaves out; it cannot be asked for either."""
    hidden = [
        each for each in api.world.properties[0]["properties"] if not api.world.property(each)
    ]
    assert [_error(api.get(f"/property/{each}")) for each in hidden] == [(404, "PR001")]


@pytest.mark.parametrize("query", [{}, {"event_types": "party"}, {**EVENTS, "end_date": _day(32)}])
def test_events_that_break_a_rule_are_400(api: Vendor, query: dict[str, str]) -> None:
    """For a property and for a facility alike; all rules are in test_sandbox_rules."""
    for path in (f"/property/{api.school_id}/events", f"/facility/{_facility_id(api)}/events"):
        assert _error(api.get(path, **query)) == (400, "SY001")


@pytest.mark.parametrize(
    "path", ["/event/party/e12345", "/event/maintenance-block/e12345", "/event/reservation/e1"]
)
def test_event_that_breaks_a_rule_is_400(api: Vendor, path: str) -> None:
    """Unknown type, a type that is coming soon, an id that is too short."""
    assert _error(api.get(path)) == (400, "SY001")


def test_maintenance_blocks_come_with_an_option() -> None:
    """Accepted, they are answered by type, and never as reservations."""
    with vendor(maintenance_blocks=True) as api:
        slot = timeslot(api.world.facilities[0], f"{TODAY}T08:00:00", f"{TODAY}T09:00:00")
        known = next(iter(api.world.events.values()))
        made = {**known, "_id": "floor-wax", "type": "maintenance-block", "timeslots": [slot]}
        api.world.add_event({**made, "property_id": api.school_id})
        path = f"/property/{api.school_id}/events"
        blocks = _found(api.get(path, event_types="maintenance-block"), "events")
        assert [each["_id"] for each in blocks] == ["floor-wax"]
        both = _found(api.get(path, event_types="reservation,maintenance-block"), "events")
        assert both == [*_found(api.get(path, **EVENTS), "events"), *blocks]
        assert _error(api.get("/event/reservation/floor-wax")) == (404, "EV001")
        assert _found(api.get("/event/maintenance-block/floor-wax"), "event") == blocks[0]


def test_today_is_the_propertys_own(own: Vendor) -> None:
    """At one moment a date is past in New York and not in Los Angeles or Phoenix; the past is 400
    only there.
    """
    own.now = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
    zones = [each["timezone"] for each in own.world.properties]
    assert zones == [
        "America/Los_Angeles",
        "America/Los_Angeles",
        "America/Phoenix",
        "America/New_York",
    ]
    asked = {**EVENTS, "start_date": "2026-11-21", "end_date": "2026-11-21"}
    paths = [f"/property/{each['_id']}/events" for each in own.world.properties]
    assert [own.get(path, **asked).status_code for path in paths] == [200, 200, 200, 400]
    places = [own.world.facilities_of(each["_id"])[0]["_id"] for each in own.world.properties]
    assert [own.get(f"/facility/{each}/events", **asked).status_code for each in places] == [
        200,
        200,
        200,
        400,
    ]


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic sandbox-key", "sandbox-key"]
)
def test_missing_or_wrong_key_is_a_problem_document(api: Vendor, header: str | None) -> None:
    """401 as RFC 9457 has it, with the vendor's fields; it does not repeat what was sent."""
    headers = {} if header is None else {"Authorization": header}
    answer = requests.get(f"{api.url}/properties", headers=headers, timeout=30)
    told = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert (told["title"], told["status"], told["instance"]) == (
        "Unauthorized",
        401,
        "/v1/properties",
    )
    assert (told["message_code"], str(uuid.UUID(told["invocation_id"]))) == (
        "AU002",
        told["invocation_id"],
    )
    assert "wrong" not in answer.text


def test_every_given_key_opens(api: Vendor) -> None:
    """The scheme is read without regard to case."""
    headers = {"Authorization": "bearer other-key"}
    assert requests.get(f"{api.url}/properties", headers=headers, timeout=30).status_code == 200


def test_one_request_too_many_is_a_bare_429() -> None:
    """Only `message`, no Retry-After; each key has its own grant, and 401s take nothing from it."""
    with vendor(rate_per_minute=2) as api:
        wrong = {"Authorization": "Bearer wrong"}
        asked = [requests.get(f"{api.url}/properties", headers=wrong, timeout=30)]
        asked += [api.get("/properties") for _ in range(3)]
        assert [each.status_code for each in asked] == [401, 200, 200, 429]
        assert (asked[-1].json(), asked[-1].headers.get("Retry-After")) == (
            {"message": "Too Many Requests"},
            None,
        )
        other = {"Authorization": "Bearer other-key"}
        assert requests.get(f"{api.url}/properties", headers=other, timeout=30).status_code == 200
        assert api.state.quota_used == 3
        api.now += timedelta(minutes=1)
        assert api.get("/properties").status_code == 200


def test_unknown_address_and_method(api: Vendor) -> None:
    """404 and 405 in the vendor's envelope."""
    assert _error(api.get("/schools")) == (404, "SY001")
    assert _error(api.get("/property//events")) == (404, "SY001")
    posted = api.session.post(f"{api.url}/events", json={}, timeout=30)
    assert _error(posted) == (404, "SY001")
    refused = api.session.delete(f"{api.url}/properties", timeout=30)
    assert (_error(refused), refused.headers["Allow"]) == ((405, "SY001"), "GET, HEAD")


def test_requests_are_written_down(own: Vendor) -> None:
    """Method, path, query and status of each, in order, before the client has its answer."""
    own.get("/properties")
    own.get(f"/property/{own.school_id}/events", event_types="reservation", end_date="soon")
    assert own.state.requests == [
        ("GET", "/v1/properties", "", 200),
        (
            "GET",
            f"/v1/property/{own.school_id}/events",
            "event_types=reservation&end_date=soon",
            400,
        ),
    ]


def test_edits_show_in_the_next_answer(own: Vendor) -> None:
    """Rename, status, null, suspension, move and deletion, each seen at once and by the right
    windows.
    """
    world = own.world
    slot = timeslot(
        world.facilities_of(own.school_id)[0], f"{_day(2)}T10:00:00", f"{_day(2)}T11:00:00"
    )
    known = next(iter(world.events.values()))
    world.add_event(
        {
            **known,
            "_id": "recital",
            "property_id": own.school_id,
            "name": "Recital",
            "timeslots": [slot],
        }
    )

    def seen(ahead: int) -> list[tuple[Any, ...]]:
        day = {"start_date": _day(ahead), "end_date": _day(ahead), **EVENTS}
        found = _found(own.get(f"/property/{own.school_id}/events", **day), "events")
        return [
            (each["name"], each["status"], each["renter"], each["timeslots"][0]["status"])
            for each in found
            if each["_id"] == "recital"
        ]

    world.set_field("recital", "renter", "someone")
    assert seen(2) == [("Recital", known["status"], "someone", "active")]
    world.rename("recital", None)
    world.set_status("recital", "Pending")
    world.set_field("recital", "renter")
    world.suspend_timeslot("recital", 0)
    assert seen(2) == [(None, "Pending", None, "suspended")]
    world.move_timeslot("recital", 0, timedelta(days=3, hours=1))
    assert (seen(2), len(seen(5))) == ([], 1)
    assert slot["start_datetime"] == f"{_day(5)}T11:00:00"
    world.delete("recital")
    assert seen(5) == []
    assert _error(own.get("/event/reservation/recital")) == (404, "EV001")


def test_facility_renamed_is_renamed_everywhere(own: Vendor) -> None:
    """In the list and in each timeslot."""
    facility_id = _facility_id(own)
    own.world.rename_facility(facility_id, "Arena")
    assert (
        own.get(f"/property/{own.school_id}/facilities").json()["facilities"][0]["name"] == "Arena"
    )
    found = own.get(f"/facility/{facility_id}/events", **EVENTS, end_date=_day(30)).json()["events"]
    slots = [slot["facility"] for event in found for slot in event["timeslots"]]
    assert {each["name"] for each in slots if each["_id"] == facility_id} == {"Arena"}


def test_answers_are_plain_json_of_the_world(api: Vendor) -> None:
    """What is in the world is in the answer, control characters, emoji, bidi marks and all."""
    found = _found(
        api.get(f"/property/{api.school_id}/events", **EVENTS, end_date=_day(31)), "events"
    )
    assert json.loads(json.dumps(found)) == found
    assert "Night\x07 of\x00 the\x1b[31m Bell\x7f" in [event["name"] for event in found]
