"""`kill -9` at random moments of `worker` and `sync`: the database is consistent, the next run ends
in the truth.
"""

from __future__ import annotations

import signal
from collections import Counter
from datetime import timedelta
from random import Random
from threading import Event, Timer
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, text

from icalbridge.models import utcnow
from icalbridge.store.tables import api_users, entries, events, windows
from tests.fixtures.commands import run, running
from tests.fixtures.deployments import Deployment, deployment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

REQUESTS = 26
"""One less than a pass takes: catalogue, facilities of two properties, their twelve windows each.
"""
LONGEST_DELAY = 0.03
"""Seconds from a request to the kill: so that it strikes while answers are read and written, too.
"""


class Executioner:
    """Kills a process a moment after the vendor got a number of requests."""

    def __init__(self, deployed: Deployment, chance: Random) -> None:
        self._chance = chance
        self._left = 0
        self._process: Popen[str] | None = None
        self._timers: list[Timer] = []
        self._done = Event()
        deployed.app.before_request(self._count)

    def kill(self, process: Popen[str]) -> None:
        """Return when it is dead."""
        self._done.clear()
        self._process, self._left = process, self._chance.randint(1, REQUESTS)
        assert self._done.wait(60)
        assert process.wait(60) == -signal.SIGKILL

    def _count(self) -> None:
        self._left -= 1
        if self._left == 0 and self._process:
            timer = Timer(self._chance.uniform(0, LONGEST_DELAY), self._strike, [self._process])
            timer.daemon = True
            timer.start()

    def _strike(self, process: Popen[str]) -> None:
        process.send_signal(signal.SIGKILL)
        self._done.set()


@pytest.fixture
def deployed(database_url: str) -> Iterator[Deployment]:
    """A vendor with one school, and an empty database of either kind."""
    with deployment(database_url) as made:
        yield made


def _edit(deployed: Deployment, chance: Random) -> None:
    """Rename one event, move a timeslot of another, delete a third."""
    world = deployed.bridge.world
    tomorrow = str(utcnow().date() + timedelta(days=2))
    coming = [
        (key, index)
        for key, each in world.events.items()
        for index, slot in enumerate(each["timeslots"] or ())
        if str(slot["start_datetime"]) > tomorrow
    ]
    (renamed, _), (moved, index), (deleted, _) = chance.sample(coming, 3)
    world.rename(renamed, f"Renamed {chance.random()}")
    world.move_timeslot(moved, index, timedelta(hours=chance.randint(1, 100)))
    world.delete(deleted)


def _require_consistent(deployed: Deployment) -> None:
    """What no crash may leave behind: entries of no event, two entries for one timeslot, a broken
    file.
    """
    store = deployed.bridge.store
    with store.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
        homed = select(entries.c.uid).join(
            events,
            (events.c.event_type == entries.c.event_type)
            & (events.c.event_id == entries.c.event_id),
        )
        every = connection.execute(select(func.count()).select_from(entries)).scalar()
        assert len(connection.execute(homed).all()) == every
    deployed.bridge.clock.now = utcnow()
    told = Counter(deployed.bridge.told())
    assert max(told.values(), default=1) <= max(Counter(deployed.bridge.truth()).values())


def _require_exact(deployed: Deployment) -> None:
    bridge = deployed.bridge
    bridge.clock.now = now = utcnow()
    assert [each for each in bridge.told() if each[3] > now] == [
        each for each in bridge.truth() if each[3] > now
    ]
    with bridge.store.engine.connect() as connection:
        for table in (windows, api_users):
            assert (
                connection.scalars(select(table.c.leased_by).where(table.c.leased_by != "")).all()
                == []
            )


def _kill(deployed: Deployment, times: int, seed: int) -> None:
    chance = Random(seed)
    executioner = Executioner(deployed, chance)
    for _ in range(times):
        with running(chance.choice(["worker", "sync"]), **deployed.settings) as process:
            executioner.kill(process)
        _require_consistent(deployed)
        _edit(deployed, chance)
        deployed.later()
    ended = run("sync", **deployed.settings)
    if ended.returncode:  # an edit took the only event of a far month
        assert all(
            "not believed until a later answer agrees" in each for each in ended.stderr.splitlines()
        )
        deployed.later()
        ended = run("sync", **deployed.settings)
    assert ended.returncode == 0, ended.stderr
    assert all("were withdrawn by Facilitron" in each for each in ended.stderr.splitlines())
    _require_exact(deployed)
    ended = run("sync", **deployed.settings)
    assert (ended.returncode, ended.stdout) == (0, "24 windows fetched, 0 changes, 0 failures.\n")


def test_killed_twice_it_ends_in_the_truth(deployed: Deployment) -> None:
    """Worker or sync, at any request or a little after; then one sync to the end, and one more that
    finds nothing.
    """
    _kill(deployed, 2, seed=3)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_killed_ten_times_five_times_over_it_ends_in_the_truth(
    deployed: Deployment, seed: int
) -> None:
    """Fifty kills on each database."""
    _kill(deployed, 10, seed=100 + seed)
