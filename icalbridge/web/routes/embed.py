"""Calendars for other sites: `/embed/...`, pages for a frame, and their script and style sheet.

Only these pages may be framed, so every link in them opens elsewhere, and errors are shown inside
the frame, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, render_template, request

from icalbridge import timezones
from icalbridge.errors import StoreError
from icalbridge.feeds import BadQuery, display_text, feed_path, page_path
from icalbridge.feeds.query_values import split_query
from icalbridge.models import Feed
from icalbridge.web import formatting, i18n, responses
from icalbridge.web.color import readable
from icalbridge.web.coming import Coming, load_coming
from icalbridge.web.cross_origin import ANYWHERE
from icalbridge.web.parameters import translate_refusal
from icalbridge.web.revision_cache import Missing
from icalbridge.web.routes.feeds import is_id, refuse_query
from icalbridge.web.site import freshness
from icalbridge.web.static_files import FOLDER
from icalbridge.web.views.calendar_grid import GridContext, grid_days, list_days, span
from icalbridge.web.views.embed_options import EmbedOptions, convert_options, split_options
from icalbridge.web.views.subscribe import subscription

if TYPE_CHECKING:
    from datetime import date, datetime

    from icalbridge.feeds import FeedQuery
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.settings import Settings
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site
    from icalbridge.web.views.calendar_grid import GridSpan

DAYS = 7
"""How many days a list has, today included, unless its address has `days`."""
ENTRIES = 200
DAY_LINES = {"week": 30, "month": 4}
"""How many entries a day of a week or month shows."""
CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=300, stale-if-error=86400"
ASSET_CACHE_CONTROL = "public, max-age=3600"
"""Of what lives at an address without a version."""
BY_LANGUAGE = "Accept-Encoding, Accept-Language"
"""Also where the address has a language: the region is still the browser's."""
GROUNDS = {"light": "#e6ecef", "dark": "#26313c"}
"""Background of text in the accent's color: of those in `embed.css` the one with least contrast."""


DARK_MEDIA = {
    "auto": "@media screen and (prefers-color-scheme:dark)",
    "dark": "@media screen",
}


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Feed, options and query of an embedded calendar's address."""

    feed: Feed
    looks: EmbedOptions
    query: str
    """Of the feed."""


class Embeds:
    """The embedded calendars of one application."""

    def __init__(self, service: FeedCache, site: Site, settings: Settings) -> None:
        self._catalog = service.catalog
        self._service = service
        self._site = site
        self._headers = responses.framed_headers(responses.EMBED_POLICY, settings.frame_ancestors)
        self._accent = settings.site_accent.removeprefix("#")
        self._reach = -settings.history_days, settings.horizon_days

    def page(self, feed: Feed, query: str, now: datetime) -> Response:
        """Return the page of a calendar, or one with a sentence: 400 for a bad address, 404 and 503
        as its feed.
        """
        requested = EmbedRequest(feed, EmbedOptions(), "")
        try:
            chosen, rest = split_options(query)
            requested = EmbedRequest(feed, chosen, rest)
            filters = (
                refuse_query(rest) if feed.kind == "saved" else self._service.parse_query(rest)
            )
            state = self._service.state(feed) if is_id(feed.id) else Missing.UNKNOWN
            if isinstance(state, Missing):
                return self._missing(requested, state)
            return self._calendar(requested, filters, GridContext(now, state.zone))
        except BadQuery as error:
            return self._uncached(requested, 400, "refused", translate_refusal(error))
        except StoreError:
            return self._missing(requested, Missing.UNREACHABLE)

    def _calendar(
        self, requested: EmbedRequest, filters: FeedQuery, context: GridContext
    ) -> Response:
        today, chosen, zone = context.today, requested.looks, context.zone
        first, last = (today + timedelta(days=number) for number in self._reach)
        start = min(max(chosen.start or today, first), last)
        shown = span(chosen.view, today if chosen.view == "list" else start, chosen.days or DAYS)
        until = timezones.midnight(shown.end, zone)
        coming: Coming | Missing
        if chosen.view == "list":
            coming = load_coming(self._service, requested.feed, filters, until, context.now)
        else:
            since = timezones.midnight(shown.first, zone)
            lines = DAY_LINES[chosen.view]
            calendar = self._service.calendar(
                requested.feed, filters, since, until, day_limit=lines
            )
            coming = calendar if isinstance(calendar, Missing) else Coming(calendar, 0)
        if isinstance(coming, Missing):
            return self._missing(requested, coming)
        context = replace(context, schools=self._schools(coming.calendar))
        items, unlisted = coming.calendar.items, coming.calendar.state.unlisted
        html = self._rendered(
            requested,
            title=coming.calendar.title,
            **self._whole(requested.feed),
            place="" if requested.feed.kind == "facility" else "text",
            zone=zone,
            zone_name=formatting.zone_name(zone),
            as_of=freshness(coming.calendar.fetched, zone, context.now),
            unlisted=formatting.long_date(unlisted, zone) if unlisted else "",
            days=shown.count,
            **(
                {"plan": list_days(items, until, context, ENTRIES, coming.left_out)}
                if chosen.view == "list"
                else self._grid(requested, coming.calendar, shown, context)
            ),
        )
        return responses.respond(
            responses.document(
                html.encode(),
                "text/html; charset=utf-8",
                cache_control=CACHE_CONTROL,
                vary=BY_LANGUAGE,
                security=self._headers,
            )
        )

    def _schools(self, calendar: Calendar) -> dict[str, str]:
        """Return the schools' names by id, where there are several."""
        names = self._catalog.school_names(calendar.property_ids)
        return {key: display_text(name) for key, name in names.items()} if len(names) > 1 else {}

    def _whole(self, feed: Feed) -> dict[str, str]:
        """Return where the whole calendar is: its page, or, as a saved feed has none, the feed
        itself.
        """
        if feed.kind != "saved":
            return {"page": page_path(feed)}
        return {"page": "", "webcal": subscription(self._site.address(feed_path(feed)), "").webcal}

    def _grid(
        self, requested: EmbedRequest, calendar: Calendar, shown: GridSpan, context: GridContext
    ) -> dict[str, Any]:
        """Return a week or month, and where to turn from it, as far as feeds reach."""
        today, chosen = context.today, requested.looks
        first, last = (today + timedelta(days=number) for number in self._reach)
        return {
            "span": shown,
            "sheet": grid_days(
                calendar.items,
                shown,
                context,
                per_day=DAY_LINES[shown.view],
                counts=calendar.day_counts,
            ),
            "earlier": self._turned(requested, shown.neighbor(-1) if shown.first > first else None),
            "later": self._turned(requested, shown.neighbor(1) if shown.end <= last else None),
            "current": ""
            if shown.first <= today < shown.end
            else f"?{chosen.query(requested.query, start=None)}",
            "week": lambda day: f"?{chosen.query(requested.query, view='week', start=day)}",
        }

    def _turned(self, requested: EmbedRequest, start: date | None) -> str:
        return f"?{requested.looks.query(requested.query, start=start)}" if start else ""

    def _rendered(self, requested: EmbedRequest, **shown: Any) -> str:
        known = dict.fromkeys(
            (
                "why",
                "sentence",
                "title",
                "page",
                "plan",
                "as_of",
                "zone_name",
                "webcal",
                "unlisted",
            ),
            "",
        )
        return render_template(
            "embed.html",
            **{
                **known,
                **shown,
                "looks": requested.looks,
                "lang": i18n.current().language,
                "accent_path": self._accent_path(requested.looks),
            },
        )

    def _accent_path(self, chosen: EmbedOptions) -> str:
        """Return the address of the style sheet with the colour of a calendar or else of the site;
        empty for none.
        """
        own = EmbedOptions(theme=chosen.theme, accent=chosen.accent or self._accent)
        return self._site.path(f"/embed.css?{own.query()}") if own.accent else ""

    def _missing(self, requested: EmbedRequest, why: Missing) -> Response:
        return self._uncached(requested, 404 if why is Missing.UNKNOWN else 503, why.name.lower())

    def _uncached(
        self, requested: EmbedRequest, status: int, why: str, reason: str = ""
    ) -> Response:
        html = self._rendered(requested, why=why, sentence=reason)
        return responses.respond_uncached(html, status, self._headers, retry=status == 503)


def accent_css(chosen: EmbedOptions) -> bytes:
    """Return that style sheet: the accent as it can be read on light and on dark ground; paper is
    light.
    """
    if not chosen.accent:
        return b""
    light, dark = (
        f":root[data-theme]{{--accent:{readable(f'#{chosen.accent}', ground)}}}"
        for ground in GROUNDS.values()
    )
    media = DARK_MEDIA.get(chosen.theme)
    return (f"{light}{media}{{{dark}}}" if media else light).encode()


def embeds(service: FeedCache, site: Site, settings: Settings) -> Blueprint:
    """Return the addresses that frames are given, and those of what they load."""
    routes = Blueprint("embed", __name__)
    made = Embeds(service, site, settings)
    script = responses.document(
        (FOLDER / "embed.js").read_bytes(),
        "text/javascript; charset=utf-8",
        cache_control=ASSET_CACHE_CONTROL,
        extra=(ANYWHERE, ("Cross-Origin-Resource-Policy", "cross-origin")),
    ).packed()

    @routes.get("/embed.js")
    def host_script() -> Response:
        return responses.respond(script)

    @routes.get("/embed.css")
    def accent() -> Response:
        try:
            query = request.environ.get("QUERY_STRING", "")
            sheet = accent_css(convert_options(split_query(query)))
        except BadQuery as error:
            return responses.flask_response(responses.refusal(400, str(error)))
        return responses.respond(
            responses.document(sheet, "text/css; charset=utf-8", cache_control=ASSET_CACHE_CONTROL)
        )

    @routes.get("/embed/facility/<path:facility_id>")
    def facility(facility_id: str) -> Response:
        return answer(Feed("facility", facility_id))

    @routes.get("/embed/property/<path:property_id>", endpoint="property")
    def school(property_id: str) -> Response:
        return answer(Feed("property", property_id))

    @routes.get("/embed/feed/<slug>", endpoint="feed")
    def saved(slug: str) -> Response:
        return answer(Feed("saved", slug))

    def answer(feed: Feed) -> Response:
        return made.page(feed, request.environ.get("QUERY_STRING", ""), site.now())

    return routes
