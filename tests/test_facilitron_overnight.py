"""`icalbridge.facilitron.overnight`: a booking past midnight is one where the simulated vendor takes
it, else one a day; that is found out once.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from icalbridge.errors import NotFound, RequestRefused
from icalbridge.facilitron import (
    Client,
    Conflict,
    Created,
    MemoryLedger,
    NewEvent,
    NewTimeslot,
    OvernightCreator,
    creation_doubts,
    split_by_day,
    split_local_times,
)
from icalbridge.facilitron.overnight import part_id
from icalbridge.facilitron.write_requests import ONE_DAY, TOO_FAR, TOO_OLD
from tests.fixtures.vendor import KEY, NOW, Vendor, vendor
from tests.fixtures.writes import FREE_DAY, RENTER, place

if TYPE_CHECKING:
    from collections.abc import Iterator

ZONE = "America/Los_Angeles"
DAY, NEXT = FREE_DAY, FREE_DAY + timedelta(days=1)
NIGHT = f"{DAY}T22:00:00", f"{NEXT}T02:00:00"
BY_DAY = [(f"{DAY}T22:00:00", f"{DAY}T23:59:00"), (f"{NEXT}T00:00:00", f"{NEXT}T02:00:00")]


@pytest.fixture
def api() -> Iterator[Vendor]:
    with vendor() as opened:
        yield opened


def _moment(text: str, zone: str = ZONE) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def _request(
    *spans: tuple[str, str], facility: str = "gym", zone: str = ZONE, name: str = "Lock-in"
) -> NewEvent:
    slots = [
        NewTimeslot(f"slot-{number}", _moment(start, zone), _moment(end, zone), facility)
        for number, (start, end) in enumerate(spans, start=1)
    ]
    return NewEvent("event-1", name, RENTER, 12, tuple(slots), zone)


def _creator(api: Vendor, noted: list[str], *, by_day: bool = False) -> OvernightCreator:
    client = Client(
        api.url,
        KEY,
        ledger=MemoryLedger(1_000_000, 1_000_000),
        clock=lambda: NOW,
        sleep=lambda _seconds: None,
    )
    return OvernightCreator(client, by_day, lambda: noted.append("by day"))


def _booked(api: Vendor, event_id: str = "event-1") -> list[tuple[str, str]]:
    found = api.get(f"/event/reservation/{event_id}").json()["event"]
    return [(slot["start_datetime"], slot["end_datetime"]) for slot in found["timeslots"]]


def _statuses(api: Vendor) -> list[int]:
    return [status for method, *_, status in api.state.requests if method == "POST"]


def test_vendor_that_takes_it_has_one_booking(api: Vendor) -> None:
    noted: list[str] = []
    request = _request(NIGHT, facility=place(api))
    sent, outcome = _creator(api, noted).create(request)
    assert isinstance(outcome, Created)
    assert (sent, _booked(api), _statuses(api), noted) == (request, [NIGHT], [201], [])


def test_vendor_that_refuses_it_has_one_a_day(api: Vendor) -> None:
    """The second creation of the same key is not tried in one."""
    api.state.strict_creations = True
    noted: list[str] = []
    creator = _creator(api, noted)
    request = _request(NIGHT, facility=place(api))
    sent, outcome = creator.create(request)
    assert isinstance(outcome, Created)
    assert (_booked(api), _statuses(api), noted) == (BY_DAY, [400, 201], ["by day"])
    assert [slot.external_id for slot in sent.timeslots] == ["slot-1", "slot-1.2"]
    creator.create(replace(request, external_id="event-2"))
    assert (_booked(api, "event-2"), _statuses(api)) == (BY_DAY, [400, 201, 201])
    again = _creator(api, noted, by_day=True)
    again.create(replace(request, external_id="event-3"))
    assert (_statuses(api), noted) == ([400, 201, 201, 201], ["by day"])


def test_duplicate_is_a_conflict_and_settles_nothing(api: Vendor) -> None:
    """Whether the vendor takes the night is not known then."""
    noted: list[str] = []
    request = _request(NIGHT, facility=place(api))
    _creator(api, noted).create(request)
    api.state.strict_creations = True
    _, outcome = _creator(api, noted).create(replace(request, name="Another"))
    assert isinstance(outcome, Conflict)
    assert (_statuses(api), noted) == ([201, 400, 409], [])


def test_other_refusals_are_the_vendors_and_settle_nothing(api: Vendor) -> None:
    """An unknown renter is no reason to try again; a night that is too old stays refused."""
    api.state.strict_creations = True
    noted: list[str] = []
    creator = _creator(api, noted)
    request = _request(NIGHT, facility=place(api))
    with pytest.raises(NotFound):
        creator.create(replace(request, renter_email="nobody@school.example"))
    assert _statuses(api) == [404]
    old = _request(("2026-01-05T22:00:00", "2026-01-06T02:00:00"), facility=place(api))
    with pytest.raises(RequestRefused, match="older than 7 days"):
        creator.create(old)
    assert (_statuses(api), noted, creator.by_day) == ([404, 400, 400], [], False)


def test_day_booking_is_sent_once(api: Vendor) -> None:
    """A refusal of what does not pass midnight is not tried in parts."""
    api.state.strict_creations = True
    old = _request(("2026-01-05T20:00:00", "2026-01-05T22:00:00"), facility=place(api))
    with pytest.raises(RequestRefused):
        _creator(api, []).create(old)
    assert _statuses(api) == [400]


@pytest.mark.parametrize(
    ("start", "end", "parts"),
    [
        ("01T20:00", "01T22:00", [("01T20:00", "01T22:00")]),
        ("01T22:00", "02T00:00", [("01T22:00", "01T23:59")]),
        ("01T23:59", "02T02:00", [("02T00:00", "02T02:00")]),
        ("01T23:59", "02T00:00", [("01T23:59", "02T00:00")]),
        (
            "01T22:00",
            "03T02:00",
            [("01T22:00", "01T23:59"), ("02T00:00", "02T23:59"), ("03T00:00", "03T02:00")],
        ),
        ("02T10:00", "01T10:00", [("02T10:00", "01T10:00")]),
    ],
)
def test_span_is_split_at_midnight(start: str, end: str, parts: list[tuple[str, str]]) -> None:
    """No part is shorter than a minute."""

    def local(text: str) -> datetime:
        return datetime.fromisoformat(f"2027-05-{text}:00")

    assert split_local_times(local(start), local(end)) == [
        (local(begin), local(finish)) for begin, finish in parts
    ]


def test_span_of_more_than_a_month_is_not_split() -> None:
    start = datetime.fromisoformat("2027-05-01T10:00")
    assert len(split_local_times(start, start + timedelta(days=30))) == 31
    assert split_local_times(start, start + timedelta(days=31)) == [
        (start, start + timedelta(days=31))
    ]


def test_split_goes_by_the_property_clock() -> None:
    """Across the hour that the clock skips, and where it skips midnight itself."""
    night = _request(("2027-03-13T22:00", "2027-03-14T04:00"))
    _, second = split_by_day(night).timeslots
    assert (second.start, second.end) == (_moment("2027-03-14T00:00"), night.timeslots[0].end)
    havana = _request(("2027-03-13T22:00", "2027-03-14T04:00"), zone="America/Havana")
    first, second = split_by_day(havana).timeslots
    assert second.start - first.end == timedelta(minutes=1)


def test_split_leaves_what_cannot_be_split() -> None:
    """Times without a zone, and an unknown zone; the checks of the request name them."""
    naive = _request(NIGHT)
    bare = replace(naive.timeslots[0], start=naive.timeslots[0].start.replace(tzinfo=None))
    for request in (replace(naive, timeslots=(bare,)), replace(naive, zone="Mars/Olympus")):
        assert split_by_day(request) == request


def test_ids_of_parts_are_at_most_50_characters() -> None:
    assert [part_id("slot-1", number) for number in (0, 1, 9)] == [
        "slot-1",
        "slot-1.2",
        "slot-1.10",
    ]
    assert part_id("a" * 50, 30) == f"{'a' * 47}.31"


def test_doubts_are_the_bounds_of_changes() -> None:
    """None for a booking that the vendor would also take as a change."""
    request = _request(
        ("2026-12-01T10:00", "2026-12-01T11:00"),
        ("2026-01-05T22:00", "2026-01-06T02:00"),
        ("2029-01-05T10:00", "2029-01-05T11:00"),
    )
    assert creation_doubts(request, NOW) == [
        ("timeslots[1].end_datetime", ONE_DAY),
        ("timeslots[1].start_datetime", TOO_OLD),
        ("timeslots[2].end_datetime", TOO_FAR),
    ]
