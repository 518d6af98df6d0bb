"""`icalbridge push` as a user runs it: what it shows, asks, refuses and does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.models import utcnow
from tests.fixtures.commands import environment, run
from tests.fixtures.push_shells import GAME, PRACTICE, RENTER, YEAR, Shell, shell_in
from tests.fixtures.pushing import at, calendar, event
from tests.fixtures.scripted import Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A vendor in which nothing is booked, and a database with its catalogue."""
    with shell_in(tmp_path) as made:
        yield made


def _lines(text: str) -> list[str]:
    """Return lines with each run of spaces as one."""
    return [" ".join(item.split()) for item in text.splitlines() if item.strip()]


def test_dry_run_shows_the_plan_and_writes_nothing(shell: Shell) -> None:
    """Also while writing is off, and for whom and as what is not known."""
    ended = run(
        "push",
        str(shell.file),
        "--facility",
        shell.facility,
        "--dry-run",
        **shell.deployed.settings,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    weekday = {item: f"{utcnow().replace(year=YEAR, month=1, day=item):%a}" for item in (12, 15)}
    assert _lines(ended.stdout) == [
        "What Event When Where Why",
        (
            f"+ create Practice {weekday[12]} {YEAR}-01-12 18:00–19:30, 3 times to {YEAR}-01-26"
            " Main Gym, Lincoln High School"
        ),
        f"+ create Game {weekday[15]} {YEAR}-01-15 18:00–19:30 Main Gym, Lincoln High School",
        (
            "In the calendar: 4 instances = 4 created + 0 moved + 0 unchanged + 0 cancelled + 0"
            " impossible + 0 over + 0 left out."
        ),
        "2 to create, 0 to move, 0 to cancel, 0 timeslots unchanged, 0 impossible.",
    ]
    assert shell.writes() == 0


def test_push_does_it_and_then_has_nothing_to_do(shell: Shell) -> None:
    """And after an edit, just the difference."""
    ended = shell.push("--yes")
    assert (ended.returncode, ended.stderr, _lines(ended.stdout)[-1]) == (
        0,
        "",
        "2 of 2 steps done.",
    )
    assert shell.made() == Counter({("Practice", "Approved", 3): 1, ("Game", "Approved", 1): 1})
    before = shell.writes()
    ended = shell.push("--yes")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert _lines(ended.stdout)[-2:] == [
        "0 to create, 0 to move, 0 to cancel, 4 timeslots unchanged, 0 impossible.",
        "Nothing to do.",
    ]
    assert shell.writes() == before
    shell.write(PRACTICE)
    ended = shell.push("--yes")
    assert (ended.returncode, _lines(ended.stdout)[-1]) == (0, "1 of 1 steps done.")
    assert shell.made() == Counter({("Practice", "Approved", 3): 1, ("Game", "Cancelled", 1): 1})


def test_what_cannot_be_booked_is_a_failure(shell: Shell) -> None:
    """A program that looks at the exit code alone notices, also when there was nothing else to do."""
    shell.write(event("lost", f"{YEAR}0120", "LOCATION:Nowhere", name="Lost"))
    ended = run(
        "push",
        str(shell.file),
        "--facility",
        f"Main Gym={shell.facility}",
        "--dry-run",
        **shell.settings,
    )
    assert (ended.returncode, ended.stderr, _lines(ended.stdout)[-2:]) == (
        1,
        "",
        [
            "0 to create, 0 to move, 0 to cancel, 0 timeslots unchanged, 1 impossible.",
            "Nothing else can be done.",
        ],
    )


def test_json_has_the_plan_and_the_outcome(shell: Shell) -> None:
    """One object, and nothing else on stdout; neither key nor renter."""
    ended = shell.push("--yes", "--json", "--name", "athletics")
    result: dict[str, Any] = json.loads(ended.stdout)
    assert (result["source"], result["notes"]) == ("athletics", [])
    assert {name: count for name, count in result["sum"].items() if count} == {
        "instances": 4,
        "created": 4,
    }
    assert [(item["what"], item["name"], item["count"]) for item in result["plan"]] == [
        ("create", "Practice", 3),
        ("create", "Game", 1),
    ]
    assert [item["id"] for item in result["plan"][1]["timeslots"]] == ["single"]
    assert [(item["what"], item["uid"], item["result"]) for item in result["outcomes"]] == [
        ("create", "practice", "done"),
        ("create", "game", "done"),
    ]
    assert RENTER not in ended.stdout + ended.stderr
    assert shell.settings["FACILITRON_API_KEY"] not in ended.stdout + ended.stderr


def test_writing_needs_leave(shell: Shell) -> None:
    """The setting, and somebody to ask."""
    off = shell.push("--yes", ICALBRIDGE_ENABLE_WRITES="0")
    assert off.returncode == 2
    assert (
        off.stderr
        == "icalbridge: Writing is off, since Facilitron calls these endpoints internal; set"
        " ICALBRIDGE_ENABLE_WRITES to 1 to allow it, or look with --dry-run at what would be"
        " done.\n"
    )
    unasked = shell.push()
    assert (unasked.returncode, unasked.stderr) == (
        2,
        (
            "icalbridge: There is no terminal to ask on; add --yes, or look at it first with"
            " --dry-run.\n"
        ),
    )
    watching = shell.push("--watch")
    assert (watching.returncode, watching.stderr) == (
        2,
        (
            "icalbridge: --watch writes without asking; add --yes if that is meant, or --dry-run to"
            " look on.\n"
        ),
    )
    assert shell.writes() == 0


def test_person_is_asked(shell: Shell) -> None:
    """A no, on a real terminal, does nothing; a yes does it."""
    question = (
        "2 to create, 0 to move, 0 to cancel, 0 timeslots unchanged, 0 impossible. Do it? [y/N]: "
    )
    ours, theirs = pty.openpty()
    given = ["--facility", shell.facility, "--activity-type", "12"]
    try:
        os.write(ours, b"n\n")
        done = subprocess.run(
            [sys.executable, "-m", "icalbridge", "push", str(shell.file), *given],
            env=environment(shell.settings),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    assert (done.returncode, done.stderr) == (1, f"{question}Aborted!\n")
    assert shell.writes() == 0
    ended = shell.push(typed="y\n")
    assert (ended.returncode, ended.stderr, shell.writes()) == (0, f"{question}y\n", 2)


def test_calendar_that_lost_most_is_not_believed(shell: Shell) -> None:
    """It may be another one of that name; --cancel-many says that it is meant."""
    shell.push("--yes")
    shell.write(event("other", f"{YEAR}0120"))
    ended = shell.push("--yes")
    assert ended.returncode == 1
    assert (
        ended.stderr
        == "icalbridge: This would cancel 4 of the 4 timeslots to come that were pushed from this"
        " calendar, so that it may be the wrong one; nothing was done. Give another --name for"
        " another calendar, or --cancel-many if it is meant.\n"
    )
    assert shell.made()["Game", "Approved", 1] == 1
    shell.write()
    ended = shell.push("--yes")
    assert (ended.returncode, ended.stderr) == (
        2,
        f"icalbridge: The file {shell.file} holds no event; give --cancel-many if that is meant.\n",
    )
    ended = shell.push("--yes", "--cancel-many")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert shell.made() == Counter({("Practice", "Cancelled", 3): 1, ("Game", "Cancelled", 1): 1})


def test_place_that_is_not_in_the_table_gets_a_suggestion(shell: Shell) -> None:
    """And what is in it is booked where it says; what is left out is not."""
    shell.write(
        (*PRACTICE, "LOCATION:Gymnasium"),
        (*GAME, "LOCATION:Main Gimn"),
        event("away", f"{YEAR}0116", "LOCATION:Away at Harbor"),
    )
    table = shell.file.with_suffix(".toml")
    table.write_text(f'[places]\n"gymnasium" = "{shell.facility}"\n"Away*" = ""\n')
    ended = run(
        "push",
        str(shell.file),
        "--map",
        str(table),
        "--activity-type",
        "12",
        "--yes",
        **shell.settings,
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    assert (
        f"no facility is given for 'Main Gimn'; perhaps {shell.facility} (Main Gym)" in ended.stdout
    )
    assert "1 instance is somewhere that the table leaves out." in _lines(ended.stdout)
    assert shell.made() == Counter({("Practice", "Approved", 3): 1})


def test_address_may_be_in_a_file(shell: Shell) -> None:
    """Where no list of processes shows it; one of the two ways, and not both."""
    given = ("--facility", shell.facility, "--dry-run")
    secret = shell.file.with_suffix(".url")
    with scripted(Reply(200, calendar(GAME))) as script:
        secret.write_text(f"{script.url}/private-1a2b.ics\n")
        ended = run(
            "push", "--url-file", str(secret), "--allow-private-address", *given, **shell.settings
        )
        assert script.paths == ["/v1/private-1a2b.ics"]
    assert (ended.returncode, ended.stderr, "private-1a2b" in ended.stdout) == (0, "", False)
    which = "Which calendar? Give a file or an address, or --url-file for a file that holds one."
    for more in ((), (str(shell.file), "--url-file", str(secret))):
        ended = run("push", *more, *given, **shell.settings)
        assert (ended.returncode, ended.stderr) == (2, f"icalbridge: {which}\n")
    secret.write_text("season.ics")
    ended = run("push", "--url-file", str(secret), *given, **shell.settings)
    assert (
        ended.stderr
        == "icalbridge: --url-file must hold one address of a calendar: https://HOST/PATH.\n"
    )


@pytest.mark.parametrize(
    ("header", "encoding"),
    [
        ("; charset=iso-8859-15", "iso-8859-15"),
        ('; Charset="UTF-16LE"', "utf-16-le"),
        ("", "cp1252"),
    ],
)
def test_charset_of_the_header_is_that_of_the_names(
    shell: Shell, header: str, encoding: str
) -> None:
    """From the server to what is booked; without a charset, what is no UTF-8 gets a note."""
    name = "Entraînement €"
    content = calendar(event("game", f"{YEAR}0115", name=name)).decode().encode(encoding)
    with scripted(Reply(200, content, {"Content-Type": f"text/calendar{header}"})) as script:
        ended = shell.push("--yes", "--allow-private-address", where=script.url)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ("read as Windows-1252" in ended.stdout) == (not header)
    assert shell.made() == Counter({(name, "Approved", 1): 1})


def test_bad_input_has_its_sentence(shell: Shell) -> None:
    """Exit code 2, one line, no request."""
    page, own = shell.file.with_name("page.ics"), shell.file.with_name("own.ics")
    page.write_text("<html>")
    own.write_bytes(calendar(event("1a2b@icalbridge", f"{YEAR}0112")))
    table = shell.file.with_suffix(".toml")
    table.write_text("[places")
    refused: list[tuple[tuple[str, ...], str]] = [
        (
            ("--facility", shell.facility, str(page)),
            "The calendar is a web page and no calendar; look for the address ",
        ),
        (
            ("--facility", shell.facility, str(own)),
            "This is a calendar of the bridge's own, or a copy of one: its ",
        ),
        (
            ("--facility", shell.facility, "http://127.0.0.1:9/x.ics"),
            "The calendar at 127.0.0.1 is in a private network",
        ),
        (
            ("--facility", "nowhere", str(shell.file)),
            "There is no facility 'nowhere' here; look it up with `icalbridge places`",
        ),
        (
            ("--facility", "a", "--facility", "b", str(shell.file)),
            "Two facilities are given for everything, a and b; ",
        ),
        (("--map", str(table), str(shell.file)), "The file of --map is no TOML: "),
        (
            ("--map", "nothing.toml", str(shell.file)),
            "--map names a file that cannot be read as text.",
        ),
        (
            (str(shell.file),),
            "No facility is given; say where the events take place with --facility or --map.",
        ),
        (
            ("--facility", shell.facility, str(shell.file)),
            "What kind of event is it? Give --activity-type, ",
        ),
    ]
    for given, sentence in refused:
        ended = run("push", "--yes", *given, **shell.settings)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), given
        assert ended.stderr.startswith(f"icalbridge: {sentence}"), ended.stderr
    assert shell.writes() == 0


def test_cancel_method_cancels_through_the_command(shell: Shell) -> None:
    """Without --cancel-many, since it names what goes; and the sum counts what is in the file."""
    shell.push("--yes")
    shell.file.write_bytes(calendar(PRACTICE, head=("METHOD:CANCEL",)))
    ended = shell.push("--yes", "--json")
    result: dict[str, Any] = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [(row["what"], row["why"]) for row in result["plan"]] == [
        ("cancel", "the calendar cancels it (METHOD:CANCEL)")
    ]
    assert (result["sum"]["instances"], result["sum"]["cancelled"]) == (1, 1)
    assert shell.made() == Counter({("Practice", "Cancelled", 3): 1, ("Game", "Approved", 1): 1})


def test_rules_leave_out_and_hide(shell: Shell) -> None:
    """What is free, private or of some words; and a whole day is pointed out."""
    shell.write(
        event("free", f"{YEAR}0112", "TRANSP:TRANSPARENT"),
        event("outlook", f"{YEAR}0113", "X-MICROSOFT-CDO-BUSYSTATUS:FREE"),
        event("secret", f"{YEAR}0114", "CLASS:PRIVATE", name="Interview"),
        event("away", f"{YEAR}0115", name="Practice, ÁWAY game"),
        event("broadway", f"{YEAR}0116", name="Broadway game"),
        ("UID:day", "SUMMARY:Maintenance", f"DTSTART;VALUE=DATE:{YEAR}0118"),
    )
    ended = shell.push("--dry-run", "--json", "--skip", "away  GAME")
    result: dict[str, Any] = json.loads(ended.stdout)
    assert [row["name"] for row in result["plan"]] == [
        *("Practice", "Practice", "Reserved", "Broadway game", "Maintenance")
    ]
    assert result["plan"][-1]["why"] == "ALL DAY: nobody else has the place from 00:00 to 23:59"
    assert (result["sum"]["instances"], result["sum"]["left_out"]) == (6, 1)
    assert "Interview" not in ended.stdout
    ended = shell.push(
        *("--dry-run", "--skip-free", "--skip-private", "--skip", "broad", "--skip", "Game")
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "5 instances are left out by --skip, --skip-free or --skip-private." in ended.stdout
    assert [line for line in _lines(ended.stdout) if line.startswith("In the calendar")] == [
        (
            "In the calendar: 6 instances = 1 created + 0 moved + 0 unchanged + 0 cancelled + 0"
            " impossible + 0 over + 5 left out."
        )
    ]


@pytest.mark.parametrize("method", ["REPLY", "COUNTER", "REFRESH", "DECLINECOUNTER", "ADD"])
def test_answers_to_invitations_are_refused(shell: Shell, method: str) -> None:
    """Exit code 2 and the reason (RFC 5546, section 1.4)."""
    shell.file.write_bytes(calendar(GAME, head=(f"METHOD:{method}",)))
    ended = shell.push("--yes")
    assert (ended.returncode, shell.writes()) == (2, 0)
    assert ended.stderr.endswith(f"(METHOD:{method}), and books nothing.\n")


def test_renter_that_nobody_knows_is_told(shell: Shell) -> None:
    """Exit code 1, in the vendor's words."""
    ended = shell.push("--yes", ICALBRIDGE_RENTER_EMAIL="nobody@school.example")
    assert ended.returncode == 1
    assert _lines(ended.stderr)[0].startswith("icalbridge: 'Practice'")
    assert (
        "could not be created: the booking system says: User not found – the renter's e-mail"
        " address belongs to no known renter (404 US001)." in ended.stderr
    )
    assert "nobody@school.example" not in ended.stdout + ended.stderr


def test_push_that_breaks_off_says_so(shell: Shell) -> None:
    """The day's quota is spent; the next one goes on."""
    ended = shell.push("--yes", FACILITRON_QUOTA_PER_DAY="2")
    assert ended.returncode == 1
    assert ended.stderr.startswith(
        "icalbridge: The push broke off, and goes on when the same command is run again. "
    )
    assert shell.made() == Counter({("Practice", "Approved", 3): 1})
    assert shell.push("--yes").returncode == 0
    assert shell.made() == Counter({("Practice", "Approved", 3): 1, ("Game", "Approved", 1): 1})


def test_push_that_breaks_off_tells_what_it_did(shell: Shell) -> None:
    """The next one finds it done, and has no outcome of it any more."""
    ended = shell.push("--yes", "--json", FACILITRON_QUOTA_PER_DAY="2")
    result: dict[str, Any] = json.loads(ended.stdout)
    assert [(item["uid"], item["result"]) for item in result["outcomes"]] == [("practice", "done")]
    assert ended.returncode == 1


def test_nights_are_found_to_be_one_a_day_once(shell: Shell) -> None:
    """By one command, for all later ones with the key; the plan then shows one a day."""
    shell.deployed.bridge.state.strict_creations = True

    def night(uid: str, day: int) -> tuple[str, ...]:
        times = (
            at(f"{YEAR}01{day}", "200000"),
            at(f"{YEAR}01{day + 1}", "013000", "DTEND"),
        )
        return (f"UID:{uid}", f"SUMMARY:{uid}", *times)

    shell.write(night("one", 12))
    assert shell.push("--yes").stdout.endswith("1 of 1 steps done.\n")
    shell.write(night("one", 12), night("two", 20))
    ended = shell.push("--yes", "--json")
    assert next(len(row["timeslots"]) for row in json.loads(ended.stdout)["plan"]) == 2
    assert shell.made() == Counter({("one", "Approved", 2): 1, ("two", "Approved", 2): 1})
    requests = shell.deployed.bridge.state.requests
    assert [status for method, *_, status in requests if method == "POST"] == [400, 201, 201]
    assert "Nothing to do." in shell.push("--yes").stdout
