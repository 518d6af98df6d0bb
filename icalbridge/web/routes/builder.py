"""The builder, `/build`: anybody shapes a calendar in a form and sees at once what it shows, and
its address.

The form is read by `form`, what it offers is arranged by `picking`, the next entries by `preview`.
Here they come together over the feed itself: the preview is made of its items, and what the feed
would refuse the page refuses too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request

from icalbridge.feeds import FORMATS, Address, BadQuery, display_text
from icalbridge.feeds.titles import DEFAULT, FIELDS
from icalbridge.web import formatting
from icalbridge.web.failures import error_page
from icalbridge.web.feed_cache import CacheEntry, Missing
from icalbridge.web.refusing import about, sentence
from icalbridge.web.routes.pages import as_of, page
from icalbridge.web.views.feed_form import calendars, picking, scope_of
from icalbridge.web.views.form import Form, build_path, filled_in
from icalbridge.web.views.preview import DAYS, preview
from icalbridge.web.views.subscribe import subscription

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.web.feed_cache import FeedService
    from icalbridge.web.rendered_feed import RenderedFeed
    from icalbridge.web.site import Site
    from icalbridge.web.views.feed_form import Scope

TITLES = (
    DEFAULT,
    "{name}",
    "{facility}: {name}",
    "{name} ({facility})",
    "{school}: {name}",
    "{facility}",
)
"""The titles that are offered; any other is typed."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of the form: a sentence, or a feed, or, without either, a calendar that has still
    to be chosen.
    """

    refusal: BadQuery | None = None
    address: Address | None = None
    found: CacheEntry[RenderedFeed] | Missing | None = None


class Builder:
    """The page over one application's feeds."""

    def __init__(self, store: Store, service: FeedService, site: Site, settings: Settings) -> None:
        self._read = store.read
        self._service = service
        self._site = site
        self._settings = settings

    def show(self, query: str, now: datetime) -> Response:
        """Return the form as it was filled in and what it gives: 400 where that is refused, 404
        without a calendar.
        """
        form, refusal = Form({}), None
        try:
            form = filled_in(query)
        except BadQuery as error:
            refusal = error
        scope = scope_of(self._read, form.feed)
        if scope is None and form.text("feed"):
            return error_page(404, "unknown")
        result = Result(refusal) if refusal else self._result(form, scope)
        shown = {**self._offered(form, scope), **self._told(result, scope, now)}
        if result.refusal:
            return _unkept("build.html", 400, **shown)
        if isinstance(result.found, Missing):
            return _unkept("build.html", 503, **shown)
        return page(self._site, "build.html", **shown)

    def _result(self, form: Form, scope: Scope | None) -> Result:
        try:
            shape = self._service.shape(form.query)
            if scope is None:
                return Result()
            strange = frozenset(shape.facility) - scope.facility_ids
            if strange:
                # Ticked in another calendar, before this one was chosen; what is nowhere is refused
                # by the feed.
                shape = replace(
                    shape,
                    facility=tuple(
                        each
                        for each in shape.facility
                        if each not in strange or self._nowhere(each)
                    ),
                )
            # Written out, an address may be longer than the form was.
            address = Address(scope.feed, self._service.shape(shape.query), form.suffix)
            return Result(address=address, found=self._service.find(address))
        except BadQuery as error:
            return Result(error)

    def _nowhere(self, facility_id: str) -> bool:
        return self._read.facility(facility_id) is None

    def _offered(self, form: Form, scope: Scope | None) -> dict[str, Any]:
        """Return what the form shows."""
        title = form.text("title")
        return {
            "form": form,
            "groups": calendars(self._read.properties(), scope),
            "scope": scope,
            "picking": picking(scope, form) if scope else None,
            "titles": TITLES,
            "title_fields": FIELDS,
            "own_title": "" if title in TITLES else title,
            "formats": tuple(FORMATS),
            "pending": self._settings.public_pending,
            "by_category": self._settings.public_category,
            "reach": (self._settings.history_days, self._settings.horizon_days),
        }

    def _told(self, result: Result, scope: Scope | None, now: datetime) -> dict[str, Any]:
        """Return what stands beside the form."""
        told: dict[str, Any] = dict.fromkeys(("missing", "address", "preview", "as_of"))
        refused = result.refusal
        told |= {
            "refusal": sentence(refused) if refused else "",
            "about": about(refused) if refused else "",
        }
        if scope is None or result.address is None:
            return told
        path, held = result.address.path, result.found
        told |= {"address": result.address, "download": self._site.path(path)}
        title = held.state.title if isinstance(held, CacheEntry) else scope.name
        told["subscription"] = subscription(self._site.address(path), title)
        if not isinstance(held, CacheEntry):
            return told | {"missing": held.name if held else ""}
        made, zone = held.made, held.state.zone
        schools = (
            {each.id: display_text(each.name) for each in scope.schools}
            if len(scope.schools) > 1
            else {}
        )
        items = self._service.items(result.address, held)
        if made.complete_until is not None:
            items = [item for item in items if item.start < made.complete_until]
        return told | {
            "preview": preview(items, now, zone, left_out=0, schools=schools),
            "days": DAYS,
            "zone_name": formatting.zone_name(now, zone),
            "as_of": as_of(self._site, [each.id for each in scope.schools], zone, now),
            "complete_from": formatting.day_or_moment(made.complete_from, zone),
            "complete_until": formatting.day_or_moment(made.complete_until, zone),
        }


def _unkept(template: str, status: int, **shown: Any) -> Response:
    html = render_template(template, **shown)
    return Response(
        html, status, {"Cache-Control": "no-store"}, content_type="text/html; charset=utf-8"
    )


def builder(store: Store, service: FeedService, site: Site, settings: Settings) -> Blueprint:
    """Return the builder's address."""
    routes = Blueprint("builder", __name__)
    made = Builder(store, service, site, settings)

    @routes.get(build_path())
    def build() -> Response:
        return made.show(request.environ.get("QUERY_STRING", ""), site.now())

    return routes
