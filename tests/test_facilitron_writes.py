"""`icalbridge.facilitron`'s writes against the simulated vendor: what comes of each, and what of a
lost answer.
"""

from __future__ import annotations

import inspect
import logging
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.errors import (
    AccessRefused,
    InvalidRequest,
    KeyRefused,
    MalformedAnswer,
    NotFound,
    QuotaSpent,
    RateLimited,
    RequestRefused,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.facilitron import (
    CancelledEvent,
    Client,
    Conflict,
    Created,
    MemoryLedger,
    Moved,
    NewEvent,
    NewTimeslot,
    NotCreated,
    TimeslotChange,
    Unknown,
)
from tests.fixtures.commands import free_port
from tests.fixtures.scripted import Reply, client_of, scripted, told
from tests.fixtures.vendor import KEY, NOW, Vendor, vendor
from tests.fixtures.writes import RENTER, create, event, place, slot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ZONE = "America/Los_Angeles"
START = NOW + timedelta(days=500)
LATER = START + timedelta(hours=4)
HOUR = timedelta(hours=1)
MOVE = TimeslotChange(LATER, LATER + HOUR, ZONE)


@pytest.fixture
def api() -> Iterator[Vendor]:
    """A small vendor of the test's own."""
    with vendor() as opened:
        yield opened


def _client(api: Vendor, naps: list[float] | None = None, key: str = KEY, **more: Any) -> Client:
    arguments: dict[str, Any] = {
        "ledger": MemoryLedger(1_000_000, 1_000_000),
        "clock": lambda: NOW,
        "sleep": (naps if naps is not None else []).append,
    }
    return Client(api.url, key, **{**arguments, **more})


def _event(api: Vendor | None = None, **changed: Any) -> NewEvent:
    slots = (NewTimeslot("slot-1", START, START + HOUR, place(api) if api else "gym", "Warm-up"),)
    return replace(NewEvent("event-1", "Recital", RENTER, 12, slots, ZONE), **changed)


def _sent(api: Vendor) -> list[tuple[str, int]]:
    return [(method, status) for method, _path, _query, status in api.state.requests]


def test_created_event_can_be_read(api: Vendor) -> None:
    """By both ids, with what was told."""
    client = _client(api)
    outcome = client.create_event(_event(api))
    assert isinstance(outcome, Created)
    assert (outcome.external_id, outcome.has_conflict, outcome.looked_up) == (
        "event-1",
        False,
        False,
    )
    assert len(outcome.invocation_id) == 36
    found = client.event("reservation", outcome.event_id, zones={})
    assert client.event("reservation", "event-1", zones={}) == found
    assert (found.name, found.status, found.external_id, found.property_id) == (
        "Recital",
        "approved",
        "event-1",
        api.school_id,
    )
    assert [
        (each.external_id, each.start, each.end, each.activity) for each in found.timeslots
    ] == [("slot-1", START, START + HOUR, "Warm-up")]


def test_collision_is_told(api: Vendor) -> None:
    """The event is there all the same."""
    client = _client(api)
    client.create_event(_event(api))
    outcome = client.create_event(_event(api, external_id="event-2"))
    assert isinstance(outcome, Created)
    assert outcome.has_conflict is True


def test_duplicate_is_a_conflict(api: Vendor) -> None:
    """With the vendor's words and code, and no second event; not an exception."""
    client = _client(api)
    client.create_event(_event(api))
    outcome = client.create_event(_event(api, name="Another"))
    assert isinstance(outcome, Conflict)
    assert (outcome.message_code, outcome.message) == (
        "EV005",
        "Duplicate – An event with that external_system_event_id exists.",
    )
    assert _sent(api) == [("POST", 201), ("POST", 409)]


def test_every_field_is_sent() -> None:
    """As the pages call them, as JSON, with the key."""
    with scripted(
        told({"event": {"_id": "e1", "has_conflict": False}, "invocation_id": "i"}, 201)
    ) as script:
        outcome = client_of(script).create_event(
            _event(
                attendance=7,
                renter_rate_category_id="internal",
                renter_owner="owner",
                log_message="why",
            )
        )
    asked = script.asked[0]
    assert outcome == Created("e1", "event-1", False, "i")
    assert (asked.method, asked.path, asked.headers["content-type"]) == (
        "POST",
        "/v1/event",
        "application/json",
    )
    assert asked.body == (
        b'{"external_system_event_id":"event-1","event_type":"reservation","name":"Recital",'
        b'"renter_email":"coach@school.example","status":"approved","activity_type_id":12,"timeslots":['
        b'{"external_system_timeslot_id":"slot-1","start_datetime":"2028-04-04T13:00:00",'
        b'"end_datetime":"2028-04-04T14:00:00","facility_u_id":"gym","activity_name":"Warm-up"}],'
        b'"attendance":7,"renter_rate_category_id":"internal","renter_owner":"owner","event_log_message":"why"}'
    )


@pytest.mark.parametrize("status", [200, 201])
def test_either_success_is_one(status: int) -> None:
    """The pages do not say which."""
    with scripted(told({"event": {"_id": "e1"}}, status)) as script:
        assert client_of(script).create_event(_event()) == Created("e1", "event-1", None)


def test_wrong_request_is_not_sent(api: Vendor) -> None:
    """All three; nothing is asked and nothing booked."""
    client = _client(api, ledger=MemoryLedger(1, 0))
    with pytest.raises(InvalidRequest):
        client.create_event(_event(api, name=""))
    with pytest.raises(InvalidRequest):
        client.cancel_event("reservation", "ab")
    with pytest.raises(InvalidRequest):
        client.change_timeslot("reservation", "event-1", "slot-1", replace(MOVE, end=LATER))
    assert _sent(api) == []


def test_spent_quota_sends_nothing(api: Vendor) -> None:
    """Certainly not created."""
    with pytest.raises(QuotaSpent):
        _client(api, ledger=MemoryLedger(1, 0)).create_event(_event(api))
    assert _sent(api) == []


REFUSALS: dict[str, tuple[dict[str, Any], type[VendorError], str]] = {
    "renter": ({"renter_email": "nobody@school.example"}, NotFound, "US001"),
    "activity type": ({"activity_type_id": 99}, NotFound, "EV006"),
    "owner": ({"renter_owner": "nobody"}, NotFound, "PR001"),
    "type": ({"event_type": "maintenance-block"}, RequestRefused, "SY001"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refusal_is_an_error(api: Vendor, case: str) -> None:
    """Once asked; no question after it."""
    fields, kind, code = REFUSALS[case]
    with pytest.raises(VendorError) as caught:
        _client(api).create_event(_event(api, **fields))
    assert (type(caught.value), caught.value.message_code, len(api.state.requests)) == (
        kind,
        code,
        1,
    )


def test_wrong_key_is_an_error(api: Vendor) -> None:
    """As in a read."""
    with pytest.raises(KeyRefused):
        _client(api, key="wrong-key").create_event(_event(api))


@pytest.mark.parametrize("fault", ["lost", "done-503", "truncated", "null"])
def test_lost_answer_is_looked_up(api: Vendor, fault: str) -> None:
    """Created though nobody said so: found under its external id, and posted once."""
    naps: list[float] = []
    api.fail(f"{fault}:endpoint=create-event")
    outcome = _client(api, naps).create_event(_event(api))
    assert isinstance(outcome, Created)
    assert (outcome.has_conflict, outcome.looked_up, naps) == (None, True, [])
    assert [method for method, _ in _sent(api)] == ["POST", "GET"]


def _same_slot(api: Vendor) -> dict[str, Any]:
    return slot(api, start_datetime="2028-04-04T13:00:00", end_datetime="2028-04-04T14:00:00")


@pytest.mark.parametrize("fault", ["reset", "502", "503", "504", "html", "garbage"])
def test_creation_that_failed_is_waited_for_and_then_not_created(api: Vendor, fault: str) -> None:
    """The vendor may be at work on it until its 35 seconds are over; only then is it surely not
    there.
    """
    naps: list[float] = []
    api.fail(f"{fault}:endpoint=create-event")
    outcome = _client(api, naps).create_event(_event(api))
    assert isinstance(outcome, NotCreated)
    assert isinstance(outcome.error, VendorUnavailable | MalformedAnswer)
    assert [method for method, _ in _sent(api)] == ["POST", "GET", "GET"]
    assert [30 < each <= 35 for each in naps] == [True]


def test_creation_that_comes_late_is_found(api: Vendor) -> None:
    """The connection broke, and the vendor went on."""
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        api.fail()
        create(api, event(api, timeslots=[_same_slot(api)]))

    api.fail("reset:endpoint=create-event")
    outcome = _client(api, sleep=sleep).create_event(_event(api))
    assert isinstance(outcome, Created)
    assert (outcome.looked_up, len(naps)) == (True, 1)


def test_own_time_out_has_waited_already(api: Vendor) -> None:
    """A creation that took its whole time is not waited for once more."""
    naps: list[float] = []
    api.fail("hang:endpoint=create-event,seconds=30")
    outcome = _client(api, naps, write_timeout=0.2).create_event(_event(api))
    assert isinstance(outcome, NotCreated)
    assert isinstance(outcome.error, VendorTimeout)
    assert naps == [0.0]


def test_writes_wait_35_seconds() -> None:
    """The longer of the limits on the vendor's pages."""
    assert inspect.signature(Client).parameters["write_timeout"].default == 35.0


def test_function_that_failed_is_not_waited_for(api: Vendor) -> None:
    """500 is its own last word."""
    naps: list[float] = []
    api.fail("500:endpoint=create-event")
    assert isinstance(_client(api, naps).create_event(_event(api)), NotCreated)
    assert (naps, _sent(api)) == ([], [("POST", 500), ("GET", 404)])


@pytest.mark.parametrize("fault", ["503", "401", "reset", "html"])
def test_creation_that_cannot_be_looked_up_is_unknown(api: Vendor, fault: str) -> None:
    """Neither answered nor found out; the error is the creation's own."""
    api.fail("503:endpoint=create-event", f"{fault}:endpoint=event")
    outcome = _client(api).create_event(_event(api))
    assert isinstance(outcome, Unknown)
    assert (type(outcome.error), outcome.error.request) == (VendorTimeout, "POST /event")
    assert [method for method, _ in _sent(api)].count("POST") == 1


def test_another_event_under_the_same_id_is_a_conflict(api: Vendor) -> None:
    """What is found has to be what was told: name and timeslots."""
    create(api, event(api))
    api.fail("503:endpoint=create-event")
    outcome = _client(api).create_event(_event(api))
    assert isinstance(outcome, Conflict)
    assert (
        outcome.message == "an event with that external id is there already, and it is another one"
    )


def test_gateways_429_is_sent_again(api: Vendor) -> None:
    """It did nothing, surely; three in a row are not created."""
    api.fail("429:endpoint=create-event,first=2")
    assert isinstance(_client(api).create_event(_event(api)), Created)
    assert _sent(api) == [("POST", 429), ("POST", 429), ("POST", 201)]
    api.fail("429:endpoint=create-event")
    outcome = _client(api).create_event(_event(api, external_id="event-2"))
    assert isinstance(outcome, NotCreated)
    assert isinstance(outcome.error, RateLimited)
    assert [method for method, _ in _sent(api)] == ["POST"] * 6


def test_creation_is_sent_again_where_no_connection_came_about(api: Vendor) -> None:
    """Nothing can have been done, and nothing is looked up."""
    tried: list[str] = []
    client = Client(
        f"http://127.0.0.1:{free_port()}/v1",
        KEY,
        ledger=MemoryLedger(1_000_000, 1_000_000),
        clock=lambda: NOW,
        sleep=lambda _seconds: None,
        on_request=lambda endpoint, _outcome: tried.append(endpoint),
    )
    outcome = client.create_event(_event(api))
    assert isinstance(outcome, NotCreated)
    assert (type(outcome.error), tried) == (VendorUnavailable, ["create-event"] * 3)


def test_event_is_cancelled_by_either_id(api: Vendor) -> None:
    """And cancelled it stays: again is `already`."""
    client = _client(api)
    made = client.create_event(_event(api))
    assert isinstance(made, Created)
    first = client.cancel_event("reservation", "event-1", "rain")
    assert isinstance(first, CancelledEvent)
    assert (first.event_id, first.external_id, first.already) == (made.event_id, "event-1", False)
    again = client.cancel_event("reservation", made.event_id)
    assert again == CancelledEvent(made.event_id, "event-1", already=True)
    assert client.event("reservation", "event-1", zones={}).status == "cancelled"
    assert api.world.log_messages == [(made.event_id, "rain")]


@pytest.mark.parametrize("fault", ["lost", "done-503", "truncated", "reset", "503", "429"])
def test_cancellation_is_sent_again(api: Vendor, fault: str) -> None:
    """It may be: what was done before is found to be so."""
    client = _client(api)
    client.create_event(_event(api))
    api.fail(f"{fault}:endpoint=cancel-event,first=1")
    outcome = client.cancel_event("reservation", "event-1")
    assert isinstance(outcome, CancelledEvent)
    assert outcome.already is (fault in {"lost", "done-503", "truncated"})


def test_cancellation_in_the_way_of_something_else_is_a_conflict() -> None:
    """A 409 about an event that is not cancelled."""
    conflict = told({"message": "Locked", "message_code": "EV003", "invocation_id": "i-9"}, 409)
    with scripted(conflict, Reply(404)) as script:
        assert client_of(script).cancel_event("reservation", "event-1") == Conflict(
            "Locked", "EV003", "i-9"
        )


@pytest.mark.parametrize("call", ["cancel", "change"])
def test_others_events_are_refused(api: Vendor, call: str) -> None:
    """403, and 404 for what is not there."""
    theirs = next(each for each in api.world.events.values() if not each["created_by_external_api"])
    calls: dict[str, Callable[[str], object]] = {
        "cancel": lambda event_id: _client(api).cancel_event("reservation", event_id),
        "change": lambda event_id: _client(api).change_timeslot(
            "reservation", event_id, "slot-1", MOVE
        ),
    }
    with pytest.raises(AccessRefused):
        calls[call](theirs["_id"])
    with pytest.raises(NotFound):
        calls[call]("nothing")


@pytest.mark.parametrize("fault", ["", "lost", "done-503", "truncated", "reset", "503", "429"])
def test_timeslot_is_moved(api: Vendor, fault: str) -> None:
    """Its moments in UTC; sent again when the answer is lost, with the same end."""
    client = _client(api)
    client.create_event(_event(api))
    if fault:
        api.fail(f"{fault}:endpoint=change-timeslot,first=1")
    outcome = client.change_timeslot(
        "reservation", "event-1", "slot-1", replace(MOVE, activity_name=None)
    )
    assert isinstance(outcome, Moved)
    assert (outcome.external_id, outcome.start, outcome.end) == ("slot-1", LATER, LATER + HOUR)
    found = client.event("reservation", "event-1", zones={}).timeslots[0]
    assert (found.start, found.end, found.activity) == (LATER, LATER + HOUR, "")


def test_move_onto_a_booking_is_a_conflict(api: Vendor) -> None:
    """Nothing was changed."""
    client = _client(api)
    client.create_event(_event(api))
    taken = (NewTimeslot("slot-1", LATER, LATER + HOUR, place(api)),)
    client.create_event(_event(api, external_id="event-2", timeslots=taken))
    outcome = client.change_timeslot("reservation", "event-1", "slot-1", MOVE)
    assert isinstance(outcome, Conflict)
    assert outcome.message_code == "EV004"
    assert client.event("reservation", "event-1", zones={}).timeslots[0].start == START


def test_odd_answer_of_a_move_is_taken_for_done() -> None:
    """Any field may be null: then it is as it was asked for. Without a timeslot it is no answer."""
    with scripted(told({"timeslot": {"start_datetime": None}})) as script:
        assert client_of(script).change_timeslot("reservation", "event-1", "slot-1", MOVE) == Moved(
            "slot-1", LATER, LATER + HOUR
        )
    with scripted(told({"timeslot": None})) as script, pytest.raises(MalformedAnswer):
        client_of(script).change_timeslot("reservation", "event-1", "slot-1", MOVE)


@pytest.mark.parametrize("status", [400, 404, 409, 500, 503])
def test_renter_and_key_are_in_no_error_and_no_log(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Though the vendor repeats them, in whatever case; neither are they in any repr."""
    caplog.set_level(logging.DEBUG)
    request = _event(renter_owner="owner-of-renter")
    words = f"no user Coach@School.example of OWNER-OF-RENTER with {KEY}"
    answer = told({"message": words, "message_code": RENTER, "invocation_id": RENTER}, status)
    seen = [repr(request)]
    with scripted(answer, Reply(404)) as script:
        client = client_of(script)
        try:
            seen.append(repr(client.create_event(request)))
        except VendorError as error:
            seen += [str(error), repr(error), repr(vars(error)), repr(error.args)]
    everything = "".join([*seen, caplog.text]).lower()
    assert [
        word for word in (RENTER, "owner-of-renter", "key-that-nobody") if word in everything
    ] == []
    assert len(script.asked) >= 1
