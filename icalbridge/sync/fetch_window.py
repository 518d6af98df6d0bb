"""One claimed window: fetched in pieces that the vendor answers in time, each written as it comes.

A failure is stored with the window, for `status` and `/readyz`; feeds stay at the last good state.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.errors import (
    AnswerTooLarge,
    QuotaSpent,
    RequestRefused,
    StoreError,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.models import WINDOW_DAYS
from icalbridge.store import LeaseLost
from icalbridge.sync import schedule
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.attempt import DoubtedResponse, WindowAttempt
from icalbridge.sync.fetch_day import DayFetch
from icalbridge.sync.fetch_events import EventsFetch
from icalbridge.sync.interpret import EventsRequest
from icalbridge.sync.plausibility import (
    HANDFUL,
    Doubt,
    Loss,
    Verdict,
    judge,
    withdrawal,
    without_withdrawals,
)
from icalbridge.sync.unexpected import log_unexpected

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.models import Entry, Property, Window
    from icalbridge.store import Claim, Store
    from icalbridge.sync.interpret import Interpretation

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
        self._events = EventsFetch(
            client, store, api_user_id=api_user_id, clock=clock, full=full, tally=tally
        )
        self._districts = DayFetch(
            store, self._events, api_user_id=api_user_id, clock=clock, tally=tally
        )
        self.forget_catalog = self._events.forget_catalog

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
            with suppress(
                StoreError
            ):  # of a database that is down, whoever needs it next reports it
                self._fail_unforeseen(claim, str(error))
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the other windows go on
            broken = log_unexpected(error, f"property {claim.property_id} window {claim.number}")
            self._fail_unforeseen(claim, str(broken))
            raise broken from None
        finally:
            self.flush()

    def _fetch(self, attempt: WindowAttempt) -> int:
        claim = attempt.claim
        try:
            changed = (
                self._districts.fetch(attempt)
                if sync_windows.is_day(claim.number)
                else self._pieces(attempt)
            )
            self._tally["changes"] += changed
            return changed
        except QuotaSpent:
            self._store.windows.release(claim, due=schedule.next_utc_midnight(attempt.begun))
            raise
        except DoubtedResponse as doubtful:
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
                )  # the day turned meanwhile: plan it again
                return 0
            self._fail(attempt, error, now)
            raise
        finally:
            self._report_withdrawal(attempt)

    def _fail_unforeseen(self, claim: Claim, sentence: str) -> None:
        """Record what nobody foresaw on the window alone, which waits ever longer."""
        now = self._clock()
        self._store.windows.fail(
            claim, sentence, "", now=now, due=schedule.due_after_failure(now, claim.failures + 1)
        )

    def _begin(self, claim: Claim) -> WindowAttempt:
        now = self._clock()
        catalog = self._events.known_catalog(claim.property_id)
        owner = catalog.properties[claim.property_id]
        tried = sync_windows.next_span(claim.span_limit)
        return WindowAttempt(
            claim, owner, self._days(owner, claim.number, now), catalog, now, tried, tried
        )

    def _midnight(self, attempt: WindowAttempt, now: datetime) -> bool:
        """Say whether the day turns about now, by the vendor's clock or by ours."""
        owner, number = attempt.owner, attempt.claim.number
        return any(
            attempt.days != self._days(owner, number, moment)
            for moment in (now, now + timedelta(seconds=schedule.CLOCKS_DIFFER_SECONDS))
        )

    def _days(self, owner: Property, number: int, now: datetime) -> Window:
        return sync_windows.window_days(number, sync_windows.today(now, owner.timezone))

    def _pieces(self, attempt: WindowAttempt) -> int:
        """Fetch a window in pieces that the vendor answers in time, each written as it comes.

        A piece that is too heavy is cut, and so are those after it. One that is not believed is
        requested again at the end, if enough time has passed by then.
        """
        todo = self._cut(
            [EventsRequest(attempt.owner, attempt.days, number=attempt.claim.number)], attempt
        )
        changed = 0
        while todo:
            if todo[0].doubt.since and not todo[0].doubt.is_old(self._clock()):
                attempt.doubts.append(todo.pop(0).doubt)
                continue
            try:
                count, doubt = self._piece(
                    todo[0], attempt, last=len(todo) == 1 and not attempt.doubts
                )
            except (VendorTimeout, AnswerTooLarge):
                shorter = self._shorter(todo[0], attempt)
                if shorter is None:
                    raise
                attempt.span, attempt.answered = shorter, False
                self._store.workers.hold(self._worker_id, now=self._clock())
                todo = self._cut(todo, attempt)
            else:
                changed += count
                attempt.answered, attempt.answered_span = True, attempt.span
                todo = [*todo[1:], *attempt.again(todo[0], doubt)]
        return self._settled(attempt, changed)

    def _settled(self, attempt: WindowAttempt, changed: int) -> int:
        """End an attempt; raises `Doubtful` when something of it is not believed."""
        if attempt.doubts:
            raise DoubtedResponse(attempt)
        return changed

    def _piece(
        self, request: EventsRequest, attempt: WindowAttempt, *, last: bool
    ) -> tuple[int, Doubt | None]:
        """Fetch and write one piece; return how many entries changed, and what of the answer is not
        believed yet.
        """
        with self._events.read_response(request, attempt) as (store, result):
            verdict, mass = self._judge(store, request, attempt, result)
            missing = verdict.doubt.missing if verdict.doubt else frozenset()
            changes, now = without_withdrawals(result.changes, missing), self._clock()
            if last and not verdict.doubt:
                reach = sync_windows.learn_span(
                    attempt.claim.span_limit, attempt.tried, attempt.span
                )
                store.windows.finish(
                    attempt.claim,
                    attempt.days,
                    changes,
                    now=now,
                    span_limit=reach,
                )
            else:
                store.windows.note(attempt.claim, changes, now=now)
            self._events.follow_up(store, result, attempt)
        attempt.mass += mass
        return changes.count, verdict.doubt

    def _judge(
        self, store: Store, request: EventsRequest, attempt: WindowAttempt, result: Interpretation
    ) -> tuple[Verdict, Sequence[Entry]]:
        """Decide which withdrawals of a piece are believed; return also those that are most of what
        was known.
        """
        loss, now = result.losses.get(request.owner.id, Loss()), self._clock()
        if loss.empty:
            coming = len(
                store.sync_reads.present(
                    request.owner.id, now, sync_windows.horizon(now, request.owner.timezone)
                )
            )
            loss = replace(loss, empty=not schedule.believable(coming, None, now))
        if not loss.is_implausible(attempt.withdrawn):
            attempt.withdrawn += len(loss.missing)
            return Verdict(loss.missing), ()
        doubt = (
            request.doubt
            if request.doubt.since
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
                result.invocation_id,
            )
        if not attempt.known:
            days = sync_windows.bounds(attempt.days, attempt.owner.timezone)
            attempt.known = store.sync_reads.count_coming(attempt.owner.id, *days, now=now)
        return verdict, [gone for gone in result.changes.withdrawn if gone.uid in verdict.believed]

    def _report_withdrawal(self, attempt: WindowAttempt) -> None:
        """Tell the log and `status` that most of a window was withdrawn."""
        if len(attempt.mass) > HANDFUL:
            withdrawn = withdrawal(attempt.owner, attempt.mass, attempt.known, at=self._clock())
            log.warning("%s", withdrawn)
            self._store.doubts.note_withdrawal(withdrawn, attempt.claim.number)

    def _cut(self, todo: Sequence[EventsRequest], attempt: WindowAttempt) -> list[EventsRequest]:
        """Cut requests into pieces of the attempt's span; for 0, into single days of
        single facilities.
        """
        days = [
            replace(request, days=piece)
            for request in todo
            for piece in sync_windows.split(request.days, attempt.span)
        ]
        mine = {
            facility.id
            for facility in attempt.catalog.facilities.values()
            if facility.property_id == attempt.owner.id
        }
        if attempt.span or not mine:
            return days
        return [
            replace(day, facility_id=facility_id)
            for day in days
            for facility_id in sorted(
                mine
                | self._store.sync_reads.facilities_in_use(
                    day.owner.id, *sync_windows.bounds(day.days, day.owner.timezone)
                )
            )
        ]

    def _shorter(self, request: EventsRequest, attempt: WindowAttempt) -> int | None:
        """Return the span to go on with after one was not answered in time; None when it is not the
        span.

        Half of it, if the vendor answers for a day; facility by facility, if only that much.
        """
        shorter = sync_windows.halve(min(attempt.span, request.days.days))
        if shorter is None:
            return None
        day = replace(request, days=sync_windows.split(request.days, 1)[0])
        if day != request and self._answers(day, attempt):
            return shorter
        mine = (
            facility.id
            for facility in attempt.catalog.facilities.values()
            if facility.property_id == request.owner.id
        )
        facility_id = min(mine, default="")
        return (
            0
            if facility_id and self._answers(replace(day, facility_id=facility_id), attempt)
            else None
        )

    def _answers(self, request: EventsRequest, attempt: WindowAttempt) -> bool:
        try:
            self._events.send(request, attempt)
        except (VendorUnavailable, AnswerTooLarge):
            return False
        attempt.answered = True
        return True

    def _fail(self, attempt: WindowAttempt, error: VendorError, now: datetime) -> None:
        claim = attempt.claim
        if sync_windows.is_day(claim.number):
            self._districts.fail(attempt, error, now)
            return
        patience = (
            schedule.CUT_PATIENCE if attempt.span < WINDOW_DAYS else 0
        )  # each try takes many requests
        self._store.windows.fail(
            claim,
            str(error),
            error.invocation_id,
            now=now,
            due=schedule.due_after_failure(now, claim.failures + 1 + patience),
            span_limit=sync_windows.shrink_span(claim.span_limit, attempt.answered_span),
        )

    def flush(self) -> None:
        """Write down what was counted since the last time."""
        if costs := self._client.take_costs():
            self._store.write.note_costs(self._user, costs)
        if self._tally:
            self._store.write.count(self._tally)
            self._tally.clear()
