"""Clients of the vendor's API for the configured keys, and the permission to write with them.

The vendor's client is imported when one is made, so that `--help` answers at once.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING

from icalbridge.cli.signals import Stop
from icalbridge.errors import ConfigurationError, IcalbridgeError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from icalbridge.facilitron import Client
    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store
    from icalbridge.sync.schedule import Grant


def new_worker_id() -> str:
    """Return a unique name for this process that shows its host and number in `status`."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"


def make_client(
    user: ApiUser,
    store: Store,
    *,
    tally: Counter[str] | None = None,
    stop: Stop | None = None,
    waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Client:
    """Return a client that books every request on the key's quota, and counts outcomes in `tally`.

    `stop` ends its pauses; `waiting` is entered while a request is on its way.
    """
    from icalbridge.facilitron import Client
    from icalbridge.sync.clock import DatabaseClock
    from icalbridge.sync.ledger import StoreLedger

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
    """Return what the sync of a key may spend, and how often the operator wants each tier."""
    from icalbridge.sync.schedule import Grant

    return Grant(
        user.rate_per_minute,
        user.quota_per_day,
        settings.today_seconds,
        settings.week_seconds,
        settings.month_seconds,
        settings.quarter_seconds,
        settings.year_seconds,
        settings.unread_seconds,
    )


def require_write_permission(settings: Settings, *, dry_run: bool, yes: bool) -> None:
    """Refuse a write that is not enabled, or that nobody can confirm. `ConfigurationError`."""
    if dry_run:
        return
    if not settings.enable_writes:
        raise ConfigurationError(
            "Writing is off, since Facilitron calls these endpoints internal; set"
            " ICALBRIDGE_ENABLE_WRITES to 1 to allow it, or look with --dry-run at what would be"
            " done."
        )
    if not yes and not sys.stdin.isatty():
        raise ConfigurationError(
            "There is no terminal to ask on; add --yes, or look at it first with --dry-run."
        )


def choose_user(
    settings: Settings, key: str, find_name: Callable[[], str | None], unknown: str
) -> ApiUser:
    """Return the key that is named, the only one, or the one whose name `find_name` returns.

    Raises `ConfigurationError` for an unknown name, and with `unknown` and all names where
    `find_name` returns none of them.
    """
    users = {user.name: user for user in settings.require_keys()}
    names = ", ".join(users)
    if key and key not in users:
        raise ConfigurationError(f"There is no key '{key}'; --key takes one of {names}.")
    if key or len(users) == 1:
        return users[key] if key else next(iter(users.values()))
    user = users.get(find_name() or "")
    if user is None:
        raise ConfigurationError(f"{unknown} {names}.")
    return user


@contextmanager
def open_client(user: ApiUser, store: Store, stop: Stop) -> Iterator[Client]:
    """Yield a key's client; its requests are counted afterwards, as those of the sync are.

    `stop` ends the wait for an answer.
    """
    tally: Counter[str] = Counter()
    try:
        yield make_client(user, store, tally=tally, stop=stop, waiting=stop.waiting)
    finally:
        with suppress(StoreError):  # the outcome of a write matters more than its count
            store.write.count(tally)


@contextmanager
def as_bad_input(*kinds: type[IcalbridgeError]) -> Iterator[None]:
    """Turn errors into `ConfigurationError`: what was typed, or a calendar's content, is wrong."""
    try:
        yield
    except kinds as error:
        raise ConfigurationError(str(error)) from None
