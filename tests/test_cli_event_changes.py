"""`icalbridge event move` and `cancel`: changes of bookings, and in the feeds right afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.fixtures.office import Office, office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Office]:
    with office(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


# move


def test_moved_timeslot_is_shown_at_once(shell: Office) -> None:
    """A new start alone keeps the length; the JSON says how the event is now."""
    event_id = shell.book()
    shell.written()
    result = shell.does(
        "move", "recital.1", "slot-1", "--start", shell.at("04:30"), "--yes", "--activity", "Late"
    )
    assert result == {
        "command": "move",
        "outcome": "moved",
        "message": f"Changed the timeslot slot-1 of 'Recital', reservation {event_id}.",
        "event": shell.event_json(
            shell.timeslot("04:30", "05:30", activity="Late"), event_id=event_id
        ),
        "has_conflict": None,
        "collides_with": [],
        "followed": True,
        "request": None,
        "notes": [],
        "invocation_id": result["invocation_id"],
    }
    assert shell.written() == [("PATCH", 200)]
    assert shell.shown() == [("Recital: Late", shell.compact("0430"))]


def test_timeslot_moves_to_another_facility(shell: Office) -> None:
    """One feed loses it, the other has it; an empty activity takes away what was there."""
    shell.does(*shell.create("--yes", "--external-id", "recital.1", "--activity", "Show"))
    first, second = shell.facilities[:2]
    shell.does("move", "recital.1", "slot-1", "--facility", second.id, "--activity", "", "--yes")
    assert (shell.shown(first), shell.shown(second)) == ([], [("Recital", shell.compact("0300"))])
    result = shell.does("move", "recital.1", "slot-1", "--end", shell.at("03:20"), "--yes")
    moved = {"facility_id": second.id, "facility": second.name}
    assert result["event"]["timeslots"] == [shell.timeslot("03:00", "03:20", **moved)]


def test_move_to_what_is_taken_says_with_what_it_collides(shell: Office) -> None:
    """Nothing is changed: code 1, the vendor's words, and the booking that is there."""
    before = shell.book()
    late = ("--start", shell.at("04:00"), "--end", shell.at("05:00"))
    shell.does(*shell.create("--yes", "--external-id", "other", *late))
    done = shell.event("move", "other", "slot-1", "--start", shell.at("03:30"), "--yes", "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["outcome"]) == (1, "conflict")
    refusal = "The booking system says: Conflict – The facility is booked at that time (409 EV004)."
    assert done.stderr.splitlines() == [
        f"icalbridge: Not changed; give another time or facility. {refusal}",
        shell.collision(before),
    ]
    assert [item["event_id"] for item in result["collides_with"]] == [before]
    assert shell.shown() == [("Recital", shell.compact("0300")), ("Recital", shell.compact("0400"))]


NOT_YET = (
    "Facilitron does not yet show the change; the calendars here follow when it does, within 24"
    " hours."
)


@pytest.mark.parametrize(
    "change",
    [("--start", "04:30"), ("--end", "03:20"), ("--facility", ""), ("--activity", "Late")],
    ids=lambda result: result[0],
)
def test_move_that_does_not_show_yet_says_so(shell: Office, change: tuple[str, str]) -> None:
    """It was accepted, so the code is 0; the answer after the write is the old state, and so are
    the calendars.
    """
    event_id = shell.book()
    option, value = change
    typed = {"--facility": shell.facilities[1].id, "--activity": value}.get(option) or shell.at(
        value
    )
    shell.place.bridge.fail("stale:endpoint=event")
    done = shell.event("move", "recital.1", "slot-1", option, typed, "--yes", "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["outcome"], result["followed"], result["notes"]) == (
        0,
        "moved",
        False,
        [NOT_YET],
    )
    assert (
        result["message"]
        == "Facilitron accepted the change of the timeslot slot-1 of 'Recital', reservation"
        f" {event_id}."
    )
    assert result["event"] == shell.event_json(event_id=event_id)
    assert shell.shown() == [("Recital", shell.compact("0300"))]
    shell.place.bridge.heal()
    again = shell.event("move", "recital.1", "slot-1", option, typed, "--yes")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.endswith("\nThe calendars here show it so.\n")


def test_what_does_not_show_yet_is_told_to_people(shell: Office) -> None:
    """One sentence on stderr, and none that the calendars show it."""
    shell.book()
    shell.place.bridge.fail("stale:endpoint=event")
    for arguments in (
        ("move", "recital.1", "slot-1", "--start", shell.at("04:30")),
        ("cancel", "recital.1"),
    ):
        done = shell.event(*arguments, "--yes")
        assert (done.returncode, done.stderr) == (0, f"icalbridge: {NOT_YET}\n")
        assert "The calendars here show it so." not in done.stdout
        assert done.stdout.startswith("Facilitron accepted the c")


def test_created_event_that_does_not_show_yet_says_so(shell: Office) -> None:
    """Facilitron answers that there is none."""
    shell.place.bridge.fail("stale:endpoint=event")
    done = shell.event(*shell.create("--yes", "--external-id", "recital.1", "--json"))
    result = json.loads(done.stdout)
    assert (done.returncode, result["outcome"], result["followed"], result["notes"]) == (
        0,
        "created",
        False,
        [NOT_YET],
    )
    assert shell.shown() == []


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("event", "Pending", "its status at Facilitron is pending"),
        ("event", None, "its status at Facilitron is empty"),
        ("timeslot", "suspended", "its timeslot's status at Facilitron is suspended"),
    ],
)
def test_moved_timeslot_that_calendars_do_not_show_says_why(
    shell: Office, field: str, value: str | None, reason: str
) -> None:
    """Facilitron shows the change, and the calendars show no such booking."""
    event_id = shell.book()
    world = shell.place.bridge.world
    if field == "event":
        world.set_status(event_id, value)
    else:
        world.set_timeslot_field(event_id, 0, "status", value)
    result = shell.does_with_notes(
        "move", "recital.1", "slot-1", "--start", shell.at("04:30"), "--yes"
    )
    assert (result["followed"], result["notes"]) == (
        False,
        [f"The calendars here do not show it: {reason}."],
    )
    assert shell.shown() == []


def test_event_beyond_the_horizon_is_shown_later(shell: Office) -> None:
    """The calendars reach less far than Facilitron's writes."""
    result = shell.does_with_notes(
        *shell.create("--yes", "--external-id", "recital.1"), ICALBRIDGE_HORIZON_DAYS="30"
    )
    reason = "they reach 30 days ahead, and show it when it comes nearer"
    assert (result["followed"], result["notes"]) == (
        False,
        [f"The calendars here do not show it: {reason}."],
    )


# cancel


def test_cancellation_that_does_not_show_yet_says_so(shell: Office) -> None:
    """The calendars go on with what Facilitron answers."""
    event_id = shell.book()
    shell.place.bridge.fail("stale:endpoint=event")
    done = shell.event("cancel", "recital.1", "--yes", "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["outcome"], result["followed"], result["notes"]) == (
        0,
        "cancelled",
        False,
        [NOT_YET],
    )
    assert (
        result["message"]
        == f"Facilitron accepted the cancellation of 'Recital', reservation {event_id}."
    )
    assert result["event"]["status"] == "approved"
    assert shell.shown() == [("Recital", shell.compact("0300"))]


@pytest.mark.parametrize("status", ["CANCELED", " Cancelled by renter"])
def test_cancelled_in_any_spelling_is_cancelled(shell: Office, status: str) -> None:
    """Nothing is sent for what is cancelled already."""
    event_id = shell.book()
    shell.place.bridge.world.set_status(event_id, status)
    shell.written()
    result = shell.does("cancel", "recital.1", "--yes")
    assert result["message"] == f"'Recital', reservation {event_id}, was canceled before."
    assert (result["followed"], shell.written(), shell.shown()) == (True, [], [])


def test_cancelled_event_leaves_at_once(shell: Office) -> None:
    """Cancelled once more, nothing is sent, and it is said."""
    event_id = shell.book()
    shell.written()
    result = shell.does("cancel", event_id, "--log-message", "Rain", "--yes")
    assert result == {
        "command": "cancel",
        "outcome": "cancelled",
        "message": f"'Recital', reservation {event_id}, is canceled.",
        "event": shell.event_json(event_id=event_id, status="cancelled"),
        "has_conflict": None,
        "collides_with": [],
        "followed": True,
        "request": None,
        "notes": [],
        "invocation_id": result["invocation_id"],
    }
    assert (shell.written(), shell.shown()) == ([("PATCH", 200)], [])
    assert shell.place.bridge.world.log_messages == [(event_id, "Rain")]
    again = shell.does("cancel", "recital.1", "--yes")
    assert (again["message"], shell.written()) == (
        f"'Recital', reservation {event_id}, was canceled before.",
        [],
    )
