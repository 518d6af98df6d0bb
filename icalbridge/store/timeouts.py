"""How long a process waits for PostgreSQL, and a circuit breaker for those that must not wait.

SQLite is a file: nothing here concerns it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock

from icalbridge.errors import StoreError

PAUSE_SECONDS = 3.0
"""How long the breaker stays open before one thread tries the server again."""
HURRY_SECONDS = 5.0
"""How long a process that ends still waits for an answer."""
GRACE_SECONDS = 5.0
"""How much longer than the server's own limit a client waits, so that the server can report it."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in seconds, as the settings give them."""

    connect: float = 5.0
    """For a connection to be made."""
    statement: float = 30.0
    """For a statement; the server cancels one that takes longer."""
    silence: float | None = None
    """For any sign of the server during a statement; None: a little longer than `statement`.

    With a limit of its own, a process also gets a circuit breaker.
    """

    def share(self) -> SharedTimeouts:
        """Return what the connections of one engine share."""
        if self.silence is None:
            return SharedTimeouts(self.connect, self.statement + GRACE_SECONDS, None)
        return SharedTimeouts(min(self.connect, self.silence), self.silence, Breaker())


class Breaker:
    """Circuit breaker: after a silence nobody waits for a while, then one thread tries again.

    A server that hangs costs each thread one wait, and later one wait every `pause` seconds.
    """

    def __init__(self, pause: float = PAUSE_SECONDS) -> None:
        self._pause = pause
        self._lock = Lock()
        self._open = False
        self._try_at = 0.0

    def check(self) -> None:
        """Raise `StoreError` while the breaker is open; after the pause one caller may pass."""
        if not self._open:
            return
        with self._lock:
            if self._open and time.monotonic() < self._try_at:
                raise StoreError(
                    "The database cannot be used: it does not answer; it is tried again in a moment"
                )
            self._try_at = time.monotonic() + self._pause

    def trip(self) -> None:
        """Open the breaker: the server was silent."""
        with self._lock:
            self._open = True
            self._try_at = time.monotonic() + self._pause

    def reset(self) -> None:
        """Close the breaker: the server answered."""
        self._open = False


class SharedTimeouts:
    """The limits that the connections of one engine share, in seconds."""

    def __init__(self, connect: float, silence: float, breaker: Breaker | None) -> None:
        self.connect = connect
        self.silence = silence
        self.breaker = breaker
        self._silent_at = float("-inf")

    def hurry(self) -> None:
        """Shorten all waits, also those that have begun: the process ends."""
        self.connect = min(self.connect, HURRY_SECONDS)
        self.silence = min(self.silence, HURRY_SECONDS)

    def note_silence(self) -> None:
        """Note that a wait was given up."""
        self._silent_at = time.monotonic()
        if self.breaker:
            self.breaker.trip()

    @property
    def lately_silent(self) -> bool:
        """Whether a wait was given up a moment ago: a new connection would wait in vain."""
        return time.monotonic() - self._silent_at < self.connect
