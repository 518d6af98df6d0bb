"""`worker`: one thread with a client and a sync for each key, over one store.

A key whose requests are slow or refused keeps no other waiting.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from icalbridge.cli.clients import make_client, make_grant, new_worker_id
from icalbridge.cli.runtime import load_settings, open_upgraded
from icalbridge.cli.signals import Stop
from icalbridge.errors import StoreError
from icalbridge.outage import OutageLog

if TYPE_CHECKING:
    from collections.abc import Sequence

    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store
    from icalbridge.sync.worker import Worker

log = logging.getLogger(__name__)

BROKEN_SECONDS = 60
WATCH_SECONDS = 1
"""How often the main thread checks whether the others are alive."""
STOP_SECONDS = 5
"""How long threads get to end; of a request that is given up then, nothing is written."""


@click.command("worker")
def worker_command() -> None:
    """Run one sync worker; any number may run against one database."""
    run_worker(load_settings())


def run_worker(settings: Settings, *, patient: bool = False) -> None:
    """Work with every key until SIGTERM or Ctrl-C.

    Raises `StoreError` where the database cannot be written at the start; with `patient`, waits
    until it can be.
    """
    users = settings.require_keys()
    stop = Stop()
    stop.listen()
    store = _open_patiently(settings, users, stop) if patient else _open_writable(settings, users)
    stop.on_request(store.hurry)
    worker_id = new_worker_id()
    names = [f"{worker_id}:{user.name}" for user in users]
    threads = [
        threading.Thread(
            target=work_with_key, args=(settings, user, store, name, stop), name=name, daemon=True
        )
        for user, name in zip(users, names, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        # not thread.join(): in Python 3.11 a thread counts as ended when its join is interrupted,
        # and `_end` would not wait for it
        while any(thread.is_alive() for thread in threads):
            stop.sleep(WATCH_SECONDS)
    except KeyboardInterrupt:
        pass
    finally:
        _end(store, threads, names, stop)


def _open_writable(settings: Settings, users: Sequence[ApiUser]) -> Store:
    """Open the database and write the keys' names into it. Raises `StoreError`."""
    store = open_upgraded(settings)
    try:
        for user in users:
            store.write.add_api_user(user.name)
    except StoreError:
        store.close()
        raise
    return store


def _open_patiently(settings: Settings, users: Sequence[ApiUser], stop: Stop) -> Store:
    """Open the database as soon as it can be written."""
    outage = OutageLog(log)
    pause = 1.0
    while True:
        try:
            return _open_writable(settings, users)
        except StoreError as error:
            outage.begin(
                "%s; nothing is fetched until it can be written, and what it holds is served", error
            )
        stop.sleep(pause)
        pause = min(pause * 2, BROKEN_SECONDS)


def _end(
    store: Store, threads: Sequence[threading.Thread], names: Sequence[str], stop: Stop
) -> None:
    """Wait a little for the threads; one that still waits for the vendor finds its lease gone, and
    writes nothing.

    Nor is a database that does not answer waited for: leases run out by themselves.
    """
    stop.request()
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    leaving = threading.Thread(target=_leave, args=(store, names), name="leave", daemon=True)
    leaving.start()
    leaving.join(STOP_SECONDS)
    if leaving.is_alive():
        log.warning(
            "the database does not answer; what this worker had leased is free in %d s",
            _lease_seconds(),
        )
    else:
        store.close()


def _leave(store: Store, names: Sequence[str]) -> None:
    try:
        for name in names:
            store.workers.leave(name)
    except StoreError as error:
        log.warning("%s; what this worker had leased is free in %d s", error, _lease_seconds())


def _lease_seconds() -> int:
    from icalbridge.store.windows import LEASE_SECONDS

    return LEASE_SECONDS


def work_with_key(
    settings: Settings, user: ApiUser, store: Store, worker_id: str, stop: Stop
) -> None:
    """Work with one key, in its own thread, until asked to stop."""
    database = OutageLog(log)
    with suppress(KeyboardInterrupt):
        while True:
            try:
                make_worker(settings, user, store, worker_id, stop).run()
            except StoreError as error:
                with stop.unless_stopped():
                    database.begin("%s; the worker of key %s waits", error, user.name)
            except Exception:  # whatever it is, the other keys go on, and so shall this one
                with stop.unless_stopped():  # a slow one may find the store closed
                    log.exception(
                        "the worker of key %s broke; again in %d s", user.name, BROKEN_SECONDS
                    )
            stop.sleep(BROKEN_SECONDS)


def make_worker(
    settings: Settings, user: ApiUser, store: Store, worker_id: str, stop: Stop
) -> Worker:
    """Return the worker of one key."""
    from icalbridge.sync.clock import DatabaseClock
    from icalbridge.sync.run import Sync
    from icalbridge.sync.worker import Worker

    tally: Counter[str] = Counter()
    clock = DatabaseClock(store)
    client = make_client(user, store, tally=tally, stop=stop, waiting=stop.unless_stopped)
    return Worker(
        Sync(client, store, api_user_id=user.name, worker_id=worker_id, clock=clock, tally=tally),
        store,
        make_grant(user, settings),
        api_user_id=user.name,
        worker_id=worker_id,
        clock=clock,
        sleep=stop.sleep,
        keep_days=settings.keep_days,
    )
