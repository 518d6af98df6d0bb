"""`icalbridge.push`: events that are made anew, and what stands in the way of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import QuotaSpent
from tests.fixtures.pushing import Deadly, Killed, Pusher, at, calendar, event, pusher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WEEKLY = event("weekly", "20261201", "RRULE:FREQ=WEEKLY;COUNT=5")
GAME = event("game", "20261204", name="Game")
EXDATE = "EXDATE;TZID=America/Los_Angeles:20261208T180000"


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Pusher]:
    """A bridge and a vendor in which nothing is booked."""
    with pusher(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


def test_refusal_at_one_property_keeps_nothing_up_at_another(push: Pusher) -> None:
    """What is made anew there is made, and the old one goes, at once and not only when all is well."""
    district = push.bridge.world.properties[2]["_id"]
    there = push.bridge.world.facilities_of(district)[0]
    push.given = [f"Gym={push.facility()}", f"Away={there['_id']}"]
    push.push(calendar((*WEEKLY, "LOCATION:Gym")))
    there["u_id"] = "another"
    away = event("weekly", "20270105", at("20270105", "180000", "RECURRENCE-ID"), "LOCATION:Away")
    edited = calendar((*WEEKLY, "LOCATION:Gym", EXDATE, at("20270105", "180000", "RDATE")), away)
    outcomes = push.push(edited)
    assert [(type(item.step).__name__, item.result) for item in outcomes] == [
        ("Create", "refused"),
        ("Create", "done"),
        ("Cancel", "done"),
    ]
    assert [(type(item.step).__name__, item.result) for item in push.push(edited)] == [
        ("Create", "refused")
    ]
    assert [item[2][:10] for item in push.booked()] == [
        "2026-12-01",
        "2026-12-15",
        "2026-12-22",
        "2026-12-29",
    ]


def test_renewal_is_written_before_it_is_followed(push: Pusher) -> None:
    """So that whatever ends the push leaves nothing there twice that could have been cancelled."""
    push.push(calendar(WEEKLY))
    push.bridge.clock.advance(minutes=1)
    before = len(push.bridge.state.requests)
    push.push(calendar((*WEEKLY, EXDATE)))
    methods = [method for method, _path, _query, _status in push.bridge.state.requests[before:]]
    assert methods == ["GET", "POST", "PATCH", "GET", "GET"]
    assert [item.start.day for item in push.bridge.entries()] == [2, 16, 23, 30]


def test_renewal_that_the_quota_would_break_off_is_not_begun(push: Pusher) -> None:
    """What only makes something is: that can be ended at any request."""
    push.push(calendar(WEEKLY))
    push.left = 1
    before = push.writes()
    with pytest.raises(QuotaSpent):
        push.push(calendar((*WEEKLY, EXDATE)))
    assert push.writes() == before
    push.push(calendar(WEEKLY, GAME))
    assert push.booked() == push.expected()
    push.left = 2
    push.push(calendar((*WEEKLY, EXDATE), GAME))
    assert push.booked() == push.expected()


def test_refused_cancellations_keep_nothing_from_being_made(push: Pusher) -> None:
    """However many there are, and whatever is said of them."""
    push.push(
        calendar(*(event(f"old-{item}", f"202612{item:02}", name="Old") for item in range(1, 5)))
    )
    for item in push.bridge.world.events.values():
        item["created_by_external_api"] = False
    outcomes = push.push(calendar(GAME))
    assert [(type(item.step).__name__, item.result) for item in outcomes] == [
        ("Cancel", "refused")
    ] * 4 + [("Create", "collides")]
    assert push.booked() == push.expected() != []


def test_cancellation_that_never_came_is_forgotten(push: Pusher) -> None:
    """Killed before it, and wanted again: if somebody in Facilitron cancels the event later, that
    is their word.
    """
    push.push(calendar(GAME))
    with pytest.raises(Killed):
        push.push(calendar(), Deadly(2))
    assert push.push(calendar(GAME)) == []
    made = next(
        key for key, item in push.bridge.world.events.items() if item["created_by_external_api"]
    )
    push.bridge.world.set_status(made, "Cancelled")
    assert push.push(calendar(GAME)) == []
    assert len(push.decided.impossible) == 1


def test_events_change_places(push: Pusher) -> None:
    """None can move first: one is made anew, and the others move after it; in one run."""
    push.push(calendar(*(event(item, f"2026120{day}") for day, item in enumerate("abc", 1))))
    swapped = calendar(event("a", "20261202"), event("b", "20261203"), event("c", "20261201"))
    outcomes = push.push(swapped)
    assert sorted(push.steps()) == ["Cancel", "Create", "Move", "Move"]
    assert "refused" not in {item.result for item in outcomes}
    assert push.booked() == push.expected()
    assert push.push(swapped) == []
