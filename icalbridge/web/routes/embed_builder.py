"""The builder of embed snippets, `/embed`: a form for a calendar and its looks, with a preview."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template, request
from markupsafe import escape

from icalbridge.feeds import BadQuery, page_path
from icalbridge.feeds.query import PARAMETERS, Surface, names_of
from icalbridge.web import responses
from icalbridge.web.failures import error_page
from icalbridge.web.i18n import gettext
from icalbridge.web.parameters import translate_refusal
from icalbridge.web.views.calendar_grid import VIEWS
from icalbridge.web.views.embed_options import OWN, EmbedOptions, convert_options, embed_path
from icalbridge.web.views.forms import (
    form_choices,
    grouped_calendars,
    read_form,
    text_fields,
)

if TYPE_CHECKING:
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site
    from icalbridge.web.views.forms import BuilderForm, FormScope

HEIGHTS = {"list": 600, "week": 640, "month": 760}
"""How high a frame is, in pixels, where no script makes it fit."""
SPEAK = "speak"
"""The field for the calendar's language; `lang` is that of the form itself."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """What is pasted into a page."""

    address: str
    """Absolute address of the embedded calendar."""
    preview: str
    """The same below the root of this site."""
    title: str
    frame: str
    """The frame alone."""
    whole: str
    """The frame, and the script that makes it fit."""


class EmbedBuilder:
    """The page over one application's feeds."""

    def __init__(self, service: FeedCache, site: Site) -> None:
        self._catalog = service.catalog
        self._service = service
        self._site = site

    def show(self, query: str) -> Response:
        """Return the form as it was filled in, and the snippet: 400 where that is refused, 404
        without a calendar.
        """
        form, scope, refusal = read_form(self._catalog, query)
        snippet = None
        if scope is None and form.text("feed"):
            return error_page(404, "unknown")
        try:
            snippet = self._snippet(form, scope)
        except BadQuery as error:
            refusal = error
        about = str(refusal or "").partition(" ")[0]
        html = render_template(
            "embed_builder.html",
            form=form,
            groups=grouped_calendars(self._catalog.properties(), self._catalog.facilities(), scope),
            scope=scope,
            choices=form_choices(scope, form) if scope else None,
            text_fields=text_fields(Surface.EMBED_FORM),
            views=VIEWS,
            snippet=snippet,
            refusal=translate_refusal(refusal) if refusal else "",
            about=about if about in PARAMETERS or about in OWN else "",
            handed_on=[
                (name, form.joined(name))
                for name in form.fields
                if name in PARAMETERS and name not in (*OWN, *names_of(Surface.EMBED_FORM))
            ],
        )
        return self._answer(html, 400 if refusal else 200)

    def _snippet(self, form: BuilderForm, scope: FormScope | None) -> Snippet | None:
        own = convert_options({**form.fields, "lang": form.fields.get(SPEAK, ())})
        query = self._service.parse_query(form.query((*OWN, SPEAK, "feed", "school")))
        if scope is None:
            return None
        # What was ticked in another calendar, before this one was chosen, is left out.
        ticked = tuple(
            facility_id for facility_id in query.facility if facility_id in scope.facility_ids
        )
        return snippet_of(self._site, scope, own, replace(query, facility=ticked).query_string)

    def _answer(self, html: str, status: int) -> Response:
        headers = dict(responses.FRAMING_HEADERS) | {
            "Cache-Control": "private, no-cache" if status == 200 else "no-store"
        }
        return Response(html, status, headers, content_type="text/html; charset=utf-8")


def snippet_of(site: Site, scope: FormScope, own: EmbedOptions, rest: str) -> Snippet:
    """Return what shows a calendar in a page; everything in it is escaped for HTML."""
    path = embed_path(scope.feed, own.query(rest))
    address, page = site.address(path), site.address(page_path(scope.feed))
    title = (
        gettext("Calendar of %(name)s") % {"name": scope.name}
        if scope.name
        else gettext("Calendar")
    )
    frame = (
        f'<iframe src="{escape(address)}" title="{escape(title)}" width="100%"'
        f' height="{HEIGHTS[own.view]}" frameborder="0" loading="lazy"><a'
        f' href="{escape(page)}">{escape(title)}</a></iframe>'
    )
    script = f'<script src="{escape(site.address("/embed.js"))}" async></script>'
    return Snippet(address, site.path(path), title, frame, f"{frame}\n{script}")


def embed_builder(service: FeedCache, site: Site) -> Blueprint:
    """Return the address at which snippets are made."""
    routes = Blueprint("embed_builder", __name__)
    made = EmbedBuilder(service, site)

    @routes.get("/embed")
    def build() -> Response:
        return made.show(request.environ.get("QUERY_STRING", ""))

    return routes
