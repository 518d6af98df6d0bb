"""Displays on a wall: `/display/...`, a page that is complete by itself, and the data with which a
script keeps it up to date.

Every error is a display page too, which keeps polling: an error page would stay on the wall until
somebody comes with a ladder.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template, request

from icalbridge import __version__
from icalbridge.feeds import Address, BadQuery
from icalbridge.feeds.query import Surface, names_of
from icalbridge.feeds.query_values import join_query, quoted, split_query
from icalbridge.models import Feed
from icalbridge.web import formatting, i18n, responses
from icalbridge.web.cross_origin import ANYWHERE
from icalbridge.web.i18n import gettext
from icalbridge.web.parameters import Refused, choice_refusal, refuse_unknown, translate_refusal
from icalbridge.web.qr import draw_code
from icalbridge.web.revision_cache import Missing
from icalbridge.web.routes.feeds import refuse_query
from icalbridge.web.site import requested_language
from icalbridge.web.static_files import FOLDER
from icalbridge.web.views.board import make_board
from icalbridge.web.views.now_next import SCRIPT_WORDS, display_view, words
from icalbridge.web.views.subscribe import display_path, shown_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds import FeedQuery
    from icalbridge.settings import Settings
    from icalbridge.web.current_bookings import CurrentBookings, CurrentBookingsReader
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site
    from icalbridge.web.static_files import Assets
    from icalbridge.web.views.board import Board

CLOCK = "Display-Now"
"""A header with the server's clock in seconds since 1970; in the data it would make every answer a
new one.
"""
READABLE = f"{CLOCK}, Display-Kept, {responses.MARK}, Age"
"""Headers that the script reads, also in a sandboxed frame; the worker adds the second."""
JSON_CACHE_CONTROL = "public, max-age=30"
PAGE_CACHE_CONTROL = "no-cache"
WORKER_CACHE_CONTROL = "public, max-age=300"

OWN = ("theme", "dim", "margin", "qr", "lang")
SWITCH = ("0", "1")

_DIM = re.compile(r"([01]?\d|2[0-4])-([01]?\d|2[0-4])", re.ASCII)
MOST_OCTETS = 150
"""Of an address whose QR code phones read from two meters: more make its modules too small."""
_MARGIN = re.compile(r"[0-9]|10", re.ASCII)


@dataclass(frozen=True, slots=True)
class DisplayOptions:
    """Options of a display's address; values that it does not know change nothing."""

    theme: str
    dim: tuple[int, int] | None
    """From which full hour until which it is dimmed, in the school's zone."""
    margin: int
    """Percent of the screen to leave empty at each edge, for TVs that cut it off."""
    qr: bool
    """Whether it has the QR code of its page."""

    @classmethod
    def of(cls, theme: str, dim: str, margin: str, qr: str) -> DisplayOptions:
        hours = _DIM.fullmatch(dim)
        return cls(
            "light" if theme == "light" else "dark",
            (int(hours[1]), int(hours[2])) if hours else None,
            int(margin) if _MARGIN.fullmatch(margin) else 0,
            qr == "1",
        )


class Displays:
    """The displays of one application."""

    def __init__(
        self,
        service: FeedCache,
        present: CurrentBookingsReader,
        site: Site,
        version: str,
        security: responses.Headers,
    ) -> None:
        self._service = service
        self._present = present
        self._site = site
        self._version = version
        self._shared = (
            ANYWHERE,
            ("Access-Control-Expose-Headers", READABLE),
            (responses.MARK, version),
        )
        self._headers = (*security, *self._shared)

    def answer(self, feed: Feed, query: str, now: datetime) -> Response:
        """Return the page of a display, or its data where the address ends in `.json`: 400 for a
        bad address.
        """
        options = DisplayOptions.of(
            *(request.args.get(name, "") for name in ("theme", "dim", "margin", "qr"))
        )
        data = feed.id.endswith(".json")
        try:
            filters = self._filters(feed, query)
            if data:
                return self.data(replace(feed, id=feed.id.removesuffix(".json")), filters, now)
            return self.page(feed, filters, options, now)
        except BadQuery as error:
            if data:
                return responses.flask_response(responses.refusal(400, str(error), self._shared))
            # The script asks with the same parameters, is refused as well, and leaves the sentence
            # there.
            return responses.respond_uncached(
                self._rendered(feed, options, now, reason=translate_refusal(error), query=query),
                400,
                self._headers,
            )

    def _filters(self, feed: Feed, query: str) -> FeedQuery:
        parameters = split_query(query)
        _check_options(parameters)
        filters = join_query({name: parameters[name] for name in parameters if name not in OWN})
        if feed.kind == "saved":
            return refuse_query(filters)
        refuse_unknown(parameters, (*OWN, *names_of(Surface.DISPLAY)))
        return self._service.parse_query(filters)

    def page(
        self, feed: Feed, filters: FeedQuery, options: DisplayOptions, now: datetime
    ) -> Response:
        """Return the page of a display, also where nothing is there to show. Raises `BadQuery`."""
        bookings = self._present.find(feed, now, filters)
        language = f"lang={requested_language()}" if requested_language() else ""
        query = "&".join(filter(None, (language, filters.query_string)))
        if isinstance(bookings, Missing):
            reason = words()[f"missing-{bookings.name.lower()}"]
            return responses.respond_uncached(
                self._rendered(feed, options, now, reason=reason, query=query),
                _status(bookings),
                self._headers,
            )
        unlisted = (
            formatting.long_date(bookings.unlisted, bookings.place.zone)
            if bookings.unlisted
            else ""
        )
        qr = self._draw_code(Address(feed, filters)) if options.qr else ""
        html = self._rendered(
            feed, options, now, _board(bookings, now), query=query, unlisted=unlisted, qr=qr
        )
        depends = qr and not self._site.is_public
        made = responses.document(
            html.encode(),
            "text/html; charset=utf-8",
            cache_control=f"private, {PAGE_CACHE_CONTROL}" if depends else PAGE_CACHE_CONTROL,
            security=self._headers,
        )
        return responses.respond(made)

    def _draw_code(self, address: Address) -> str:
        """Return the QR code of the page that shows the same; empty where there is none, such as
        for a saved feed.
        """
        if address.feed.kind == "saved" or not (self._site.is_public or request.host):
            return ""
        shown = self._site.address(shown_at(address))
        return draw_code(shown, "l").decode() if len(shown) <= MOST_OCTETS else ""

    def _rendered(
        self,
        feed: Feed,
        options: DisplayOptions,
        now: datetime,
        there: Board | None = None,
        *,
        query: str,
        reason: str = "",
        unlisted: str = "",
        qr: str = "",
    ) -> str:
        """Render the page of a display that shows a board, or else why there is none; `query` is
        that of its data.
        """
        texts = words()
        layout = "facility" if feed.kind == "facility" else "property"
        return render_template(
            f"display_{layout}.html",
            layout=layout,
            board=there,
            view=display_view(there, now.timestamp(), texts) if there else None,
            data=asdict(replace(there, rows=())) if there else None,
            words=texts,
            script_words={name: texts[name] for name in SCRIPT_WORDS},
            now=int(now.timestamp()),
            unlisted=unlisted,
            theme=options.theme,
            margin=options.margin,
            qr=qr,
            dim="-".join(map(str, options.dim)) if options.dim else "",
            data_path=self._site.path(display_path(Address(feed), ".json"))
            + (f"?{query}" if query else ""),
            version=self._version,
            worker_path=self._site.path("/display/sw.js"),
            reason=reason,
        )

    def data(self, feed: Feed, filters: FeedQuery, now: datetime) -> Response:
        """Return the data that a display polls once a minute. Raises `BadQuery`."""
        known = self._present.find(feed, now, filters)
        if isinstance(known, Missing):
            retry = (("Retry-After", str(responses.RETRY_SECONDS)),)
            extra = self._shared if known is Missing.UNKNOWN else (*self._shared, *retry)
            return responses.flask_response(responses.refusal(_status(known), known.value, extra))
        made = responses.document(
            _board(known, now).json(),
            "application/json; charset=utf-8",
            cache_control=JSON_CACHE_CONTROL,
            extra=(*self._shared, (CLOCK, str(int(now.timestamp())))),
        )
        return responses.respond(made)


def _check_options(parameters: Mapping[str, Sequence[str]]) -> None:
    """Raise `Refused` for a margin that is no percentage up to ten, and a `qr` but 0 and 1."""
    margin, qr = ((parameters.get(name) or [""])[-1] for name in ("margin", "qr"))
    if qr not in {"", *SWITCH}:
        raise Refused(choice_refusal("qr", quoted(qr), SWITCH))
    if margin and not _MARGIN.fullmatch(margin):
        raise Refused(
            gettext("%(name)s is %(given)s and must be %(expected)s.")
            % {
                "name": "margin",
                "given": quoted(margin),
                "expected": gettext("a whole number from 0 to 10"),
            }
        )


def _board(bookings: CurrentBookings, now: datetime) -> Board:
    return make_board(
        bookings.place, bookings.items, words(), until=bookings.until, as_of=bookings.as_of, now=now
    )


def _status(why: Missing) -> int:
    return 404 if why is Missing.UNKNOWN else 503


def _version(assets: Assets) -> str:
    """Return what changes with the page, its script or its style sheet: a display that runs another
    one loads itself again.
    """
    parts = [__version__, *(assets.versions[name] for name in ("display.js", "display.css"))]
    return blake2b(" ".join(parts).encode(), digest_size=8).hexdigest()


def displays(
    service: FeedCache,
    present: CurrentBookingsReader,
    site: Site,
    settings: Settings,
    assets: Assets,
) -> Blueprint:
    """Return the routes of displays."""
    routes = Blueprint("display", __name__)
    headers = responses.framed_headers(responses.DISPLAY_POLICY, settings.frame_ancestors)
    version = _version(assets)
    made = Displays(service, present, site, version, headers)
    worker = responses.document(
        (FOLDER / "display-sw.js").read_bytes(),
        "text/javascript; charset=utf-8",
        cache_control=WORKER_CACHE_CONTROL,
        extra=[(responses.MARK, version)],
        security=headers,
    ).packed()

    @routes.get("/display/sw.js")
    def service_worker() -> Response:
        return responses.respond(worker)

    @routes.get("/display/facility/<path:name>")
    def facility(name: str) -> Response:
        return answer(Feed("facility", name))

    @routes.get("/display/property/<path:name>", endpoint="property")
    def school(name: str) -> Response:
        return answer(Feed("property", name))

    @routes.get("/display/feed/<slug>", endpoint="feed")
    def saved(slug: str) -> Response:
        return answer(Feed("saved", slug))

    @routes.before_request
    def choose_language() -> None:
        """Take it from the address alone: a TV's own language is not that of its viewers."""
        i18n.use(i18n.choose(requested_language(), ""))

    def answer(feed: Feed) -> Response:
        return made.answer(feed, request.environ.get("QUERY_STRING", ""), site.now())

    return routes
