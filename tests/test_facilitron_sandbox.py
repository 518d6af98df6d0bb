"""`icalbridge.facilitron` against the simulated vendor: every endpoint, every fault, every error it
documents.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.errors import (
    AccessRefused,
    KeyRefused,
    MalformedAnswer,
    NotFound,
    RateLimited,
    RequestRefused,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.models import EventKey, Window
from tests.fixtures.vendor import KEY, NOW, TODAY, Vendor, vendor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WINDOW = Window(TODAY, TODAY + timedelta(days=30))


@pytest.fixture(scope="module")
def district() -> Iterator[Vendor]:
    """One small district for all tests here, which only read it."""
    with vendor() as opened:
        yield opened


@pytest.fixture(autouse=True)
def healthy(district: Vendor) -> Iterator[None]:
    """No test leaves a fault behind."""
    yield
    district.fail()


def _client(district: Vendor, key: str = KEY, **more: Any) -> Client:
    ledger = MemoryLedger(1_000_000, 1_000_000)
    return Client(
        district.url, key, ledger=ledger, clock=lambda: NOW, sleep=lambda _seconds: None, **more
    )


def _zones(district: Vendor) -> dict[str, str]:
    return {each.id: each.timezone for each in _client(district).properties().items}


def test_catalogue_is_the_worlds(district: Vendor) -> None:
    """Properties and facilities, all of them, one by one and together, each by its id."""
    client = _client(district)
    properties = client.properties()
    assert [each.id for each in properties.items] == [
        each["_id"] for each in district.world.properties
    ]
    assert [client.property(each.id) for each in properties.items] == list(properties.items)
    for each in properties.items:
        listed = [
            told["_id"]
            for told in district.get(f"/property/{each.id}/facilities").json()["facilities"]
        ]
        assert [facility.id for facility in client.facilities(each.id).items] == listed


def test_facility_tells_what_a_write_calls_it(district: Vendor) -> None:
    """Its `u_id`; two facilities are equal with it and without."""
    first = _client(district).facilities(district.school_id).items[0]
    assert first.u_id == district.world.facilities_of(district.school_id)[0]["u_id"]
    assert replace(first, u_id="") == first


def test_events_are_the_worlds(district: Vendor) -> None:
    """Of a property, of a facility and alone: the same events, all their timeslots, known ones not
    read again.
    """
    client, zones = _client(district), _zones(district)
    school = district.school_id
    answer = client.property_events(school, WINDOW, zones=zones)
    query = {
        "start_date": str(WINDOW.start),
        "end_date": str(WINDOW.end),
        "event_types": "reservation",
    }
    listed = district.get(f"/property/{school}/events", **query).json()["events"]
    assert {each.id for each in answer.events} == {
        str(each["_id"]) for each in listed if each and each.get("_id")
    }
    first = next(each for each in answer.events if each.timeslots and each.timeslots[0].facility_id)
    assert client.event(first.type, first.id, zones=zones) == first
    of_facility = client.facility_events(
        first.timeslots[0].facility_id, school, WINDOW, zones=zones
    )
    assert first.key in {each.key for each in of_facility.events}
    again = client.property_events(
        school, WINDOW, zones=zones, known={each.digest: each.key for each in answer.events}
    )
    assert (again.events, again.unchanged) == ((), frozenset(each.key for each in answer.events))


def test_districts_day_is_the_days_of_its_schools(district: Vendor) -> None:
    """`include_child_events` on one day is what each property says of that day."""
    client, zones = _client(district), _zones(district)
    day = Window(TODAY, TODAY)
    together = client.property_events(
        district.district_id, day, zones=zones, include_child_events=True
    )
    apart = [client.property_events(each, day, zones=zones) for each in zones]
    keys = {event.key for answer in apart for event in answer.events}
    assert {each.key for each in together.events} == keys != set[EventKey]()


def test_child_events_of_a_school_are_its_own(district: Vendor) -> None:
    """The flag changes nothing there, for a window of any length."""
    client, zones = _client(district), _zones(district)
    plain, flagged = (
        client.property_events(district.school_id, WINDOW, zones=zones, include_child_events=flag)
        for flag in (False, True)
    )
    assert WINDOW.start < WINDOW.end
    assert flagged.events == plain.events != ()


def test_coming_type_is_refused_alone(district: Vendor) -> None:
    """The vendor says "coming soon" of maintenance blocks: asked for both, the reservations come."""
    zones = _zones(district)
    both = _client(district, event_types=("maintenance-block", "reservation"))
    alone = _client(district).property_events(district.school_id, WINDOW, zones=zones)
    answer = both.property_events(district.school_id, WINDOW, zones=zones)
    assert (answer.events, answer.refused_types) == (alone.events, frozenset({"maintenance-block"}))


CALLS: dict[str, Callable[[Client, Vendor], object]] = {
    "properties": lambda client, _: client.properties(),
    "property": lambda client, district: client.property(district.school_id),
    "facilities": lambda client, district: client.facilities(district.school_id),
    "property-events": lambda client, district: client.property_events(
        district.school_id, WINDOW, zones={}
    ),
    "facility-events": lambda client, district: client.facility_events(
        str(district.world.facilities_of(district.school_id)[0]["_id"]),
        district.school_id,
        WINDOW,
        zones={},
    ),
    "event": lambda client, district: client.event(
        "reservation", next(iter(district.world.events)), zones={}
    ),
}
FAULTS: dict[str, type[VendorError]] = {
    "400": RequestRefused,
    "401": KeyRefused,
    "403": AccessRefused,
    "404": NotFound,
    "429": RateLimited,
    "500": VendorUnavailable,
    "502": VendorTimeout,
    "503": VendorTimeout,
    "504": VendorTimeout,
    "hang:seconds=0": VendorUnavailable,
    "slow:seconds=0.6": VendorTimeout,
    "reset": VendorUnavailable,
    "truncated": MalformedAnswer,
    "html": MalformedAnswer,
    "garbage": MalformedAnswer,
    "null": MalformedAnswer,
}


@pytest.mark.parametrize("endpoint", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
def test_fault_is_its_error(district: Vendor, endpoint: str, fault: str) -> None:
    """Each fault on each endpoint is the error that the tree has for it."""
    district.fail(fault)
    with pytest.raises(VendorError) as caught:
        CALLS[endpoint](_client(district, timeout=0.2 if "slow" in fault else 5.0), district)
    assert type(caught.value) is FAULTS[fault]
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint", ["properties", "facilities", "property-events", "facility-events"]
)
def test_empty_answer_is_an_answer(district: Vendor, endpoint: str) -> None:
    """Whether to believe it is not for the client to say."""
    district.fail("empty")
    answer: Any = CALLS[endpoint](_client(district), district)
    assert (getattr(answer, "items", ()), getattr(answer, "events", ()), answer.skipped) == (
        (),
        (),
        (),
    )


@pytest.mark.parametrize(
    "fault",
    ["429:first=2", "503:first=2", "reset:first=2", "truncated:first=2", "latency:seconds=0.01"],
)
def test_passing_fault_is_outlived(district: Vendor, fault: str) -> None:
    """Two attempts in vain are not the end."""
    whole = _client(district).properties().items
    district.fail(fault)
    assert _client(district).properties().items == whole


def test_wrong_key_and_unknown_ids_are_told_apart(district: Vendor) -> None:
    """The vendor's own codes come with them."""
    with pytest.raises(KeyRefused):
        _client(district, "wrong-key").properties()
    with pytest.raises(NotFound) as caught:
        _client(district).property("no-such-property")
    assert (caught.value.message_code[:2], bool(caught.value.invocation_id)) == ("PR", True)


def test_past_window_is_refused(district: Vendor) -> None:
    """A rule of the vendor's pages; asking again would not help."""
    past = Window(TODAY - timedelta(days=2), TODAY)
    with pytest.raises(RequestRefused) as caught:
        _client(district).property_events(district.school_id, past, zones={})
    assert caught.value.message_code[:2] == "SY"
