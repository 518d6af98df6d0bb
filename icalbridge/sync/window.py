"""One claimed window: asked for in pieces that the vendor answers in time, each understood and written as it comes.

What went wrong is kept with the window, so that `status` and `/readyz` can say so; feeds go on from the last good
state.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from icalbridge.sync import plan
from icalbridge.sync.reconcile import Places
from icalbridge.sync.understand import Asked, understand

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.model import Property, Window
    from icalbridge.store import Claim, Store
    from icalbridge.sync.understand import Understood


class WindowFetch:
    """Fetches the windows of one key; `tally` counts what the client and the answers bring."""

    def __init__(
        self,
        client: Client,
        store: Store,
        *,
        api_user_id: str,
        worker_id: str,
        clock: Callable[[], datetime],
        full: bool,
        tally: Counter[str],
    ) -> None:
        self._client = client
        self._store = store
        self._user = api_user_id
        self._worker_id = worker_id
        self._clock = clock
        self._full = full
        self._tally = tally
        self._places: Places | None = None
        self._places_version: object = None

    def fetch(self, claim: Claim) -> int:
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
            if isinstance(error, RequestRefused) and self._midnight(attempt, now):
                self._store.windows.release(claim, due=now)  # the day turned while we asked: plan it again
                return 0
            self._fail(attempt, error, now)
            raise
        finally:
            self.flush()

    def _begin(self, claim: Claim) -> _Attempt:
        now = self._clock()
        places = self._known_places(claim.property_id)
        owner = places.properties[claim.property_id]
        tried = plan.to_try(claim.reach)
        return _Attempt(claim, owner, self._wanted(owner, claim.number, now), places, now, tried, tried)

    def _midnight(self, attempt: _Attempt, now: datetime) -> bool:
        """Say whether the day turns about now, by the vendor's clock or by ours."""
        owner, number = attempt.owner, attempt.claim.number
        return any(
            attempt.wanted != self._wanted(owner, number, moment)
            for moment in (now, now + timedelta(seconds=plan.CLOCKS_DIFFER_SECONDS))
        )

    def _wanted(self, owner: Property, number: int, now: datetime) -> Window:
        return plan.window(number, plan.today(now, owner.timezone))

    def _known_places(self, property_id: str) -> Places:
        """Return the catalogue as it is kept, read again when some worker has written it.

        One that is being written right now may already have led to the claim of a property that is new to us.
        """
        version = self._store.write.catalogue_version(self._user)
        if self._places is None or version != self._places_version or property_id not in self._places.properties:
            self._places, self._places_version = Places(*self._store.write.places()), version
        return self._places

    def _day(self, attempt: _Attempt) -> int:
        """Fetch today of a district with all its schools. What it is silent on, the school's own window shall tell."""
        known = attempt.places.properties
        schools = tuple(known[each] for each in attempt.owner.child_ids if each in known)
        with self._answered(Asked(attempt.owner, attempt.wanted, schools=schools), attempt) as (store, told):
            if not schools:
                self._require_plausible(store, Asked(attempt.owner, attempt.wanted), attempt, told)
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
                attempt.span, attempt.answered = shorter, False
                self._store.windows.hold(self._worker_id, now=self._clock())
                todo = self._cut(todo, attempt)
            except _Doubtful:
                if todo[0].doubted or len(todo) == 1:
                    raise
                todo.append(replace(todo.pop(0), doubted=self._clock()))
                self._store.windows.hold(self._worker_id, now=self._clock())
            else:
                attempt.answered, attempt.held = True, attempt.span
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
        anew = self._full or attempt.claim.from_future
        known = {} if anew else self._store.write.digests([each.id for each in asked.members])
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
        mine = {each.id for each in attempt.places.facilities.values() if each.property_id == attempt.owner.id}
        if attempt.span or not mine:
            return days
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
        if shorter is None:
            return None
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
        patience = plan.CUT_PATIENCE if attempt.span < plan.WINDOW_DAYS else 0  # each try takes many requests
        due = plan.due_after_failure(now, claim.failures + 1 + patience)
        self._store.windows.fail(
            claim,
            str(error),
            error.invocation_id,
            now=now,
            due=now + timedelta(seconds=plan.REFUSED_SECONDS) if refused else due,
            failures=failures,
            reach=plan.shrunk(claim.reach, attempt.held),
        )

    def forget_places(self) -> None:
        """Read the catalogue again before the next window: this process has written it."""
        self._places = None

    def flush(self) -> None:
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
    """Whether the vendor answered anything since a piece was last not answered in time, so that it is not down."""
    held: int = plan.WINDOW_DAYS
    """The span of the last piece that was answered."""


class _Doubtful(Exception):
    """Raised where an answer is not believed."""

    def __init__(self, error: ImplausibleAnswer) -> None:
        super().__init__(str(error))
        self.error = error
