"""Heartbeat: a thread that renews a worker's leases while it fetches something.

A request may take longer than a lease, with all its retries, and so may writing a large answer.
When the process is killed the renewals end with it, and its leases run out
`store.windows.LEASE_SECONDS` later at most.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

from icalbridge.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from icalbridge.store import Store

HEARTBEAT_SECONDS = 8.0
"""How often leases are renewed: three renewals may be late or fail before a lease runs out."""
JOIN_SECONDS = 1.0
"""How long to wait for a renewal that is under way when the work is done; one that hangs ends by
itself.
"""

log = logging.getLogger(__name__)


class Heartbeat:
    """Renews the leases of one worker, over database connections of its own."""

    def __init__(
        self,
        store: Store,
        worker_id: str,
        clock: Callable[[], datetime],
        seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        self._store = store
        self._worker_id = worker_id
        self._clock = clock
        self._seconds = seconds

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Renew the worker's leases every `seconds` until the block ends."""
        end = Event()
        thread = Thread(
            target=self._beat, args=(end,), name=f"heartbeat of {self._worker_id}", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join(JOIN_SECONDS)

    def _beat(self, end: Event) -> None:
        while not end.wait(self._seconds):
            try:
                self._store.workers.hold(self._worker_id, now=self._clock())
            except (
                StoreError
            ) as error:  # a lease that is lost meanwhile is noticed when the answer is written
                log.debug("leases were not renewed: %s", error)
