"""Push service: fetch → parse → map → diff → apply, once or again and again.

A calendar that did not change costs the vendor no request. What the caller decides and shows is a
`PushReview`'s.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from icalbridge import timezones
from icalbridge.errors import (
    BadCalendar,
    ConfigurationError,
    IcalbridgeError,
    InvalidRequest,
    KeyRefused,
    MalformedAnswer,
    QuotaSpent,
    RetryableError,
)
from icalbridge.facilitron import OvernightCreator
from icalbridge.push.apply import Outcome, PushRun, RepeatedRefusal
from icalbridge.push.current import EVENT_TYPE, load_pushed
from icalbridge.push.decide import decide
from icalbridge.push.fetch import CalendarSource, FetchedCalendar, fetch_calendar
from icalbridge.push.ics_process import parse_in_process, span_at
from icalbridge.push.mapping import PushRules, map_calendar
from icalbridge.push.places import parse_places
from icalbridge.push.requested import count_not_shown
from icalbridge.sync.clock import DatabaseClock
from icalbridge.sync.ledger import StoreLedger
from icalbridge.sync.refresh_event import EventRefresher

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.models import Event
    from icalbridge.push.apply import EventTerms
    from icalbridge.push.instances import ParsedCalendar
    from icalbridge.push.mapping import PushRequests
    from icalbridge.push.places import PlaceTable
    from icalbridge.push.steps import PushedState, PushPlan
    from icalbridge.settings import ApiUser
    from icalbridge.store import Store

    OnProgress = Callable[[str, int, int], None]
    """Takes a step's name, how much of it is done, and how much there is."""

FULL_SECONDS = 86_400
"""How often `watch` asks the vendor though the calendar is the same: somebody may have changed a
booking there.
"""
RETRY_SECONDS = 3_600
"""The same where something was refused; more often would use up the quota."""
LONGEST_TEXT = 1_000_000
OURS = (
    "This is a calendar of the bridge's own, or a copy of one: its bookings are at Facilitron"
    " already."
)


@dataclass(frozen=True, slots=True)
class PushOptions:
    """What to push, and where to."""

    source: CalendarSource
    facilities: tuple[str, ...] = ()
    map_file: str | None = None
    name: str = ""
    """Names the calendar in the store; empty: the source's own name."""
    again: bool = False
    cancel_many: bool = False
    rules: PushRules = field(default_factory=PushRules)
    home: str = ""
    """Address of this bridge, whose own calendars are refused."""

    @property
    def calendar_name(self) -> str:
        return self.name or self.source.name


@dataclass(frozen=True, slots=True)
class PlannedPush:
    """Plan of one push with all that it was decided from."""

    name: str
    plan: PushPlan
    requests: PushRequests
    pushed: Sequence[PushedState]
    places: PlaceTable


@dataclass(slots=True)
class AppliedPush:
    """Outcomes of a plan so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    late: int = 0
    """How many events the store could not follow, or the vendor still answers in their old state.
    """


class PushReview(Protocol):
    """Caller's side of a push: decides about plans, and shows them and their outcomes."""

    def approve(self, planned: PlannedPush) -> EventTerms | None:
        """Return the terms of new events; None where nothing is to be written."""

    def report(self, planned: PlannedPush, applied: AppliedPush | None) -> None:
        """Show the outcomes, also of a push that broke off; None where nothing was written."""

    def progress(self) -> AbstractContextManager[OnProgress]:
        """Show the progress of a block."""


@dataclass(frozen=True, slots=True)
class PushContext:
    """What a push works with."""

    store: Store
    open_client: Callable[[PlaceTable], AbstractContextManager[tuple[ApiUser, Client]]]
    sleep: Callable[[float], None]
    waiting: Callable[[], AbstractContextManager[None]]
    """Entered where a signal may end the push."""


@dataclass(slots=True)
class PushService:
    """Pushes one calendar; `run` may be called again and again."""

    options: PushOptions
    context: PushContext
    review: PushReview
    fetched: FetchedCalendar | None = None
    settled: PushRequests | None = None
    """What was requested when the vendor was last asked, and everything possible was done."""
    well: bool = True
    """Whether nothing was refused then."""
    complete: bool = True
    """Whether nothing was impossible then."""
    checked_at: float = 0.0
    """When that was; monotonic seconds."""

    def run(self) -> bool:
        """Push once; return whether nothing was refused.

        1. fetch and parse the calendar, and map it to requests
        2. stop here where the requests are the same as before
        3. load what the vendor has of it, and plan the difference
        4. apply the plan where the review approves it
        """
        places = self._load_places()
        clock = DatabaseClock(self.context.store)
        calendar, now = self._parse(clock(), places.zone), clock()
        with self.context.waiting():
            requests = map_calendar(calendar, places, now, self.options.rules)
        if self._is_unchanged(requests, clock()):
            return self.well
        with self.context.open_client(places) as (user, client):
            planned = self._plan(user, client, requests, places, clock)
            outcomes = self._apply_approved(user, client, planned)
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
            self.context.sleep(seconds)

    def _parse(self, now: datetime, zone: str) -> ParsedCalendar:
        """Return the calendar as it is now. Raises `BadCalendar` for what cannot be pushed."""
        source, home = self.options.source, self.options.home
        if home and source.url and urlsplit(source.url).netloc == urlsplit(home).netloc:
            raise BadCalendar(OURS)
        with self.context.waiting():
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

    def _load_places(self) -> PlaceTable:
        """Return the table of places, checked against the catalog as it is now."""
        properties, facilities = self.context.store.sync_reads.catalog()
        zones = {
            place.id: place.timezone
            for place in properties.values()
            if timezones.exists(place.timezone)
        }
        file = self.options.map_file
        text = read_text(file, "--map") if file else ""
        schools = {place.id: place.name for place in properties.values()}
        return parse_places(facilities.values(), zones, self.options.facilities, text, schools)

    def _is_unchanged(self, requests: PushRequests, now: datetime) -> bool:
        """Return whether the vendor was asked lately about the same requests, but for what is over
        by now.
        """
        patience = FULL_SECONDS if self.well else RETRY_SECONDS
        if self.settled is None or time.monotonic() - self.checked_at > patience:
            return False
        return self.settled.since(now) == requests.since(now)

    def _plan(
        self,
        user: ApiUser,
        client: Client,
        requests: PushRequests,
        places: PlaceTable,
        clock: DatabaseClock,
    ) -> PlannedPush:
        name = self.options.calendar_name
        with self.review.progress() as on_progress:
            pushed = load_pushed(
                client,
                self.context.store,
                name,
                places.zones,
                clock(),
                again=self.options.again,
                on_progress=on_progress,
            )
        now = clock()
        requests = replace(requests, by_day=self.context.store.api_keys.splits_nights(user.name))
        with self.context.waiting():
            requests, plan = decide(requests, pushed, places, now)
        return PlannedPush(name, plan, requests, pushed, places)

    def _apply_approved(
        self, user: ApiUser, client: Client, planned: PlannedPush
    ) -> Sequence[Outcome]:
        terms = self.review.approve(planned)
        if terms is None:
            self.review.report(planned, None)
            return ()
        applied = AppliedPush()
        try:
            self._apply(user, client, planned, terms, applied)
        finally:  # the next push does not report what was booked by this one
            self.review.report(planned, applied)
        return applied.outcomes

    def _apply(
        self,
        user: ApiUser,
        client: Client,
        planned: PlannedPush,
        terms: EventTerms,
        applied: AppliedPush,
    ) -> None:
        """Apply a plan; its outcomes are in `applied`, also when it broke off."""
        store = self.context.store
        clock = DatabaseClock(store)
        follow = _Follow(
            EventRefresher(
                client, store, event_types=user.event_types, clock=clock, sleep=self.context.sleep
            ),
            applied,
        )
        ledger = StoreLedger(
            store, user.name, rate_per_minute=user.rate_per_minute, quota_per_day=user.quota_per_day
        )
        with self.review.progress() as on_progress:
            push = PushRun(
                client,
                store,
                planned.name,
                terms,
                planned.places,
                clock,
                follow,
                on_progress,
                requests_left=lambda: ledger.left(clock()),
                done=applied.outcomes,
                creator=OvernightCreator(
                    client,
                    store.api_keys.splits_nights(user.name),
                    partial(store.api_keys.note_split_nights, user.name),
                ),
            )
            try:
                push.run(planned.plan, planned.requests, planned.pushed)
            except RepeatedRefusal as error:
                raise IcalbridgeError(
                    f"Facilitron refuses one event after the other: {error}"
                ) from None
            except (RetryableError, MalformedAnswer) as error:
                raise IcalbridgeError(
                    f"The push broke off, and goes on when the same command is run again. {error}"
                ) from None
            finally:
                applied.late += count_not_shown(planned.name, applied.outcomes, follow.events)


@dataclass(frozen=True, slots=True)
class _Follow:
    """Updates the store with events that were written to; whatever fails, the write is done."""

    follower: EventRefresher
    applied: AppliedPush
    events: dict[str, Event] = field(default_factory=dict)
    """As they were read afterwards, by external id."""

    def __call__(self, external_id: str, property_id: str) -> None:
        try:
            followed = self.follower.refresh(EVENT_TYPE, external_id, property_id=property_id)
        except QuotaSpent:
            raise
        except IcalbridgeError:
            self.applied.late += 1
            return
        if followed.left_out:
            self.applied.late += 1
        else:
            self.events[external_id] = followed.event


def read_text(file: str, option: str) -> str:
    """Return the text of a file that an option names. Raises `ConfigurationError`."""
    try:
        with Path(file).open(encoding="utf-8-sig") as opened:
            return opened.read(LONGEST_TEXT)
    except (OSError, UnicodeError):
        raise ConfigurationError(f"{option} names a file that cannot be read as text.") from None


def find_source(
    calendar: str | None, url_file: str | None, *, allow_private: bool
) -> CalendarSource:
    """Return the source that is given, or whose address a file holds, unseen by other users.

    Raises `ConfigurationError`.
    """
    if (calendar is None) == (url_file is None):
        raise ConfigurationError(
            "Which calendar? Give a file or an address, or --url-file for a file that holds one."
        )
    source = CalendarSource(
        calendar or read_text(url_file or "", "--url-file").strip(), allow_private
    )
    if url_file is not None and not source.url:
        raise ConfigurationError(
            "--url-file must hold one address of a calendar: https://HOST/PATH."
        )
    return source
