"""The web: feeds, pages and what operators ask, as one Flask application over one store.

It never speaks to the vendor, so no outage there can break a feed. `create_app` ties the parts
together:

    normalize, routes.feeds   middleware: one address for each feed; cached feeds without Flask
    feed_cache, catalog       calendars, rendered feeds, schools and facilities, in memory
    coming, current_bookings  what comes in a feed; what is on at a place
    responses                 entity tags, conditional requests, compression, security headers
    routes                    the addresses, a module for each kind of page; api is `/api/v1`
    views                     what the templates show: pure functions of items, days and `now`
    parameters                checked parameters, and sentences for those that are refused
    site, branding, sharing   links and freshness; name, logo and accent; metadata and sitemap
    i18n, formatting          the language and region of a page, and how it writes moments
    failures, problems        errors for people and for programs
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, Response, abort, request
from jinja2 import StrictUndefined
from werkzeug.routing import RequestRedirect

import icalbridge
from icalbridge.feeds.urls import item_path
from icalbridge.models import utcnow
from icalbridge.web import formatting, i18n
from icalbridge.web.api import api
from icalbridge.web.branding import Look, look_files
from icalbridge.web.cross_origin import answer_preflights
from icalbridge.web.current_bookings import CurrentBookingsReader
from icalbridge.web.failures import catch_all
from icalbridge.web.feed_cache import FeedCache
from icalbridge.web.metrics import Metrics
from icalbridge.web.normalize import AddressNormalizer
from icalbridge.web.responses import SECURITY_HEADERS
from icalbridge.web.routes.bookings import booking_pages
from icalbridge.web.routes.builder import builder
from icalbridge.web.routes.displays import displays
from icalbridge.web.routes.embed import embeds
from icalbridge.web.routes.embed_builder import embed_builder
from icalbridge.web.routes.feeds import PREFIX, CachedFeedMiddleware, ical
from icalbridge.web.routes.free import free_pages
from icalbridge.web.routes.health import operations
from icalbridge.web.routes.pages import pages
from icalbridge.web.routes.posters import posters
from icalbridge.web.routes.status import status_page
from icalbridge.web.sharing import sitemap
from icalbridge.web.site import (
    Site,
    facility_path,
    other_languages,
    property_path,
    requested_language,
)
from icalbridge.web.static_files import product_assets, static_files
from icalbridge.web.views.directory import kind_beside
from icalbridge.web.views.forms import build_path, form_value

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.web.static_files import Assets

CACHE_BYTES = 32_000_000
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
    metrics, assets = Metrics(settings), product_assets()
    service = FeedCache(store, settings, metrics, clock, cache_bytes)
    site = Site(settings.public_url, service.public, clock, service.database)
    look = Look(settings, site, assets)
    present = CurrentBookingsReader(service)
    app.extensions["icalbridge"] = service
    _prepare_templates(app, site, assets, look)
    for routes in (
        ical(service),
        api(service, present, site, settings.booking_url),
        pages(service, site),
        booking_pages(service, site, settings),
        free_pages(service, site, settings),
        builder(service, site, settings),
        displays(service, present, site, settings, assets),
        embeds(service, site, settings),
        embed_builder(service, site),
        operations(service.public, store.challenges, metrics, site, service.database),
        static_files(assets),
        look_files(look),
        posters(service, site),
        sitemap(service.public, site),
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


def _prepare_templates(app: Flask, site: Site, assets: Assets, look: Look) -> None:
    """Set Jinja's options, and what every template may use."""
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
        "form_value": form_value,
        "facility_path": facility_path,
        "item_path": item_path,
        "kind_beside": kind_beside,
        "look": look,
        "number": formatting.number,
        "share": formatting.share,
        "property_path": property_path,
        "language": lambda: i18n.current().language,
        "requested_language": requested_language,
        "other_languages": other_languages,
    }


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
        lang = request.args.get("lang", "")
        i18n.use(i18n.choose(lang, request.headers.get("Accept-Language", "")))

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
