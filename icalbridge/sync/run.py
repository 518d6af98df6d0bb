"""Fetches and applies: the catalog, one window, one pass over everything."""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import KeyRefused, QuotaSpent, StoreError, VendorError, WindowBroken
from icalbridge.models import LAST_DISTRICT_DAY
from icalbridge.store.place_names import is_given
from icalbridge.store.windows import LEASE_SECONDS, LeaseLost
from icalbridge.sync import catalog, schedule
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.catalog import PreviousCatalog
from icalbridge.sync.fetch_window import WindowFetch
from icalbridge.sync.heartbeat import Heartbeat
from icalbridge.sync.plausibility import NO_DOUBT, Doubt
from icalbridge.sync.recheck import EventRecheck
from icalbridge.sync.unexpected import log_unexpected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.models import Facility
    from icalbridge.store import Claim, Store

log = logging.getLogger(__name__)

HOPELESS = (KeyRefused, QuotaSpent)
"""After one of these every other request would fail alike."""
WAIT_SECONDS = 1.0
"""How long to wait before looking again at what another worker has leased."""


@dataclass(slots=True)
class Report:
    """What one pass did; `failures` are sentences for the operator."""

    windows: int = 0
    changes: int = 0
    failures: list[str] = field(default_factory=list)

    def __iadd__(self, other: Report) -> Report:
        self.windows += other.windows
        self.changes += other.changes
        self.failures += other.failures
        return self


def _no_progress(_step: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def _no_waiting(_sentence: str) -> None:
    """Nobody watches."""


class Sync:
    """Everything that acts on one key: a client, a store, and the name under which windows are
    claimed.
    """

    def __init__(
        self,
        client: Client,
        store: Store,
        *,
        api_user_id: str,
        worker_id: str,
        clock: Callable[[], datetime],
        on_progress: Callable[[str, int, int], None] = _no_progress,
        full: bool = False,
        windows: int = sync_windows.WINDOWS,
        tally: Counter[str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        on_wait: Callable[[str], None] = _no_waiting,
    ) -> None:
        """`full`: read every answer anew, known bytes or not, and take an empty one at its word.

        `windows`: how many of a property's windows are fetched, the near ones.

        `on_wait` gets a sentence for each lease of another worker that a pass waits for.

        `tally`: what the client counts of its requests; written down after each window with what
        could not be read.
        """
        self._client = client
        self._store = store
        self._user = api_user_id
        self._worker_id = worker_id
        self._clock = clock
        self._on_progress = on_progress
        self._full = full
        self._windows = windows
        self._sleep = sleep
        self._on_wait = on_wait
        self._waits: set[str] = set()
        """The sentences that `on_wait` got."""
        self._recheck = EventRecheck(client, store, api_user_id=api_user_id, clock=clock)
        self._heartbeat = Heartbeat(store, worker_id, clock)
        self._fetch = WindowFetch(
            client,
            store,
            api_user_id=api_user_id,
            worker_id=worker_id,
            clock=clock,
            full=full,
            tally=Counter() if tally is None else tally,
        )

    def everything(self, properties: Sequence[str] = ()) -> Report:
        """Fetch the catalog and all windows now, of all properties or of some, by id or name.

        1. the catalog; when it fails, what is known of it serves on
        2. every window wanted becomes due
        3. windows are claimed and fetched until none is left, near ones first
        """
        report = Report()
        self._store.write.add_api_user(self._user)
        failed = self._fetch_catalog_now()
        report.failures += map(str, failed)
        if any(isinstance(error, HOPELESS) for error in failed):
            return report
        listed = self._store.read.properties(self._user)
        due_ids = [owner.id for owner in listed if not properties or is_given(owner, properties)]
        total = self._store.windows.make_due(due_ids, now=self._clock()) if due_ids else 0
        begun, done = self._clock(), 0
        while claim := self._next(begun, due_ids):
            done += 1
            try:
                report.changes += self.window(claim)
                report.windows += 1
            except LeaseLost as error:  # whoever has it now fetches it
                self._on_wait(str(error))
            except (VendorError, WindowBroken) as error:
                report.failures.append(str(error))
                if isinstance(error, HOPELESS):
                    break
            self._on_progress("windows", done, total)
        return report

    def _fetch_catalog_now(self) -> Sequence[VendorError | WindowBroken]:
        """Fetch the catalog at once; what another worker fetched meanwhile is as good."""
        begun = self._store.sync_reads.catalog_version(self._user)
        while (failed := self.fetch_catalog(at_once=True)) is None:
            self._report_wait(
                "the list of schools", self._store.api_keys.catalog_leased_by(self._user)
            )
            self._sleep(WAIT_SECONDS)
            if self._store.sync_reads.catalog_version(self._user) != begun:
                return []
        return failed

    def _next(self, begun: datetime, property_ids: Sequence[str]) -> Claim | None:
        """Claim the next window of a pass; wait for those that other workers are at, which may yet
        fail.
        """
        windows = self._store.windows
        while True:
            now = self._clock()
            due = min(
                begun, now
            )  # were the clock set back, a window that failed would be due again at once
            claim = windows.claim(
                self._user, self._worker_id, now=now, due=due, property_ids=property_ids
            )
            if claim or not windows.count_due(self._user, due, property_ids):
                return claim
            leases = windows.leased_by_others(
                self._user, self._worker_id, now=now, due=due, property_ids=property_ids
            )
            for lease in leases[:1]:
                self._report_wait(
                    f"property {lease.property_id} window {lease.number}", lease.worker_id
                )
            self._sleep(WAIT_SECONDS)

    def _report_wait(self, what: str, worker_id: str) -> None:
        """Report once that this pass waits for another worker."""
        sentence = (
            f"Waiting for {what} while worker {worker_id} fetches it (if that died: {LEASE_SECONDS}"
            " seconds)."
        )
        if worker_id and sentence not in self._waits:
            self._waits.add(sentence)
            self._on_wait(sentence)

    # the catalog

    def fetch_catalog(
        self, *, at_once: bool = False
    ) -> Sequence[VendorError | WindowBroken] | None:
        """Fetch the catalog if it is due, or at once; return what failed, None when it was not
        for us to fetch.
        """
        now = self._clock()
        if not self._store.api_keys.claim_catalog(
            self._user, self._worker_id, now=now, at_once=at_once
        ):
            return None
        try:
            with self._heartbeat.beating():
                return self._fetch_leased_catalog()
        except (VendorError, StoreError):
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, what is known of the catalog serves on
            broken = log_unexpected(error, "catalogue")
            self._finish_catalog(str(broken), "")
            return [broken]

    def _fetch_leased_catalog(self) -> list[VendorError]:
        try:
            fetched = catalog.fetch(
                self._client,
                self._previous_catalog(),
                self._on_catalog_progress,
                now=self._clock(),
                full=self._full,
            )
        except VendorError as error:
            self._finish_catalog(str(error), error.invocation_id)
            return [error]
        finally:
            self._fetch.flush()
        if self._store.api_keys.catalog_leased_by(self._user) != self._worker_id:
            raise LeaseLost("The lease of the list of schools ran out; its answer was thrown away.")
        now = self._clock()
        applied = catalog.apply(self._store, self._user, fetched, now=now)
        for withdrawn in applied.left:
            log.warning("%s; Facilitron no longer lists this school", withdrawn)
        self._fetch.forget_catalog()
        self._store.windows.ensure(
            [owner.id for owner in fetched.properties], self._windows, now=now
        )
        if applied.returned:
            self._store.windows.make_due(applied.returned, now=now)
        districts = [owner.id for owner in fetched.properties if owner.child_ids]
        last = sync_windows.day_number(LAST_DISTRICT_DAY)
        self._store.windows.ensure(districts, 0, now=now, first=last)
        first = next(iter(fetched.failures), None)
        sentence, invocation_id = (str(first), first.invocation_id) if first else ("", "")
        self._finish_catalog(sentence, invocation_id, partly=True, doubt=fetched.doubt)
        return list(fetched.failures)

    def _previous_catalog(self) -> PreviousCatalog:
        listed = self._store.read.properties(self._user)
        facilities_of: dict[str, list[Facility]] = {owner.id: [] for owner in listed}
        for facility in self._store.read.facilities(list(facilities_of)):
            facilities_of[facility.property_id].append(facility)
        in_vendor_words = tuple(replace(owner, timezone=owner.vendor_zone) for owner in listed)
        return PreviousCatalog(
            in_vendor_words, facilities_of, Doubt(*self._store.doubts.catalog(self._user))
        )

    def _on_catalog_progress(self, done: int, total: int) -> None:
        self._store.workers.hold(self._worker_id, now=self._clock())
        self._on_progress("catalog", done, total)

    def _finish_catalog(
        self, error: str, invocation_id: str, *, partly: bool = False, doubt: Doubt = NO_DOUBT
    ) -> None:
        now = self._clock()
        if doubt.since:
            due = doubt.settled_from(now)
        elif not error:
            due = now + timedelta(seconds=schedule.CATALOG_SECONDS)
        elif partly:
            due = now + timedelta(seconds=schedule.PARTLY_SECONDS)
        else:
            due = schedule.due_after_failure(
                now, 5 if self._store.read.properties(self._user) else 2
            )
        self._store.api_keys.finish_catalog(
            self._user, now=now, due=due, error=error, invocation_id=invocation_id
        )

    def recheck_event(self) -> bool:
        """Ask for an event that no window covers, if one is due; return whether one was.

        Raises `VendorError` when no usable answer came.
        """
        return self._recheck.run()

    # one window

    def window(self, claim: Claim) -> int:
        """Fetch and apply one claimed window; return how many entries changed.

        Raises `VendorError` when no usable answer came, `WindowBroken` for what nobody foresaw: the
        claim is settled then. What was fetched of it is kept.
        """
        with self._heartbeat.beating():
            return self._fetch.fetch(claim)
