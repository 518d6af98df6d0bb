"""`icalbridge.cli.worker`: `worker` and `sync` end at once when told to, and leave the database free."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from icalbridge import sandbox
from icalbridge.cli.signals import Stop
from icalbridge.cli.worker import STOP_SECONDS, work_with_key
from icalbridge.models import utcnow
from icalbridge.settings import ApiUser, Settings
from icalbridge.store import Store
from icalbridge.store.tables import api_users, windows, workers
from icalbridge.sync.worker import Worker
from tests.fixtures.commands import either_signal, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.sandbox import State

KEY = "key-that-nobody-may-see"
SIGNALS = [signal.SIGTERM, signal.SIGINT]
HANG = "hang:endpoint=property-events"


@dataclass
class Vendor:
    """The simulated vendor of a small school, and a database to be."""

    state: State
    store: Store
    settings: dict[str, str]

    def asked_in_vain(self) -> bool | None:
        """Say, once it is so, that a request waits for the answer that will not come."""
        return True if self.state.faults[0].matched else None

    def fetched(self) -> bool | None:
        """Say, once it is so, that every window was fetched."""
        found = self.store.read.health(utcnow()).properties
        return True if found and all(each.oldest_synced for each in found) else None

    def left_behind(self) -> list[str]:
        """Return whose leases there are, and which workers."""
        with self.store.engine.connect() as connection:
            held = [
                connection.scalars(select(table.c.leased_by)).all()
                for table in (windows, api_users)
            ]
            return [
                name
                for names in (*held, connection.scalars(select(workers.c.id)).all())
                for name in names
                if name
            ]


@pytest.fixture
def vendor(tmp_path: Path) -> Iterator[Vendor]:
    """One school with one gym."""
    world = sandbox.build_world(
        seed=3,
        today=sandbox.district_day(utcnow()),
        schools=1,
        facilities=1,
        events_per_day=1,
        hostile=True,
    )
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    store = Store.connect(url)
    store.upgrade()
    with sandbox.serve_in_thread(app) as api_url:
        settings = {"FACILITRON_API_KEY": KEY, "FACILITRON_API_URL": api_url, "DATABASE_URL": url}
        yield Vendor(
            app.extensions["sandbox"], store, {**settings, "FACILITRON_RATE_PER_MINUTE": "60000"}
        )
    store.close()


@pytest.mark.parametrize(
    ("ended", "told"),
    [(False, ["the worker of key default broke; again in 60 s"]), (True, [])],
    ids=["going", "ended"],
)
def test_what_breaks_is_told_unless_the_end_was_asked_for(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    ended: bool,
    told: list[str],
) -> None:
    """A worker that is slow to end may find the database closed: that is no news."""
    stop = Stop()

    def broken(_worker: Worker) -> None:
        if ended or caplog.records:
            stop.request()
        raise RuntimeError

    monkeypatch.setattr(Worker, "run", broken)
    monkeypatch.setattr(stop, "sleep", lambda _seconds: None)
    work_with_key(Settings(), ApiUser("default", KEY, "http://127.0.0.1:1", 1, 1), store, "w", stop)
    assert caplog.messages == told


@pytest.mark.parametrize("number", either_signal(signal.SIGTERM, signal.SIGINT))
@pytest.mark.parametrize(("command", "code"), [("worker", 0), ("sync", 130)])
def test_command_stopped_in_a_request_leaves_nothing_behind(
    vendor: Vendor, command: str, code: int, number: int
) -> None:
    """It does not wait for the vendor; no lease stays, no traceback is shown, and the key is in no
    line.
    """
    vendor.state.faults.append(sandbox.parse_fault(HANG))
    with running(command, **vendor.settings) as process:
        until(vendor.asked_in_vain, "request that hangs")
        begun = time.monotonic()
        process.send_signal(number)
        told, _ = process.communicate(timeout=50)  # less than the hang takes
    if command == "worker":  # it waits for its threads, which it must know to be alive
        assert time.monotonic() - begun >= STOP_SECONDS
    assert process.returncode == code
    assert vendor.left_behind() == []
    assert "Traceback" not in told
    assert KEY not in told


@pytest.mark.parametrize("number", either_signal(signal.SIGTERM, signal.SIGINT))
def test_idle_worker_stops_at_once(vendor: Vendor, number: int) -> None:
    """In its nap, or on the way there: code 0, and it is off the list."""
    with running("worker", **vendor.settings) as process:
        until(vendor.fetched, "whole year")
        process.send_signal(number)
        told, _ = process.communicate(timeout=50)
    assert process.returncode == 0
    assert vendor.left_behind() == []
    assert "Traceback" not in told


@pytest.fixture
def stop() -> Iterator[Stop]:
    """One that listens; the signals are the test runner's again afterwards."""
    kept = {number: signal.getsignal(number) for number in SIGNALS}
    made = Stop()
    made.listen()
    yield made
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_stop_breaks_into_a_wait(stop: Stop, number: int) -> None:
    """Right where one waits."""
    with pytest.raises(KeyboardInterrupt), stop.waiting():
        signal.raise_signal(number)


@pytest.mark.parametrize("number", SIGNALS)
def test_stop_leaves_all_other_work_alone(stop: Stop, number: int) -> None:
    """A transaction goes on to its end, however often the signal comes; the next wait is the last."""
    signal.raise_signal(number)
    signal.raise_signal(number)
    with pytest.raises(KeyboardInterrupt):
        stop.sleep(3600)


def test_stop_that_nobody_asked_for_does_nothing(stop: Stop) -> None:
    """Waits end as waits do."""
    stop.sleep(0)
    with stop.waiting():
        pass
