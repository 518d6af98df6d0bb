"""The calendar builder, `/build`: a form for a feed, with its next entries and its address.

What the feed would refuse the page refuses too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Blueprint, Response, render_template, request

from icalbridge import timezones
from icalbridge.errors import StoreError
from icalbridge.feeds import FORMATS, Address, BadQuery, display_text
from icalbridge.feeds.query import FILTERS
from icalbridge.feeds.titles import DEFAULT, FIELDS
from icalbridge.text import search_key
from icalbridge.web import formatting, responses
from icalbridge.web.booked_names import NO_NAMES, names_of_calendar
from icalbridge.web.failures import error_page
from icalbridge.web.parameters import refused_parameter, translate_refusal
from icalbridge.web.revision_cache import Missing
from icalbridge.web.site import freshness
from icalbridge.web.views.calendar_grid import GridContext, list_days
from icalbridge.web.views.directory import MOST_SCHOOLS
from icalbridge.web.views.forms import (
    build_path,
    calendars,
    form_choices,
    read_form,
    text_fields,
)
from icalbridge.web.views.subscribe import subscription
from icalbridge.words import parse_words

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.feeds.calendar import Calendar
    from icalbridge.feeds.completeness import Completeness
    from icalbridge.settings import Settings
    from icalbridge.web.booked_names import CalendarName, NameList
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site
    from icalbridge.web.views.forms import BuilderForm, FormScope

TITLES = (
    DEFAULT,
    "{name}",
    "{facility}: {name}",
    "{name} ({facility})",
    "{school}: {name}",
    "{facility}",
)
"""The titles that are offered; any other is typed."""
PREVIEW_LINES = 10
PREVIEW_DAYS = 31
"""Over which coming entries are counted."""


class PreviewData(NamedTuple):
    """What is shown of the feed that the form makes."""

    calendar: Calendar
    completeness: Completeness


@dataclass(frozen=True, slots=True)
class Result:
    """What came of the form: a sentence, or a feed, or, without either, a calendar that has still
    to be chosen.
    """

    refusal: BadQuery | None = None
    address: Address | None = None
    preview_data: PreviewData | Missing | None = None


class NameTicks(NamedTuple):
    """The names of a calendar's coming bookings, to tick."""

    ticked: tuple[CalendarName, ...]
    absent: tuple[str, ...]
    """Ticked, but nothing of that name is coming; folded."""
    listed: tuple[CalendarName, ...]
    is_cut: bool
    is_large: bool
    """Whether names are listed only once a school is chosen or words are looked for."""


class Builder:
    """The page over one application's feeds."""

    def __init__(self, service: FeedCache, site: Site, settings: Settings) -> None:
        self._catalog = service.catalog
        self._service = service
        self._site = site
        self._settings = settings

    def show(self, query: str, now: datetime) -> Response:
        """Return the form as it was filled in and what it gives: 400 where that is refused, 404
        without a calendar.
        """
        form, scope, refusal = read_form(self._catalog, query)
        if scope is None and form.text("feed"):
            return error_page(404, "unknown")
        result = Result(refusal) if refusal else self._result(form, scope)
        shown = {
            **self._offered(form, scope),
            "names": self._names(form, scope, now),
            **self._shown_values(result, scope, now),
        }
        if result.refusal:
            return responses.respond_uncached(render_template("build.html", **shown), 400)
        if isinstance(result.preview_data, Missing):
            return responses.respond_uncached(render_template("build.html", **shown), 503)
        return self._site.respond("build.html", **shown)

    def _result(self, form: BuilderForm, scope: FormScope | None) -> Result:
        try:
            query = self._service.parse_query(form.query())
            if scope is None:
                return Result()
            strange = frozenset(query.facility) - scope.facility_ids
            if strange:
                # Ticked in another calendar, before this one was chosen; what is nowhere is refused
                # by the feed.
                query = replace(
                    query,
                    facility=tuple(
                        facility_id
                        for facility_id in query.facility
                        if facility_id not in strange or self._nowhere(facility_id)
                    ),
                )
            # Written out, an address may be longer than the form was.
            address = Address(
                scope.feed, self._service.parse_query(query.query_string), form.suffix
            )
            return Result(None, address, self._coming(address))
        except BadQuery as error:
            return Result(error)

    def _coming(self, address: Address) -> PreviewData | Missing:
        """Return what the feed shows of the next days, or its next entries where these are few."""
        feed, query, today = address.feed, address.query, self._site.now().date()
        completeness = self._service.completeness(feed, query)
        if isinstance(completeness, Missing):
            return completeness
        ends = completeness.complete_until
        near, far = (
            timezones.midnight(today + timedelta(days=days), "UTC")
            for days in (PREVIEW_DAYS + 1, self._settings.horizon_days + 2)
        )
        calendar = self._service.calendar(feed, query, None, min(near, ends or near))
        if not (isinstance(calendar, Missing) or ends or len(calendar.items) >= PREVIEW_LINES):
            calendar = self._service.calendar(feed, query, None, far)
        return calendar if isinstance(calendar, Missing) else PreviewData(calendar, completeness)

    def _nowhere(self, facility_id: str) -> bool:
        return self._catalog.facility(facility_id) is None

    def _offered(self, form: BuilderForm, scope: FormScope | None) -> dict[str, Any]:
        """Return what the form shows."""
        title = form.text("title")
        return {
            "form": form,
            "groups": calendars(self._catalog.properties(), scope),
            "scope": scope,
            "choices": form_choices(scope, form) if scope else None,
            "titles": TITLES,
            "title_fields": FIELDS,
            "own_title": "" if title in TITLES else title,
            "formats": tuple(FORMATS),
            "pending": self._settings.public_pending,
            "text_fields": [
                item
                for item in text_fields(FILTERS)
                if not item.setting or getattr(self._settings, item.setting)
            ],
            "reach": (self._settings.history_days, self._settings.horizon_days),
        }

    def _names(self, form: BuilderForm, scope: FormScope | None, now: datetime) -> NameTicks | None:
        """Return the names to tick; None without a calendar, and while the database is down."""
        if scope is None or not scope.schools:
            return None
        keys, find, school = form.ticked("name"), form.text("find"), form.text("school")
        minute = now.replace(second=0, microsecond=0)
        schools = [site for site in scope.schools if site.id == school] or scope.schools
        is_large = len(schools) > MOST_SCHOOLS and not parse_words(find)
        read = partial(names_of_calendar, self._catalog.read, scope.feed, now=minute)

        def load() -> list[NameList]:
            ticked = read(scope.schools, keys=keys) if keys else NO_NAMES
            return [ticked, NO_NAMES if is_large else read(schools, query=find)]

        try:
            key = ("names", scope.feed, school, search_key(find), keys)
            ticked, listed = self._catalog.remember(key, load, minute)
        except StoreError:
            return None
        return NameTicks(
            ticked=ticked.names,
            absent=tuple(sorted(keys - {name.key for name in ticked.names})),
            listed=tuple(name for name in listed.names if name.key not in keys),
            is_cut=listed.is_cut,
            is_large=is_large,
        )

    def _shown_values(
        self, result: Result, scope: FormScope | None, now: datetime
    ) -> dict[str, Any]:
        """Return what stands beside the form."""
        shown_values: dict[str, Any] = dict.fromkeys(("missing", "address", "preview", "as_of"))
        refused = result.refusal
        shown_values |= {
            "refusal": translate_refusal(refused) if refused else "",
            "about": refused_parameter(refused) if refused else "",
        }
        if scope is None or result.address is None:
            return shown_values
        path, preview_data = result.address.path, result.preview_data
        shown_values |= {"address": result.address, "download": self._site.path(path)}
        if preview_data is None or isinstance(preview_data, Missing):
            shown_values["subscription"] = subscription(self._site.address(path), scope.name)
            return shown_values | {"missing": preview_data.name if preview_data else ""}
        calendar, complete = preview_data
        names = {facility_id.id: display_text(facility_id.name) for facility_id in scope.schools}
        context = GridContext(now, calendar.zone, names if len(names) > 1 else {})
        until = now + timedelta(days=PREVIEW_DAYS)
        return shown_values | {
            "subscription": subscription(self._site.address(path), calendar.title),
            "preview": list_days(calendar.items, None, context, PREVIEW_LINES),
            "coming_count": sum(item.end > now and item.start < until for item in calendar.items),
            "days": PREVIEW_DAYS,
            "zone_name": formatting.zone_name(calendar.zone),
            "as_of": freshness(calendar.fetched, calendar.zone, now),
            "complete_from": formatting.day_or_moment(complete.complete_from, calendar.zone),
            "complete_until": formatting.day_or_moment(complete.complete_until, calendar.zone),
        }


def builder(service: FeedCache, site: Site, settings: Settings) -> Blueprint:
    """Return the builder's address."""
    routes = Blueprint("builder", __name__)
    made = Builder(service, site, settings)

    @routes.get(build_path())
    def build() -> Response:
        return made.show(request.environ.get("QUERY_STRING", ""), site.now())

    return routes
