"""`icalbridge event`: what it refuses before it sends anything, what it asks, and what a dry run
shows.
"""

from __future__ import annotations

import signal
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.store.tables import facilities
from tests.fixtures.bridges import KEY
from tests.fixtures.commands import either_signal, running, until
from tests.fixtures.office import Office, office
from tests.fixtures.scripted import Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    with office(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


# asking, and only looking


def test_dry_run_sends_nothing(desk: Office) -> None:
    """It shows what would be sent, but for the renter, and what is in the way; writing need not be
    enabled.
    """
    event_id = desk.book()
    desk.written()
    off = {"ICALBRIDGE_ENABLE_WRITES": "0"}
    create = desk.does(
        *desk.create("--dry-run", "--external-id", "recital.2", "--renter-owner", "me"), **off
    )
    move = desk.does("move", event_id, "slot-1", "--start", desk.at("04:30"), "--dry-run", **off)
    cancel = desk.does("cancel", event_id, "--dry-run")
    slot = {
        "external_system_timeslot_id": "slot-1",
        "start_datetime": desk.at("03:00:00"),
        "end_datetime": desk.at("04:00:00"),
        "facility_u_id": desk.facility.u_id,
    }
    body = {
        "external_system_event_id": "recital.2",
        "event_type": "reservation",
        "name": "Recital",
        "renter_email": "(hidden)",
        "status": "approved",
        "activity_type_id": 12,
        "timeslots": [slot],
        "renter_owner": "(hidden)",
    }
    assert create == {
        "command": "create",
        "outcome": "planned",
        "message": "'Recital' with the external id recital.2 could be created; nothing was sent.",
        "event": desk.event_told(external_id="recital.2"),
        "has_conflict": None,
        "collides_with": create["collides_with"],
        "followed": None,
        "request": {"method": "POST", "path": "/event", "body": body},
        "notes": ["Writing is off; ICALBRIDGE_ENABLE_WRITES=1 allows it."],
        "invocation_id": "",
    }
    assert [each["event_id"] for each in create["collides_with"]] == [event_id]
    times = {"start_datetime": desk.at("04:30:00"), "end_datetime": desk.at("05:30:00")}
    assert move["request"] == {
        "method": "PATCH",
        "path": f"/event/reservation/{event_id}/timeslot/slot-1",
        "body": times,
    }
    assert move["event"]["timeslots"] == [desk.timeslot("04:30", "05:30")]
    assert cancel["request"] == {
        "method": "PATCH",
        "path": f"/event/reservation/{event_id}",
        "body": {"status": "cancelled"},
    }
    assert (desk.written(), desk.shown()) == ([], [("Recital", f"{desk.day:%Y%m%d}T030000")])


def test_terminal_is_asked(desk: Office) -> None:
    """What is to be done is shown; only a yes does it."""
    event_id = desk.book()
    desk.written()
    question = f"Cancel 'Recital', reservation {event_id}, with all of this? [y/N]:"
    cancel = ("cancel", "recital.1")
    code, shown = desk.answers_on_terminal("n\n", *cancel)
    assert (code, shown.endswith(f"\n{question} Aborted!\n"), desk.written()) == (1, True, [])
    code, shown = desk.answers("\n", *cancel)
    assert (code, shown.endswith(f"\n{question} \nAborted!\n"), desk.written()) == (1, True, [])
    code, shown = desk.answers("y\n", *cancel)
    assert (code, question in shown, desk.written()) == (0, True, [("PATCH", 200)])


def test_no_is_an_answer_for_every_write(desk: Office) -> None:
    """Nothing is created or moved."""
    desk.book()
    desk.written()
    for words in (
        desk.create("--external-id", "other"),
        ("move", "recital.1", "slot-1", "--end", desk.at("05:00")),
    ):
        code, shown = desk.answers("n\n", *words)
        assert (code, shown.endswith(" [y/N]: n\nAborted!\n"), desk.written()) == (1, True, [])


# refusing


def test_writes_are_off_until_they_are_enabled(desk: Office) -> None:
    """Nothing is asked of the vendor at all."""
    off = {"ICALBRIDGE_ENABLE_WRITES": "0"}
    change = ("move", "recital.1", "slot-1", "--start", desk.at("04:00"))
    for words in (desk.create("--yes"), ("cancel", "recital.1", "--yes"), (*change, "--yes")):
        assert desk.refuses(*words, **off) == (
            2,
            (
                "icalbridge: Writing is off, since Facilitron calls these endpoints internal; set"
                " ICALBRIDGE_ENABLE_WRITES to 1 to allow it, or look with --dry-run at what would"
                " be done.\n"
            ),
        )
    assert desk.place.bridge.state.requests == []


def test_without_a_terminal_nobody_is_asked(desk: Office) -> None:
    """A write needs --yes there."""
    assert desk.refuses("cancel", "recital.1") == (
        2,
        (
            "icalbridge: There is no terminal to ask on; add --yes, or look at it first with"
            " --dry-run.\n"
        ),
    )
    assert desk.place.bridge.state.requests == []


def test_facility_is_given_once(desk: Office) -> None:
    """Of two the last would be booked, and nothing said of the other."""
    code, told = desk.refuses(*desk.create("--yes", "--facility", desk.facilities[1].id))
    assert (code, told.splitlines()[-1]) == (
        2,
        (
            "Error: Invalid value for '--facility': give it once; a timeslot elsewhere is"
            " --timeslot 'START/END;facility=ID'."
        ),
    )


def test_all_wrong_fields_are_named_at_once(desk: Office) -> None:
    """By the vendor's rules, with code 2, and with none of their values."""
    spec = f"{desk.at('05:00')}/{desk.at('04:00')};id=x"
    words = desk.create(
        "--yes", "--external-id", "no blanks", "--attendance", "-1", "--timeslot", spec
    )
    assert desk.refuses(*words, ICALBRIDGE_RENTER_EMAIL="me@the..gym") == (
        2,
        (
            "icalbridge: Nothing was sent: the external id may hold only letters, digits,"
            ' ".", "-" and "_"; the renter\'s e-mail address has a domain after its @ that is none;'
            " the attendance must be 0 to 500000; the id of timeslot 2 must be 3 to 50 characters"
            " long; the end of timeslot 2 must be at least 1 minute after the start.\n"
        ),
    )
    code, told = desk.refuses("cancel", "x", "--yes", "--log-message", "x" * 251)
    assert (code, told) == (
        2,
        (
            "icalbridge: Nothing was sent: the event's id must be 3 to 50 characters long; "
            "the log message must be 0 to 250 characters long.\n"
        ),
    )
    assert desk.place.bridge.state.requests == []


def test_move_refuses_what_cannot_be(desk: Office) -> None:
    """A sentence with code 2 for what is not there, what is elsewhere, and for no change at all."""
    desk.book()
    elsewhere = desk.place.bridge.store.read.facilities(
        [str(desk.place.bridge.world.properties[0]["_id"])]
    )[0].id
    move = ("move", "recital.1", "slot-1", "--yes")
    early = str(desk.day - timedelta(days=730))
    told = {
        (*move,): "Nothing to change; give --start, --end, --facility or --activity.",
        (
            "move",
            "recital.1",
            "slot-2",
            "--yes",
            "--activity",
            "",
        ): "'Recital' has no timeslot 'slot-2'; it has slot-1.",
        (
            *move,
            "--facility",
            elsewhere,
        ): f"The facility '{elsewhere}' belongs to another school than the event does.",
        (
            *move,
            "--start",
            "noon",
        ): "--start is 'noon', which is no local time; write it as 2026-12-01T18:00.",
        (
            *move,
            "--start",
            f"{early}T10:00",
        ): "Nothing was sent: the start cannot be more than 7 days ago.",
    }
    assert {words: desk.refuses(*words) for words in told} == {
        words: (2, f"icalbridge: {sentence}\n") for words, sentence in told.items()
    }


def test_catalogue_must_know_what_a_write_names_a_facility_by(desk: Office) -> None:
    """After an upgrade it does not until the next sync; the sentence says so."""
    with desk.place.bridge.store.engine.begin() as connection:
        connection.execute(facilities.update().values(u_id=None))
    assert desk.refuses(*desk.create("--yes")) == (
        2,
        (
            "icalbridge: The catalogue does not say yet by what a write names the facility"
            f" '{desk.facility.id}'; run `icalbridge sync`.\n"
        ),
    )
    assert desk.place.bridge.run().failures == []
    assert desk.event(*desk.create("--yes")).returncode == 0


# broken off


@pytest.mark.parametrize("number", either_signal(signal.SIGINT, signal.SIGTERM))
def test_write_that_is_broken_off_says_how_to_find_out(
    desk: Office, number: signal.Signals
) -> None:
    """A signal while the vendor is at it: code 130, and one sentence."""
    with scripted(Reply(silent=True)) as vendor:
        settings = {**desk.settings, "FACILITRON_API_URL": vendor.url}
        with running(
            "event", *desk.create("--yes", "--external-id", "recital.1"), **settings
        ) as process:
            until(lambda: vendor.paths or None, "request")
            process.send_signal(number)
            told, _ = process.communicate(timeout=20)  # less than a write may take
    assert (process.returncode, told) == (
        130,
        (
            "icalbridge: interrupted; it may be done or not: look with `icalbridge event get"
            " recital.1` before it is sent again.\n"
        ),
    )


# several keys


def test_key_is_that_of_the_property(desk: Office, tmp_path: Path) -> None:
    """Where the store does not know the event, --key says which; a wrong name is told the right
    ones.
    """
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[other]\nkey = "other-key"\n[default]\nkey = "{KEY}"\n')
    several = {"FACILITRON_API_KEY": "", "FACILITRON_API_KEYS_FILE": str(keys)}
    event_id = desk.does(*desk.create("--yes", "--external-id", "recital.1"), **several)["event"][
        "event_id"
    ]
    assert desk.does("get", "recital.1", **several)["event"]["event_id"] == event_id
    assert desk.refuses("get", "unheard-of", **several) == (
        2,
        (
            "icalbridge: Which key this is for is not known here; say it with --key, one of other,"
            " default.\n"
        ),
    )
    assert desk.refuses("get", "recital.1", "--key", "mine", **several) == (
        2,
        "icalbridge: There is no key 'mine'; --key takes one of other, default.\n",
    )
    code, told = desk.refuses("get", "recital.1", "--key", "other", **several)
    assert (
        code,
        told.startswith("icalbridge: GET /event/reservation/recital.1: 401 "),
        "other-key" in told,
    ) == (1, True, False)
