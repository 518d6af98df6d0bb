"""A district's day: one request that covers all its schools, and what it tells of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.errors import AccessRefused, AnswerTooLarge, NotFound, RequestRefused
from icalbridge.models import window_with
from icalbridge.store.district_days import DayAnswer
from icalbridge.sync import schedule
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.interpret import EventsRequest
from icalbridge.sync.plausibility import without_withdrawals

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.errors import VendorError
    from icalbridge.models import Property
    from icalbridge.store import Store
    from icalbridge.sync.attempt import WindowAttempt
    from icalbridge.sync.fetch_events import EventsFetch
    from icalbridge.sync.interpret import Interpretation

SPANS = tuple(map(sync_windows.offsets, range(3)))
"""The own windows that districts' days can cover."""


class DayFetch:
    """Fetches days of the districts of one key."""

    def __init__(
        self,
        store: Store,
        events: EventsFetch,
        *,
        api_user_id: str,
        clock: Callable[[], datetime],
        tally: Counter[str],
    ) -> None:
        self._store = store
        self._events = events
        self._user = api_user_id
        self._clock = clock
        self._tally = tally

    def fetch(self, attempt: WindowAttempt) -> int:
        """Fetch and write a district's day; return how many entries changed.

        A school of which it newly lacks what is known, or implausibly much, is fetched by itself.
        """
        schools = _listed_schools(attempt)
        if not schools:
            self._store.windows.release(
                attempt.claim, due=schedule.next_utc_midnight(self._clock())
            )
            return 0
        request = EventsRequest(
            attempt.owner, attempt.days, schools=schools, number=attempt.claim.number
        )
        with self._events.read_response(request, attempt) as (store, result):
            before = sum(len(loss.missing) for loss in result.losses.values())
            short = {
                property_id: loss.missing
                for property_id, loss in result.losses.items()
                if loss.is_implausible(before - len(loss.missing))
            }
            changes = without_withdrawals(result.changes, frozenset().union(*short.values()))
            silent = store.windows.finish(
                attempt.claim,
                attempt.days,
                changes,
                now=self._clock(),
                day=_answer(attempt, request, result, short),
                doubted_ids=tuple(short),
            )
            self._events.follow_up(store, result, attempt)
            store.api_keys.note_answered_day(self._user, _offset(attempt))
        self._tally["disagreements:silent school"] += silent
        return changes.count

    def fail(self, attempt: WindowAttempt, error: VendorError, now: datetime) -> None:
        """Write that a district's day was not answered; a refusal of its date is no failure.

        Where its size or an id is refused, its schools are fetched by themselves at once.
        """
        claim, failures = attempt.claim, 1
        due = schedule.due_after_failure(now, claim.failures + 1, schedule.LAST_DAY_RETRY_SECONDS)
        if isinstance(error, RequestRefused):
            self._store.api_keys.note_refused_day(self._user, _offset(attempt), now=now)
            failures, due = 0, now + schedule.PROBE_EVERY
        elif isinstance(error, AccessRefused | NotFound | AnswerTooLarge):
            failures, due = schedule.GIVEN_UP, now + schedule.PROBE_EVERY
        self._store.windows.fail(
            claim, str(error), error.invocation_id, now=now, due=due, failures=failures
        )


def _offset(attempt: WindowAttempt) -> int:
    return sync_windows.offsets(attempt.claim.number)[0]


def _listed_schools(attempt: WindowAttempt) -> tuple[Property, ...]:
    known = attempt.catalog.properties
    return tuple(
        known[child_id]
        for child_id in attempt.owner.child_ids
        if child_id in known and child_id not in attempt.catalog.unlisted
    )


def _answer(
    attempt: WindowAttempt,
    request: EventsRequest,
    result: Interpretation,
    short: dict[str, frozenset[str]],
) -> DayAnswer:
    offset = _offset(attempt)
    named = [key for key in result.covered_ids if key not in short]
    answered = {*result.covered_ids, *result.uncovered_ids}
    return DayAnswer(
        offset,
        window_with(offset),
        SPANS,
        named,
        result.uncovered_ids,
        [member.id for member in request.members if member.id not in answered],
        str(attempt.days.start),
    )
