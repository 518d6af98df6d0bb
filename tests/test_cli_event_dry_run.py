"""`icalbridge event … --dry-run`: what it foresees of Facilitron's refusals, at the vendor's present
state.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.office import Office, office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


NOT_OURS = (
    "It has no external id, so it was not made through Facilitron's API; Facilitron may refuse to"
    " cancel it."
)
FORBIDDEN = "Forbidden – The event was not made through this API"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    with office(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


def _foreseen(desk: Office, *words: str) -> tuple[int, dict[str, Any]]:
    """Return code and JSON of a dry run, which writes nothing."""
    before = desk.writes()
    done = desk.event(*words, "--dry-run", "--json")
    assert desk.writes() == before
    return done.returncode, json.loads(done.stdout)


def _refusal_of(told: dict[str, Any]) -> str:
    text = str(told["message"])
    begin, end = "Facilitron would refuse this: ", "; nothing was sent."
    assert text.startswith(begin)
    assert text.endswith(end)
    return text.removeprefix(begin).removesuffix(end)


def test_taken_external_id_is_foreseen(desk: Office) -> None:
    """It is what the write is then refused for."""
    event_id = desk.book()
    words = desk.create("--external-id", "recital.1", "--name", "Other")
    code, told = _foreseen(desk, *words)
    assert (code, told["outcome"], _refusal_of(told)) == (
        1,
        "conflict",
        f"the external id recital.1 is that of 'Recital', reservation {event_id}",
    )
    assert told["request"]["body"]["external_system_event_id"] == "recital.1"
    assert "(409 EV005" in desk.event(*words, "--yes").stderr


def test_move_onto_a_booking_is_foreseen(desk: Office) -> None:
    """With what is there; it is what the write is then refused for."""
    before = desk.book()
    late = ("--start", desk.at("04:00"), "--end", desk.at("05:00"))
    desk.does(*desk.create("--yes", "--external-id", "other", *late))
    words = ("move", "other", "slot-1", "--start", desk.at("03:30"))
    code, told = _foreseen(desk, *words)
    assert (code, told["outcome"], _refusal_of(told)) == (
        1,
        "conflict",
        "a booking cannot be moved onto another one",
    )
    assert [item["event_id"] for item in told["collides_with"]] == [before]
    assert "(409 EV004" in desk.event(*words, "--yes").stderr


def test_move_of_a_cancelled_event_is_foreseen(desk: Office) -> None:
    desk.book()
    desk.does("cancel", "recital.1", "--yes")
    words = ("move", "recital.1", "slot-1", "--start", desk.at("04:30"))
    code, told = _foreseen(desk, *words)
    assert (code, _refusal_of(told)) == (1, "'Recital' is cancelled")
    assert "(409 EV003" in desk.event(*words, "--yes").stderr


def test_cancellation_of_what_others_made_may_be_refused(desk: Office) -> None:
    """It has no external id."""
    world = desk.place.bridge.world
    foreign = next(
        event["_id"]
        for event in world.events.values()
        if event["external_system_event_id"] is None and event["status"] == "Approved"
    )
    code, told = _foreseen(desk, "cancel", foreign)
    assert (code, told["notes"]) == (
        0,
        [NOT_OURS],
    )
    done = desk.event("cancel", foreign, "--yes", "--json")
    refusal = json.loads(done.stdout)
    assert (done.returncode, refusal["outcome"], refusal["message"]) == (
        1,
        "refused",
        f"Not cancelled. The booking system says: {FORBIDDEN} (403 AC001).",
    )


def test_bounds_of_changes_are_checked_by_a_dry_run(desk: Office) -> None:
    """As the write checks them: with code 2, and unsent."""
    desk.book()
    night = ("--start", desk.at("23:00"), "--end", desk.at("01:00", days=1))
    move = ("move", "recital.1", "slot-1", *night)
    refusal = "the end must be on the same calendar day as the start"
    for flag in ("--dry-run", "--yes"):
        assert desk.refuses(*move, flag) == (2, f"icalbridge: Nothing was sent: {refusal}.\n")


@pytest.mark.parametrize("away", ["moved", "cancelled", "deleted"])
def test_booking_that_is_gone_is_no_collision(desk: Office, away: str) -> None:
    """The calendars here still have it: as when two bookings change places."""
    before = desk.book()
    late = ("--start", desk.at("04:00"), "--end", desk.at("05:00"))
    desk.does(*desk.create("--yes", "--external-id", "other", *late))
    world = desk.place.bridge.world
    if away == "moved":
        world.move_timeslot(before, 0, timedelta(hours=-2))
    elif away == "cancelled":
        world.set_status(before, "Cancelled")
    else:
        world.delete(before)
    move = ("move", "other", "slot-1", "--start", desk.at("03:00"))
    code, told = _foreseen(desk, *move)
    assert (code, told["outcome"], told["collides_with"]) == (0, "planned", [])
    create = desk.create("--external-id", "third")
    assert _foreseen(desk, *create)[1]["collides_with"] == []
    desk.does(*move, "--yes")


def test_vendor_that_cannot_be_asked_leaves_the_stored_collision(desk: Office) -> None:
    """Of a creation: its dry run needs nothing of the vendor."""
    before = desk.book()
    desk.place.bridge.fail("403:endpoint=event")
    code, told = _foreseen(desk, *desk.create("--external-id", "other"))
    assert (code, [item["event_id"] for item in told["collides_with"]]) == (0, [before])


def test_rooms_are_shown_with_their_school(desk: Office) -> None:
    """In the table, and in the line on a collision."""
    event_id = desk.book()
    done = desk.event(*desk.create("--dry-run", "--external-id", "other"))
    assert done.stdout.count(f" {desk.room} ") == 1
    assert done.stderr.splitlines() == [desk.collision(event_id)]
