"""The sync worker of one key: does what is worth most, sleeps until the next thing is due, while
the process lives.

Any number of workers may run against one database; what one has claimed no other takes. A failure
is kept with what failed and logged; nothing but the end of the process stops a worker.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import (
    AccessRefused,
    IcalbridgeError,
    KeyRefused,
    MalformedAnswer,
    QuotaSpent,
    RateLimited,
    StoreError,
    VendorError,
    VendorUnavailable,
    WindowBroken,
)
from icalbridge.facilitron import LONGEST_PAUSE_SECONDS
from icalbridge.outage import OutageLog
from icalbridge.store.windows import LEASE_SECONDS
from icalbridge.sync import schedule
from icalbridge.sync.run import HOPELESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from icalbridge.store import Claim, Store, WindowState
    from icalbridge.sync.run import Sync
    from icalbridge.sync.schedule import Grant

log = logging.getLogger(__name__)

LONGEST_NAP_SECONDS = 30
"""Also how often an idle worker sends a heartbeat; well under
`store.health.WORKER_ALIVE`.
"""
REFUSED_SECONDS = 300
"""How long to leave the vendor alone after it refused the key."""
SHORTEST_OUTAGE_NAP_SECONDS = 2
LONGEST_OUTAGE_NAP_SECONDS = 60
"""How long to leave the vendor alone while it answers nothing: a day of that must not use the quota
up.
"""
PLAN_SECONDS = 5
"""How long a plan holds."""
RECHECK_SECONDS = 60
"""How often events are looked for that no window covers."""
BEAT_SECONDS = 10
"""How often a busy worker sends a heartbeat."""
SILENT = 3
"""After so many requests in a row without an answer it is the vendor, not a window."""
CANDIDATES = 16
"""How many windows are offered to the store at once; as many workers never meet at one."""


class Worker:
    """One loop over a `Sync`. `sleep` takes seconds; it ends early, by an exception, when the
    process shall end.
    """

    def __init__(
        self,
        sync: Sync,
        store: Store,
        grant: Grant,
        *,
        api_user_id: str,
        worker_id: str,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        keep_days: int = 0,
    ) -> None:
        """`keep_days`: how long what is past stays in the store; 0 for good."""
        self._sync = sync
        self._store = store
        self._grant = grant
        self._user = api_user_id
        self._worker_id = worker_id
        self._clock = clock
        self._sleep = sleep
        self._keep_days = keep_days
        self._trouble: str | None = None
        self._database = OutageLog(log)
        self._ranked: list[WindowState] = []
        self._next_due: datetime | None = None
        self._plan_again = self._beat_again = self._recheck_again = datetime.min.replace(tzinfo=UTC)
        self._silent = 0
        self._quiet_until: datetime | None = None

    def run(self) -> None:
        """Work until an exception that is no `IcalbridgeError` ends it; leave leases and the list
        of workers tidy.
        """
        self._store.write.add_api_user(self._user)
        try:
            while True:
                self._sleep(self.step())
        finally:
            self._leave()

    def _leave(self) -> None:
        """Tidy up if that can be: leases run out by themselves, and the end must stay the end it
        is.
        """
        try:
            self._store.workers.leave(self._worker_id)
        except StoreError as error:
            log.warning("%s; what this worker had leased is free in %d s", error, LEASE_SECONDS)

    @property
    def next_due(self) -> datetime | None:
        """When the next window is due, by the latest plan."""
        return self._next_due

    def step(self) -> float:
        """Do the one thing that is worth most now; return the seconds until there may be
        another.
        """
        try:
            self._beat()
            pause = self._step()
            self._database.end("the database can be used again")
            return pause
        except QuotaSpent as error:
            self._report_trouble(str(error), logging.WARNING)
            return self._until(schedule.next_utc_midnight(self._clock()))
        except KeyRefused as error:
            self._report_trouble(f"{error}; feeds go on from what is known", logging.ERROR)
            self._quiet_until = self._clock() + timedelta(seconds=REFUSED_SECONDS)
            return LONGEST_NAP_SECONDS
        except (VendorUnavailable, RateLimited, MalformedAnswer, AccessRefused) as error:
            log.warning("%s", error)
            return self._back_off(error)
        except VendorError as error:
            log.warning("%s", error)
            return 0
        except WindowBroken:  # logged where it broke
            return 0
        except StoreError as error:
            self._database.begin("%s; trying again until it can be", error)
            return LONGEST_NAP_SECONDS
        except IcalbridgeError as error:
            log.error("%s", error)
            return LONGEST_NAP_SECONDS

    def _back_off(self, error: VendorError) -> float:
        """Return the seconds to leave the vendor alone after it gave nothing usable: ever more,
        until it does.
        """
        self._silent += 1
        if self._silent >= SILENT:
            given = "no answer" if isinstance(error, VendorUnavailable) else "no usable answer"
            sentence = f"the vendor gives {given} ({error.message}); feeds go on from what is known"
            self._report_trouble(sentence, logging.ERROR)
        return min(
            SHORTEST_OUTAGE_NAP_SECONDS * 2.0 ** min(self._silent - 1, 10),
            LONGEST_OUTAGE_NAP_SECONDS,
        )

    def _beat(self) -> None:
        now = self._clock()
        if not _pending(self._beat_again, now, BEAT_SECONDS):
            self._store.workers.beat(self._worker_id, now=now)
            self._store.readers.close_day(now=now)
            self._beat_again = now + timedelta(seconds=BEAT_SECONDS)
            if (
                self._trouble == ""
            ):  # another worker may have noted trouble that is over, and be gone
                self._store.api_keys.note_trouble(self._user, "", now=now)

    def _step(self) -> float:
        if self._quiet_until and _pending(self._quiet_until, self._clock(), REFUSED_SECONDS):
            return self._until(self._quiet_until)
        paused = self._store.api_keys.paused_until(self._user)
        if paused and _pending(paused, self._clock(), LONGEST_PAUSE_SECONDS):
            return self._until(paused)
        failures = self._sync.fetch_catalog()
        if failures is not None:
            self._tidy()
        for failure in failures or ():
            if isinstance(failure, HOPELESS):
                raise failure
            log.warning("%s", failure)
        if self._rechecks():
            return 0
        claim = self._claim()
        if claim is None:
            return self._until(self._next_due)
        changes = self._sync.window(claim)
        self._silent = 0
        self._report_trouble("")
        level = logging.INFO if changes else logging.DEBUG
        log.log(
            level, "property %s window %d: %d changes", claim.property_id, claim.number, changes
        )
        return 0

    def _rechecks(self) -> bool:
        """Ask for an event that no window covers, if one is due."""
        now = self._clock()
        if _pending(self._recheck_again, now, RECHECK_SECONDS):
            return False
        if self._sync.recheck_event():
            return True
        self._recheck_again = now + timedelta(seconds=RECHECK_SECONDS)
        return False

    def _claim(self) -> Claim | None:
        """Claim what is worth most. A plan holds for some seconds: to make one, how everything
        stands must be read.
        """
        now = self._clock()
        if not self._ranked or not _pending(self._plan_again, now, PLAN_SECONDS):
            planned = schedule.Schedule(
                self._store.windows.state(self._user, now), self._grant, now
            )
            self._store.api_keys.note_pace(self._user, planned.stretch, self._grant.quota_per_day)
            self._ranked, self._next_due = planned.ranked(), planned.next_due()
            self._plan_again = now + timedelta(seconds=PLAN_SECONDS)
        while self._ranked:
            now = self._clock()
            claim = self._store.windows.claim_planned(
                self._ranked[:CANDIDATES], self._worker_id, now=now
            )
            taken = [(window.property_id, window.number) for window in self._ranked[:CANDIDATES]]
            done = taken.index((claim.property_id, claim.number)) + 1 if claim else len(taken)
            del self._ranked[:done]
            if claim:
                return claim
        return None

    def _tidy(self) -> None:
        """Forget what is past for longer than the operator wants it kept."""
        if self._keep_days:
            now = self._clock()
            gone = self._store.write.forget(now - timedelta(days=self._keep_days), now=now)
            log.info("%d entries that ended over %d days ago are forgotten", gone, self._keep_days)

    def _report_trouble(self, sentence: str, level: int = logging.INFO) -> None:
        """Log what keeps the whole key from being served, once, and keep it for `status`; nothing
        clears it.
        """
        if sentence != self._trouble:
            if sentence or self._trouble:
                log.log(level, "%s", sentence or "the vendor answers again")
            self._trouble = sentence
            with suppress(StoreError):  # whoever needs the database next reports it
                self._store.api_keys.note_trouble(self._user, sentence, now=self._clock())

    def _until(self, moment: datetime | None) -> float:
        """Return the seconds from now until a moment, at least one, at most a nap."""
        now = self._clock()
        wait = (moment or now + timedelta(seconds=LONGEST_NAP_SECONDS)) - now
        return min(max(wait.total_seconds(), 1), LONGEST_NAP_SECONDS)


def _pending(until: datetime, now: datetime, longest: float) -> bool:
    """Return whether a wait of at most `longest` seconds lasts until after `now`.

    One that would last longer was set before the clock was put back, and is over.
    """
    return timedelta() < until - now <= timedelta(seconds=longest)
