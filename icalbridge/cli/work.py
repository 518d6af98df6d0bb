"""`sync` and `worker`: for each key a client, a sync and a worker over one store; a progress bar
where someone watches.

A process works with each key in a thread of its own, so that a slow or refused one keeps no other
waiting.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import threading
import time
from collections import Counter
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING

import click

from icalbridge.cli.database import connect
from icalbridge.cli.stopping import Stop
from icalbridge.errors import StoreError
from icalbridge.facilitron import Client
from icalbridge.outage import OutageLog
from icalbridge.store import Store
from icalbridge.store.windows import LEASE_SECONDS
from icalbridge.sync.clock import DatabaseClock
from icalbridge.sync.ledger import StoreLedger
from icalbridge.sync.run import Report, Sync
from icalbridge.sync.schedule import Grant
from icalbridge.sync.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store

log = logging.getLogger(__name__)

BROKEN_SECONDS = 60
WATCH_SECONDS = 1
"""How often the main thread looks whether the others are alive."""
STOP_SECONDS = 5
"""How long threads get to end what they are at; of a request given up then, nothing is written."""


def new_worker_id() -> str:
    """Return a name for this process that no other has, telling host and process to a reader of
    `status`.
    """
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def open_store(settings: Settings) -> Store:
    """Open the database and bring it up to date; raises `StoreError`, with nothing left open, when
    that cannot be.
    """
    store = connect(settings)
    try:
        store.upgrade()
    except StoreError:
        store.close()
        raise
    return store


def make_client(
    user: ApiUser,
    store: Store,
    *,
    tally: Counter[str] | None = None,
    stop: Stop | None = None,
    waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Client:
    """Return a client that books every request on the key's quota, and counts how each ended.

    `stop` ends its naps; `waiting` is entered while the vendor is being asked.
    """
    counted: Counter[str] = Counter() if tally is None else tally
    return Client(
        user.url,
        user.key,
        event_types=user.event_types,
        approved_statuses=user.approved_statuses,
        ledger=StoreLedger(
            store, user.name, rate_per_minute=user.rate_per_minute, quota_per_day=user.quota_per_day
        ),
        clock=DatabaseClock(store),
        sleep=(stop or Stop()).sleep,
        on_request=lambda _endpoint, outcome: counted.update([f"requests:{outcome}"]),
        waiting=waiting,
    )


def make_grant(user: ApiUser, settings: Settings) -> Grant:
    """Return what a key's plan may spend, and how often the operator wants each tier."""
    return Grant(
        user.rate_per_minute,
        user.quota_per_day,
        settings.today_seconds,
        settings.month_seconds,
        settings.year_seconds,
        settings.unread_seconds,
    )


def run_worker(settings: Settings, *, patient: bool = False) -> None:
    """Work with every key until SIGTERM or Ctrl-C.

    Raises `StoreError` where the database cannot be written at the start; with `patient`, waits
    until it can be.
    """
    users = settings.require_keys()
    stop = Stop()
    stop.listen()
    store = _open_patiently(settings, users, stop) if patient else _open_writable(settings, users)
    stop.on_ask(store.hurry)
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
    store = open_store(settings)
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
    stop.ask()
    deadline = time.monotonic() + STOP_SECONDS
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0))
    leaving = threading.Thread(target=_leave, args=(store, names), name="leave", daemon=True)
    leaving.start()
    leaving.join(STOP_SECONDS)
    if leaving.is_alive():
        log.warning(
            "the database does not answer; what this worker had leased is free in %d s",
            LEASE_SECONDS,
        )
    else:
        store.close()


def _leave(store: Store, names: Sequence[str]) -> None:
    try:
        for name in names:
            store.workers.leave(name)
    except StoreError as error:
        log.warning("%s; what this worker had leased is free in %d s", error, LEASE_SECONDS)


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
                with stop.unless_asked():
                    database.begin("%s; the worker of key %s waits", error, user.name)
            except Exception:  # whatever it is, the other keys go on, and so shall this one
                with stop.unless_asked():  # a slow one may find the store closed
                    log.exception(
                        "the worker of key %s broke; again in %d s", user.name, BROKEN_SECONDS
                    )
            stop.sleep(BROKEN_SECONDS)


def make_worker(
    settings: Settings, user: ApiUser, store: Store, worker_id: str, stop: Stop
) -> Worker:
    """Return the worker of one key."""
    tally: Counter[str] = Counter()
    clock = DatabaseClock(store)
    client = make_client(user, store, tally=tally, stop=stop, waiting=stop.unless_asked)
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


def run_sync(settings: Settings, property_ids: Sequence[str], *, full: bool) -> bool:
    """Fetch everything once, name on stderr what failed, and say whether anything did."""
    settings.require_keys()
    stop = Stop()
    stop.listen()
    store = open_store(settings)
    stop.on_ask(store.hurry)
    try:
        report = sync_with_progress(settings, store, property_ids, full=full, stop=stop)
    except KeyboardInterrupt:
        click.secho("icalbridge: interrupted; what was fetched is kept.", err=True, fg="red")
        raise
    finally:
        store.close()
    for failure in report.failures:
        click.secho(f"icalbridge: {failure}", err=True, fg="red")
    click.echo(
        f"{report.windows} windows fetched, {report.changes} changes, {len(report.failures)}"
        " failures."
    )
    return bool(report.failures)


def sync_with_progress(
    settings: Settings,
    store: Store,
    property_ids: Sequence[str] = (),
    *,
    full: bool = False,
    stop: Stop | None = None,
) -> Report:
    """Fetch everything of every key once behind a progress bar; without a terminal there is no
    bar.
    """
    from icalbridge.cli.progress import progress

    stop = stop or Stop()
    whole = Report()
    with progress() as on_progress:
        for user in settings.require_keys():
            tally: Counter[str] = Counter()
            worker_id = new_worker_id()
            sync = Sync(
                make_client(user, store, tally=tally, stop=stop, waiting=stop.waiting),
                store,
                api_user_id=user.name,
                worker_id=worker_id,
                clock=DatabaseClock(store),
                on_progress=on_progress,
                full=full,
                tally=tally,
                sleep=stop.sleep,
                on_wait=lambda sentence: click.echo(sentence, err=True),
            )
            try:
                whole += sync.everything(property_ids)
            finally:
                store.workers.leave(worker_id)
    listed = {each.id for each in store.read.properties()}
    whole.failures += [
        f"property {each} is not in the catalogue" for each in property_ids if each not in listed
    ]
    return whole
