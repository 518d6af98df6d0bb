"""Fetching and applying: one catalogue, one window, one pass over everything. Here the vendor is asked, and only here.

What went wrong is kept with the window it befell, so that `status` and `/readyz` can say so; feeds go on from the last
good state.
"""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import (
    ImplausibleAnswer,
    KeyRefused,
    NotFound,
    QuotaSpent,
    RefusedError,
    RequestRefused,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.facilitron import EventsAnswer, Skipped
from icalbridge.sync import catalogue, plan
from icalbridge.sync.reconcile import Places
from icalbridge.sync.understand import Asked, understand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.model import Property, Window
    from icalbridge.store import Claim, Store
    from icalbridge.sync.understand import Understood

HOPELESS = (KeyRefused, QuotaSpent)
"""After one of these every other request would fail alike."""
WAIT_SECONDS = 1.0
"""How long to wait before looking again at what another worker is at."""


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


class Sync:
    """Everything that acts on one key: a client, a store, and the name under which windows are claimed."""

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
        tally: Counter[str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`full`: read every answer anew, known bytes or not, and take an empty one at its word.

        `tally`: what the client counts of its requests; written down after each window with what could not be read.
        """
        self._client = client
        self._store = store
        self._user = api_user_id
        self._worker_id = worker_id
        self._clock = clock
        self._on_progress = on_progress
        self._full = full
        self._sleep = sleep
        self._tally: Counter[str] = Counter() if tally is None else tally
        self._places: Places | None = None
        self._places_version: object = None

    def everything(self, property_ids: Sequence[str] = ()) -> Report:
        """Fetch the catalogue and all windows now, of all properties or of some.

        1. the catalogue; when it fails, what is known of it serves on
        2. every window wanted becomes due
        3. windows are claimed and fetched until none is left, near ones first
        """
        report = Report()
        self._store.write.add_api_user(self._user)
        failed = self._catalogue_now()
        report.failures += map(str, failed)
        if any(isinstance(each, HOPELESS) for each in failed):
            return report
        listed = [each.id for each in self._store.read.properties(self._user)]
        wanted = [each for each in listed if not property_ids or each in property_ids]
        total = self._store.windows.make_due(wanted, now=self._clock()) if wanted else 0
        begun, done = self._clock(), 0
        while claim := self._next(begun, wanted):
            done += 1
            try:
                report.changes += self.window(claim)
                report.windows += 1
            except VendorError as error:
                report.failures.append(str(error))
                if isinstance(error, HOPELESS):
                    break
            self._on_progress("windows", done, total)
        return report

    def _catalogue_now(self) -> list[VendorError]:
        """Fetch the catalogue at once; what another worker fetched meanwhile is as good."""
        begun = self._store.write.catalogue_version(self._user)
        while (failed := self.catalogue(at_once=True)) is None:
            self._sleep(WAIT_SECONDS)
            if self._store.write.catalogue_version(self._user) != begun:
                return []
        return failed

    def _next(self, begun: datetime, wanted: Sequence[str]) -> Claim | None:
        """Claim the next window of a pass; wait for those that other workers are at, which may yet fail."""
        while True:
            now = self._clock()
            claim = self._store.windows.claim(self._user, self._worker_id, now=now, due=begun, property_ids=wanted)
            if claim or not self._store.windows.count_due(begun, wanted):
                return claim
            self._sleep(WAIT_SECONDS)

    # the catalogue

    def catalogue(self, *, at_once: bool = False) -> list[VendorError] | None:
        """Fetch the catalogue if it is due, or at once; return what failed, None when it was not for us to fetch."""
        now = self._clock()
        if not self._store.windows.claim_catalogue(self._user, self._worker_id, now=now, at_once=at_once):
            return None
        listed = self._store.read.properties(self._user)
        facilities = Counter(each.property_id for each in self._store.read.facilities([each.id for each in listed]))
        try:
            fetched = catalogue.fetch(
                self._client,
                {each.id: facilities[each.id] for each in listed},
                self._on_catalogue,
                full=self._full,
            )
        except VendorError as error:
            self._end_catalogue(str(error), error.invocation_id)
            return [error]
        finally:
            self._flush()
        now = self._clock()
        catalogue.apply(self._store, self._user, fetched, now=now)
        self._places = None
        self._store.windows.ensure([each.id for each in fetched.properties], plan.WINDOWS, now=now)
        districts = [each.id for each in fetched.properties if each.child_ids]
        self._store.windows.ensure(districts, plan.DAY + 1, now=now, first=plan.DAY)
        first = next(iter(fetched.failures), None)
        self._end_catalogue(str(first) if first else "", first.invocation_id if first else "")
        return list(fetched.failures)

    def _on_catalogue(self, done: int, total: int) -> None:
        """A large catalogue takes longer than a lease, and than a worker may be silent."""
        self._store.windows.hold(self._worker_id, now=self._clock())
        self._on_progress("catalogue", done, total)

    def _end_catalogue(self, error: str, invocation_id: str) -> None:
        now = self._clock()
        due = plan.due_after_failure(now, 5) if error else now + timedelta(seconds=plan.CATALOGUE_SECONDS)
        self._store.windows.finish_catalogue(self._user, now=now, due=due, error=error, invocation_id=invocation_id)

    # one window

    def window(self, claim: Claim) -> int:
        """Fetch and apply one claimed window; return how many entries changed.

        Raises `VendorError` when no usable answer came: the claim is settled then. What was fetched of it is kept.
        """
        attempt = self._begin(claim)
        try:
            changed = self._day(attempt) if claim.number == plan.DAY else self._pieces(attempt)
            self._tally["changes"] += changed
            return changed
        except QuotaSpent:
            self._store.windows.release(claim, due=plan.next_utc_midnight(attempt.begun))
            raise
        except _Doubtful as doubt:
            now = self._clock()
            self._store.windows.doubt(claim, now=now, due=now + timedelta(seconds=plan.DOUBT_SECONDS))
            raise doubt.error from None
        except VendorError as error:
            now = self._clock()
            if isinstance(error, RequestRefused) and attempt.wanted != self._wanted(attempt.owner, claim.number, now):
                self._store.windows.release(claim, due=now)  # midnight passed while we asked: plan it again
                return 0
            self._fail(attempt, error, now)
            raise
        finally:
            self._flush()

    def _begin(self, claim: Claim) -> _Attempt:
        now = self._clock()
        places = self._known_places(claim.property_id)
        owner = places.properties[claim.property_id]
        tried = plan.to_try(claim.reach)
        return _Attempt(claim, owner, self._wanted(owner, claim.number, now), places, now, tried, tried)

    def _wanted(self, owner: Property, number: int, now: datetime) -> Window:
        return plan.window(number, plan.today(now, owner.timezone))

    def _known_places(self, property_id: str) -> Places:
        """Return the catalogue as it is kept, read again when some worker has written it.

        One that is being written right now may already have led to the claim of a property that is new to us.
        """
        version = self._store.write.catalogue_version(self._user)
        if self._places is None or version != self._places_version or property_id not in self._places.properties:
            self._places, self._places_version = Places(*self._store.write.catalogue(self._user)), version
        return self._places

    def _day(self, attempt: _Attempt) -> int:
        """Fetch today of a district with all its schools. What it is silent on, the school's own window shall tell."""
        known = attempt.places.properties
        schools = tuple(known[each] for each in attempt.owner.child_ids if each in known)
        with self._answered(Asked(attempt.owner, attempt.wanted, schools=schools), attempt) as (store, told):
            windows, now = store.windows, self._clock()
            windows.finish(attempt.claim, attempt.wanted, told.changes, now=now, spoken_for=told.spoken_for)
            windows.ask_soon(told.silent_on, now=now)
        return told.changes.count

    def _pieces(self, attempt: _Attempt) -> int:
        """Fetch a window in pieces that the vendor answers in time, each written as it comes.

        A piece that is too heavy is cut, and so are those after it. One that is not believed is asked again at the end.
        """
        todo = self._cut([Asked(attempt.owner, attempt.wanted)], attempt)
        changed = 0
        while todo:
            try:
                changed += self._piece(todo[0], attempt, last=len(todo) == 1)
            except VendorTimeout:
                shorter = self._shorter(todo[0], attempt)
                if shorter is None:
                    raise
                attempt.span = shorter
                todo = self._cut(todo, attempt)
            except _Doubtful:
                if todo[0].doubted or len(todo) == 1:
                    raise
                todo.append(replace(todo.pop(0), doubted=self._clock()))
                self._store.windows.hold(self._worker_id, now=self._clock())
            else:
                attempt.answered = True
                del todo[0]
        return changed

    def _piece(self, asked: Asked, attempt: _Attempt, *, last: bool) -> int:
        """Fetch and write one piece; return how many entries changed.

        Raises `_Doubtful` when it came back empty and plenty was there.
        """
        with self._answered(asked, attempt) as (store, told):
            self._require_plausible(store, asked, attempt, told)
            if not last:
                store.windows.note(attempt.claim, told.changes, now=self._clock())
                return told.changes.count
            reach = plan.learned(attempt.claim.reach, attempt.tried, attempt.span)
            store.windows.finish(attempt.claim, attempt.wanted, told.changes, now=self._clock(), reach=reach)
            return told.changes.count

    @contextmanager
    def _answered(self, asked: Asked, attempt: _Attempt) -> Iterator[tuple[Store, Understood]]:
        """Send one request; yield what its answer means, inside the transaction in which it is to be written."""
        asked_at = self._clock()
        answer = self._ask(asked, attempt)
        self._tally.update(f"skipped:{each.reason}" for each in (*answer.skipped, *answer.ignored))
        with self._store.alone(self._user) as store:
            yield store, understand(store, attempt.places, asked, answer, asked_at=asked_at, now=self._clock())

    def _ask(self, asked: Asked, attempt: _Attempt) -> EventsAnswer:
        known = {} if self._full else self._store.write.digests([each.id for each in asked.members])
        zones = {each.id: each.timezone for each in attempt.places.properties.values() if each.timezone}
        if not asked.facility_id:
            return self._client.property_events(
                asked.owner.id, asked.days, zones=zones, known=known, include_child_events=bool(asked.schools)
            )
        try:
            return self._client.facility_events(asked.facility_id, asked.owner.id, asked.days, zones=zones, known=known)
        except NotFound:  # one that only timeslots name: of it nothing can be asked, and so nothing is withdrawn
            return EventsAnswer((), frozenset(), (Skipped("facility", "not listed"),), (), "")

    def _require_plausible(self, store: Store, asked: Asked, attempt: _Attempt, told: Understood) -> None:
        """Raise `_Doubtful` for an answer that has nothing, of a property with plenty, until a later one agrees."""
        if self._full or not told.lost:
            return
        now = self._clock()
        known = len(store.write.present(asked.owner.id, now, plan.horizon(now, asked.owner.timezone)))
        if not plan.believable(known, asked.doubted or attempt.claim.doubted, now):
            request = f"GET /property/{asked.owner.id}/events {asked.days}"
            reason = f"came back empty where {told.lost} events were; not believed until a later answer agrees"
            raise _Doubtful(ImplausibleAnswer(request, reason, 200, invocation_id=told.invocation_id))

    def _cut(self, todo: Sequence[Asked], attempt: _Attempt) -> list[Asked]:
        """Cut what is to be asked into pieces of the attempt's span; for 0, into single days of single facilities."""
        days = [replace(each, days=piece) for each in todo for piece in plan.pieces(each.days, attempt.span)]
        if attempt.span:
            return days
        mine = {each.id for each in attempt.places.facilities.values() if each.property_id == attempt.owner.id}
        return [
            replace(day, facility_id=facility_id)
            for day in days
            for facility_id in sorted(
                mine | self._store.write.facilities_in_use(day.owner.id, *plan.bounds(day.days, day.owner.timezone))
            )
        ]

    def _shorter(self, asked: Asked, attempt: _Attempt) -> int | None:
        """Return the span to go on with after one was not answered in time; None when it is not the span.

        Half of it, if the vendor answers for a day; facility by facility, if only that much.
        """
        shorter = plan.shorter(min(attempt.span, asked.days.days))
        if shorter is None or attempt.answered:
            return shorter
        day = replace(asked, days=plan.pieces(asked.days, 1)[0])
        if day != asked and self._answers(day, attempt):
            return shorter
        mine = (each.id for each in attempt.places.facilities.values() if each.property_id == asked.owner.id)
        facility_id = min(mine, default="")
        return 0 if facility_id and self._answers(replace(day, facility_id=facility_id), attempt) else None

    def _answers(self, asked: Asked, attempt: _Attempt) -> bool:
        try:
            self._ask(asked, attempt)
        except VendorUnavailable:
            return False
        attempt.answered = True
        return True

    def _fail(self, attempt: _Attempt, error: VendorError, now: datetime) -> None:
        claim = attempt.claim
        refused = claim.number == plan.DAY and isinstance(error, RefusedError) and not isinstance(error, KeyRefused)
        failures = plan.GIVEN_UP if refused else 1
        due = plan.due_after_failure(now, claim.failures + 1)
        self._store.windows.fail(
            claim,
            str(error),
            error.invocation_id,
            now=now,
            due=now + timedelta(seconds=plan.REFUSED_SECONDS) if refused else due,
            failures=failures,
            reach=plan.shrunk(claim.reach, attempt.span),
        )

    def _flush(self) -> None:
        """Write down what was counted since the last time."""
        if self._tally:
            self._store.write.count(self._tally)
            self._tally.clear()


@dataclass(slots=True)
class _Attempt:
    """One try at one claimed window."""

    claim: Claim
    owner: Property
    wanted: Window
    places: Places
    begun: datetime
    tried: int
    """The span asked for at first, in days."""
    span: int
    """The span asked for now."""
    answered: bool = False
    """Whether the vendor answered anything of it, so that it is not down."""


class _Doubtful(Exception):
    """Raised where an answer is not believed."""

    def __init__(self, error: ImplausibleAnswer) -> None:
        super().__init__(str(error))
        self.error = error
