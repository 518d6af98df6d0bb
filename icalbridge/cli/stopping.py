"""How a command ends: SIGTERM and Ctrl-C, heard only where one waits, for the vendor or for the clock.

In the middle of a transaction they would leave a connection that nobody can tidy up, and with it a locked database.
"""

from __future__ import annotations

import signal
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Stop:
    """The wish to end, for this process; wherever it is heard it is a `KeyboardInterrupt`."""

    def __init__(self) -> None:
        self._asked = Event()
        self._waits = False

    def listen(self) -> None:
        """Take over the signals, for the rest of this process; the end of a terminal counts, except under `nohup`."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._hear)

    def ask(self) -> None:
        """Let everyone hear it."""
        self._asked.set()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Let a signal break into the block, in the main thread; one that came before does so at once."""
        self._waits = True
        try:
            with self.unless_asked():
                yield
        finally:
            self._waits = False

    @contextmanager
    def unless_asked(self) -> Iterator[None]:
        """Begin nothing any more, in any thread."""
        if self._asked.is_set():
            raise KeyboardInterrupt
        yield

    def sleep(self, seconds: float) -> None:
        """Sleep, in any thread, until the time is over or the end is asked for."""
        if self._asked.wait(seconds):
            raise KeyboardInterrupt

    def _hear(self, _number: int, _frame: object) -> None:
        self._asked.set()
        if self._waits:
            self._waits = False
            raise KeyboardInterrupt
