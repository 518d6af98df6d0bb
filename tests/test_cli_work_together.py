"""Many processes at one empty database, as a deployment starts them all at once: one truth, and
nothing fails.
"""

from __future__ import annotations

import re
import signal
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from icalbridge import sandbox
from icalbridge.models import utcnow
from icalbridge.store import Store
from icalbridge.store.tables import windows
from tests.fixtures.commands import PATIENCE_SECONDS, run, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

    from icalbridge.sandbox import State

pytestmark = pytest.mark.xdist_group("together")  # one vendor serves all of them
KEY = "key-that-nobody-may-see"
WINDOWS = 12
"""Of one property."""


@dataclass
class Start:
    """The simulated vendor, and what a process is told of it and of a database that has no schema
    yet.
    """

    state: State
    settings: dict[str, str]
    database_url: str

    @property
    def windows(self) -> int:
        return WINDOWS * len(self.state.world.properties)

    @property
    def processes(self) -> int:
        """How many start at once: more than there are properties, and than there are cores."""
        properties = len(self.state.world.properties)
        return 3 if properties == 2 else 2 * properties

    def events_asked(self) -> Counter[str]:
        """Return how often each window was asked for, and each district's day."""
        asked = [
            (path, query) for _, path, query, _ in self.state.requests if path.endswith("/events")
        ]
        return Counter(f"{path}?{query}" for path, query in asked)

    def kept(self) -> list[tuple[str, ...]]:
        """Return every entry, by all that a subscriber may see of it but when it was first seen."""
        store = Store.connect(self.database_url)
        try:
            entries = store.sync_reads.entries_of([each.id for each in store.read.properties()], [])
        finally:
            store.close()
        return sorted(
            (
                each.uid,
                each.start.isoformat(),
                each.end.isoformat(),
                each.name,
                each.location,
                str(each.sequence),
            )
            for each in entries
        )


@pytest.fixture(
    scope="module",
    params=[1, pytest.param(2, marks=pytest.mark.soak)],
    ids="{} schools".format,
)
def vendor(request: pytest.FixtureRequest) -> Iterator[tuple[State, dict[str, str]]]:
    """A district of one school; of two in `make soak`. Nothing changes it."""
    world = sandbox.build_world(
        seed=3,
        today=sandbox.district_day(utcnow()),
        schools=request.param,
        facilities=2,
        events_per_day=1,
        hostile=True,
    )
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        settings = {
            "FACILITRON_API_KEY": KEY,
            "FACILITRON_API_URL": url,
            "FACILITRON_RATE_PER_MINUTE": "60000",
        }
        yield app.extensions["sandbox"], settings


@pytest.fixture
def start(vendor: tuple[State, dict[str, str]], database_url: str) -> Start:
    state, settings = vendor
    state.requests.clear()
    return Start(state, {**settings, "DATABASE_URL": database_url}, database_url)


@pytest.fixture(scope="module")
def expected(
    vendor: tuple[State, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[str, ...]]:
    """What one process alone makes of it, in a database of its own; UIDs are the same in any."""
    state, settings = vendor
    alone = f"sqlite:///{tmp_path_factory.mktemp('alone')}/bridge.db"
    ended = run("sync", **settings, DATABASE_URL=alone)
    assert (ended.returncode, ended.stderr) == (0, "")
    kept = Start(state, settings, alone).kept()
    assert len(kept) > 100
    return kept


def _told(process: Popen[str]) -> str:
    told, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return told


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "database_url",
    [pytest.param("sqlite", marks=pytest.mark.soak), "postgresql"],
    indirect=True,
)
def test_workers_at_once_fill_an_empty_database(
    expected: list[tuple[str, ...]], start: Start
) -> None:
    """Some of them: each window is asked for once, nothing fails, and they end when told to.

    Several at once used to give "UNIQUE constraint failed: entries.uid".
    """
    store = Store.connect(start.database_url)

    def done() -> bool | None:
        asked = sum(start.events_asked().values())
        return True if asked == start.windows + 1 and not _open(store) else None

    with ExitStack() as started:
        processes = [
            started.enter_context(running("worker", **start.settings))
            for _ in range(start.processes)
        ]
        until(done, "full database")
        for process in processes:
            process.send_signal(signal.SIGTERM)
        told = [_told(process) for process in processes]
    store.close()
    assert [process.returncode for process in processes] == [0] * start.processes
    assert [
        line
        for each in told
        for line in each.splitlines()
        if re.search("WARNING|ERROR|Error", line)
    ] == []
    assert "Traceback" not in "".join(told)
    assert set(start.events_asked().values()) == {1}
    assert start.kept() == expected


def _open(store: Store) -> bool:
    """Say whether some window was never fetched, or is being fetched."""
    never = windows.select().where(
        ((windows.c.number >= 0) & windows.c.synced_at.is_(None)) | (windows.c.leased_by != "")
    )
    with store.engine.connect() as connection:
        return connection.execute(never).first() is not None


def test_passes_at_once_fill_an_empty_database(
    expected: list[tuple[str, ...]], start: Start
) -> None:
    """Some of `icalbridge sync`: each ends well, and what they wrote together is what one would have
    written.
    """
    with ExitStack() as started:
        processes = [
            started.enter_context(running("sync", **start.settings)) for _ in range(start.processes)
        ]
        told = [_told(process) for process in processes]
    assert [process.returncode for process in processes] == [0] * start.processes
    assert {each.partition(", ")[2].partition(", ")[2] for each in told} == {"0 failures.\n"}
    asked = start.events_asked()
    assert (len(asked), [each for each in asked if "include_child_events=true" in each]) == (
        start.windows,
        [],
    )
    assert start.kept() == expected
