"""`sync` and `worker`: a client, a store and a clock put together, with a progress bar where someone watches."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import time
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
    from collections.abc import Sequence

    from icalbridge.settings import Settings
    from icalbridge.sync.run import Report


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


def make_client(settings: Settings, store: Store) -> Client:
    """Return a client that books every request on the store's quota."""
    ledger = StoreLedger(
        store, API_USER, rate_per_minute=settings.rate_per_minute, quota_per_day=settings.quota_per_day
    )
    return Client(settings.api_url, settings.require_key(), event_types=settings.event_types, ledger=ledger)


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or Ctrl-C."""
    settings.require_key()
    store = open_store(settings)
    worker_id = new_worker_id()
    sync = Sync(
        make_client(settings, store),
        store,
        worker_id=worker_id,
        quota_per_day=settings.quota_per_day,
        clock=utcnow,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        Worker(sync, store, worker_id=worker_id, clock=utcnow, sleep=time.sleep).run()
    except KeyboardInterrupt:
        pass
    finally:
        store.close()


def run_sync(settings: Settings, property_ids: Sequence[str], *, full: bool) -> bool:
    """Fetch everything once, name on stderr what failed, and say whether anything did."""
    settings.require_key()
    store = open_store(settings)
    try:
        report = sync_with_progress(settings, store, property_ids, full=full)
    finally:
        store.close()
    for failure in report.failures:
        click.secho(f"icalbridge: {failure}", err=True, fg="red")
    click.echo(f"{report.windows} windows fetched, {report.changes} changes, {len(report.failures)} failures.")
    return bool(report.failures)


def sync_with_progress(
    settings: Settings, store: Store, property_ids: Sequence[str] = (), *, full: bool = False
) -> Report:
    """Fetch everything once behind a progress bar; without a terminal there is no bar."""
    from icalbridge.cli.progress import progress

    worker_id = new_worker_id()
    with progress() as on_progress:
        sync = Sync(
            make_client(settings, store),
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
