"""`sync` and `worker`: a client, a store and a clock put together, with a progress bar where someone watches."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from icalbridge.errors import StoreError
from icalbridge.facilitron import Client
from icalbridge.model import utcnow
from icalbridge.store import Store
from icalbridge.sync.ledger import StoreLedger
from icalbridge.sync.run import API_USER, Sync
from icalbridge.sync.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from icalbridge.settings import Settings
    from icalbridge.sync.run import Report


class Stop:
    """SIGTERM and Ctrl-C, heard as `KeyboardInterrupt` only where one waits for the vendor or the clock.

    In the middle of a transaction it would leave a connection that nobody can tidy up, and with it a locked database.
    """

    def __init__(self) -> None:
        self._asked = False
        self._waits = False

    def listen(self) -> None:
        """Take over both signals, for the rest of this process."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._hear)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let a signal break into the block; one that came before does so at once."""
        self._waits = True
        try:
            if self._asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._waits = False

    def sleep(self, seconds: float) -> None:
        with self.waiting():
            time.sleep(seconds)

    def _hear(self, _number: int, _frame: object) -> None:
        self._asked = True
        if self._waits:
            self._waits = False
            raise KeyboardInterrupt


def new_worker_id() -> str:
    """Return a name for this process that no other has, telling host and process to a reader of `status`."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def open_store(settings: Settings) -> Store:
    """Open the database and bring it up to date; raises `StoreError`, with nothing left open, when that cannot be."""
    store = Store.connect(settings.database_url)
    try:
        store.upgrade()
    except StoreError:
        store.close()
        raise
    return store


def make_client(settings: Settings, store: Store, stop: Stop | None = None) -> Client:
    """Return a client that books every request on the store's quota, and that `stop` may break into."""
    stop = stop or Stop()
    ledger = StoreLedger(
        store, API_USER, rate_per_minute=settings.rate_per_minute, quota_per_day=settings.quota_per_day
    )
    return Client(
        settings.api_url,
        settings.require_key(),
        event_types=settings.event_types,
        ledger=ledger,
        sleep=stop.sleep,
        waiting=stop.waiting,
    )


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C."""
    settings.require_key()
    store = open_store(settings)
    worker_id = new_worker_id()
    stop = Stop()
    sync = Sync(
        make_client(settings, store, stop),
        store,
        worker_id=worker_id,
        quota_per_day=settings.quota_per_day,
        clock=utcnow,
    )
    stop.listen()
    try:
        Worker(sync, store, worker_id=worker_id, clock=utcnow, sleep=stop.sleep).run()
    except KeyboardInterrupt:
        pass
    finally:
        store.close()


def run_sync(settings: Settings, property_ids: Sequence[str], *, full: bool) -> bool:
    """Fetch everything once, name on stderr what failed, and say whether anything did."""
    settings.require_key()
    store = open_store(settings)
    stop = Stop()
    stop.listen()
    try:
        report = sync_with_progress(settings, store, property_ids, full=full, stop=stop)
    finally:
        store.close()
    for failure in report.failures:
        click.secho(f"icalbridge: {failure}", err=True, fg="red")
    click.echo(f"{report.windows} windows fetched, {report.changes} changes, {len(report.failures)} failures.")
    return bool(report.failures)


def sync_with_progress(
    settings: Settings,
    store: Store,
    property_ids: Sequence[str] = (),
    *,
    full: bool = False,
    stop: Stop | None = None,
) -> Report:
    """Fetch everything once behind a progress bar; without a terminal there is no bar."""
    from icalbridge.cli.progress import progress

    worker_id = new_worker_id()
    with progress() as on_progress:
        sync = Sync(
            make_client(settings, store, stop),
            store,
            worker_id=worker_id,
            quota_per_day=settings.quota_per_day,
            clock=utcnow,
            on_progress=on_progress,
            full=full,
        )
        try:
            return sync.everything(property_ids)
        finally:
            store.windows.leave(worker_id)
