"""`icalbridge push` as a user runs it: what it shows, asks, refuses and does."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge import settings as settings_package
from icalbridge.cli.push import RETRY_SECONDS, Round, Wish
from icalbridge.cli.stopping import Stop
from icalbridge.errors import BadCalendar
from icalbridge.model import utcnow
from icalbridge.push.source import Source
from tests.fixtures.commands import environment, run, running, until
from tests.fixtures.deployments import Deployment, deployment
from tests.fixtures.pushing import calendar, event, know_catalogue
from tests.fixtures.scripted import Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

YEAR = utcnow().year + 1
"""The commands go by the real clock: January of it is at most a year ahead."""
RENTER = "coach@school.example"
PRACTICE = event("practice", f"{YEAR}0112", "RRULE:FREQ=WEEKLY;COUNT=3")
GAME = event("game", f"{YEAR}0115", name="Game")


class Shell:
    """Pushes one file to one vendor."""

    def __init__(self, deployed: Deployment, folder: Path) -> None:
        self.deployed = deployed
        self.file = folder / "season.ics"
        self.facility = str(deployed.bridge.world.facilities_of(self.school_id)[0]["_id"])
        self.settings = {
            **deployed.settings,
            "ICALBRIDGE_ENABLE_WRITES": "1",
            "ICALBRIDGE_RENTER_EMAIL": RENTER,
        }

    @property
    def school_id(self) -> str:
        return str(self.deployed.bridge.world.properties[1]["_id"])

    def write(self, *events: tuple[str, ...]) -> None:
        self.file.write_bytes(calendar(*events))

    def push(self, *more: str, where: str = "", **settings: str) -> CompletedProcess[str]:
        """Run the command for one facility, and one kind of event."""
        given = ("--facility", self.facility, "--activity-type", "12")
        return run("push", where or str(self.file), *given, *more, **{**self.settings, **settings})

    def made(self) -> Counter[tuple[str, str, int]]:
        """Return name, status and number of timeslots of each event that was pushed."""
        return Counter(
            (each["name"], each["status"], len(each["timeslots"]))
            for each in self.deployed.bridge.world.events.values()
        )

    def writes(self) -> int:
        return sum(method != "GET" for method, *_ in self.deployed.bridge.state.requests)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A vendor in which nothing is booked, and a database with its catalogue."""
    with deployment(f"sqlite:///{tmp_path}/bridge.db", events_per_day=0) as deployed:
        know_catalogue(deployed.bridge)
        made = Shell(deployed, tmp_path)
        made.write(PRACTICE, GAME)
        yield made


def _lines(text: str) -> list[str]:
    """Return lines with each run of spaces as one."""
    return [" ".join(each.split()) for each in text.splitlines() if each.strip()]


def test_dry_run_shows_the_plan_and_writes_nothing(shell: Shell) -> None:
    """Also while writing is off, and for whom and as what is not known."""
    ended = run("push", str(shell.file), "--facility", shell.facility, "--dry-run", **shell.deployed.settings)
    assert (ended.returncode, ended.stderr) == (0, "")
    weekday = {each: f"{utcnow().replace(year=YEAR, month=1, day=each):%a}" for each in (12, 15)}
    assert _lines(ended.stdout) == [
        "What Event When Where Why",
        f"+ create Practice {weekday[12]} {YEAR}-01-12 18:00–19:30, 3 times to {YEAR}-01-26 Main Gym",
        f"+ create Game {weekday[15]} {YEAR}-01-15 18:00–19:30 Main Gym",
        "2 to create, 0 to move, 0 to cancel, 0 timeslots unchanged, 0 impossible.",
    ]
    assert shell.writes() == 0


def test_push_does_it_and_then_has_nothing_to_do(shell: Shell) -> None:
    """And after an edit, just the difference."""
    ended = shell.push("--yes")
    assert (ended.returncode, ended.stderr, _lines(ended.stdout)[-1]) == (0, "", "2 of 2 steps done.")
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


def test_json_has_the_plan_and_the_outcome(shell: Shell) -> None:
    """One object, and nothing else on stdout; neither key nor renter."""
    ended = shell.push("--yes", "--json", "--name", "athletics")
    told: dict[str, Any] = json.loads(ended.stdout)
    assert (told["source"], told["notes"]) == ("athletics", [])
    assert [(each["what"], each["name"], each["count"]) for each in told["plan"]] == [
        ("create", "Practice", 3),
        ("create", "Game", 1),
    ]
    assert [each["id"] for each in told["plan"][1]["timeslots"]] == ["single"]
    assert [(each["what"], each["uid"], each["result"]) for each in told["outcomes"]] == [
        ("create", "practice", "done"),
        ("create", "game", "done"),
    ]
    assert RENTER not in ended.stdout + ended.stderr
    assert shell.settings["FACILITRON_API_KEY"] not in ended.stdout + ended.stderr


def test_writing_needs_leave(shell: Shell) -> None:
    """The setting, and somebody to ask."""
    off = shell.push("--yes", ICALBRIDGE_ENABLE_WRITES="0")
    assert off.returncode == 2
    assert off.stderr == (
        "icalbridge: Writing is off, since Facilitron calls these endpoints internal; set ICALBRIDGE_ENABLE_WRITES to "
        "1 to allow it, or look with --dry-run at what would be done.\n"
    )
    unasked = shell.push()
    assert (unasked.returncode, unasked.stderr) == (
        2,
        "icalbridge: There is no terminal to ask on; add --yes, or look at it first with --dry-run.\n",
    )
    watching = shell.push("--watch")
    assert (watching.returncode, watching.stderr) == (
        2,
        "icalbridge: --watch writes without asking; add --yes if that is meant, or --dry-run to look on.\n",
    )
    assert shell.writes() == 0


@pytest.mark.parametrize("answer", ["n", "y"])
def test_person_at_a_terminal_is_asked(shell: Shell, answer: str) -> None:
    """A no does nothing."""
    ours, theirs = pty.openpty()
    given = ["--facility", shell.facility, "--activity-type", "12"]
    try:
        os.write(ours, f"{answer}\n".encode())
        ended = subprocess.run(
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
    question = "2 to create, 0 to move, 0 to cancel, 0 timeslots unchanged, 0 impossible. Do it? [y/N]: "
    assert ended.stderr == question + ("" if answer == "y" else "Aborted!\n")
    assert (ended.returncode, shell.writes()) == ((0, 2) if answer == "y" else (1, 0))


def test_calendar_that_lost_most_is_not_believed(shell: Shell) -> None:
    """It may be another one of that name; --cancel-many says that it is meant."""
    shell.push("--yes")
    shell.write(event("other", f"{YEAR}0120"))
    ended = shell.push("--yes")
    assert ended.returncode == 1
    assert ended.stderr == (
        "icalbridge: This would cancel 4 of the 4 timeslots to come that were pushed from this calendar, so that it "
        "may be the wrong one; nothing was done. Give another --name for another calendar, or --cancel-many if it is "
        "meant.\n"
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
    ended = run("push", str(shell.file), "--map", str(table), "--activity-type", "12", "--yes", **shell.settings)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert f"no facility is given for 'Main Gimn'; perhaps {shell.facility} (Main Gym)" in ended.stdout
    assert "1 instance is somewhere that the table leaves out." in _lines(ended.stdout)
    assert shell.made() == Counter({("Practice", "Approved", 3): 1})


def test_bad_input_has_its_sentence(shell: Shell) -> None:
    """Exit code 2, one line, no request."""
    page, own = shell.file.with_name("page.ics"), shell.file.with_name("own.ics")
    page.write_text("<html>")
    own.write_bytes(calendar(event("1a2b@icalbridge", f"{YEAR}0112")))
    table = shell.file.with_suffix(".toml")
    table.write_text("[places")
    asked: list[tuple[tuple[str, ...], str]] = [
        (
            ("--facility", shell.facility, str(page)),
            "The calendar is a web page and no calendar; look for the address ",
        ),
        (("--facility", shell.facility, str(own)), "This is a calendar of the bridge's own, or a copy of one: its "),
        (
            ("--facility", shell.facility, "http://127.0.0.1:9/x.ics"),
            "The calendar at 127.0.0.1 is in a private network",
        ),
        (
            ("--facility", "nowhere", str(shell.file)),
            "There is no facility 'nowhere' in the catalogue; look its id up ",
        ),
        (("--facility", "a", "--facility", "b", str(shell.file)), "Two facilities are given for everything, a and b; "),
        (("--map", str(table), str(shell.file)), "The file of --map is no TOML: "),
        (("--map", "nothing.toml", str(shell.file)), "--map names a file that cannot be read as text."),
        ((str(shell.file),), "No facility is given; say where the events take place with --facility or --map."),
        (("--facility", shell.facility, str(shell.file)), "What kind of event is it? Give --activity-type, "),
    ]
    for given, sentence in asked:
        ended = run("push", "--yes", *given, **shell.settings)
        assert (ended.returncode, ended.stderr.count("\n")) == (2, 1), given
        assert ended.stderr.startswith(f"icalbridge: {sentence}"), ended.stderr
    assert shell.writes() == 0


def test_renter_that_nobody_knows_is_told(shell: Shell) -> None:
    """Exit code 1, in the vendor's words."""
    ended = shell.push("--yes", ICALBRIDGE_RENTER_EMAIL="nobody@school.example")
    assert ended.returncode == 1
    assert _lines(ended.stderr)[0].startswith("icalbridge: 'Practice'")
    assert "could not be created: User not found – renter_email belongs to no known renter." in ended.stderr
    assert "nobody@school.example" not in ended.stdout + ended.stderr


def test_push_that_breaks_off_says_so(shell: Shell) -> None:
    """The day's quota is spent; the next one goes on."""
    ended = shell.push("--yes", FACILITRON_QUOTA_PER_DAY="2")
    assert ended.returncode == 1
    assert ended.stderr.startswith("icalbridge: The push broke off, and goes on when the same command is run again. ")
    assert shell.made() == Counter({("Practice", "Approved", 3): 1})
    assert shell.push("--yes").returncode == 0
    assert shell.made() == Counter({("Practice", "Approved", 3): 1, ("Game", "Approved", 1): 1})


# --watch


def _round(shell: Shell, where: str) -> Round:
    read = settings_package.from_environment(shell.settings)
    wish = Wish(Source(where, allow_private=True), (shell.facility,), activity_type=12, yes=True, as_json=True)
    return Round(read, wish, shell.deployed.bridge.store, Stop())


def test_watching_asks_the_vendor_only_when_something_changed(shell: Shell) -> None:
    """A calendar that is the same, or says the same, costs no request; an edit does."""
    first, same = calendar(PRACTICE, GAME), calendar(GAME, PRACTICE)
    edited = calendar(PRACTICE, event("game", f"{YEAR}0116", name="Game"))
    replies = [Reply(200, first, {"ETag": "1"}), Reply(304), Reply(200, same), Reply(200, edited)]
    with scripted(*replies) as script:
        made = _round(shell, script.url)
        counts = []
        for _ in replies:
            assert made.run()
            counts.append(len(shell.deployed.bridge.state.requests))
    assert counts[0] == counts[1] == counts[2] < counts[3]
    assert any(
        each["timeslots"][0]["start_datetime"] == f"{YEAR}-01-16T18:00:00"
        for each in shell.deployed.bridge.world.events.values()
    )


def test_watching_tries_again_what_was_refused_once_an_hour(shell: Shell) -> None:
    """Not each time: the quota is the sync's, too."""
    shell.push("--yes", "--name", "other")
    shell.write(event("theirs", f"{YEAR}0116"))
    made = _round(shell, str(shell.file))
    assert made.run()
    shell.write(event("theirs", f"{YEAR}0115"))
    assert not made.run()
    before = len(shell.deployed.bridge.state.requests)
    assert not made.run()
    assert len(shell.deployed.bridge.state.requests) == before
    made.looked -= RETRY_SECONDS + 1
    assert not made.run()
    assert len(shell.deployed.bridge.state.requests) > before


def test_bridges_own_address_is_not_read(shell: Shell) -> None:
    """It is known by itself, before anything is asked for there."""
    with scripted(Reply(200, calendar(PRACTICE))) as script:
        shell.settings["ICALBRIDGE_PUBLIC_URL"] = script.url.removesuffix("/v1")
        with pytest.raises(BadCalendar) as caught:
            _round(shell, f"{script.url}/ical/property/x.ics").run()
        assert script.asked == []
    assert str(caught.value) == (
        "This is a calendar of the bridge's own, or a copy of one: its bookings are at Facilitron already."
    )


def test_watching_goes_on_after_a_bad_answer(shell: Shell) -> None:
    """Nothing is cancelled for it."""
    with scripted(
        Reply(200, calendar(PRACTICE)), Reply(200, b"<html>"), Reply(200, calendar(PRACTICE, GAME))
    ) as script:
        made = _round(shell, script.url)
        assert made.run()
        with pytest.raises(BadCalendar):
            made.run()
        assert made.run()
    assert shell.made() == Counter({("Practice", "Approved", 3): 1, ("Game", "Approved", 1): 1})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_watching_ends_cleanly(shell: Shell, number: signal.Signals) -> None:
    """With exit code 0 and no word more."""
    given = ("--facility", shell.facility, "--activity-type", "12", "--yes", "--watch")
    with running("push", str(shell.file), *given, **shell.settings) as process:
        until(lambda: True if shell.writes() == 2 else None, "two writes")
        assert process.stdout
        while not process.stdout.readline().startswith("2 of 2 steps done."):
            assert process.poll() is None
        process.send_signal(number)
        assert (process.wait(30), process.stdout.read()) == (0, "")
