"""A push that is killed at any request, and run again: what stands at the vendor is the calendar,
and nothing twice.
"""

from __future__ import annotations

import signal
from itertools import product
from threading import Event
from typing import TYPE_CHECKING

import pytest

from icalbridge.models import utcnow
from tests.fixtures.commands import run, running
from tests.fixtures.deployments import Deployment, deployment
from tests.fixtures.pushing import (
    Deadly,
    Killed,
    Pusher,
    at,
    calendar,
    event,
    know_catalogue,
    pusher,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import Popen

STAYS = event("stays", "20261201", "RRULE:FREQ=WEEKLY;COUNT=3", name="Stays")
GOES = event("goes", "20261202", name="Goes")
MOVES = event("moves", "20261203", name="Moves")
SHRINKS = event("shrinks", "20261204", "RRULE:FREQ=WEEKLY;COUNT=4", name="Shrinks")
GROWS = event("grows", "20261207", "RRULE:FREQ=WEEKLY;COUNT=2", name="Grows")
BEFORE = calendar(STAYS, GOES, MOVES, SHRINKS, GROWS)
AFTER = calendar(
    STAYS,
    event("moves", "20261203", name="Moves", begin="080000", end="090000"),
    (*SHRINKS, "EXDATE;TZID=America/Los_Angeles:20261211T180000"),
    event("grows", "20261207", "RRULE:FREQ=WEEKLY;COUNT=4", name="Grows"),
    event("comes", "20261205", name="Comes"),
)


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Pusher]:
    """A bridge and a vendor in which nothing is booked."""
    with pusher(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


def _killed(push: Pusher, content: bytes, *deaths: Deadly) -> bool:
    """Push and be killed, as often as told; say whether all killings came before the end."""
    for deadly in deaths:
        try:
            push.push(content, deadly)
        except Killed:
            continue
        return False
    return True


def _require_exact(push: Pusher, content: bytes) -> None:
    """Run it once more, to the end; then the vendor has the calendar, and another run finds nothing
    to do.
    """
    push.push(content)
    assert push.booked() == push.expected()
    assert push.push(content) == []


every_request = pytest.mark.parametrize(
    ("before", "step"),
    [
        pytest.param(True, 3, id="before every third"),
        pytest.param(False, 3, id="after every third"),
        pytest.param(True, 1, id="before each", marks=pytest.mark.soak),
        pytest.param(False, 1, id="after each", marks=pytest.mark.soak),
    ],
)
"""Before the first request, the fourth … is sent; or when the third, the sixth … is answered, but
nobody has seen the answer.
"""


@every_request
def test_killed_at_any_request_of_the_first_push(push: Pusher, before: bool, step: int) -> None:
    number = 1 - step if before else 0
    while True:
        number += step
        push.source = f"first-{number}"
        push.clear()
        if not _killed(push, BEFORE, Deadly(number, before)):
            break
        _require_exact(push, BEFORE)
    assert number - step <= 10 < number  # five creations, each followed into the store


@every_request
def test_killed_at_any_request_of_an_edit(push: Pusher, before: bool, step: int) -> None:
    """With something to create, to move, to cancel, to add to and to take out of."""
    number = 1 - step if before else 0
    while True:
        number += step
        push.source = f"edit-{number}"
        push.clear()
        push.push(BEFORE)
        push.bridge.clock.advance(minutes=1)
        if not _killed(push, AFTER, Deadly(number, before)):
            break
        _require_exact(push, AFTER)
    # five look-ups; six writes, each followed into the store
    assert number - step <= 17 < number


def _night(end: str) -> bytes:
    times = (at("20261201", "200000"), at("20261202", end, "DTEND"))
    return calendar(("UID:night", "SUMMARY:Night", *times))


@pytest.mark.parametrize("strict", [False, True], ids=["in one", "one a day"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_at_any_request_of_a_night(push: Pusher, before: bool, strict: bool) -> None:
    """The first push of it, or an edit; also while the vendor is found to take one a day only."""
    push.bridge.state.strict_creations, push.remembers = strict, False
    starts = ["00:00:00", "20:00:00"] if strict else ["20:00:00"]
    for edit in (False, True):
        number = 0
        while True:
            number += 1
            push.source = f"night-{number}-{edit}"
            push.clear()
            if edit:
                push.push(_night("013000"))
            if not _killed(push, _night("023000"), Deadly(number, before)):
                break
            push.push(_night("023000"))
            assert sorted(start[11:] for _, _, start, _, _ in push.booked()) == starts
            assert max(end[11:] for *_, end, _ in push.booked()).startswith(
                "23:59" if strict else "02:30"
            )
            assert push.push(_night("023000")) == []
        assert number > 2


@pytest.mark.soak
@pytest.mark.parametrize("first", range(1, 18))
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_killed_twice_at_any_two_requests(push: Pusher, first: int, before: bool) -> None:
    """The run after the first killing is killed as well; by then the calendar may be what it was
    before.
    """
    for content in (AFTER, BEFORE):
        second = 0
        while True:
            second += 1
            push.source = f"twice-{second}-{content is AFTER}"
            push.clear()
            push.push(BEFORE)
            push.bridge.clock.advance(minutes=1)
            _killed(push, AFTER, Deadly(first, before))
            if not _killed(push, content, Deadly(second, not before)):
                break
            _require_exact(push, content)


FAULTS = ("lost", "done-503", "reset", "truncated", "500")
ENDPOINTS = ("create-event", "cancel-event", "change-timeslot", "event")
USUAL = {
    *(("create-event", fault) for fault in ("lost", "truncated")),
    *(("cancel-event", fault) for fault in ("reset", "500")),
    *(("change-timeslot", fault) for fault in ("lost", "done-503")),
    *(("event", fault) for fault in ("truncated", "500")),
}
"""Every kind of request, and every fault; all others in `make soak`."""


@pytest.mark.parametrize(
    ("endpoint", "fault"),
    [
        pytest.param(*pair, marks=[] if pair in USUAL else pytest.mark.soak)
        for pair in product(ENDPOINTS, FAULTS)
    ],
)
def test_vendor_that_fails_leaves_nothing_undone_and_nothing_twice(
    push: Pusher, endpoint: str, fault: str
) -> None:
    """Once at each kind of request; the push goes on or breaks off, and the next one does the rest."""
    from icalbridge.errors import VendorError

    push.push(BEFORE)
    push.bridge.fail(f"{fault}:endpoint={endpoint},first=3")
    try:
        push.push(AFTER)
    except VendorError:
        push.bridge.heal()
    push.bridge.heal()
    _require_exact(push, AFTER)


# kill -9


class _Executioner:
    """Kills a process when the vendor gets its nth write, which it does all the same."""

    def __init__(self, deployed: Deployment, number: int) -> None:
        self._left = number
        self._process: Popen[str] | None = None
        self.done = Event()
        deployed.app.before_request(self._count)

    def aim(self, process: Popen[str]) -> None:
        self._process = process

    def _count(self) -> None:
        from flask import request

        self._left -= request.method != "GET"
        if self._left == 0 and self._process and not self.done.is_set():
            self._process.send_signal(signal.SIGKILL)
            self.done.set()


def _kill_process(tmp_path: Path, number: int) -> None:
    with deployment(f"sqlite:///{tmp_path}/bridge.db", events_per_day=0) as deployed:
        world = deployed.bridge.world
        executioner = _Executioner(deployed, number)
        know_catalogue(deployed.bridge)
        day = f"{utcnow():%Y}"
        content = BEFORE.replace(b"2026", str(int(day) + 1).encode())
        file = tmp_path / "season.ics"
        file.write_bytes(content)
        settings = {
            **deployed.settings,
            "ICALBRIDGE_ENABLE_WRITES": "1",
            "ICALBRIDGE_RENTER_EMAIL": "coach@school.example",
        }
        facility = world.facilities_of(world.properties[1]["_id"])[0]["_id"]
        command = ("push", str(file), "--facility", facility, "--activity-type", "12", "--yes")
        with running(*command, **settings) as process:
            executioner.aim(process)
            assert executioner.done.wait(60)
            assert process.wait(60) == -signal.SIGKILL
        ended = run(*command, **settings)
        assert (ended.returncode, ended.stderr) == (0, "")
        made = [item for item in world.events.values() if item["status"] == "Approved"]
        assert sorted((item["name"], len(item["timeslots"])) for item in made) == [
            ("Goes", 1),
            ("Grows", 2),
            ("Moves", 1),
            ("Shrinks", 4),
            ("Stays", 3),
        ]
        ended = run(*command, **settings)
        assert ended.stdout.splitlines()[-1] == "Nothing to do."


def test_killed_process_goes_on(tmp_path: Path) -> None:
    """`kill -9` in the middle of the third creation."""
    _kill_process(tmp_path, 3)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1, 6))
def test_killed_process_goes_on_from_any_write(tmp_path: Path, number: int) -> None:
    """`kill -9` in the middle of each creation."""
    _kill_process(tmp_path, number)
