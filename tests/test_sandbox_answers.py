"""`icalbridge.sandbox`: what it answers at once: how large, how slow, how far ahead a district's day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge import sandbox
from icalbridge.sandbox import AnswerLimits

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
TODAY = sandbox.district_day(NOW)
AUTHORIZED = {"Authorization": "Bearer sandbox-key"}


class Vendor:
    """A sandbox without a server, that counts the seconds it would have waited."""

    def __init__(self, answers: AnswerLimits, *faults: str) -> None:
        world = sandbox.build_world(seed=1, today=TODAY, schools=3, facilities=2)
        self.app = sandbox.create_app(
            world,
            clock=lambda: NOW,
            answers=answers,
            faults=[sandbox.parse_fault(spec) for spec in faults],
        )
        self.waits: list[float] = []
        self.app.extensions["sandbox"].wait = self.waits.append
        self.district = world.properties[0]["_id"]

    def day(self, offset: int, days: int = 1, *, children: bool = True) -> TestResponse:
        """Ask for days of the district, with its schools or without."""
        query = {
            "event_types": "reservation",
            "start_date": str(TODAY + timedelta(days=offset)),
            "end_date": str(TODAY + timedelta(days=offset + days - 1)),
        }
        if children:
            query["include_child_events"] = "true"
        path = f"/v1/property/{self.district}/events"
        return self.app.test_client().get(path, query_string=query, headers=AUTHORIZED)


@pytest.mark.parametrize(
    ("scenario", "last"), [("days-90", 90), ("days-7", 7), ("days-refused", -1)]
)
def test_districts_day_is_answered_as_far_ahead_as_the_vendor_grants(
    scenario: str, last: int
) -> None:
    """The day after the last one is 400; the district alone is always answered."""
    vendor = Vendor(sandbox.VENDORS[scenario])
    if last >= 0:
        assert vendor.day(last).status_code == 200
    assert vendor.day(last + 1).status_code == 400
    assert vendor.day(last + 1, children=False).status_code == 200


@pytest.mark.parametrize("status", [413, 502])
def test_answer_that_is_too_large_is_refused(status: int) -> None:
    """An octet over the limit is one too many; other endpoints have none."""
    size = len(Vendor(AnswerLimits()).day(0).data)
    exact = Vendor(AnswerLimits(max_answer_mb=size / 1_000_000, too_large_status=status))
    assert exact.day(0).status_code == 200
    small = Vendor(AnswerLimits(max_answer_mb=(size - 1) / 1_000_000, too_large_status=status))
    refused = small.day(0)
    assert (refused.status_code, set(refused.json or {})) == (
        status,
        {"message", "message_code", "invocation_id"},
    )
    facilities = f"/v1/property/{small.district}/facilities"
    assert small.app.test_client().get(facilities, headers=AUTHORIZED).status_code == 200


def test_larger_answers_take_longer() -> None:
    """In proportion to their size; what takes more than 30 seconds is 503 after 30."""
    vendor = Vendor(AnswerLimits(seconds_per_mb=10))
    size = len(vendor.day(0).data)
    assert vendor.waits[-1] == pytest.approx(size / 100_000, rel=0.01)
    slow = Vendor(AnswerLimits(seconds_per_mb=31_000_000 / size))
    assert (slow.day(0).status_code, slow.waits[-1]) == (503, 30)


def test_trimmed_events_have_the_requested_days_only() -> None:
    """Each event is there; what is on other days of it is not."""
    whole = Vendor(AnswerLimits()).day(0, 7, children=False).json
    trimmed = Vendor(AnswerLimits(), "trimmed").day(0, 7, children=False).json
    assert whole
    assert trimmed
    last = str(TODAY + timedelta(days=6))
    expected = {
        event["_id"]: [
            slot for slot in event["timeslots"] if str(TODAY) <= slot["start_datetime"][:10] <= last
        ]
        for event in whole["events"]
    }
    assert {event["_id"]: event["timeslots"] for event in trimmed["events"]} == expected
    assert sum(map(len, expected.values())) < sum(len(e["timeslots"]) for e in whole["events"])
