"""Usage: reads are counted in memory and written later, so that no reader waits.

The schedule fetches more often what is read; operators see which private addresses are in use.
"""

from __future__ import annotations

import logging
from threading import Lock, Timer
from typing import TYPE_CHECKING, Generic, TypeVar

from icalbridge.errors import StoreClosed, StoreError
from icalbridge.outage import OutageLog

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from datetime import datetime

    from icalbridge.store import Store

log = logging.getLogger(__name__)

WRITE_SECONDS = 10
"""How long readings are collected before they are written."""
AGAIN_SECONDS = 3600
"""How long a property that was noted need not be noted again; the schedule counts in days."""
USED_AGAIN_SECONDS = 60
"""Likewise of a token; people count in days too, but look right after they have tried one."""

Key = TypeVar("Key", bound="Hashable")


class WriteBehind(Generic[Key]):
    """Write-behind of reads: collected for some seconds, then written by a thread of its own."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._waiting: set[Key] = set()
        self._outage = OutageLog(log, level=logging.WARNING)

    def _collect(self, key: Key) -> None:
        with self._lock:
            first = not self._waiting
            self._waiting.add(key)
        if first:
            timer = Timer(WRITE_SECONDS, self.write)
            timer.daemon = True
            timer.start()

    def write(self) -> None:
        """Write what was noted; what cannot be written is noted again at its next read."""
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        try:
            self._put(waiting, self._clock())
        except StoreClosed:
            return  # the process ends
        except StoreError as error:
            self._outage.begin("who reads what could not be noted: %s", error)
        else:
            self._outage.end("who reads what is noted again")

    def _put(self, keys: Iterable[Key], now: datetime) -> None:
        raise NotImplementedError


class LastUse(WriteBehind[Key]):
    """Write-behind of when something was last used."""

    def __init__(self, clock: Callable[[], datetime], again_seconds: int) -> None:
        super().__init__(clock)
        self._again_seconds = again_seconds
        self._noted: dict[Key, float] = {}

    def note(self, key: Key) -> None:
        """Note that somebody uses what the key names."""
        now = self._clock().timestamp()
        if not 0 <= now - self._noted.get(key, float("-inf")) < self._again_seconds:
            self._noted[key] = now
            self._collect(key)


class ReadCounts(LastUse[str]):
    """Which properties are read: their feeds, their facilities' feeds, their pages."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        super().__init__(clock, AGAIN_SECONDS)
        self._store = store

    def _put(self, keys: Iterable[str], now: datetime) -> None:
        self._store.write.note_read(keys, now=now)


class TokenUsage(LastUse[int]):
    """Which tokens are used."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        super().__init__(clock, USED_AGAIN_SECONDS)
        self._store = store

    def _put(self, keys: Iterable[int], now: datetime) -> None:
        self._store.saved.note_used(keys, now=now)
