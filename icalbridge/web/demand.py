"""Who is read: noted in memory as feeds and pages are answered, and written aside, so that no reader waits for it.

The planner asks the vendor more often for what somebody reads.
"""

from __future__ import annotations

import logging
from threading import Lock, Timer
from typing import TYPE_CHECKING

from icalbridge.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.store import Store

log = logging.getLogger(__name__)

WRITE_SECONDS = 10
"""How long readings are collected before they are written."""
AGAIN_SECONDS = 3600
"""How long a property that was noted need not be noted again; the planner counts in days."""


class Demand:
    """What one process saw being read."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._lock = Lock()
        self._noted: dict[str, float] = {}
        self._waiting: set[str] = set()

    def note(self, property_id: str) -> None:
        """Note that somebody reads a property: its feeds, its facilities' feeds, its pages."""
        now = self._clock().timestamp()
        if now - self._noted.get(property_id, float("-inf")) < AGAIN_SECONDS:
            return
        with self._lock:
            self._noted[property_id] = now
            first = not self._waiting
            self._waiting.add(property_id)
        if first:
            timer = Timer(WRITE_SECONDS, self.write)
            timer.daemon = True
            timer.start()

    def write(self) -> None:
        """Write down what was noted; a database that cannot be written now is told again in an hour."""
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        try:
            self._store.write.note_read(waiting, now=self._clock())
        except StoreError as error:
            log.warning("who reads what could not be noted: %s", error)
