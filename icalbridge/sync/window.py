"""One claimed window: asked for in pieces that the vendor answers in time, each understood and
written as it comes.

What went wrong is kept with the window, so that `status` and `/readyz` can say so; feeds go on from
the last good state.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import (
    KeyRefused,
    MalformedAnswer,
    NotFound,
    QuotaSpent,
    RefusedError,
    RequestRefused,
    StoreError,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.facilitron import EventsResponse, Skipped
from icalbridge.store import LeaseLost
from icalbridge.sync import plan
from icalbridge.sync.attempt import Attempt, Doubtful
from icalbridge.sync.broken import broken_by
from icalbridge.sync.plausibility import (
    HANDFUL,
    Doubt,
    Loss,
    Verdict,
    judge,
    withdrawal,
    without_withdrawals,
)
from icalbridge.sync.reconcile import Places
from icalbridge.sync.understand import Asked, understand
from icalbridge.sync.zone_evidence import learn_zones, zones_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.models import Entry, Property, Window
    from icalbridge.store import Claim, Store
    from icalbridge.sync.understand import Understood

log = logging.getLogger(__name__)


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

        Raises `VendorError` when no usable answer came, `WindowBroken` for what nobody foresaw: the
        claim is settled then. What was fetched of it is kept.
        """
        try:
            return self._fetch(self._begin(claim))
        except (VendorError, LeaseLost):
            raise
        except StoreError as error:
            with suppress(StoreError):  # of a database that is down, whoever needs it next says so
                self._fail_unforeseen(claim, str(error))
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the other windows go on
            broken = broken_by(error, f"property {claim.property_id} window {claim.number}")
            self._fail_unforeseen(claim, str(broken))
            raise broken from None
        finally:
            self.flush()

    def _fetch(self, attempt: Attempt) -> int:
        claim = attempt.claim
        try:
            changed = self._day(attempt) if claim.number == plan.DAY else self._pieces(attempt)
            self._tally["changes"] += changed
            return changed
        except QuotaSpent:
            self._store.windows.release(claim, due=plan.next_utc_midnight(attempt.begun))
            raise
        except Doubtful as doubtful:
            now, doubt = self._clock(), doubtful.doubt
            due = doubt.settled_from(now)
            self._store.windows.doubt(
                claim, now=now, due=due, since=doubt.since, missing=doubt.missing
            )
            raise doubtful.error from None
        except VendorError as error:
            now = self._clock()
            if isinstance(error, RequestRefused) and self._midnight(attempt, now):
                self._store.windows.release(
                    claim, due=now
                )  # the day turned while we asked: plan it again
                return 0
            self._fail(attempt, error, now)
            raise
        finally:
            self._report_withdrawal(attempt)

    def _fail_unforeseen(self, claim: Claim, sentence: str) -> None:
        """Record what nobody foresaw on the window alone, which waits ever longer."""
        now = self._clock()
        self._store.windows.fail(
            claim, sentence, "", now=now, due=plan.due_after_failure(now, claim.failures + 1)
        )

    def _begin(self, claim: Claim) -> Attempt:
        now = self._clock()
        places = self._known_places(claim.property_id)
        owner = places.properties[claim.property_id]
        tried = plan.to_try(claim.reach)
        return Attempt(
            claim, owner, self._wanted(owner, claim.number, now), places, now, tried, tried
        )

    def _midnight(self, attempt: Attempt, now: datetime) -> bool:
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

        One that is being written right now may already have led to the claim of a property that is
        new to us.
        """
        version = self._store.sync_reads.catalog_version(self._user)
        if (
            self._places is None
            or version != self._places_version
            or property_id not in self._places.properties
        ):
            places = Places(*self._store.sync_reads.places(), self._store.sync_reads.unlisted())
            self._places, self._places_version = places, version
        return self._places

    def _day(self, attempt: Attempt) -> int:
        """Fetch today of a district with all its schools. What it lacks of one, the school's own
        window shall tell.
        """
        known = attempt.places.properties
        unlisted = attempt.places.unlisted
        schools = tuple(
            known[each]
            for each in attempt.owner.child_ids
            if each in known and each not in unlisted
        )
        if not schools:
            count, doubt = self._piece(Asked(attempt.owner, attempt.wanted), attempt, last=True)
            attempt.doubts += [doubt] if doubt else []
            return self._settled(attempt, count)
        with self._answered(Asked(attempt.owner, attempt.wanted, schools=schools), attempt) as (
            store,
            told,
        ):
            before = sum(len(loss.missing) for loss in told.losses.values())
            short = {
                property_id: loss.missing
                for property_id, loss in told.losses.items()
                if loss.is_implausible(before - len(loss.missing))
            }
            changes = without_withdrawals(told.changes, frozenset().union(*short.values()))
            spoken_for = [each for each in told.spoken_for if each not in short]
            windows, now = store.windows, self._clock()
            windows.finish(attempt.claim, attempt.wanted, changes, now=now, spoken_for=spoken_for)
            windows.ask_soon([*told.silent_on, *short], now=now)
        return changes.count

    def _pieces(self, attempt: Attempt) -> int:
        """Fetch a window in pieces that the vendor answers in time, each written as it comes.

        A piece that is too heavy is cut, and so are those after it. One that is not believed is
        asked again at the end, if enough time has passed by then.
        """
        todo = self._cut([Asked(attempt.owner, attempt.wanted)], attempt)
        changed = 0
        while todo:
            if todo[0].doubt.since and not todo[0].doubt.is_old(self._clock()):
                attempt.doubts.append(todo.pop(0).doubt)
                continue
            try:
                count, doubt = self._piece(
                    todo[0], attempt, last=len(todo) == 1 and not attempt.doubts
                )
            except VendorTimeout:
                shorter = self._shorter(todo[0], attempt)
                if shorter is None:
                    raise
                attempt.span, attempt.answered = shorter, False
                self._store.workers.hold(self._worker_id, now=self._clock())
                todo = self._cut(todo, attempt)
            else:
                changed += count
                attempt.answered, attempt.held = True, attempt.span
                todo = [*todo[1:], *attempt.again(todo[0], doubt)]
        return self._settled(attempt, changed)

    def _settled(self, attempt: Attempt, changed: int) -> int:
        """End an attempt; raises `Doubtful` when something of it is not believed."""
        if attempt.doubts:
            raise Doubtful(attempt)
        return changed

    def _piece(self, asked: Asked, attempt: Attempt, *, last: bool) -> tuple[int, Doubt | None]:
        """Fetch and write one piece; return how many entries changed, and what of the answer is not
        believed yet.
        """
        with self._answered(asked, attempt) as (store, told):
            verdict, mass = self._judge(store, asked, attempt, told)
            missing = verdict.doubt.missing if verdict.doubt else frozenset()
            changes, now = without_withdrawals(told.changes, missing), self._clock()
            if last and not verdict.doubt:
                reach = plan.learned(attempt.claim.reach, attempt.tried, attempt.span)
                alone = told.spoken_for if attempt.claim.number == plan.DAY else ()
                store.windows.finish(
                    attempt.claim, attempt.wanted, changes, now=now, reach=reach, spoken_for=alone
                )
            else:
                store.windows.note(attempt.claim, changes, now=now)
        attempt.mass += mass
        return changes.count, verdict.doubt

    def _judge(
        self, store: Store, asked: Asked, attempt: Attempt, told: Understood
    ) -> tuple[Verdict, Sequence[Entry]]:
        """Decide which withdrawals of a piece are believed; return also those that are most of what
        was known.
        """
        loss, now = told.losses.get(asked.owner.id, Loss()), self._clock()
        if loss.empty:
            coming = len(
                store.sync_reads.present(
                    asked.owner.id, now, plan.horizon(now, asked.owner.timezone)
                )
            )
            loss = replace(loss, empty=not plan.believable(coming, None, now))
        if not loss.is_implausible(attempt.withdrawn):
            attempt.withdrawn += len(loss.missing)
            return Verdict(loss.missing), ()
        doubt = (
            asked.doubt
            if asked.doubt.since
            else Doubt(attempt.claim.doubted, attempt.claim.missing)
        )
        verdict = (
            Verdict(loss.missing)
            if self._full
            else judge(loss, doubt, now, before=attempt.withdrawn)
        )
        if verdict.doubt:
            attempt.lacking = (
                len(verdict.doubt.missing),
                0 if loss.empty else loss.known,
                told.invocation_id,
            )
        if not attempt.known:
            days = plan.bounds(attempt.wanted, attempt.owner.timezone)
            attempt.known = store.sync_reads.count_coming(attempt.owner.id, *days, now=now)
        return verdict, [each for each in told.changes.withdrawn if each.uid in verdict.believed]

    def _report_withdrawal(self, attempt: Attempt) -> None:
        """Tell the log and `status` that most of a window was withdrawn."""
        if len(attempt.mass) > HANDFUL:
            withdrawn = withdrawal(attempt.owner, attempt.mass, attempt.known, at=self._clock())
            log.warning("%s", withdrawn)
            self._store.doubts.note_withdrawal(withdrawn, attempt.claim.number)

    @contextmanager
    def _answered(self, asked: Asked, attempt: Attempt) -> Iterator[tuple[Store, Understood]]:
        """Send one request; yield what its answer means, inside the transaction in which it is to
        be written.
        """
        asked_at, null = self._clock(), None
        try:
            answer = self._ask(asked, attempt)
        except MalformedAnswer as error:
            if not error.null_list:
                raise
            answer, null = EventsResponse((), frozenset(), (), (), error.invocation_id), error
        self._tally.update(f"skipped:{each.reason}" for each in (*answer.skipped, *answer.ignored))
        with self._store.alone(self._user) as store:
            now = self._clock()
            attempt.places, moved = learn_zones(
                store, attempt.places, answer, asked_at=asked_at, now=now
            )
            asked = asked.with_places(attempt.places)
            told = understand(
                store, attempt.places, asked, answer, asked_at=asked_at, now=now, moved=moved
            )
            if null and (told.changes.withdrawn or told.silent_on):
                raise null  # where something is known, null is no list
            yield store, told

    def _ask(self, asked: Asked, attempt: Attempt) -> EventsResponse:
        anew = self._full or attempt.claim.from_future
        members = [each.id for each in asked.members]
        span = plan.bounds(asked.days, asked.owner.timezone)
        known = {} if anew else self._store.sync_reads.digests(members, *span)
        zones, unsure = zones_of(attempt.places.properties)
        if not asked.facility_id:
            return self._client.property_events(
                asked.owner.id,
                asked.days,
                zones=zones,
                unsure=unsure,
                known=known,
                include_child_events=bool(asked.schools),
            )
        try:
            return self._client.facility_events(
                asked.facility_id,
                asked.owner.id,
                asked.days,
                zones=zones,
                unsure=unsure,
                known=known,
            )
        except (
            NotFound
        ):  # one that only timeslots name: of it nothing can be asked, and so nothing is withdrawn
            return EventsResponse((), frozenset(), (Skipped("facility", "not listed"),), (), "")

    def _cut(self, todo: Sequence[Asked], attempt: Attempt) -> list[Asked]:
        """Cut what is to be asked into pieces of the attempt's span; for 0, into single days of
        single facilities.
        """
        days = [
            replace(each, days=piece)
            for each in todo
            for piece in plan.pieces(each.days, attempt.span)
        ]
        mine = {
            each.id
            for each in attempt.places.facilities.values()
            if each.property_id == attempt.owner.id
        }
        if attempt.span or not mine:
            return days
        return [
            replace(day, facility_id=facility_id)
            for day in days
            for facility_id in sorted(
                mine
                | self._store.sync_reads.facilities_in_use(
                    day.owner.id, *plan.bounds(day.days, day.owner.timezone)
                )
            )
        ]

    def _shorter(self, asked: Asked, attempt: Attempt) -> int | None:
        """Return the span to go on with after one was not answered in time; None when it is not the
        span.

        Half of it, if the vendor answers for a day; facility by facility, if only that much.
        """
        shorter = plan.shorter(min(attempt.span, asked.days.days))
        if shorter is None:
            return None
        day = replace(asked, days=plan.pieces(asked.days, 1)[0])
        if day != asked and self._answers(day, attempt):
            return shorter
        mine = (
            each.id
            for each in attempt.places.facilities.values()
            if each.property_id == asked.owner.id
        )
        facility_id = min(mine, default="")
        return (
            0
            if facility_id and self._answers(replace(day, facility_id=facility_id), attempt)
            else None
        )

    def _answers(self, asked: Asked, attempt: Attempt) -> bool:
        try:
            self._ask(asked, attempt)
        except VendorUnavailable:
            return False
        attempt.answered = True
        return True

    def _fail(self, attempt: Attempt, error: VendorError, now: datetime) -> None:
        claim = attempt.claim
        refused = (
            claim.number == plan.DAY
            and isinstance(error, RefusedError)
            and not isinstance(error, KeyRefused)
        )
        failures = plan.GIVEN_UP if refused else 1
        patience = (
            plan.CUT_PATIENCE if attempt.span < plan.WINDOW_DAYS else 0
        )  # each try takes many requests
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
