"""The web: feeds, pages and what operators ask, as one Flask application over one store.

It never speaks to the vendor, so no outage there can break a feed. `create_app` ties the parts
together:

    normalize   middleware: one address for each feed and page, whatever programs add to it ical
    the feeds' addresses: a fast door in front of Flask, and Flask's own feeds       a feed as a
    document: looked up, rendered once a revision, kept (cache) demand      who is read, and by
    whom: noted aside cross_origin  which answers the pages of other sites may read, and preflights
    http        tags, conditions, compression, security headers: pure functions pages
    directory and schedules: directory, schedule, subscribe, wording arrange what the templates show
    builder     /build: form, picking, preview api         /api/v1: what is booked, for programs;
    problems is how it refuses embed       calendars in frames: embed_looks reads how, agenda
    arranges when; embed_builder makes their snippets display     signage: board is what a display
    knows, glance what it shows of that present     what is on and comes, for displays and the API;
    standing: whether a place is in use, until when look        the site's name, logo and accent
    (colour); status: how fresh everything is, for people poster      the poster for the door, and
    its QR code (qr) sharing     what search engines and other sites are told: Open Graph,
    schema.org (linked), sitemap language    in which language and region a page is told operations
    /healthz, /readyz, /metrics, /robots.txt saving      saved feeds: who gets which; tokens: what a
    private address means failures    404, 405, 500, 503 for people and programs; refusing: why an
    address cannot be shown
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, Response, abort, request
from jinja2 import StrictUndefined
from werkzeug.routing import RequestRedirect

import icalbridge
from icalbridge.models import utcnow
from icalbridge.web import formatting, i18n
from icalbridge.web.api import api
from icalbridge.web.branding import Look, look_files
from icalbridge.web.cross_origin import answer_preflights
from icalbridge.web.failures import catch_all
from icalbridge.web.feed_cache import FeedCache
from icalbridge.web.metrics import Metrics
from icalbridge.web.normalize import AddressNormalizer
from icalbridge.web.present import Present
from icalbridge.web.responses import SECURITY_HEADERS
from icalbridge.web.routes.builder import builder
from icalbridge.web.routes.displays import displays
from icalbridge.web.routes.embed import embeds
from icalbridge.web.routes.embed_builder import embed_builder
from icalbridge.web.routes.feeds import PREFIX, CachedFeedMiddleware, ical
from icalbridge.web.routes.health import operations
from icalbridge.web.routes.pages import pages
from icalbridge.web.routes.posters import posters
from icalbridge.web.routes.status import status_page
from icalbridge.web.sharing import sitemap
from icalbridge.web.site import (
    Site,
    facility_path,
    language_asked,
    other_languages,
    property_path,
)
from icalbridge.web.static_files import Assets, static_files
from icalbridge.web.views.form import build_path, value_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.settings import Settings
    from icalbridge.store import Store

CACHE_BYTES = 64_000_000
"""How much memory rendered feeds may take in each process."""


def create_app(
    settings: Settings,
    store: Store,
    *,
    clock: Callable[[], datetime] = utcnow,
    cache_bytes: int = CACHE_BYTES,
) -> Flask:
    """Make the application over one store, whose schema is up to date; `clock` returns this moment
    in UTC.

    Nothing is asked of the database before the first request.
    """
    app = Flask("icalbridge", static_folder=None, template_folder=str(templates_dir()))
    # An address answers or it does not; werkzeug would redirect one with doubled slashes.
    app.url_map.merge_slashes = False
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
    metrics, assets = Metrics(), Assets()
    service = FeedCache(store, settings, metrics, clock, cache_bytes)
    site = Site(settings.public_url, store, clock, service.database)
    look = Look(settings, site, assets)
    present = Present(service)
    app.jinja_options = {
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "extensions": ["jinja2.ext.i18n"],
    }
    app.jinja_env.install_gettext_callables(i18n.gettext, i18n.ngettext, newstyle=True)  # type: ignore[attr-defined]
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.globals |= {
        "link": site.link,
        "asset": lambda name: site.path(assets.path(name)),
        "build_path": build_path,
        "value_of": value_of,
        "facility_path": facility_path,
        "look": look,
        "number": formatting.number,
        "share": formatting.share,
        "property_path": property_path,
        "language": lambda: i18n.current().language,
        "language_asked": language_asked,
        "other_languages": other_languages,
    }
    for routes in (
        ical(service),
        api(store, service, present, site),
        pages(service, site),
        builder(service, site, settings),
        displays(present, site),
        embeds(service, site, settings),
        embed_builder(service, site),
        operations(store, metrics, site, service.database),
        static_files(assets),
        look_files(look),
        posters(service, site),
        sitemap(store, site),
        status_page(site),
    ):
        app.register_blueprint(routes)
    catch_all(app, service.database)
    _refuse_redirects(app)
    answer_preflights(app)
    _speak(app)

    @app.after_request
    def finish(response: Response) -> Response:
        for name, value in SECURITY_HEADERS:
            response.headers.setdefault(name, value)
        metrics.requests.labels(request.endpoint or "none", str(response.status_code)).inc()
        return response

    # As Flask documents it.
    app.wsgi_app = AddressNormalizer(CachedFeedMiddleware(app.wsgi_app, service, metrics))  # type: ignore[method-assign]
    return app


def _refuse_redirects(app: Flask) -> None:
    """Answer 404 where werkzeug would redirect: the target would be made of what the client
    sent.
    """

    @app.before_request
    def refuse_redirect() -> None:
        if isinstance(request.routing_exception, RequestRedirect):
            abort(404)


def _speak(app: Flask) -> None:
    """Answer each request in the language that it asks for."""

    @app.before_request
    def choose_language() -> None:
        if request.path.startswith(PREFIX):  # feeds have none, and read their parameters themselves
            return
        asked = request.args.get("lang", "")
        i18n.use(i18n.choose(asked, request.headers.get("Accept-Language", "")))

    @app.teardown_request
    def forget_language(_error: BaseException | None) -> None:
        i18n.use(i18n.AMERICAN_ENGLISH)

    @app.after_request
    def say_language(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers.setdefault("Content-Language", i18n.current().language)
            if request.blueprint != "display":
                response.vary.add("Accept-Language")
        return response


def templates_dir() -> Path:
    """Return where the templates are: in an installed wheel inside the package, in a checkout
    beside it.
    """
    package = Path(icalbridge.__file__).parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"
