"""`icalbridge event`: bookings got, created, moved and cancelled by hand, and in the feeds right
afterwards.

Every output of every command is searched for the key and the renter (`fixtures.office`).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.sandbox import parse_fault
from tests.fixtures.office import Office, office
from tests.fixtures.writes import RENTER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Office]:
    with office(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


# create


def test_created_event_is_shown_at_once(shell: Office) -> None:
    """One write and one read later it is in the facility's feed; the JSON says all of it."""
    result = shell.does(*shell.create("--yes", "--external-id", "recital.1"))
    event_id = result["event"]["event_id"]
    assert result == {
        "command": "create",
        "outcome": "created",
        "message": f"Created 'Recital' as reservation {event_id}, external id recital.1.",
        "event": shell.event_json(event_id=event_id),
        "has_conflict": False,
        "collides_with": [],
        "followed": True,
        "request": None,
        "notes": [],
        "invocation_id": result["invocation_id"],
    }
    assert [item[0] for item in shell.place.bridge.state.requests] == ["POST", "GET"]
    assert shell.shown() == [("Recital", shell.compact("0300"))]
    assert shell.place.bridge.store.windows.state("default").quota_used > 1


def test_created_event_is_told_to_people(shell: Office) -> None:
    """A sentence and a table on stdout; that the external id was made up is said, and it is the
    same next time.
    """
    done = shell.event(*shell.create("--yes", "--activity", "Rehearsal"))
    (event_id,) = (
        item["_id"]
        for item in shell.place.bridge.world.events.values()
        if item["name"] == "Recital"
    )
    external_id = shell.place.bridge.world.events[event_id]["external_system_event_id"]
    head, columns, row, *rest = done.stdout.splitlines()
    assert head == f"Created 'Recital' as reservation {event_id}, external id {external_id}."
    assert columns.split() == ["Start", "End", "Facility", "Activity", "Status", "Timeslot"]
    start = shell.at("03:00").replace("T", " ")
    assert row.split() == [*f"{start} 04:00 {shell.room} Rehearsal active slot-1".split()]
    assert rest == ["The calendars here show it so."]
    assert (
        done.stderr
        == "icalbridge: Its external id was made from its type, name, facilities and times.\n"
    )
    again = shell.event(*shell.create("--yes", "--activity", "Rehearsal"))
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith(
        f"icalbridge: Not created; look at what is there with `icalbridge event get {external_id}`,"
        " or give an --external-id. The booking system says: Duplicate"
    )


def test_every_option_arrives(shell: Office, tmp_path: Path) -> None:
    """Each in the vendor's field, for several timeslots in several facilities."""
    first, second = shell.facilities[:2]
    renter = tmp_path / "renter"
    renter.write_text("office@school.example\n")
    spec = f"{shell.at('05:00', 1)}/{shell.at('05:30:30', 1)};facility={second.id};activity=Strike;id=later"
    shell.does(
        *shell.create(
            "--yes", "--external-id", "recital.1", "--timeslot", spec, "--timeslot-id", "early"
        ),
        *(
            "--activity",
            "Show",
            "--attendance",
            "40",
            "--rate-category",
            "Internal 2",
            "--log-message",
            "By hand",
        ),
        *(
            "--renter-owner",
            first.property_id,
            "--renter-email-file",
            str(renter),
            "--activity-type",
            "14",
        ),
    )
    world = shell.place.bridge.world
    (made,) = (
        item for item in world.events.values() if item["external_system_event_id"] == "recital.1"
    )
    assert {name: made[name] for name in ("name", "attendance", "rate_category", "renter")} == {
        "name": "Recital",
        "attendance": 40,
        "rate_category": "Internal 2",
        "renter": {"email": "office@school.example", "renter_owner": first.property_id},
    }
    assert made["activity_type"]["_id"] == 14
    names = ("external_system_timeslot_id", "activity_name", "start_datetime", "end_datetime")
    assert [
        (*(item[name] for name in names), item["facility"]["_id"]) for item in made["timeslots"]
    ] == [
        ("early", "Show", shell.at("03:00:00"), shell.at("04:00:00"), first.id),
        ("later", "Strike", shell.at("05:00:00", 1), shell.at("05:30:30", 1), second.id),
    ]
    assert world.log_messages == [(made["_id"], "By hand")]


def test_created_event_that_collides_says_with_what(shell: Office) -> None:
    """Both are booked then: it is done, and code 0."""
    before = shell.book()
    done = shell.event(*shell.create("--yes", "--external-id", "other"))
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        [
            (
                "icalbridge: Facilitron says that it collides with another booking; both are booked"
                " now."
            ),
            shell.collision(before),
        ],
    )
    result = shell.does(*shell.create("--yes", "--external-id", "third"))
    assert (result["has_conflict"], len(result["collides_with"])) == (True, 2)
    assert result["collides_with"][0].keys() == {
        *("event_type", "event_id", "name", "activity", "facility_id", "facility", "start", "end")
    }


def test_creation_that_failed_says_that_it_may_be_sent_again(shell: Office) -> None:
    """It was looked up, and is not there."""
    shell.place.bridge.fail("500:endpoint=create-event")
    done = shell.event(*shell.create("--yes"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "icalbridge: Not created, and it will not appear; the same command may be run again. POST"
        " /event: 500 "
    )
    shell.place.bridge.heal()
    assert shell.event(*shell.create("--yes")).returncode == 0


def test_creation_of_which_nothing_is_known_says_how_to_find_out(shell: Office) -> None:
    """Its answer was lost, and nor could it be looked up; in JSON too, with code 1."""
    faults = ("403:endpoint=event", "done-503:endpoint=create-event")
    shell.place.bridge.state.faults[:] = [parse_fault(item) for item in faults]
    done = shell.event(*shell.create("--yes", "--external-id", "recital.1", "--json"))
    result = json.loads(done.stdout)
    assert (done.returncode, result["outcome"], result["followed"]) == (1, "unknown", None)
    assert result["message"].startswith(
        "Not known whether it was created; find out with `icalbridge event get recital.1` before"
        " you send it again. POST /event: 503 "
    )
    assert done.stderr.startswith(f"icalbridge: {result['message']}\n")


def test_write_that_cannot_be_read_back_is_done(shell: Office) -> None:
    """Code 0, and a sentence on when the calendars will have it."""
    shell.place.bridge.fail("403:endpoint=event")
    done = shell.event(*shell.create("--yes", "--external-id", "recital.1"))
    assert done.returncode == 0
    assert done.stdout.splitlines()[0].startswith("Created 'Recital' as reservation ")
    assert done.stderr.startswith(
        "icalbridge: The calendars here show it after the next sync; it could not be read back: GET"
        " /event/reservation/"
    )
    assert shell.shown() == []


def test_type_that_calendars_do_not_show_is_written_all_the_same(shell: Office) -> None:
    """The reason names the setting."""
    shell.book()
    result = shell.does("cancel", "recital.1", "--yes", FACILITRON_EVENT_TYPES="maintenance-block")
    assert (result["outcome"], result["followed"], result["notes"]) == (
        "cancelled",
        False,
        [
            (
                "The calendars here do not show it: calendars here show no reservation"
                " (FACILITRON_EVENT_TYPES)."
            )
        ],
    )


def test_renter_of_an_option_is_not_repeated(shell: Office) -> None:
    """Nor when the vendor refuses it: the fixture looks for it in every output."""
    shell.does(*shell.create("--yes", "--renter-email", RENTER), ICALBRIDGE_RENTER_EMAIL="")
    done = shell.event(
        *shell.create("--yes", "--external-id", "other", "--renter-email", "nobody@school.example")
    )
    assert (done.returncode, "nobody" in done.stderr) == (1, False)
    assert done.stderr.startswith(
        "icalbridge: Not created. The booking system says: User not found – "
    )
    assert "(404 US001).\n" in done.stderr


# get


def test_event_is_got_by_either_id(shell: Office) -> None:
    """The same JSON, without anything of the renter; nothing is written."""
    event_id = shell.book()
    shell.written()
    result = shell.does("get", event_id)
    assert result == shell.does("get", "recital.1", ICALBRIDGE_ENABLE_WRITES="0")
    assert result == {
        "command": "get",
        "outcome": "found",
        "message": (
            f"'Recital': approved reservation {event_id}, external id recital.1, times of"
            f" {shell.zone}."
        ),
        "event": shell.event_json(event_id=event_id),
        "has_conflict": None,
        "collides_with": [],
        "followed": None,
        "request": None,
        "notes": [],
        "invocation_id": "",
    }
    assert shell.event("get", event_id).stdout.splitlines()[0] == result["message"]
    assert shell.written() == []


def test_unknown_event_is_one_sentence(shell: Office) -> None:
    """The vendor's, with code 1."""
    code, sentence = shell.refuses("get", "no-such-event")
    assert (code, sentence.count("\n")) == (1, 1)
    assert sentence.startswith(
        "icalbridge: GET /event/reservation/no-such-event: 404 EV001 Event not found"
    )


# past midnight


def test_booking_past_midnight_is_one(shell: Office) -> None:
    """The calendars show it; a dry run says what may become of it."""
    result = shell.does(*_night(shell, "--yes"))
    night = {**shell.timeslot("23:30", "05:00"), "start": shell.iso("23:30", days=-1)}
    assert (result["event"]["timeslots"], result["followed"]) == ([night], True)
    plan = shell.does_with_notes(*_night(shell, "--dry-run", "--external-id", "other"))
    assert plan["notes"] == [
        "It goes past midnight; if Facilitron refuses that, it is booked as one a day."
    ]


def test_booking_past_midnight_is_one_a_day_where_it_is_refused(shell: Office) -> None:
    """It is found out once, and a dry run knows it then."""
    shell.place.bridge.state.strict_creations = True
    result = shell.does_with_notes(*_night(shell, "--yes"))
    evening = {"start": shell.iso("23:30", days=-1), "end": shell.iso("23:59", days=-1)}
    slots = [
        {**shell.timeslot("00:00", "05:00"), **evening},
        shell.timeslot("00:00", "05:00", external_id="slot-1.2"),
    ]
    note = "Facilitron takes no booking past midnight; it is booked as one a day."
    assert (result["event"]["timeslots"], result["followed"], result["notes"]) == (
        slots,
        True,
        [note],
    )
    assert shell.shown() == [("Recital", shell.compact("0000"))]
    assert shell.written() == [("POST", 400), ("POST", 201)]
    plan = shell.does_with_notes(*_night(shell, "--dry-run", "--external-id", "other"))
    assert (plan["event"]["timeslots"], plan["notes"]) == (slots, [note])
    shell.does_with_notes(*_night(shell, "--yes", "--external-id", "other"))
    assert shell.written() == [("POST", 201)]


def test_creation_is_sent_beyond_the_bounds_of_changes(shell: Office) -> None:
    """A dry run says that they may be refused; the vendor's refusal is shown as its own."""
    early = str(shell.day - timedelta(days=230))
    words = (
        *("create", "--facility", shell.facility.id, "--name", "Recital", "--activity-type", "12"),
        *("--start", f"{early}T03:00", "--end", f"{early}T04:00", "--external-id", "recital.1"),
    )
    plan = shell.does_with_notes(*words, "--dry-run")
    assert plan["notes"] == ["It starts more than 7 days ago; Facilitron may refuse that."]
    shell.place.bridge.state.strict_creations = True
    done = shell.event(*words, "--yes", "--json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["outcome"], result["notes"]) == (1, "refused", [])
    assert result["message"] == (
        "Not created. The booking system says: Validation failed – the start of timeslot 1"
        " cannot be older than 7 days in the past (400 SY001)."
    )
    assert done.stderr == (
        f"icalbridge: {result['message']}\nicalbridge: Facilitron's support asks for this:"
        f" invocation_id {result['invocation_id']}.\n"
    )
    shell.place.bridge.state.strict_creations = False
    assert shell.does_with_notes(*words, "--yes")["outcome"] == "created"


def _night(shell: Office, *more: str) -> tuple[str, ...]:
    """Return the words of a creation from the evening before to 5:00."""
    when = ("--start", shell.at("23:30", days=-1), "--end", shell.at("05:00"))
    what = ("--name", "Recital", "--activity-type", "12", "--external-id", "recital.1")
    return ("create", "--facility", shell.facility.id, *what, *when, *more)
