"""`push`: a calendar becomes bookings, once or again and again; the plan is shown before anything
is written.

What a calendar says, what is to be done about it and how that is done, is `icalbridge.push`'s. Here
are a person's leave, the right key, and the round of `--watch`: a source that did not change costs
the vendor nothing.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from icalbridge import timezones
from icalbridge.cli import push_told
from icalbridge.cli.after_write import count_not_shown
from icalbridge.cli.database import connect
from icalbridge.cli.event_given import renter
from icalbridge.cli.event_told import console
from icalbridge.cli.progress import progress
from icalbridge.cli.stopping import Stop
from icalbridge.cli.writes import as_bad_input, client_of, require_leave, user_of
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
from icalbridge.push import held, place, plan, reader, source, want
from icalbridge.push.apply import Hopeless, Outcome, Push, Terms
from icalbridge.sync.clock import DatabaseClock
from icalbridge.sync.ledger import StoreLedger
from icalbridge.sync.refresh_event import EventRefresher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.models import Event
    from icalbridge.push import expand
    from icalbridge.push.place import Places
    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store

FULL_SECONDS = 86_400
"""How often `--watch` asks the vendor though the calendar says the same: somebody may have changed
a booking there.
"""
RETRY_SECONDS = 3_600
"""The same where something was refused: it is tried again, but not so often that the quota goes on
it.
"""
LONGEST_MAP = 1_000_000
OURS = (
    "This is a calendar of the bridge's own, or a copy of one: its bookings are at Facilitron"
    " already."
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed."""

    source: source.Source
    facilities: tuple[str, ...] = ()
    map_file: str | None = None
    name: str = ""
    activity_type: float | None = None
    renter_email: str | None = field(default=None, repr=False)
    renter_email_file: str | None = None
    renter_owner: str | None = field(default=None, repr=False)
    rate_category: str | None = None
    key: str = ""
    again: bool = False
    cancel_many: bool = False
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Desk:
    """One key's client, and what a push with it is about."""

    client: Client
    user: ApiUser
    store: Store
    places: Places
    name: str
    """The calendar's, under which is kept what was pushed from it."""


@dataclass(slots=True)
class Done:
    """What came of a plan, so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    late: int = 0
    """How many events the store could not follow, or the vendor still answers in their old state.
    """


@dataclass(slots=True)
class Round:
    """One look at the calendar, and what came of it; `--watch` makes one after the other."""

    settings: Settings
    wish: Wish
    store: Store
    stop: Stop
    fetched: source.Fetched | None = None
    settled: want.Wish | None = None
    """What was wanted when the vendor was last asked, and all was done that could be."""
    well: bool = True
    """Whether nothing was refused then."""
    whole: bool = True
    """Whether nothing was impossible then."""
    looked: float = 0.0
    """When that was; monotonic seconds."""

    def run(self) -> bool:
        """Read, plan, show, ask and apply; say whether nothing was refused."""
        places = self._places()
        clock = DatabaseClock(self.store)
        told, now = self._understood(clock()), clock()
        with self.stop.waiting():
            wanted = want.wish(told, places, now)
        if self._nothing_new(wanted, clock()):
            return self.well
        name = self.wish.name or self.wish.source.name
        with _desk(self.settings, self.store, places, name, self.wish.key, self.stop) as desk:
            with progress() as on_progress:
                there = held.held(
                    desk.client,
                    self.store,
                    name,
                    places.zones,
                    clock(),
                    again=self.wish.again,
                    on_progress=on_progress,
                )
            now = clock()
            with self.stop.waiting():
                decided = plan.plan(wanted, there, places.facilities, now)
            shown = push_told.rows(decided, places, self.store, there)
            outcomes = self._carry_out(desk, decided, wanted, there, shown)
        self.well = all(each.result != "refused" for each in outcomes or ())
        self.settled, self.looked = wanted, time.monotonic()
        self.whole = not decided.impossible
        return self.well

    def _understood(self, now: datetime) -> expand.Expansion:
        """Return what the calendar says now; raises `BadCalendar` for what no push is for."""
        where = self.wish.source
        if (
            (home := self.settings.public_url)
            and where.url
            and urlsplit(where.url).netloc == urlsplit(home).netloc
        ):
            raise BadCalendar(OURS)
        with self.stop.waiting():
            self.fetched = source.read(where, self.fetched) or self.fetched
            told = reader.read_calendar(
                self.fetched.told if self.fetched else b"", reader.span_at(now)
            )
        if told.ours:
            raise BadCalendar(OURS)
        if not told.events and not told.troubles and not self.wish.cancel_many:
            raise BadCalendar(f"{where.shown} holds no event; give --cancel-many if that is meant.")
        return told

    def _places(self) -> Places:
        """Read the table of places, against the catalogue as it is now."""
        known, facilities = self.store.sync_reads.all_catalogs()
        usable = {
            each.id: each.timezone for each in known.values() if timezones.exists(each.timezone)
        }
        text = _text_of(self.wish.map_file, "--map") if self.wish.map_file else ""
        return place.places(facilities.values(), usable, self.wish.facilities, text)

    def _nothing_new(self, wanted: want.Wish, now: datetime) -> bool:
        """Say whether the calendar says what it said when the vendor was last asked, but for what
        is over by now.
        """
        patience = FULL_SECONDS if self.well else RETRY_SECONDS
        if self.settled is None or time.monotonic() - self.looked > patience:
            return False
        return self.settled.since(now) == wanted.since(now)

    def _carry_out(
        self,
        desk: Desk,
        decided: plan.Plan,
        wanted: want.Wish,
        there: Sequence[plan.Held],
        shown: Sequence[push_told.Row],
    ) -> list[Outcome] | None:
        """Show a plan, ask for leave, and do it; None where nothing was done."""
        if not self.wish.as_json:
            self._show(decided, wanted, shown)
        if self.wish.dry_run or not decided.steps:
            self._tell(desk, wanted, shown, None)
            return None
        terms = self._terms(decided)
        self._ask(decided, shown)
        done = Done()
        try:
            _apply(desk, decided, wanted, there, terms, self.stop, done)
        finally:  # what was booked until then is not told by the next push any more
            self._tell(desk, wanted, shown, done)
        return done.outcomes

    def _tell(
        self, desk: Desk, wanted: want.Wish, shown: Sequence[push_told.Row], done: Done | None
    ) -> None:
        """Say what came of a plan; None where nothing was to be done."""
        if self.wish.as_json:
            click.echo(
                push_told.as_json(desk.name, shown, wanted.notes, done.outcomes if done else None)
            )
        if done is None:
            return
        for each in push_told.sentences(done.outcomes, desk.places):
            click.echo(f"icalbridge: {each}", err=True)
        if done.late:
            click.echo(
                f"icalbridge: {done.late} events are in the calendars here after the next sync"
                " only.",
                err=True,
            )
        if not self.wish.as_json:
            well = sum(each.result != "refused" for each in done.outcomes)
            click.echo(f"{well} of {len(done.outcomes)} steps done.")

    def _show(self, decided: plan.Plan, wanted: want.Wish, shown: Sequence[push_told.Row]) -> None:
        if shown:
            console(sys.stdout.isatty()).print(push_told.table(shown))
        for each in wanted.notes:
            click.echo(each)
        click.echo(push_told.summary(shown))
        if not decided.steps:
            click.echo("Nothing else can be done." if decided.impossible else "Nothing to do.")

    def _ask(self, decided: plan.Plan, shown: Sequence[push_told.Row]) -> None:
        """Refuse what is likelier to be a mistake, and ask about the rest; raises `click.Abort` for
        a no.
        """
        if decided.implausible and not self.wish.cancel_many:
            raise IcalbridgeError(
                f"This would cancel {decided.ending} of the {decided.coming} timeslots to come that"
                " were pushed from this calendar, so that it may be the wrong one; nothing was"
                " done. Give another --name for another calendar, or --cancel-many if it is meant."
            )
        if self.wish.yes:
            return
        if self.wish.as_json:
            console(sys.stderr.isatty(), stderr=True).print(push_told.table(shown))
        with self.stop.waiting():
            click.confirm(f"{push_told.summary(shown)} Do it?", abort=True, err=True)

    def _terms(self, decided: plan.Plan) -> Terms:
        """Return what new events say beside their times; moves and cancellations say nothing of
        it.
        """
        if not decided.renewals:
            return Terms("", 0)
        email = renter(self.settings, self.wish.renter_email, self.wish.renter_email_file)
        if self.wish.activity_type is None:
            raise ConfigurationError(
                "What kind of event is it? Give --activity-type, Facilitron's number for it."
            )
        return Terms(
            email, self.wish.activity_type, self.wish.renter_owner, self.wish.rate_category
        )


def push_calendar(settings: Settings, wish: Wish, every: float | None) -> bool:
    """Push a calendar once, or every so many seconds until a signal; say whether all of it is
    booked, or would be.
    """
    _require_leave(settings, wish, watch=every is not None)
    settings.require_keys()
    store = connect(settings)
    stop = Stop()
    stop.listen()
    try:
        store.check()
        made = Round(settings, wish, store, stop)
        with as_bad_input(BadCalendar, InvalidRequest):
            if every is None:
                return made.run() and made.whole
            _watch(made, every)
            return True
    except KeyboardInterrupt:
        if every is not None:
            return True
        click.echo(
            "icalbridge: interrupted; what was done stays, and the same command goes on from"
            " there.",
            err=True,
        )
        raise
    finally:
        store.close()


def _watch(made: Round, every: float) -> None:
    """Push again and again; what fails is said, and tried again the next time.

    What is wrong with the settings ends it in the first round only: later it may be a table of
    places that somebody is just writing, or a facility that the catalogue lost for an hour.
    """
    begun = False
    while True:
        try:
            made.run()
            begun = True
        except KeyRefused:
            raise
        except IcalbridgeError as error:
            if not begun and isinstance(error, ConfigurationError | InvalidRequest):
                raise
            click.echo(f"icalbridge: {error} Again in {every / 60:g} minutes.", err=True)
        made.stop.sleep(every)


def _require_leave(settings: Settings, wish: Wish, *, watch: bool) -> None:
    """Refuse a write that is not allowed, or that nobody can be asked about."""
    if watch and settings.enable_writes and not wish.yes and not wish.dry_run:
        raise ConfigurationError(
            "--watch writes without asking; add --yes if that is meant, or --dry-run to look on."
        )
    require_leave(settings, dry_run=wish.dry_run, yes=wish.yes)


@contextmanager
def _desk(
    settings: Settings, store: Store, places: Places, name: str, key: str, stop: Stop
) -> Iterator[Desk]:
    """Yield the client of the right key: by default the one that the sync reads the facilities'
    properties with.
    """

    def reader() -> str | None:
        ids = {*places.table.values(), places.default} - {""}
        owners = {store.read.api_user_of(places.facilities[each].property_id) for each in ids}
        return owners.pop() if len(owners) == 1 else None

    unknown = "The facilities are not all of one key; push for each apart, with --key, of"
    user = user_of(settings, key, reader, unknown)
    with client_of(user, store, stop) as client:
        yield Desk(client, user, store, places, name)


def _apply(
    desk: Desk,
    decided: plan.Plan,
    wanted: want.Wish,
    there: Sequence[plan.Held],
    terms: Terms,
    stop: Stop,
    done: Done,
) -> None:
    """Do a plan; what came of it is in `done`, also when it broke off."""
    clock = DatabaseClock(desk.store)
    follower = EventRefresher(
        desk.client, desk.store, event_types=desk.user.event_types, clock=clock, sleep=stop.sleep
    )
    user = desk.user
    ledger = StoreLedger(
        desk.store,
        user.name,
        rate_per_minute=user.rate_per_minute,
        quota_per_day=user.quota_per_day,
    )

    events: dict[str, Event] = {}

    def follow(external_id: str, property_id: str) -> None:
        try:
            followed = follower.refresh(held.EVENT_TYPE, external_id, property_id=property_id)
            if followed.left_out:
                done.late += 1
            else:
                events[external_id] = followed.event
        except QuotaSpent:
            raise
        except IcalbridgeError:  # whatever fails here, the write is done
            done.late += 1

    with progress() as on_progress:
        made = Push(
            desk.client,
            desk.store,
            desk.name,
            terms,
            desk.places,
            clock,
            follow,
            on_progress,
            room=lambda: ledger.left(clock()),
            done=done.outcomes,
        )
        try:
            made.run(decided, wanted, there)
        except Hopeless as error:
            raise IcalbridgeError(
                f"Facilitron refuses one event after the other: {error}"
            ) from None
        except (RetryableError, MalformedAnswer) as error:
            raise IcalbridgeError(
                f"The push broke off, and goes on when the same command is run again. {error}"
            ) from None
        finally:
            done.late += count_not_shown(desk.name, done.outcomes, events)


def source_of(calendar: str | None, url_file: str | None, *, allow_private: bool) -> source.Source:
    """Return where the calendar is: as given, or the address in a file, which others on this
    machine cannot see.
    """
    if (calendar is None) == (url_file is None):
        raise ConfigurationError(
            "Which calendar? Give a file or an address, or --url-file for a file that holds one."
        )
    found = source.Source(calendar or _text_of(url_file or "", "--url-file").strip(), allow_private)
    if url_file is not None and not found.url:
        raise ConfigurationError(
            "--url-file must hold one address of a calendar: https://HOST/PATH."
        )
    return found


def _text_of(file: str, option: str) -> str:
    try:
        with Path(file).open(encoding="utf-8-sig") as opened:
            return opened.read(LONGEST_MAP)
    except (OSError, UnicodeError):
        raise ConfigurationError(f"{option} names a file that cannot be read as text.") from None
