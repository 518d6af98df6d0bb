"""The sync worker: does what is due, sleeps until the next thing is, for as long as the process lives.

Any number of workers may run against one database; what one has claimed no other takes. A failure is kept with what
failed and logged; nothing but the end of the process stops a worker.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import IcalbridgeError, KeyRefused, QuotaSpent, StoreError, VendorError
from icalbridge.sync import plan
from icalbridge.sync.run import API_USER, HOPELESS

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.store import Store
    from icalbridge.sync.run import Sync

log = logging.getLogger(__name__)

LONGEST_NAP_SECONDS = 30
"""Also how often an idle worker says that it is alive; well under `store.reading.WORKER_ALIVE_SECONDS`."""

REFUSED_SECONDS = 300
"""How long to leave the vendor alone after it refused the key."""


class Worker:
    """One loop over a `Sync`. `sleep` takes seconds; it ends early, by an exception, when the process shall end."""

    def __init__(
        self,
        sync: Sync,
        store: Store,
        *,
        worker_id: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
    ) -> None:
        self._sync = sync
        self._store = store
        self._worker_id = worker_id
        self._clock = clock
        self._sleep = sleep
        self._quiet_until: datetime | None = None

    def run(self) -> None:
        """Work until an exception that is no `IcalbridgeError` ends it; leave leases and the list of workers tidy."""
        self._store.write.add_api_user(API_USER)
        try:
            while True:
                self._sleep(self.step())
        finally:
            self._leave()

    def _leave(self) -> None:
        """Tidy up if that can be: leases run out by themselves, and the end must stay the end it is."""
        try:
            self._store.windows.leave(self._worker_id)
        except StoreError as error:
            log.warning("%s; what this worker had leased is free in a few minutes", error)

    def step(self) -> float:
        """Do the one thing that is worth most now; return the seconds until there may be another."""
        try:
            self._store.windows.beat(self._worker_id, now=self._clock())
            return self._step()
        except QuotaSpent as error:
            log.warning("%s", error)
            return self._until(plan.next_utc_midnight(self._clock()))
        except KeyRefused as error:
            log.error("%s; feeds go on from what is known", error)
            self._quiet_until = self._clock() + timedelta(seconds=REFUSED_SECONDS)
            return LONGEST_NAP_SECONDS
        except VendorError as error:
            log.warning("%s", error)
            return 0
        except IcalbridgeError as error:
            log.error("%s", error)
            return LONGEST_NAP_SECONDS

    def _step(self) -> float:
        if self._quiet_until and self._clock() < self._quiet_until:
            return self._until(self._quiet_until)
        for failure in self._sync.catalogue() or ():
            if isinstance(failure, HOPELESS):
                raise failure
            log.warning("%s", failure)
        claim = self._store.windows.claim(API_USER, self._worker_id, now=self._clock())
        if claim is None:
            return self._until(self._store.windows.next_due(API_USER))
        changes = self._sync.window(claim)
        log.info("property %s window %d: %d changes", claim.property_id, claim.number, changes)
        return 0

    def _until(self, moment: datetime | None) -> float:
        """Return the seconds from now until a moment, at least one, at most a nap."""
        now = self._clock()
        wait = (moment or now + timedelta(seconds=LONGEST_NAP_SECONDS)) - now
        return min(max(wait.total_seconds(), 1), LONGEST_NAP_SECONDS)
