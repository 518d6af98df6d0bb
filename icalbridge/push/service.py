"""Push service: fetch → parse → map → decide → apply, once or again and again.

A calendar that did not change costs the vendor no request.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from icalbridge.errors import (
    BadCalendar,
    ConfigurationError,
    IcalbridgeError,
    InvalidRequest,
    KeyRefused,
    MalformedAnswer,
    RetryableError,
)
from icalbridge.push.apply import EventTerms, PushRun
from icalbridge.push.decide import decide
from icalbridge.push.fetch import CalendarSource, FetchedCalendar, fetch_calendar
from icalbridge.push.ics_parser import parse_in_process, span_at
from icalbridge.push.mapping import PushRequests, PushRules, map_calendar
from icalbridge.push.places import PlaceTable, load_places
from icalbridge.push.session import WriteSession, load_pushed
from icalbridge.sync.clock import DatabaseClock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from icalbridge.push.instances import ParsedCalendar
    from icalbridge.push.steps import PushedState, PushPlan
    from icalbridge.store import Store

    OnProgress = Callable[[str, int, int], None]
    """Takes a step's name, how much of it is done, and how much there is."""

FULL_SECONDS = 86_400
"""How often `watch` asks the vendor about the same calendar: bookings may be changed there."""
RETRY_SECONDS = 3_600
"""The same where something was refused; more often would use up the quota."""
OURS = (
    "This is a calendar of the bridge's own, or a copy of one: its bookings are at Facilitron"
    " already."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOptions(PushRules):
    """What to push, and where to."""

    source: CalendarSource
    facilities: tuple[str, ...] = ()
    map_file: str | None = None
    name: str = ""
    """Names the calendar in the store; empty: the source's own name."""
    again: bool = False
    cancel_many: bool = False


@dataclass(frozen=True, slots=True)
class PlannedPush:
    """Plan of one push with all that it was decided from."""

    name: str
    plan: PushPlan
    requests: PushRequests
    pushed: Sequence[PushedState]
    places: PlaceTable


@dataclass(slots=True)
class PushService:
    """Pushes one calendar; `run` may be called again and again."""

    options: PushOptions
    store: Store
    open_session: Callable[[PlaceTable], AbstractContextManager[WriteSession]]
    approve: Callable[[PlannedPush], EventTerms | None]
    """Decides about a plan; returns the terms of new events, None if nothing is to be written."""
    report: Callable[[PlannedPush, PushRun | None], None]
    """Shows the outcomes, also of a push that broke off; None where nothing was written."""
    sleep: Callable[[float], None]
    progress: Callable[[], AbstractContextManager[OnProgress]]
    """Entered for a block whose progress is shown."""
    waiting: Callable[[], AbstractContextManager[None]]
    """Entered where a signal may end the push."""
    home: str = ""
    """Address of this bridge, whose own calendars are refused."""
    fetched: FetchedCalendar | None = None
    settled: PushRequests | None = None
    """What was requested when the vendor was last asked, and everything possible was done."""
    well: bool = True
    """Whether nothing was refused then."""
    complete: bool = True
    """Whether nothing was impossible then."""
    checked_at: float = 0.0
    """When that was; monotonic seconds."""
    clock: DatabaseClock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = DatabaseClock(self.store)

    def run(self) -> bool:
        """Push once; return whether nothing was refused.

        1. fetch and parse the calendar, and map it to requests
        2. stop here where the requests are the same as before
        3. load what the vendor has of it, and plan the difference
        4. apply the plan where the caller approves it
        """
        options = self.options
        places = load_places(self.store, options.facilities, options.map_file)
        calendar, now = self._parse(places.zone), self.clock()
        with self.waiting():
            requests = map_calendar(calendar, places, now, options)
        if self._is_unchanged(requests):
            return self.well
        with self.open_session(places) as session:
            planned = self._plan(session, requests, places)
            terms = self.approve(planned)
            applied = PushRun(session, planned.name, terms, places) if terms else None
            try:
                if applied:
                    self._apply(applied, planned)
            finally:  # the next push does not report what was booked by this one
                self.report(planned, applied)
        outcomes = applied.done if applied else []
        self.well = all(outcome.result != "refused" for outcome in outcomes)
        self.settled, self.checked_at = requests, time.monotonic()
        self.complete = not planned.plan.impossible
        return self.well

    def watch(self, seconds: float, on_error: Callable[[IcalbridgeError], None]) -> None:
        """Push every so many seconds; errors go to `on_error`, and the next push tries again.

        Bad settings end it in the first round only: later it may be a table of places that somebody
        is just writing, or a facility that the catalog lost for an hour.
        """
        begun = False
        while True:
            try:
                self.run()
                begun = True
            except KeyRefused:
                raise
            except IcalbridgeError as error:
                if not begun and isinstance(error, ConfigurationError | InvalidRequest):
                    raise
                on_error(error)
            self.sleep(seconds)

    def _parse(self, zone: str) -> ParsedCalendar:
        """Return the calendar as it is now. Raises `BadCalendar` for what cannot be pushed."""
        source, home = self.options.source, self.home
        if home and source.url and urlsplit(source.url).netloc == urlsplit(home).netloc:
            raise BadCalendar(OURS)
        now = self.clock()
        with self.waiting():
            self.fetched = fetch_calendar(source, self.fetched) or self.fetched
            fetched = self.fetched or FetchedCalendar(b"")
            calendar = parse_in_process(fetched.content, span_at(now, zone, fetched.charset))
        if calendar.ours:
            raise BadCalendar(OURS)
        if not (calendar.events or calendar.unusable or self.options.cancel_many):
            raise BadCalendar(
                f"{source.shown} holds no event; give --cancel-many if that is meant."
            )
        return calendar

    def _is_unchanged(self, requests: PushRequests) -> bool:
        """Return whether the vendor was asked lately about the same, or what is over aside."""
        patience = FULL_SECONDS if self.well else RETRY_SECONDS
        if self.settled is None or time.monotonic() - self.checked_at > patience:
            return False
        now = self.clock()
        return self.settled.since(now) == requests.since(now)

    def _plan(
        self, session: WriteSession, requests: PushRequests, places: PlaceTable
    ) -> PlannedPush:
        name, again = self.options.name or self.options.source.name, self.options.again
        with self.progress() as progress:
            pushed = load_pushed(session, name, places.zones, again=again, on_progress=progress)
        by_day = self.store.api_keys.splits_nights(session.user.name)
        now = self.clock()
        with self.waiting():
            requests, plan = decide(replace(requests, by_day=by_day), pushed, places, now)
        return PlannedPush(name, plan, requests, pushed, places)

    def _apply(self, run: PushRun, planned: PlannedPush) -> None:
        """Apply a plan; its outcomes are in `run`, also when it broke off."""
        try:
            with self.progress() as run.on_progress:
                run.run(planned.plan, planned.requests, planned.pushed)
        except (RetryableError, MalformedAnswer) as error:
            raise IcalbridgeError(
                f"The push broke off, and goes on when the same command is run again. {error}"
            ) from None
