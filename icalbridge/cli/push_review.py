"""`push`: permission and key, then plans are shown, confirmed and reported."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from icalbridge.cli.clients import (
    as_bad_input,
    choose_user,
    open_client,
    require_write_permission,
)
from icalbridge.cli.event_request import read_renter
from icalbridge.cli.output import console, print_json, warn
from icalbridge.cli.progress import progress
from icalbridge.cli.push_output import PlanRow, plan_rows, plan_table, push_json, sentences, summary
from icalbridge.cli.runtime import open_current
from icalbridge.cli.signals import Stop
from icalbridge.errors import BadCalendar, ConfigurationError, IcalbridgeError, InvalidRequest
from icalbridge.push.apply import EventTerms, PushRun
from icalbridge.push.decide import tally
from icalbridge.push.fetch import CalendarSource
from icalbridge.push.places import PlaceTable, read_text
from icalbridge.push.service import PlannedPush, PushOptions, PushService
from icalbridge.push.session import WriteSession
from icalbridge.sync.clock import DatabaseClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.push.steps import PushPlan
    from icalbridge.settings import Settings
    from icalbridge.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class PushInput(PushOptions):
    """Options as typed."""

    activity_type: float | None = None
    renter_email: str | None = field(default=None, repr=False)
    renter_email_file: str | None = None
    renter_owner: str | None = field(default=None, repr=False)
    rate_category: str | None = None
    key: str = ""
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False


@dataclass(slots=True)
class TerminalReview:
    """Review of a push by options and on the terminal."""

    settings: Settings
    given: PushInput
    store: Store
    stop: Stop
    rows: list[PlanRow] = field(default_factory=list)
    """The last plan as it was shown, before anything was written."""

    def approve(self, planned: PlannedPush) -> EventTerms | None:
        """Show a plan and ask about it; raises `click.Abort` for a no."""
        plan = planned.plan
        self.rows = plan_rows(plan, planned.places, self.store, planned.pushed)
        if not self.given.as_json:
            self._show(planned)
        if self.given.dry_run or not plan.steps:
            return None
        terms = self._terms(plan)
        self._confirm(plan)
        return terms

    def report(self, planned: PlannedPush, applied: PushRun | None) -> None:
        if self.given.as_json:
            print_json(push_json(planned, self.rows, applied), indent=None)
        if applied is None:
            return
        for sentence in sentences(applied.done, planned.places):
            warn(sentence)
        if late := len(applied.late):
            warn(f"{late} events are in the calendars here after the next sync only.")
        if not self.given.as_json:
            done = sum(outcome.result != "refused" for outcome in applied.done)
            click.echo(f"{done} of {len(applied.done)} steps done.")

    def _show(self, planned: PlannedPush) -> None:
        if self.rows:
            console().print(plan_table(self.rows))
        for note in planned.requests.notes:
            click.echo(note)
        click.echo(tally(planned.requests, planned.plan).sentence)
        click.echo(summary(self.rows))
        if not planned.plan.steps:
            impossible = planned.plan.impossible
            click.echo("Nothing else can be done." if impossible else "Nothing to do.")

    def _confirm(self, plan: PushPlan) -> None:
        """Refuse what is likely to be a mistake, and ask about the rest."""
        if plan.implausible and not self.given.cancel_many:
            raise IcalbridgeError(
                f"This would cancel {plan.ending} of the {plan.coming} timeslots to come that"
                " were pushed from this calendar, so that it may be the wrong one; nothing was"
                " done. Give another --name for another calendar, or --cancel-many if it is meant."
            )
        if self.given.yes:
            return
        if self.given.as_json:
            console(stderr=True).print(plan_table(self.rows))
        with self.stop.waiting():
            click.confirm(f"{summary(self.rows)} Do it?", abort=True, err=True)

    def _terms(self, plan: PushPlan) -> EventTerms:
        """Return the terms of new events; moves and cancellations need none."""
        if not plan.renewals:
            return EventTerms("", 0)
        given = self.given
        email = read_renter(self.settings, given.renter_email, given.renter_email_file)
        if given.activity_type is None:
            raise ConfigurationError(
                "What kind of event is it? Give --activity-type, Facilitron's number for it."
            )
        return EventTerms(email, given.activity_type, given.renter_owner, given.rate_category)


def push_calendar(settings: Settings, given: PushInput, every: float | None) -> bool:
    """Push once, or every so many seconds until a signal; return whether all of it is booked."""
    if every is not None and settings.enable_writes and not given.yes and not given.dry_run:
        raise ConfigurationError(
            "--watch writes without asking; add --yes if that is meant, or --dry-run to look on."
        )
    require_write_permission(settings, dry_run=given.dry_run, yes=given.yes)
    settings.require_keys()
    stop = Stop()
    stop.listen()
    try:
        with open_current(settings) as store, as_bad_input(BadCalendar, InvalidRequest):
            service = make_service(settings, given, store, stop)
            if every is None:
                return service.run() and service.complete
            minutes = f"{every / 60:g}"
            service.watch(every, lambda error: warn(f"{error} Again in {minutes} minutes."))
            return True
    except KeyboardInterrupt:
        if every is not None:
            return True
        warn("interrupted; what was done stays, and the same command goes on from there.")
        raise


def make_service(settings: Settings, given: PushInput, store: Store, stop: Stop) -> PushService:
    @contextmanager
    def open_session(places: PlaceTable) -> Iterator[WriteSession]:
        def find_name() -> str | None:
            """Return the key with which the sync reads the properties."""
            names = {store.read.api_user_of(facility.property_id) for facility in places.given}
            return names.pop() if len(names) == 1 else None

        unknown = "The facilities are not all of one key; push for each apart, with --key, of"
        user = choose_user(settings, given.key, find_name, unknown)
        with open_client(user, store, stop) as client:
            yield WriteSession(store, user, client, DatabaseClock(store), stop.sleep)

    review = TerminalReview(settings, given, store, stop)
    return PushService(
        given,
        store,
        open_session,
        review.approve,
        review.report,
        stop.sleep,
        progress,
        stop.waiting,
        settings.public_url,
    )


def find_source(
    calendar: str | None, url_file: str | None, *, allow_private: bool
) -> CalendarSource:
    """Return the source that is given, or whose address a file holds. `ConfigurationError`."""
    if (calendar is None) == (url_file is None):
        raise ConfigurationError(
            "Which calendar? Give a file or an address, or --url-file for a file that holds one."
        )
    where = calendar or read_text(url_file or "", "--url-file").strip()
    source = CalendarSource(where, allow_private)
    if url_file is not None and not source.url:
        raise ConfigurationError(
            "--url-file must hold one address of a calendar: https://HOST/PATH."
        )
    return source
