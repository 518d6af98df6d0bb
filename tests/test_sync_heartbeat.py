"""`icalbridge.sync.heartbeat`: a lease lasts as long as its holder lives, and half a minute longer
at most.
"""

from __future__ import annotations

import re
import signal
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from icalbridge.errors import StoreError
from icalbridge.facilitron import Client, MemoryLedger
from icalbridge.models import utcnow
from icalbridge.store.tables import api_users, windows
from icalbridge.store.windows import LEASE_SECONDS, LeaseLost
from icalbridge.sync.heartbeat import HEARTBEAT_SECONDS, Heartbeat
from icalbridge.sync.run import Sync
from tests.fixtures.bridges import KEY, Bridge, synced_bridge
from tests.fixtures.commands import running, until
from tests.fixtures.deployments import deployment
from tests.fixtures.stores import USER
from tests.samples import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from icalbridge.store import Store
    from tests.fixtures.stores import Prepared

PATIENCE_SECONDS = 60


def _leased_until(store: Store) -> list[datetime]:
    """Return when the leases of windows and of the catalogue run out."""
    with store.engine.connect() as connection:
        return [
            moment
            for table in (windows, api_users)
            for moment in connection.scalars(
                select(table.c.leased_until).where(table.c.leased_by != "")
            )
            if moment
        ]


class _Pulse:
    """A clock that notes how often it was read."""

    def __init__(self, *, beats: int) -> None:
        self._left = beats
        self.done = Event()
        self.now = NOW

    def __call__(self) -> datetime:
        self._left -= 1
        self.now += timedelta(seconds=10)
        if self._left <= 0:
            self.done.set()
        return self.now


def test_lease_lasts_half_a_minute(school: Store) -> None:
    """Of windows and of the catalogue; then another worker takes them."""
    assert school.api_keys.claim_catalog(USER, "killed", now=NOW)
    killed = school.windows.claim(USER, "killed", now=NOW, property_ids=["school"])
    assert killed is not None
    for seconds, free in ((29, False), (30, True)):
        later = NOW + timedelta(seconds=seconds)
        assert school.api_keys.claim_catalog(USER, "next", now=later) is free
        claim = school.windows.claim(USER, "next", now=later, property_ids=["school"])
        assert claim is not None
        assert (claim.number == killed.number) is free


def test_heartbeat_renews_what_its_worker_has(school: Store) -> None:
    """Its windows and its catalogue, for as long as the block runs and no longer; nobody else's."""
    assert school.api_keys.claim_catalog(USER, "w", now=NOW)
    for worker_id in ("w", "other"):
        assert school.windows.claim(USER, worker_id, now=NOW) is not None
    pulse = _Pulse(beats=4)
    with Heartbeat(school, "w", pulse, seconds=0.01).beating():
        assert pulse.done.wait(PATIENCE_SECONDS)
    ended = pulse.now
    until_then = sorted(_leased_until(school))
    assert until_then[0] == NOW + timedelta(seconds=LEASE_SECONDS)
    assert len(until_then) == 3
    assert all(moment >= NOW + timedelta(seconds=LEASE_SECONDS + 30) for moment in until_then[1:])
    assert pulse.now == ended


def test_heartbeat_outlives_a_database_that_is_down(
    school: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal that fails is tried again; the work goes on."""
    assert school.windows.claim(USER, "w", now=NOW) is not None
    hold, failed = school.workers.hold, Event()

    def fail_once(worker_id: str, *, now: datetime) -> None:
        if failed.is_set():
            return hold(worker_id, now=now)
        failed.set()
        raise StoreError("The database cannot be used: gone")

    monkeypatch.setattr(school.workers, "hold", fail_once)
    pulse = _Pulse(beats=4)
    with Heartbeat(school, "w", pulse, seconds=0.01).beating():
        assert pulse.done.wait(PATIENCE_SECONDS)
    assert _leased_until(school)[0] > NOW + timedelta(seconds=LEASE_SECONDS)


def test_renewals_leave_room_for_two_that_fail() -> None:
    """Two in a row may fail before a living worker loses a lease."""
    assert 3 * HEARTBEAT_SECONDS < LEASE_SECONDS


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    with synced_bridge(prepared, database_url, schools=1, facilities=1, events_per_day=1) as made:
        yield made


def _sync(district: Bridge, waits: list[str]) -> Sync:
    client = Client(district.url, KEY, ledger=MemoryLedger(10**7, 10**7), clock=district.clock)

    def sleep(seconds: float) -> None:
        district.clock.advance(seconds=seconds)

    return Sync(
        client,
        district.store,
        api_user_id="default",
        worker_id="late",
        clock=district.clock,
        windows=district.windows,
        sleep=sleep,
        on_wait=waits.append,
    )


def test_pass_says_for_what_it_waits(district: Bridge) -> None:
    """Once for each lease of another worker: the list of schools, a window; it goes on within half
    a minute.
    """
    waits: list[str] = []
    begun = district.clock()
    assert district.store.api_keys.claim_catalog("default", "host:1:a", now=begun, at_once=True)
    school_id = district.store.read.properties("default")[1].id
    with district.store.engine.begin() as connection:
        mine = (windows.c.property_id == school_id) & (windows.c.number == 2)
        lease = {
            "leased_by": "host:2:b",
            "leased_until": begun + timedelta(seconds=2 * LEASE_SECONDS - 1),
        }
        connection.execute(update(windows).where(mine).values(**lease))
    report = _sync(district, waits).everything()
    assert (report.windows, report.failures) == (6, [])
    assert waits == [
        f"Waiting for {what} while worker {worker} fetches it (if that died: 30 seconds)."
        for what, worker in (
            ("the list of schools", "host:1:a"),
            (f"property {school_id} window 2", "host:2:b"),
        )
    ]
    assert district.clock() - begun <= timedelta(seconds=2 * LEASE_SECONDS)


def test_pass_that_lost_a_lease_goes_on(district: Bridge) -> None:
    """A process that was stopped for a minute leaves that window to whoever took it, and fetches
    the others.
    """
    waits: list[str] = []
    sync = _sync(district, waits)
    fetch = sync._fetch.fetch
    lost: list[str] = []

    def lose(claim: object) -> int:
        if not lost:
            lost.append("yes")
            raise LeaseLost("The lease of x/0 ran out; its answer was thrown away.")
        return fetch(claim)  # type: ignore[arg-type]

    sync._fetch.fetch = lose  # type: ignore[method-assign]
    report = sync.everything()
    assert report.failures == []
    assert waits[0] == "The lease of x/0 ran out; its answer was thrown away."


def test_catalogue_whose_lease_was_lost_is_thrown_away(district: Bridge) -> None:
    """What another worker read meanwhile is newer."""
    waits: list[str] = []
    sync = _sync(district, waits)

    def take_over(_step: str, done: int, total: int) -> None:
        if done == total:
            with district.store.engine.begin() as connection:
                connection.execute(update(api_users).values(leased_by="other"))

    sync._on_progress = take_over
    version = district.store.sync_reads.catalog_version("default")
    with pytest.raises(LeaseLost, match="list of schools"):
        sync.fetch_catalog(at_once=True)
    assert district.store.sync_reads.catalog_version("default") == version


@pytest.mark.parametrize("command", ["worker", "sync"])
def test_killed_process_holds_nothing_for_longer_than_half_a_minute(
    database_url: str, command: str
) -> None:
    """`kill -9` while it waits for the vendor: its lease is renewed until then, and runs out right
    after.
    """
    with deployment(database_url) as deployed:
        store = deployed.bridge.store
        deployed.bridge.fail("hang:endpoint=property-events")

        def waiting() -> bool | None:
            return True if deployed.bridge.state.faults[0].matched else None

        with running(command, **deployed.settings) as process:
            until(waiting, "request that hangs")
            (first,) = _leased_until(store)
            until(lambda: True if _leased_until(store)[0] > first else None, "renewed lease")
            process.send_signal(signal.SIGKILL)
            process.wait()
            died = utcnow()
        deployed.bridge.heal()
        freed = died + timedelta(seconds=LEASE_SECONDS)
        (last,) = _leased_until(store)
        assert last <= freed
        with store.engine.connect() as connection:
            killed = connection.execute(select(windows).where(windows.c.leased_by != "")).one()
        claim = store.windows.claim("default", "next", now=freed, due=freed + timedelta(days=1))
        assert claim is not None
        assert (claim.property_id, claim.number) == (killed.property_id, killed.number)


def test_command_that_waits_says_so_on_stderr(database_url: str) -> None:
    """One line, once, though it looks every second."""
    with deployment(database_url) as deployed:
        store = deployed.bridge.store
        store.write.add_api_user("default")
        assert store.api_keys.claim_catalog(
            "default", "host:1:a", now=utcnow() - timedelta(seconds=LEASE_SECONDS - 10)
        )
        with running("sync", **deployed.settings) as process:
            told, _ = process.communicate(timeout=PATIENCE_SECONDS * 2)
        assert process.returncode == 0
        assert re.findall("Waiting for .*", told) == [
            (
                "Waiting for the list of schools while worker host:1:a fetches it (if that died: 30"
                " seconds)."
            )
        ]
