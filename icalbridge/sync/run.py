"""Fetching and applying: one catalogue, one window, one pass over everything. Here the vendor is asked, and only here.

What went wrong is kept with the window it befell, so that `status` and `/readyz` can say so; feeds go on from the last
good state.
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import ImplausibleAnswer, KeyRefused, QuotaSpent, RequestRefused, VendorError
from icalbridge.sync import catalogue, plan
from icalbridge.sync.reconcile import Heard, Places, reconcile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client, EventsAnswer
    from icalbridge.model import Property, Window
    from icalbridge.store import Claim, Store

log = logging.getLogger(__name__)

HOPELESS = (KeyRefused, QuotaSpent)
"""After one of these every other request would fail alike."""

API_USER = "default"
"""The one key of a deployment."""


@dataclass(slots=True)
class Report:
    """What one pass did; `failures` are sentences for the operator."""

    windows: int = 0
    changes: int = 0
    failures: list[str] = field(default_factory=list)


def _no_progress(_step: str, _done: int, _total: int) -> None:
    """Nobody watches."""


class Sync:
    """Everything that acts on one key: a client, a store, and the name under which windows are claimed."""

    def __init__(
        self,
        client: Client,
        store: Store,
        *,
        worker_id: str,
        quota_per_day: int,
        clock: Callable[[], datetime],
        on_progress: Callable[[str, int, int], None] = _no_progress,
        full: bool = False,
    ) -> None:
        """`full`: read every answer anew, known bytes or not, and take an empty one at its word."""
        self._client = client
        self._store = store
        self._worker_id = worker_id
        self._quota_per_day = quota_per_day
        self._clock = clock
        self._on_progress = on_progress
        self._full = full
        self._places: Places | None = None
        self._places_version: object = None

    def everything(self, property_ids: Sequence[str] = ()) -> Report:
        """Fetch the catalogue and all windows now, of all properties or of some.

        1. the catalogue; when it fails, what is known of it serves on
        2. every window wanted becomes due
        3. windows are claimed and fetched until none is left, near ones first
        """
        report = Report()
        self._store.write.add_api_user(API_USER)
        failed = self.catalogue(at_once=True) or []
        report.failures += map(str, failed)
        if any(isinstance(each, HOPELESS) for each in failed):
            return report
        listed = [each.id for each in self._store.read.properties()]
        report.failures += [f"property {each} is not in the catalogue" for each in property_ids if each not in listed]
        wanted = [each for each in listed if not property_ids or each in property_ids]
        total = self._store.windows.make_due(wanted, now=self._clock()) if wanted else 0
        begun = self._clock()
        while claim := self._store.windows.claim(API_USER, self._worker_id, now=begun, property_ids=wanted):
            report.windows += 1
            try:
                report.changes += self.window(claim)
            except VendorError as error:
                report.failures.append(str(error))
                if isinstance(error, HOPELESS):
                    break
            self._on_progress("windows", report.windows, total)
        return report

    def catalogue(self, *, at_once: bool = False) -> list[VendorError] | None:
        """Fetch the catalogue if it is due, or at once; return what failed, None when it was not for us to fetch."""
        now = self._clock()
        if not self._store.windows.claim_catalogue(API_USER, self._worker_id, now=now, at_once=at_once):
            return None
        facilities = Counter(each.property_id for each in self._store.read.facilities())
        known = {each.id: facilities[each.id] for each in self._store.read.properties()}
        try:
            fetched = catalogue.fetch(
                self._client,
                known,
                self._on_catalogue,
                full=self._full,
            )
        except VendorError as error:
            self._end_catalogue(str(error), error.invocation_id)
            return [error]
        now = self._clock()
        catalogue.apply(self._store, API_USER, fetched, now=now)
        self._places = None
        self._store.windows.ensure([each.id for each in fetched.properties], plan.WINDOWS, now=now)
        first = next(iter(fetched.failures), None)
        self._end_catalogue(str(first) if first else "", first.invocation_id if first else "")
        return list(fetched.failures)

    def window(self, claim: Claim) -> int:
        """Fetch and apply one claimed window; return how many entries changed.

        Raises `VendorError` when no usable answer came: the claim is settled then, and nothing else was written.
        """
        asked = self._clock()
        places = self._known_places(claim.property_id)
        owner = places.properties[claim.property_id]
        wanted = plan.window(claim.number, plan.today(asked, owner.timezone))
        try:
            answer = self._fetch(owner, wanted, places)
        except QuotaSpent:
            self._store.windows.release(claim, due=plan.next_utc_midnight(asked))
            raise
        except RequestRefused as error:
            now = self._clock()
            if plan.window(claim.number, plan.today(now, owner.timezone)) == wanted:
                self._fail(claim, error, now)
                raise
            self._store.windows.release(claim, due=now)  # midnight passed while we asked: plan it again
            return 0
        except VendorError as error:
            self._fail(claim, error, self._clock())
            raise
        return self._apply(claim, wanted, answer, places)

    def _on_catalogue(self, done: int, total: int) -> None:
        """A large catalogue takes longer than a lease, and than a worker may be silent."""
        self._store.windows.hold(self._worker_id, now=self._clock())
        self._on_progress("catalogue", done, total)

    def _known_places(self, property_id: str) -> Places:
        """Return the catalogue as it is kept, read again when some worker has written it.

        One that is being written right now may already have led to the claim of a property that is new to us.
        """
        version = self._store.write.catalogue_version(API_USER)
        if self._places is None or version != self._places_version or property_id not in self._places.properties:
            self._places, self._places_version = Places(*self._store.write.catalogue(API_USER)), version
        return self._places

    def _fetch(self, owner: Property, wanted: Window, places: Places) -> EventsAnswer:
        zones = {each.id: each.timezone for each in places.properties.values() if each.timezone}
        known = {} if self._full else self._store.write.digests(owner.id)
        return self._client.property_events(owner.id, wanted, zones=zones, known=known)

    def _apply(self, claim: Claim, wanted: Window, answer: EventsAnswer, places: Places) -> int:
        """Reconcile an answer with what is known and write the outcome; one transaction."""
        now = self._clock()
        owner = places.properties[claim.property_id]
        since, until = plan.bounds(wanted, owner.timezone)
        present = self._store.write.present(owner.id, since, until)
        horizon = plan.horizon(now, owner.timezone)
        if present and not answer.events and not answer.unchanged and not self._full:
            known = self._store.write.present(owner.id, now, horizon)
            if not plan.believable(len(known), claim.doubted, now):
                raise self._doubt(claim, wanted, len(present), answer.invocation_id, now)
        events = [
            each if each.property_id in places.properties else replace(each, property_id=owner.id)
            for each in answer.events
        ]
        heard = Heard(events, answer.unchanged, answer.complete, since, until)
        present = frozenset(key for key in present if key.event_type not in answer.refused_types)
        absent = present - answer.unchanged
        changes = reconcile(
            heard,
            present=present,
            known=self._store.write.known({each.key for each in events} | absent),
            places=places,
            now=now,
            horizon=horizon,
        )
        factor = plan.stretch(len(places.properties), self._quota_per_day)
        self._store.windows.finish(
            claim, wanted, changes, now=now, due=plan.due_after_success(now, claim.number, factor)
        )
        self._count(answer)
        return changes.count

    def _count(self, answer: EventsAnswer) -> None:
        reasons = Counter(each.reason for each in (*answer.skipped, *answer.ignored))
        if reasons:
            self._store.write.count_skipped(reasons)

    def _doubt(
        self, claim: Claim, wanted: Window, present: int, invocation_id: str, now: datetime
    ) -> ImplausibleAnswer:
        due = now + timedelta(seconds=plan.DOUBT_SECONDS)
        self._store.windows.doubt(claim, now=now, due=due)
        request = f"GET /property/{claim.property_id}/events {wanted}"
        message = f"came back empty where {present} events were; not believed until a later answer agrees"
        return ImplausibleAnswer(request, message, 200, invocation_id=invocation_id)

    def _fail(self, claim: Claim, error: VendorError, now: datetime) -> None:
        due = plan.due_after_failure(now, claim.failures + 1)
        self._store.windows.fail(claim, str(error), error.invocation_id, now=now, due=due)

    def _end_catalogue(self, error: str, invocation_id: str) -> None:
        now = self._clock()
        due = plan.due_after_failure(now, 5) if error else now + timedelta(seconds=plan.CATALOGUE_SECONDS)
        self._store.windows.finish_catalogue(API_USER, now=now, due=due, error=error, invocation_id=invocation_id)
