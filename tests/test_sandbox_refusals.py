"""The sandbox's writes as a whole: bodies that are none, which refusal wins, key and limits,
faults, early and late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.fixtures.vendor import Vendor, vendor
from tests.fixtures.writes import cancel, change, create, event, move, place, slot

if TYPE_CHECKING:
    from collections.abc import Iterator

CANCEL = {"status": "cancelled"}


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


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b"null", b'"text"', b"1e999", b'{"a": "\xff"}', b"[" * 100_000, b"1" * 9999],
)
def test_body_that_is_no_object_is_400(api: Vendor, raw: bytes) -> None:
    """Whatever it is."""
    headers = {"Content-Type": "application/json"}
    create(api, event(api))
    for method, path in (
        ("POST", "/event"),
        ("PATCH", "/event/reservation/event-1"),
        ("PATCH", "/event/reservation/event-1/timeslot/slot-1"),
    ):
        answer = api.session.request(method, api.url + path, data=raw, headers=headers, timeout=30)
        assert _refused(answer) == (400, "SY001")


def test_body_without_end_is_400(api: Vendor) -> None:
    """More than a mebioctet is not read, told in advance or in chunks."""
    chunks = iter([b" " * 600_000] * 2)
    assert _refused(api.session.post(f"{api.url}/event", data=chunks, timeout=30)) == (400, "SY001")


@pytest.mark.parametrize(
    ("spoiled", "first"),
    [
        ({"name": ""}, (400, "SY001")),
        ({}, (404, "FC001")),
        ({"facility": True}, (404, "US001")),
        ({"facility": True, "renter": True}, (400, "SY001")),
        ({"facility": True, "renter": True, "time": True}, (409, "EV005")),
    ],
)
def test_first_refusal_wins(api: Vendor, spoiled: dict[str, Any], first: tuple[int, str]) -> None:
    """Everything is wrong with it, then less and less: body, facility, renter, clock, duplicate."""
    create(api, event(api))
    api.state.strict_creations = True
    times = (
        {}
        if "time" in spoiled
        else {"start_datetime": "2026-01-01T10:00", "end_datetime": "2026-01-01T11:00"}
    )
    where = {} if "facility" in spoiled else {"facility_u_id": "nowhere"}
    who = {} if "renter" in spoiled else {"renter_email": "nobody@school.example"}
    named = {name: value for name, value in spoiled.items() if name == "name"}
    assert (
        _refused(create(api, event(api, timeslots=[slot(api, **times, **where)], **who, **named)))
        == first
    )


def test_refused_write_changes_nothing(api: Vendor) -> None:
    """All timeslots are checked before one is made."""
    before = list(api.world.events)
    late = slot(api, "slot-2", facility_u_id="nowhere")
    assert create(api, event(api, timeslots=[slot(api), late])).status_code == 404
    assert (list(api.world.events), api.world.log_messages) == (before, [])


def test_writes_need_the_key_and_take_from_the_limits() -> None:
    """401 without it; one request too many is 429; each counts like a read."""
    with vendor(rate_per_minute=2) as api:
        answer = requests.post(f"{api.url}/event", json=event(api), timeout=30)
        assert (answer.status_code, answer.headers["Content-Type"]) == (
            401,
            "application/problem+json",
        )
        told = [create(api, event(api)), cancel(api, "event-1", CANCEL), change(api, move())]
        assert [each.status_code for each in told] == [201, 200, 429]
        assert (told[-1].json(), api.state.quota_used) == ({"message": "Too Many Requests"}, 2)


@pytest.mark.parametrize("kind", ["reset", "503", "hang:seconds=0"])
def test_fault_before_a_write_leaves_it_undone(api: Vendor, kind: str) -> None:
    """Nothing is made."""
    name, _, rest = kind.partition(":")
    api.fail(f"{name}:endpoint=create-event,{rest}")
    try:
        assert create(api, event(api)).status_code == 503
    except requests.ConnectionError:
        assert name != "503"
    assert _refused(api.get("/event/reservation/event-1")) == (404, "EV001")


@pytest.mark.parametrize("kind", ["lost", "done-503", "truncated"])
def test_fault_after_a_write_leaves_it_done(api: Vendor, kind: str) -> None:
    """It is made, and the client does not learn of it."""
    api.fail(f"{kind}:endpoint=create-event")
    try:
        assert create(api, event(api)).status_code == 503
    except requests.RequestException:
        assert kind != "done-503"
    assert _read(api)["status"] == "Approved"


def test_fault_of_a_property_strikes_its_writes(api: Vendor) -> None:
    """Also a creation, by the facility of its first timeslot."""
    create(api, event(api))
    api.fail(f"503:property={api.school_id}")
    other = [slot(api, facility_u_id=place(api, 0, str(api.world.properties[2]["_id"])))]
    told = [create(api, event(api, "event-2")), cancel(api, "event-1", CANCEL), change(api, move())]
    assert [each.status_code for each in told] == [503] * 3
    assert create(api, event(api, "event-3", timeslots=other)).status_code == 201
    assert create(api, []).status_code == 400


def test_maintenance_blocks_are_made_with_the_option() -> None:
    """Coming soon: 400; once it has come, made and read by its type."""
    with vendor(maintenance_blocks=True) as api:
        assert create(api, event(api, event_type="maintenance-block")).status_code == 201
        assert (
            api.get("/event/maintenance-block/event-1").json()["event"]["type"]
            == "maintenance-block"
        )
        assert _refused(create(api, event(api))) == (409, "EV005")
        assert cancel(api, "event-1", CANCEL, "maintenance-block").status_code == 200
