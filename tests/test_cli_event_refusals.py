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
def shell(tmp_path: Path) -> Iterator[Office]:
    with office(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


# asking, and only looking


def test_dry_run_sends_nothing(shell: Office) -> None:
    """It shows what would be sent, but for the renter, and what is in the way; writing need not be
    enabled.
    """
    event_id = shell.book()
    shell.written()
    off = {"ICALBRIDGE_ENABLE_WRITES": "0"}
    create = shell.does(
        *shell.create("--dry-run", "--external-id", "recital.2", "--renter-owner", "me"), **off
    )
    move = shell.does("move", event_id, "slot-1", "--start", shell.at("04:30"), "--dry-run", **off)
    cancel = shell.does("cancel", event_id, "--dry-run")
    slot = {
        "external_system_timeslot_id": "slot-1",
        "start_datetime": shell.at("03:00:00"),
        "end_datetime": shell.at("04:00:00"),
        "facility_u_id": shell.facility.u_id,
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
        "event": shell.event_json(external_id="recital.2"),
        "has_conflict": None,
        "collides_with": create["collides_with"],
        "followed": None,
        "request": {"method": "POST", "path": "/event", "body": body},
        "notes": ["Writing is off; ICALBRIDGE_ENABLE_WRITES=1 allows it."],
        "invocation_id": "",
    }
    assert [item["event_id"] for item in create["collides_with"]] == [event_id]
    times = {"start_datetime": shell.at("04:30:00"), "end_datetime": shell.at("05:30:00")}
    assert move["request"] == {
        "method": "PATCH",
        "path": f"/event/reservation/{event_id}/timeslot/slot-1",
        "body": times,
    }
    assert move["event"]["timeslots"] == [shell.timeslot("04:30", "05:30")]
    assert cancel["request"] == {
        "method": "PATCH",
        "path": f"/event/reservation/{event_id}",
        "body": {"status": "cancelled"},
    }
    assert (shell.written(), shell.shown()) == ([], [("Recital", f"{shell.day:%Y%m%d}T030000")])


def test_terminal_is_asked(shell: Office) -> None:
    """What is to be done is shown; only a yes does it."""
    event_id = shell.book()
    shell.written()
    question = f"Cancel 'Recital', reservation {event_id}, with all of this? [y/N]:"
    cancel = ("cancel", "recital.1")
    code, shown = shell.answers_on_terminal("n\n", *cancel)
    assert (code, shown.endswith(f"\n{question} Aborted!\n"), shell.written()) == (1, True, [])
    code, shown = shell.answers("\n", *cancel)
    assert (code, shown.endswith(f"\n{question} \nAborted!\n"), shell.written()) == (1, True, [])
    code, shown = shell.answers("y\n", *cancel)
    assert (code, question in shown, shell.written()) == (0, True, [("PATCH", 200)])


def test_no_is_an_answer_for_every_write(shell: Office) -> None:
    """Nothing is created or moved."""
    shell.book()
    shell.written()
    for words in (
        shell.create("--external-id", "other"),
        ("move", "recital.1", "slot-1", "--end", shell.at("05:00")),
    ):
        code, shown = shell.answers("n\n", *words)
        assert (code, shown.endswith(" [y/N]: n\nAborted!\n"), shell.written()) == (1, True, [])


# refusing


def test_writes_are_off_until_they_are_enabled(shell: Office) -> None:
    """Nothing is asked of the vendor at all."""
    off = {"ICALBRIDGE_ENABLE_WRITES": "0"}
    change = ("move", "recital.1", "slot-1", "--start", shell.at("04:00"))
    for words in (shell.create("--yes"), ("cancel", "recital.1", "--yes"), (*change, "--yes")):
        assert shell.refuses(*words, **off) == (
            2,
            (
                "icalbridge: Writing is off, since Facilitron calls these endpoints internal; set"
                " ICALBRIDGE_ENABLE_WRITES to 1 to allow it, or look with --dry-run at what would"
                " be done.\n"
            ),
        )
    assert shell.place.bridge.state.requests == []


def test_without_a_terminal_nobody_is_asked(shell: Office) -> None:
    """A write needs --yes there."""
    assert shell.refuses("cancel", "recital.1") == (
        2,
        (
            "icalbridge: There is no terminal to ask on; add --yes, or look at it first with"
            " --dry-run.\n"
        ),
    )
    assert shell.place.bridge.state.requests == []


def test_facility_is_given_once(shell: Office) -> None:
    """Of two the last would be booked, and nothing said of the other."""
    code, result = shell.refuses(*shell.create("--yes", "--facility", shell.facilities[1].id))
    assert (code, result.splitlines()[-1]) == (
        2,
        (
            "Error: Invalid value for '--facility': give it once; a timeslot elsewhere is"
            " --timeslot 'START/END;facility=ID'."
        ),
    )


def test_all_wrong_fields_are_named_at_once(shell: Office) -> None:
    """By the vendor's rules, with code 2, and with none of their values."""
    spec = f"{shell.at('05:00')}/{shell.at('04:00')};id=x"
    words = shell.create(
        "--yes", "--external-id", "no blanks", "--attendance", "-1", "--timeslot", spec
    )
    assert shell.refuses(*words, ICALBRIDGE_RENTER_EMAIL="me@the..gym") == (
        2,
        (
            "icalbridge: Nothing was sent: the external id may hold only letters, digits,"
            ' ".", "-" and "_"; the renter\'s e-mail address has a domain after its @ that is none;'
            " the attendance must be 0 to 500000; the id of timeslot 2 must be 3 to 50 characters"
            " long; the end of timeslot 2 must be at least 1 minute after the start.\n"
        ),
    )
    code, result = shell.refuses("cancel", "x", "--yes", "--log-message", "x" * 251)
    assert (code, result) == (
        2,
        (
            "icalbridge: Nothing was sent: the event's id must be 3 to 50 characters long; "
            "the log message must be 0 to 250 characters long.\n"
        ),
    )
    assert shell.place.bridge.state.requests == []


def test_move_refuses_what_cannot_be(shell: Office) -> None:
    """A sentence with code 2 for what is not there, what is elsewhere, and for no change at all."""
    shell.book()
    elsewhere = shell.place.bridge.store.read.facilities(
        [str(shell.place.bridge.world.properties[0]["_id"])]
    )[0].id
    move = ("move", "recital.1", "slot-1", "--yes")
    early = str(shell.day - timedelta(days=730))
    result = {
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
    assert {words: shell.refuses(*words) for words in result} == {
        words: (2, f"icalbridge: {sentence}\n") for words, sentence in result.items()
    }


def test_catalogue_must_know_what_a_write_names_a_facility_by(shell: Office) -> None:
    """After an upgrade it does not until the next sync; the sentence says so."""
    with shell.place.bridge.store.engine.begin() as connection:
        connection.execute(facilities.update().values(u_id=None))
    assert shell.refuses(*shell.create("--yes")) == (
        2,
        (
            "icalbridge: The catalog does not say yet by what a write names the facility"
            f" '{shell.facility.id}'; run `icalbridge sync`.\n"
        ),
    )
    assert shell.place.bridge.run().failures == []
    assert shell.event(*shell.create("--yes")).returncode == 0


# broken off


@pytest.mark.parametrize("number", either_signal(signal.SIGINT, signal.SIGTERM))
def test_write_that_is_broken_off_says_how_to_find_out(
    shell: Office, number: signal.Signals
) -> None:
    """A signal while the vendor is at it: code 130, and one sentence."""
    with scripted(Reply(silent=True)) as vendor:
        settings = {**shell.settings, "FACILITRON_API_URL": vendor.url}
        with running(
            "event", *shell.create("--yes", "--external-id", "recital.1"), **settings
        ) as process:
            until(lambda: vendor.paths or None, "request")
            process.send_signal(number)
            result, _ = process.communicate(timeout=20)  # less than a write may take
    assert (process.returncode, result) == (
        130,
        (
            "icalbridge: interrupted; it may be done or not: look with `icalbridge event get"
            " recital.1` before it is sent again.\n"
        ),
    )


# several keys


def test_key_is_that_of_the_property(shell: Office, tmp_path: Path) -> None:
    """Where the store does not know the event, --key says which; a wrong name is told the right
    ones.
    """
    keys = tmp_path / "keys.toml"
    keys.write_text(f'[other]\nkey = "other-key"\n[default]\nkey = "{KEY}"\n')
    several = {"FACILITRON_API_KEY": "", "FACILITRON_API_KEYS_FILE": str(keys)}
    event_id = shell.does(*shell.create("--yes", "--external-id", "recital.1"), **several)["event"][
        "event_id"
    ]
    assert shell.does("get", "recital.1", **several)["event"]["event_id"] == event_id
    assert shell.refuses("get", "unheard-of", **several) == (
        2,
        (
            "icalbridge: Which key this is for is not known here; say it with --key, one of other,"
            " default.\n"
        ),
    )
    assert shell.refuses("get", "recital.1", "--key", "mine", **several) == (
        2,
        "icalbridge: There is no key 'mine'; --key takes one of other, default.\n",
    )
    code, result = shell.refuses("get", "recital.1", "--key", "other", **several)
    assert (
        code,
        result.startswith("icalbridge: GET /event/reservation/recital.1: 401 "),
        "other-key" in result,
    ) == (1, True, False)
