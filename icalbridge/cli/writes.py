"""What every command that writes to the vendor has in common: leave to write, a person's yes, and
the right key.

What is written, and what is told of it, is the commands' own: `event` by hand, `push` from a
calendar.
"""

from __future__ import annotations

import sys
from collections import Counter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from icalbridge.cli.work import make_client
from icalbridge.errors import ConfigurationError, IcalbridgeError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icalbridge.cli.stopping import Stop
    from icalbridge.facilitron import Client
    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store


def require_leave(settings: Settings, *, dry_run: bool, yes: bool) -> None:
    """Refuse a write that is not allowed, or that nobody can be asked about."""
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


def user_of(
    settings: Settings, key: str, reader: Callable[[], str | None], unknown: str
) -> ApiUser:
    """Return the key that was named, the only one, or the one whose name `reader` finds out.

    Raises `ConfigurationError` for a name that there is none of, and with `unknown` and all names
    where that is none.
    """
    users = {each.name: each for each in settings.require_keys()}
    names = ", ".join(users)
    if key and key not in users:
        raise ConfigurationError(f"There is no key '{key}'; --key takes one of {names}.")
    if key or len(users) == 1:
        return users[key] if key else next(iter(users.values()))
    found = users.get(reader() or "")
    if found is None:
        raise ConfigurationError(f"{unknown} {names}.")
    return found


@contextmanager
def client_of(user: ApiUser, store: Store, stop: Stop) -> Iterator[Client]:
    """Yield a key's client; what was asked of the vendor is counted afterwards, as the sync's is.

    `stop`: heard while the vendor is waited for.
    """
    tally: Counter[str] = Counter()
    try:
        yield make_client(user, store, tally=tally, stop=stop, waiting=stop.waiting)
    finally:
        with suppress(StoreError):  # what is to be said of a write matters more than its count
            store.write.count(tally)


@contextmanager
def as_bad_input(*kinds: type[IcalbridgeError]) -> Iterator[None]:
    """Let some errors be bad input: what was typed, or what a calendar says, is at fault."""
    try:
        yield
    except kinds as error:
        raise ConfigurationError(str(error)) from None
