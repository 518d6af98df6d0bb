"""`icalbridge.sandbox.faults` and `broken`: the grammar, which requests are struck, what a client
sees over HTTP.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from icalbridge import sandbox
from icalbridge.sandbox.faults import ENDPOINTS, KINDS
from tests.fixtures.vendor import HEADERS, TODAY, Vendor, vendor
from tests.fixtures.writes import at, cancel, create, event, slot

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def shared() -> Iterator[Vendor]:
    """A small vendor; its faults are set anew by each test."""
    with vendor() as opened:
        yield opened


@pytest.fixture
def api(shared: Vendor) -> Vendor:
    """That vendor, healthy."""
    shared.state.faults.clear()
    return shared


def _strikes(spec: str, requests_made: int = 6) -> list[bool]:
    fault = sandbox.parse_fault(spec)
    return [fault.strikes("event", "p1") for _ in range(requests_made)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_strikes_every_request_by_default(kind: str) -> None:
    """Without options a fault befalls all requests; a cold start only the first."""
    assert _strikes(kind, 3) == ([True, False, False] if kind == "cold-start" else [True] * 3)


def test_first_and_after_count_matching_requests() -> None:
    """`after` lets so many pass, then `first` strikes so many."""
    assert _strikes("503:after=2,first=3") == [False, False, True, True, True, False]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_endpoint_narrows_a_fault(endpoint: str) -> None:
    """Only requests to that endpoint are struck."""
    fault = sandbox.parse_fault(f"503:endpoint={endpoint}")
    assert [each for each in ENDPOINTS if fault.strikes(each, "")] == [endpoint]


def test_property_narrows_a_fault() -> None:
    """Only requests about that property are struck, and only they count."""
    fault = sandbox.parse_fault("503:property=p2,first=1")
    assert [fault.strikes("facilities", each) for each in ("p1", "p2", "p2")] == [
        False,
        True,
        False,
    ]


def test_share_is_the_same_in_every_run() -> None:
    """`p` draws from chance that is seeded: about that share, the same requests each time."""
    struck = _strikes("503:p=0.2", 1000)
    assert struck == _strikes("503:p=0.2", 1000)
    assert 150 < sum(struck) < 250
    assert (_strikes("503:p=0"), _strikes("503:p=1")) == ([False] * 6, [True] * 6)


def test_latency_varies_below_its_seconds() -> None:
    """Latency is anything up to `seconds`, the same in every run; other delays are exact."""
    one, other = sandbox.parse_fault("latency:seconds=2"), sandbox.parse_fault("latency:seconds=2")
    delays = [one.delay() for _ in range(20)]
    assert delays == [other.delay() for _ in range(20)]
    assert len(set(delays)) == 20
    assert all(0 <= each <= 2 for each in delays)
    assert sandbox.parse_fault("slow:seconds=0.5").delay() == 0.5


@pytest.mark.parametrize(
    "spec",
    [
        *(
            "",
            "explode",
            "200",
            "503:p",
            "503:p=2",
            "503:p=nan",
            "503:first=-1",
            "503:after=x",
            "503:endpoint=all",
        ),
        *(
            "503:property=",
            "slow:seconds=-1",
            "slow:seconds=inf",
            "503:colour=red",
            "503 first=1",
            "503:first=1;p=1",
        ),
    ],
)
def test_bad_spec_is_one_sentence(spec: str) -> None:
    """A SPEC that cannot be read raises ValueError with one line that quotes what is wrong."""
    with pytest.raises(
        ValueError, match=r"^'[^\n]*' (is no kind of fault|cannot be used in)[^\n]*$"
    ):
        sandbox.parse_fault(spec)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "SY001"),
        (403, "AC001"),
        (404, "PR001"),
        (500, "SY002"),
        (502, "SY003"),
        (503, "SY004"),
        (504, "SY005"),
    ],
)
def test_status_fault_is_the_vendors_error(api: Vendor, status: int, code: str) -> None:
    """Each status comes in the vendor's envelope."""
    answer = api.fail(str(status)).get("/properties")
    told = answer.json()
    assert (answer.status_code, told["message_code"], sorted(told)) == (
        status,
        code,
        ["invocation_id", "message", "message_code"],
    )


def test_404_fault_speaks_of_what_was_asked_for(api: Vendor) -> None:
    """The prefix is that of the resource in the path."""
    api.fail("404")
    facility_id = api.world.facilities[0]["_id"]
    paths = (
        f"/property/{api.school_id}",
        f"/facility/{facility_id}/events",
        "/event/reservation/e12345",
    )
    assert [api.get(path).json()["message_code"] for path in paths] == ["PR001", "FC001", "EV001"]


def test_401_fault_is_a_problem_document(api: Vendor) -> None:
    """RFC 9457, as for a wrong key."""
    answer = api.fail("401").get("/properties")
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert (answer.json()["status"], answer.json()["title"]) == (401, "Unauthorized")


def test_429_fault_is_bare(api: Vendor) -> None:
    """One field and no Retry-After."""
    answer = api.fail("429").get("/properties")
    assert (answer.status_code, answer.json()) == (429, {"message": "Too Many Requests"})
    assert "Retry-After" not in answer.headers


def test_html_and_garbage_are_200_without_json(api: Vendor) -> None:
    """A page for people, and bytes that are no JSON under its type."""
    page = api.fail("html").get("/properties")
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    garbage = api.fail("garbage").get("/properties")
    assert (garbage.status_code, garbage.headers["Content-Type"]) == (
        200,
        "application/json; charset=utf-8",
    )
    for answer in (page, garbage):
        with pytest.raises(requests.JSONDecodeError):
            answer.json()


@pytest.mark.parametrize(("spec", "left"), [("empty", []), ("null", None)])
def test_empty_and_null_keep_the_envelope(api: Vendor, spec: str, left: Any) -> None:
    """Only the list is gone."""
    answer = api.fail(spec).get("/properties")
    told = answer.json()
    assert (answer.status_code, told["message_code"], told["properties"]) == (200, "A007", left)


def test_stale_shows_events_as_they_were_when_it_began(api: Vendor) -> None:
    """By id and in lists, whatever is written meanwhile; a write itself is answered as ever.
    Afterwards all shows.
    """
    created = create(api, event(api, "before")).json()["event"]["_id"]
    path, days = f"/event/reservation/{created}", {"start_date": str(TODAY), "end_date": str(TODAY)}
    listed = {**days, "event_types": "reservation"}
    api.fail("stale")
    old = [
        api.get(path).json()["event"],
        api.get(f"/property/{api.school_id}/events", **listed).json()["events"],
    ]
    assert cancel(api, created, {"status": "cancelled"}).status_code == 200
    assert (
        create(
            api, event(api, "meanwhile", timeslots=[slot(api, **_times("12:00:00", "13:00:00"))])
        ).status_code
        == 201
    )
    api.world.rename(old[1][0]["_id"], "Renamed")
    assert [
        api.get(path).json()["event"],
        api.get(f"/property/{api.school_id}/events", **listed).json()["events"],
    ] == old
    assert api.get("/event/reservation/meanwhile").status_code == 404
    api.fail()
    assert api.get(path).json()["event"]["status"] == "Cancelled"
    assert api.get("/event/reservation/meanwhile").status_code == 200
    names = [
        each["name"]
        for each in api.get(f"/property/{api.school_id}/events", **listed).json()["events"]
    ]
    assert names == ["Renamed", *(each["name"] for each in old[1][1:])]


def test_stale_may_end_after_some_reads(api: Vendor) -> None:
    """`first` counts the requests that are answered so."""
    created = create(
        api, event(api, "counted", timeslots=[slot(api, **_times("08:00:00", "09:00:00"))])
    ).json()["event"]["_id"]
    api.fail("stale:endpoint=event,first=2")
    statuses = []
    for _ in range(3):
        statuses.append(api.get(f"/event/reservation/{created}").json()["event"]["status"])
        cancel(api, created, {"status": "cancelled"})
    assert statuses == ["Approved", "Approved", "Cancelled"]


def _times(start: str, end: str) -> dict[str, str]:
    return {"start_datetime": at(start), "end_datetime": at(end)}


def test_reset_breaks_before_any_answer(api: Vendor) -> None:
    """The client reads an RST, not an orderly end; the request is written down with status 0."""
    with pytest.raises(requests.ConnectionError, match="ConnectionResetError"):
        api.fail("reset").get("/properties")
    assert api.state.requests[-1] == ("GET", "/v1/properties", "", 0)


def test_hang_ends_without_an_answer(api: Vendor) -> None:
    """Nothing comes for its seconds; a client's own time-out ends it earlier."""
    api.fail("hang:seconds=30")
    with pytest.raises(requests.ReadTimeout):
        requests.get(f"{api.url}/properties", headers=HEADERS, timeout=0.05)
    with pytest.raises(requests.ConnectionError, match="ConnectionResetError"):
        api.fail("hang:seconds=0").get("/properties")


def test_truncated_promises_more_than_it_sends(api: Vendor) -> None:
    """Content-Length tells the whole body, half of it comes, and the connection closes."""
    whole = len(api.get("/properties").content)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead") as caught:
        api.fail("truncated").get("/properties")
    read, missing = caught.value.args[0].args[1].partial, caught.value.args[0].args[1].expected
    assert (read, read + missing) == (whole // 2, whole)


@pytest.mark.parametrize(
    "spec", ["slow:seconds=0.05", "latency:seconds=0.05", "cold-start:seconds=0.05"]
)
def test_delays_give_the_right_answer(api: Vendor, spec: str) -> None:
    """Late, and otherwise untouched; exact delays are at least as long as told."""
    began = time.monotonic()
    answer = api.fail(spec).get("/properties")
    assert answer.json()["properties"] == api.world.properties
    assert spec.startswith("latency") or time.monotonic() - began >= 0.05


def test_delay_and_error_strike_together(api: Vendor) -> None:
    """Delays add up with the first fault that answers in the endpoint's place."""
    assert api.fail("slow:seconds=0.01", "502", "503").get("/properties").status_code == 502


def test_property_fault_follows_its_facilities_and_events(api: Vendor) -> None:
    """`property=ID` strikes requests for that property, its facilities and its events, and no
    others.
    """
    api.fail(f"503:property={api.school_id}")
    event = next(each for each in api.world.events.values() if each["property_id"] == api.school_id)
    facility_id = api.world.facilities_of(api.school_id)[0]["_id"]
    paths = [
        f"/property/{api.school_id}",
        f"/property/{api.school_id}/facilities",
        f"/property/{api.school_id}/events",
        f"/facility/{facility_id}/events",
        f"/event/reservation/{event['_id']}",
        f"/property/{api.district_id}",
        "/properties",
    ]
    assert [api.get(path, event_types="reservation").status_code for path in paths] == [503] * 5 + [
        200
    ] * 2


def test_faults_change_while_it_runs(api: Vendor) -> None:
    """The list is read at each request."""
    assert api.fail("503").get("/properties").status_code == 503
    api.state.faults.clear()
    assert api.get("/properties").status_code == 200


def test_ending_server_does_not_wait_for_a_hanging_request() -> None:
    """What hangs is woken when the server ends."""
    began = time.monotonic()
    with vendor(today=TODAY) as opened:
        opened.fail("hang:seconds=3000")
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{opened.url}/properties", headers=HEADERS, timeout=0.05)
    assert time.monotonic() - began < 60


def test_days_and_children_narrow_a_fault_to_heavy_requests() -> None:
    """Windows of so many days and more; requests for a district's schools."""
    heavy, children = sandbox.parse_fault("503:days=4"), sandbox.parse_fault("503:children=1")
    assert [heavy.strikes("property-events", "p", days) for days in (0, 1, 3, 4, 31)] == [
        False
    ] * 3 + [True] * 2
    assert [
        children.strikes("property-events", "p", 1, children=each) for each in (False, True)
    ] == [False, True]
