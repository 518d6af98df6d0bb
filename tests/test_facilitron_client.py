"""`icalbridge.facilitron.client`: what is sent, and what is made of the answers; over HTTP, answers
made to order.
"""

from __future__ import annotations

import logging
import re
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge import __version__
from icalbridge.errors import (
    ConfigurationError,
    MalformedAnswer,
    NotFound,
    RequestRefused,
    VendorError,
)
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.models import EventKey, Facility, Property, Window
from tests.fixtures.scripted import (
    EVENTS,
    KEY,
    NOW,
    PROPERTIES,
    REFUSED,
    UNAVAILABLE,
    ZONES,
    Reply,
    client_of,
    scripted,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icalbridge.facilitron import EventsResponse

WINDOW = Window(date(2026, 11, 21), date(2026, 12, 21))


def _events(client: Client) -> EventsResponse:
    return client.property_events("p1", WINDOW, zones=ZONES)


def test_request_carries_key_and_name() -> None:
    """Bearer key, our name and version, JSON asked for, gzip welcome."""
    with scripted(PROPERTIES) as script:
        client_of(script).properties()
    sent = script.asked[0].headers
    assert {name: sent[name] for name in ("authorization", "user-agent", "accept")} == {
        "authorization": f"Bearer {KEY}",
        "user-agent": f"icalbridge/{__version__}",
        "accept": "application/json",
    }
    assert "gzip" in sent["accept-encoding"]


def test_netrc_does_not_replace_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A netrc entry for the vendor's host is not ours to send."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with scripted(PROPERTIES) as script:
        client_of(script).properties()
    assert script.asked[0].headers["authorization"] == f"Bearer {KEY}"


def test_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """`http_proxy` is honoured: the proxy gets the whole address."""
    with scripted(PROPERTIES) as script:
        monkeypatch.setenv("http_proxy", script.url.removesuffix("/v1"))
        monkeypatch.delenv("no_proxy", raising=False)
        client = Client("http://vendor.example/v1", KEY, ledger=MemoryLedger(10, 10))
        client.properties()
    assert script.paths == ["http://vendor.example/v1/properties"]


QUERY = "start_date=2026-11-21&end_date=2026-12-21&event_types=reservation"
CALLS: dict[str, Callable[[Client], object]] = {
    "/v1/properties": lambda client: client.properties(),
    "/v1/property/p%2F1": lambda client: client.property("p/1"),
    "/v1/property/p%3F1/facilities": lambda client: client.facilities("p?1"),
    f"/v1/property/..%2Fp1/events?{QUERY}": lambda client: client.property_events(
        "../p1", WINDOW, zones={}
    ),
    f"/v1/property/p1/events?{QUERY}&include_child_events=true": lambda client: (
        client.property_events("p1", WINDOW, zones={}, include_child_events=True)
    ),
    f"/v1/facility/%C3%A9%25/events?{QUERY}": lambda client: client.facility_events(
        "é%", "p1", WINDOW, zones={}
    ),
    "/v1/event/reservation/e%201": lambda client: client.event("reservation", "e 1", zones=ZONES),
}


@pytest.mark.parametrize("path", CALLS)
def test_endpoints_are_asked_with_escaped_ids(path: str) -> None:
    """Ids are opaque: whatever is in them stays within its part of the path."""
    event = {"_id": "e 1", "property_id": "p1", "timeslots": []}
    body = {
        "properties": [],
        "property": {"_id": "p/1"},
        "facilities": [],
        "events": [],
        "event": event,
    }
    with scripted(told(body)) as script:
        CALLS[path](client_of(script))
    assert script.paths == [path]


@pytest.mark.parametrize("property_id", ["", ".", ".."])
def test_id_that_is_a_step_in_a_path_is_not_asked(property_id: str) -> None:
    """No escape keeps `..` from being resolved on the way, so nothing is sent."""
    with scripted(PROPERTIES) as script, pytest.raises(RequestRefused):
        client_of(script).property(property_id)
    assert script.asked == []


def test_answers_are_typed() -> None:
    """Properties, one property and facilities come as the model's classes, with the call's
    invocation_id.
    """
    bodies = [
        {
            "invocation_id": "a",
            "properties": [{"_id": "p1", "name": "School", "properties": ["p2"]}],
        },
        {"invocation_id": "b", "property": {"_id": "p1", "timezone": " America/Phoenix "}},
        {"invocation_id": "c", "facilities": [{"_id": "f1", "name": "Gym", "capacity": 300}]},
    ]
    with scripted(*map(told, bodies)) as script:
        client = client_of(script)
        properties, single, facilities = (
            client.properties(),
            client.property("p1"),
            client.facilities("p1"),
        )
    assert (properties.items, properties.invocation_id) == (
        (Property("p1", "School", child_ids=("p2",)),),
        "a",
    )
    assert single == Property("p1", timezone="America/Phoenix")
    assert (facilities.items, facilities.invocation_id) == (
        (Facility("f1", "p1", "Gym", capacity=300),),
        "c",
    )


def test_connection_is_kept() -> None:
    """One connection serves request after request, errors and gzip included."""
    with scripted(PROPERTIES, EVENTS, told({}, 404), PROPERTIES) as script:
        client = client_of(script)
        client.properties()
        _events(client)
        with pytest.raises(NotFound):
            client.property("p2")
        client.properties()
    assert len({each.port for each in script.asked}) == 1


TYPES = ("reservation", "maintenance-block")


def test_event_types_are_asked_at_once() -> None:
    """Several types are one request, comma-separated."""
    with scripted(EVENTS) as script:
        answer = _events(client_of(script, event_types=TYPES))
    assert [path.partition("event_types=")[2] for path in script.paths] == [
        "reservation%2Cmaintenance-block"
    ]
    assert answer.refused_types == frozenset()


def test_refused_type_does_not_lose_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """When all at once are refused each is asked alone, and what is still refused is named."""
    event = {"_id": "e1", "property_id": "p1", "timeslots": []}
    with scripted(REFUSED, told({"events": [event]}), REFUSED) as script:
        answer = _events(client_of(script, event_types=TYPES))
    assert [each.key for each in answer.events] == [EventKey("reservation", "e1")]
    assert (answer.refused_types, len(script.asked)) == (frozenset({"maintenance-block"}), 3)
    assert [each.getMessage() for each in caplog.records] == [
        (
            "event type maintenance-block is refused: "
            "GET /property/p1/events: 400 SY001 Validation failed (invocation_id i-4)"
        )
    ]


def test_event_told_for_two_types_is_told_once() -> None:
    """A vendor that ignores the filter does not double anything."""
    both = told(
        {"events": [{"_id": "e1", "type": "reservation", "property_id": "p1", "timeslots": []}]}
    )
    with scripted(REFUSED, both) as script:
        answer = _events(client_of(script, event_types=TYPES))
    assert [each.key for each in answer.events] == [EventKey("reservation", "e1")]


@pytest.mark.parametrize(("types", "asked"), [(TYPES, 3), (TYPES[:1], 1)])
def test_all_types_refused_is_the_first_refusal(types: tuple[str, ...], asked: int) -> None:
    """Nothing is left to answer; the first refusal says why."""
    later = told({"message": "other"}, 400)
    with (
        scripted(REFUSED, later) as script,
        pytest.raises(RequestRefused, match="Validation failed"),
    ):
        _events(client_of(script, event_types=types))
    assert len(script.asked) == asked


@pytest.mark.parametrize(
    "date_told", ["Sat, 21 Nov 2026 20:01:30 GMT", "", "soon", "Sat, 21 Nov 2026 20:00:00 -0000"]
)
def test_clock_offset_is_the_last_answers(date_told: str) -> None:
    """Read from an answer of any status; None before the first, and when the last one had no Date."""
    with scripted(PROPERTIES, told({}, 404, Date=date_told)) as script:
        client = client_of(script, clock=lambda: NOW - timedelta(seconds=30))
        assert client.clock_offset is None
        client.properties()
        assert client.clock_offset == timedelta(seconds=30)
        with pytest.raises(NotFound):
            client.property("p1")
    assert client.clock_offset == (timedelta(minutes=2) if "30 GMT" in date_told else None)


def test_attempts_are_told_to_the_counter() -> None:
    """Endpoint and outcome of each attempt, for the metrics."""
    seen: list[tuple[str, str]] = []
    with scripted(Reply(reset=True), UNAVAILABLE, EVENTS) as script:
        _events(client_of(script, on_request=lambda *told: seen.append(told)))
    assert seen == [
        ("property-events", "no answer"),
        ("property-events", "503"),
        ("property-events", "200"),
    ]


@pytest.mark.parametrize("key", ["", " s3cret", "s3cret\n", "s3cret\u00e9", "s3cret\r\nX-Other: 1"])
def test_key_that_no_header_can_carry_is_refused_unnamed(key: str) -> None:
    """It is said at once, and without the key."""
    with pytest.raises(ConfigurationError, match="use it as Facilitron gave it") as caught:
        Client("http://127.0.0.1/v1", key, ledger=MemoryLedger(1, 1))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "reply", [Reply(reset=True), Reply(302), told({"message": KEY}, 401), Reply(200, b"{", cut=0)]
)
def test_key_is_in_no_error_and_no_log(reply: Reply, caplog: pytest.LogCaptureFixture) -> None:
    """Not in the sentence, not in what caused it, not at any log level, not in a repr."""
    caplog.set_level(logging.DEBUG)
    with scripted(reply) as script:
        client = client_of(script)
        with pytest.raises(VendorError) as caught:
            client.properties()
    error = caught.value
    assert (error.__cause__, error.__context__) == (None, None)
    assert KEY not in "".join(
        [str(error), repr(error), repr(vars(error)), repr(client), caplog.text]
    )


def test_answer_is_logged_without_its_contents(caplog: pytest.LogCaptureFixture) -> None:
    """One line for what was left out, by reason and with invocation_id; one a request for those who
    debug.
    """
    caplog.set_level(logging.DEBUG, "icalbridge.facilitron")
    slots = [
        {"start_datetime": None},
        {"start_datetime": "2026-11-21T10:00", "end_datetime": "2026-11-21T09:00"},
    ]
    events = [
        {"_id": "e1", "name": "Secret", "renter": "someone", "timeslots": slots},
        {"name": "Secret"},
        {},
    ]
    with scripted(told({"events": events, "invocation_id": "i-9"})) as script:
        answer = _events(client_of(script))
    assert (len(answer.skipped), len(answer.ignored), answer.complete) == (3, 1, False)
    debug, warning = [each.getMessage() for each in caplog.records]
    assert (
        warning == "GET /property/p1/events: left out: 1 ends before it starts, 2 no timeslots, 1"
        " unreadable time; invocation_id i-9"
    )
    assert re.fullmatch(r"GET /property/p1/events: 200 after \d+ ms, i-9", debug)


def test_single_event_that_cannot_be_read_is_malformed() -> None:
    """There is no neighbour that could stay."""
    reply = told({"event": {"_id": "e1"}, "invocation_id": "i-3"})
    with scripted(reply) as script, pytest.raises(MalformedAnswer, match="no timeslots") as caught:
        client_of(script).event("reservation", "e1", zones=ZONES)
    assert caught.value.invocation_id == "i-3"
