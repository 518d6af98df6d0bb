"""SIGTERM and Ctrl-C: they end a command only while it waits, for the vendor or for the clock.

In the middle of a transaction they would leave a connection that nobody can close, and with it a
locked database.
"""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAKE_SECONDS = 0.5
"""How often the system is interrupted while it waits: a signal that came just before the system
began to wait does not end the wait, and Python's own handler for it runs only after an
interruption.
"""


class Stop:
    """Stop request of this process; it is raised as `KeyboardInterrupt` where the process waits."""

    def __init__(self) -> None:
        self._requested = Event()
        self._signaled = False
        self._listens = False
        self._waits = False
        self._on_request: list[Callable[[], None]] = []

    def listen(self) -> None:
        """Take over the signals, for the rest of this process, also where a shell started it with
        SIGINT ignored.

        The end of a terminal counts too, except under `nohup`.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        signal.signal(signal.SIGALRM, lambda _number, _frame: None)
        self._listens = True

    def on_request(self, act: Callable[[], None]) -> None:
        """Call something when the stop is requested, in a signal handler: it must be quick."""
        self._on_request.append(act)

    def request(self) -> None:
        """Request the stop, in all threads."""
        self._requested.set()
        for act in self._on_request:
            act()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let a signal interrupt the block, in the main thread; an earlier one does so at once."""
        self._waits = True
        try:
            if self._listens:
                signal.setitimer(signal.ITIMER_REAL, WAKE_SECONDS, WAKE_SECONDS)
            with self.unless_stopped():
                yield
        finally:
            self._waits = False
            if self._listens:
                signal.setitimer(signal.ITIMER_REAL, 0)

    @contextmanager
    def unless_stopped(self) -> Iterator[None]:
        """Raise `KeyboardInterrupt` where the stop was requested, in any thread."""
        if self._signaled or self._requested.is_set():
            raise KeyboardInterrupt
        yield

    def sleep(self, seconds: float) -> None:
        """Sleep, in any thread, until the time is over or the stop is requested."""
        if current_thread() is main_thread():
            with self.waiting():
                time.sleep(seconds)
        elif self._requested.wait(seconds):
            raise KeyboardInterrupt

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._signaled = True  # and not the event: the main thread may hold its lock right now
        for act in self._on_request:
            act()
        if self._waits:
            self._waits = False
            raise KeyboardInterrupt
