"""Log of an outage: its beginning, its end, and a reminder now and then, but not every failure in
between.
"""

from __future__ import annotations

import logging
import time
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

REMINDER_SECONDS = 600
"""How often an outage that goes on is logged."""
FLAPPING_SECONDS = 60
"""How often at most the beginning of an outage is logged: one that comes and goes floods no log
either.
"""


class OutageLog:
    """State of one thing that may be out of order, such as the database; any thread may report to
    it.
    """

    def __init__(
        self,
        log: logging.Logger,
        *,
        level: int = logging.ERROR,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` returns seconds."""
        self._log = log
        self._level = level
        self._clock = clock
        self._lock = Lock()
        self._failing = False
        self._shown = False
        self._logged = float("-inf")

    def begin(self, message: str, *args: object, error: BaseException | None = None) -> None:
        """Report a failure; it is logged where it is news, with the traceback of `error`."""
        with self._lock:
            now = self._clock()
            if now - self._logged < (
                REMINDER_SECONDS if self._failing and self._shown else FLAPPING_SECONDS
            ):
                self._shown = self._shown and self._failing
                self._failing = True
                return
            self._failing = self._shown = True
            self._logged = now
        self._log.log(self._level, message, *args, exc_info=error)

    def end(self, message: str, *args: object) -> None:
        """Report a success; it is logged where it ends an outage that was logged."""
        if not self._failing:
            return
        with self._lock:
            shown = self._failing and self._shown
            self._failing = self._shown = False
        if shown:
            self._log.info(message, *args)
