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
def shell(tmp_path: Path) -> Iterator[Office]:
    with office(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


def _foreseen(shell: Office, *words: str) -> tuple[int, dict[str, Any]]:
    """Return code and JSON of a dry run, which writes nothing."""
    before = shell.writes()
    done = shell.event(*words, "--dry-run", "--json")
    assert shell.writes() == before
    return done.returncode, json.loads(done.stdout)


def _refusal_of(result: dict[str, Any]) -> str:
    text = str(result["message"])
    begin, end = "Facilitron would refuse this: ", "; nothing was sent."
    assert text.startswith(begin)
    assert text.endswith(end)
    return text.removeprefix(begin).removesuffix(end)


def test_taken_external_id_is_foreseen(shell: Office) -> None:
    """It is what the write is then refused for."""
    event_id = shell.book()
    words = shell.create("--external-id", "recital.1", "--name", "Other")
    code, result = _foreseen(shell, *words)
    assert (code, result["outcome"], _refusal_of(result)) == (
        1,
        "conflict",
        f"the external id recital.1 is that of 'Recital', reservation {event_id}",
    )
    assert result["request"]["body"]["external_system_event_id"] == "recital.1"
    assert "(409 EV005" in shell.event(*words, "--yes").stderr


def test_move_onto_a_booking_is_foreseen(shell: Office) -> None:
    """With what is there; it is what the write is then refused for."""
    before = shell.book()
    late = ("--start", shell.at("04:00"), "--end", shell.at("05:00"))
    shell.does(*shell.create("--yes", "--external-id", "other", *late))
    words = ("move", "other", "slot-1", "--start", shell.at("03:30"))
    code, result = _foreseen(shell, *words)
    assert (code, result["outcome"], _refusal_of(result)) == (
        1,
        "conflict",
        "a booking cannot be moved onto another one",
    )
    assert [item["event_id"] for item in result["collides_with"]] == [before]
    assert "(409 EV004" in shell.event(*words, "--yes").stderr


def test_move_of_a_cancelled_event_is_foreseen(shell: Office) -> None:
    shell.book()
    shell.does("cancel", "recital.1", "--yes")
    words = ("move", "recital.1", "slot-1", "--start", shell.at("04:30"))
    code, result = _foreseen(shell, *words)
    assert (code, _refusal_of(result)) == (1, "'Recital' is canceled")
    assert "(409 EV003" in shell.event(*words, "--yes").stderr


def test_cancellation_of_what_others_made_may_be_refused(shell: Office) -> None:
    """It has no external id."""
    world = shell.place.bridge.world
    foreign = next(
        event["_id"]
        for event in world.events.values()
        if event["external_system_event_id"] is None and event["status"] == "Approved"
    )
    code, result = _foreseen(shell, "cancel", foreign)
    assert (code, result["notes"]) == (
        0,
        [NOT_OURS],
    )
    done = shell.event("cancel", foreign, "--yes", "--json")
    refusal = json.loads(done.stdout)
    assert (done.returncode, refusal["outcome"], refusal["message"]) == (
        1,
        "refused",
        f"Not canceled. The booking system says: {FORBIDDEN} (403 AC001).",
    )


def test_bounds_of_changes_are_checked_by_a_dry_run(shell: Office) -> None:
    """As the write checks them: with code 2, and unsent."""
    shell.book()
    night = ("--start", shell.at("23:00"), "--end", shell.at("01:00", days=1))
    move = ("move", "recital.1", "slot-1", *night)
    refusal = "the end must be on the same calendar day as the start"
    for flag in ("--dry-run", "--yes"):
        assert shell.refuses(*move, flag) == (2, f"icalbridge: Nothing was sent: {refusal}.\n")


@pytest.mark.parametrize("away", ["moved", "cancelled", "deleted"])
def test_booking_that_is_gone_is_no_collision(shell: Office, away: str) -> None:
    """The calendars here still have it: as when two bookings change places."""
    before = shell.book()
    late = ("--start", shell.at("04:00"), "--end", shell.at("05:00"))
    shell.does(*shell.create("--yes", "--external-id", "other", *late))
    world = shell.place.bridge.world
    if away == "moved":
        world.move_timeslot(before, 0, timedelta(hours=-2))
    elif away == "cancelled":
        world.set_status(before, "Cancelled")
    else:
        world.delete(before)
    move = ("move", "other", "slot-1", "--start", shell.at("03:00"))
    code, result = _foreseen(shell, *move)
    assert (code, result["outcome"], result["collides_with"]) == (0, "planned", [])
    create = shell.create("--external-id", "third")
    assert _foreseen(shell, *create)[1]["collides_with"] == []
    shell.does(*move, "--yes")


def test_vendor_that_cannot_be_asked_leaves_the_stored_collision(shell: Office) -> None:
    """Of a creation: its dry run needs nothing of the vendor."""
    before = shell.book()
    shell.place.bridge.fail("403:endpoint=event")
    code, result = _foreseen(shell, *shell.create("--external-id", "other"))
    assert (code, [item["event_id"] for item in result["collides_with"]]) == (0, [before])


def test_rooms_are_shown_with_their_school(shell: Office) -> None:
    """In the table, and in the line on a collision."""
    event_id = shell.book()
    done = shell.event(*shell.create("--dry-run", "--external-id", "other"))
    assert done.stdout.count(f" {shell.room} ") == 1
    assert done.stderr.splitlines() == [shell.collision(event_id)]
