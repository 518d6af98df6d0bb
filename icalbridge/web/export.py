"""Export of everything public as plain files, rendered by the application itself.

An address without a suffix becomes a file that ends in `.html`, as static hosts expect; the page in
another language ends in `.es.html`. A file is rendered anew when the revision of its feed has
changed, or when time alone changes it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

from flask import Blueprint, Response
from werkzeug.http import parse_date

import icalbridge
from icalbridge import timezones
from icalbridge.errors import ConfigurationError, ExportError, StoreError
from icalbridge.feeds import FORMATS, PLAIN, Address, feed_path
from icalbridge.models import Feed, utcnow
from icalbridge.web import create_app, i18n
from icalbridge.web.failures import error_page
from icalbridge.web.revision_cache import CacheEntry, Missing
from icalbridge.web.static_files import ROOT_ICONS, product_assets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from werkzeug.test import TestResponse

    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.web.export_tree import ExportTree
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.static_files import Assets

LANGUAGES = tuple(i18n.NAMES)
EXPLAINED = "/not-exported"
NEED_SERVER = ("/build", "/free", "/embed", "/status", "/api/v1", "/booking", "/404")
"""Addresses whose file says that they need the server; `/booking` is for every booking, and `/404`
is what hosts show for whatever is not there.
"""
SINGLE_FILES = (
    "/robots.txt",
    "/sitemap.xml",
    "/feed.schema.json",
    "/site.webmanifest",
    "/embed.js",
    "/embed.css",
    "/display/sw.js",
)
PAGES_GOOD_FOR = timedelta(hours=1)
"""A page shows how old its data is; older ones are rendered anew also where nothing changed."""
LONGEST_NAME = 240
SITE_SETTINGS = ("public_url", "history_days", "horizon_days", "feed_max_bytes")
SITE_PREFIXES = ("site_", "public_", "frame_", "booking_", "approved_", "policy")
OWN_HEADERS = frozenset(
    ("Content-Length", "ETag", "Last-Modified", "Content-Disposition", "Vary", "Content-Language")
) | {"Display-Now", "Server-Now"}
"""What hosts say themselves, or what differs with every file or moment."""
POLICY = "Content-Security-Policy"
BY_FOLDER = ("facility", "property", "poster", "embed", "display", "qr")


@dataclass(frozen=True, slots=True)
class Target:
    """An address and the file that it becomes."""

    address: str
    file: str
    feed: Feed | None = None
    suffix: str = ""
    """Format of a feed; empty for what hangs on this moment."""


class Exporter:
    """One export out of one store. Raises `ConfigurationError` without a public address."""

    def __init__(
        self, settings: Settings, store: Store, *, clock: Callable[[], datetime] = utcnow
    ) -> None:
        if not settings.public_url:
            raise ConfigurationError(
                "ICALBRIDGE_PUBLIC_URL is not set; files cannot take it from a request."
            )
        app = create_app(settings, store, clock=clock)
        app.register_blueprint(_explanation())
        self._app = app
        self._client = app.test_client(use_cookies=False)
        self._service: FeedCache = app.extensions["icalbridge"]
        self._service.readers.counts = False
        self._base = urlsplit(settings.public_url).path
        self._store = store
        self._settings = settings
        self._clock = clock
        self._assets = product_assets()
        self._settings_text = _describe(settings, self._assets)
        self._stamps: dict[Feed, str] = {}
        self.left_out: list[str] = []
        """Addresses that no file can be named after."""

    def export(self, tree: ExportTree, progress: Callable[[int, int], None]) -> None:
        """Bring a tree up to date. Raises `StoreError`, `ExportError`."""
        now = self._clock()
        feeds = self._feeds()
        targets = [*self._site_files(), *self._pages(feeds)]
        self._site_stamp = _digest(self._settings_text, *(self._stamps[feed] for feed in feeds))
        due = [
            target
            for target in targets
            if not tree.is_current(target.file, self._stamp(target), now)
        ]
        tree.plan([*(target.file for target in due), "_headers", "_redirects", ".nojekyll"])
        headers = _Headers(tree.headers if len(due) < len(targets) else {})
        for number, target in enumerate(due):
            self._put(tree, target, headers, now)
            progress(number + 1, len(due))
        tree.headers = headers.by_pattern
        tree.put("_headers", headers.text())
        tree.put("_redirects", f"{self._base}/booking/* {self._base}/booking 200\n".encode())
        tree.put(".nojekyll", b"")

    def _put(self, tree: ExportTree, target: Target, headers: _Headers, now: datetime) -> None:
        response = self._get(target.address)
        if response.status_code == 404:  # it ended a moment ago
            return
        if response.status_code != 200:
            raise ExportError(f"{target.address} was answered {response.status_code}; try again.")
        headers.add(target, response)
        tree.put(
            target.file,
            response.data,
            stamp=self._stamp(target),
            until=self._until(target, now),
            modified=parse_date(response.headers.get("Last-Modified")),
        )

    def _get(self, address: str) -> TestResponse:
        path, _, query = address.partition("?")
        agent = {"User-Agent": "icalbridge export"}
        return self._client.get(path, query_string=query, headers=agent)

    # what there is

    def _feeds(self) -> list[Feed]:
        """Return everything public that has feeds, in the order of the sitemap."""
        feeds = []
        site_map = ET.fromstring(self._get("/sitemap.xml").data)  # noqa: S314  # our own
        for place in site_map.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc"):
            path = urlsplit(place.text or "").path.removeprefix(self._base)
            kind, _, quoted = path[1:].partition("/")
            if kind == "property":
                feeds.append(Feed("property", unquote(quoted)))
            elif kind == "facility":
                feeds.append(Feed("facility", unquote(quoted)))
        feeds += [Feed("saved", saved.slug) for saved in self._store.saved.feeds()]
        return [feed for feed in feeds if self._is_public(feed)]

    def _is_public(self, feed: Feed) -> bool:
        state = self._service.state(feed)
        if state is Missing.UNREACHABLE:
            raise StoreError("The database cannot be read; nothing more was exported.")
        if isinstance(state, Missing):
            return False
        text = repr((state.revision, state.changed, state.title, state.zone, state.synced))
        self._stamps[feed] = _digest(self._settings_text, text)
        return True

    def _site_files(self) -> Iterator[Target]:
        """Yield what is there once: the directory, style, scripts, icons, files for machines."""
        yield from self._in_languages("/", "index", ".html")
        for name in self._assets.versions:
            yield Target(self._assets.path(name), f"static/{name}")
        for path in (*SINGLE_FILES, *(f"/{name}" for name in ROOT_ICONS)):
            yield Target(path, path[1:])
        if self._settings.site_accent:
            yield Target("/site.css", "site.css")
        if self._settings.site_logo:
            yield Target("/logo", "logo")
        for path in NEED_SERVER:
            for language in LANGUAGES:
                suffix = _suffix(language, ".html")
                yield Target(f"{EXPLAINED}?lang={language}", f"{path[1:]}{suffix}")

    def _pages(self, feeds: Sequence[Feed]) -> Iterator[Target]:
        for feed in feeds:
            name = _file_name(feed.id)
            if name is None:
                self.left_out.append(feed.id)
                continue
            for suffix in FORMATS:
                path = feed_path(feed, suffix)
                yield Target(path, f"{unquote(path)[1:]}", feed, suffix)
            tail = feed_path(feed).removeprefix("/ical").removesuffix(".ics")
            kinds = ["/embed", "/display"]
            if feed.kind != "saved":
                kinds += ["", "/poster"]
                yield Target(f"/qr{tail}.svg", f"qr{unquote(tail)}.svg", feed, "svg")
            for kind in kinds:
                path = f"{kind}{tail}"
                yield from self._in_languages(path, unquote(path)[1:], ".html", feed)
            yield from self._in_languages(
                f"/display{tail}.json", f"display{unquote(tail)}", ".json", feed
            )

    def _in_languages(
        self, path: str, stem: str, suffix: str, feed: Feed | None = None
    ) -> Iterator[Target]:
        for language in LANGUAGES:
            query = "" if language == LANGUAGES[0] else f"?lang={language}"
            yield Target(path + query, stem + _suffix(language, suffix), feed)

    # when it changes

    def _stamp(self, target: Target) -> str:
        return self._stamps[target.feed] if target.feed else self._site_stamp

    def _until(self, target: Target, now: datetime) -> float | None:
        """Return when time alone changes a file, in seconds since 1970; None: never."""
        if target.feed is None:
            return (now + PAGES_GOOD_FOR).timestamp() if target.file.startswith("index") else None
        if not target.suffix:
            return self._next_moment(target.feed, now).timestamp()
        if target.suffix == "svg":
            return None
        entry = self._service.find(Address(target.feed, PLAIN, target.suffix))
        expires = entry.value.expires if isinstance(entry, CacheEntry) else now
        return expires.timestamp() if expires else None

    def _next_moment(self, feed: Feed, now: datetime) -> datetime:
        """Return when a page next shows something else: a booking begins or ends, the day ends, or
        its age is no longer right.
        """
        state = self._service.state(feed)
        if isinstance(state, Missing):
            return now
        today = now.astimezone(timezones.zone(state.zone)).date()
        begin, end = timezones.day_bounds(today, state.zone)
        calendar = self._service.calendar(feed, PLAIN, begin, end)
        moments = [end, now + PAGES_GOOD_FOR]
        if not isinstance(calendar, Missing):
            moments += (moment for item in calendar.items for moment in (item.start, item.end))
        return min(moment for moment in moments if moment > now)


def _describe(settings: Settings, assets: Assets) -> str:
    """Return everything but data that files are made of: the program, its assets, settings."""
    values = [
        (item.name, getattr(settings, item.name))
        for item in fields(settings)
        if item.name in SITE_SETTINGS or item.name.startswith(SITE_PREFIXES)
    ]
    return repr((icalbridge.__version__, values, sorted(assets.versions.items())))


class _Headers:
    """Headers by pattern of addresses: what all answers of a pattern have in common."""

    def __init__(self, before: dict[str, dict[str, str]]) -> None:
        self.by_pattern = dict(before)

    def add(self, target: Target, response: TestResponse) -> None:
        sent = {name: text for name, text in response.headers.items() if name not in OWN_HEADERS}
        pattern = _pattern(target)
        common = self.by_pattern.get(pattern, sent)
        if POLICY in common and response.mimetype != "text/html":  # it is for pages
            sent[POLICY] = common[POLICY]
        self.by_pattern[pattern] = dict(sorted(common.items() & sent.items()))

    def text(self) -> bytes:
        """Return the file that Netlify and Cloudflare Pages read."""
        lines = []
        for pattern, headers in sorted(self.by_pattern.items()):
            lines += [pattern, *(f"  {name}: {text}" for name, text in headers.items())]
        return ("\n".join(lines) + "\n").encode()


def _pattern(target: Target) -> str:
    folder, slash, _ = target.file.partition("/")
    if folder == "ical":
        return f"/ical/*.{target.suffix}"
    if slash and folder in BY_FOLDER:
        return f"/{folder}/*"
    path = target.address.partition("?")[0]
    if path == EXPLAINED:
        return "/" + target.file.partition(".")[0]
    return path if path != "/" or target.file == "index.html" else "/index.es"


def _suffix(language: str, suffix: str) -> str:
    return suffix if language == LANGUAGES[0] else f".{language}{suffix}"


def _file_name(feed_id: str) -> str | None:
    """Return an id as a path below a folder; None where no file can have that name."""
    parts = feed_id.split("/")
    usable = all(part not in ("", ".", "..") for part in parts)
    short = all(len(part.encode()) <= LONGEST_NAME for part in parts)
    return feed_id if usable and short and "\0" not in feed_id else None


def _digest(*texts: str) -> str:
    return blake2b("\0".join(texts).encode(), digest_size=12).hexdigest()


def _explanation() -> Blueprint:
    """Return the page that stands where the server would be needed."""
    routes = Blueprint("export", __name__)

    @routes.get(EXPLAINED)
    def explanation() -> Response:
        page = error_page(200, "not exported")
        page.headers["Cache-Control"] = "public, max-age=3600"
        return page

    return routes
