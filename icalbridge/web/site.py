"""What all pages share: links, the clock, how they are rendered, and how fresh the data is.

Links keep the `lang` parameter of an address, not the language of a browser. Only here is it
decided whether a request's Host header may be shown: never where `ICALBRIDGE_PUBLIC_URL` is set.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from flask import Response, abort, render_template, request

from icalbridge.feeds import page_path
from icalbridge.models import Feed, is_future
from icalbridge.web import formatting, i18n, responses
from icalbridge.web.revision_cache import RECOVERED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from icalbridge.feeds.public_reading import PublicReading
    from icalbridge.outage import OutageLog
    from icalbridge.store import Health

WITHOUT_LANGUAGE = ("/ical/", "/static/")
"""Addresses that take no `lang=`."""
CACHE_CONTROL = "public, max-age=60, stale-while-revalidate=60, stale-if-error=86400"
HEALTH_GOOD_FOR = timedelta(seconds=5)
STALE_AFTER = timedelta(hours=2)
"""Data older than this is shown as old."""


class Site:
    """One application as people reach it."""

    def __init__(
        self,
        public_url: str,
        read: PublicReading,
        clock: Callable[[], datetime],
        database: OutageLog,
    ) -> None:
        self._public_url = public_url
        self._read = read
        self._database = database
        self._health: tuple[str, datetime, Health] | None = None
        self.now = clock

    @property
    def is_public(self) -> bool:
        """Whether addresses are the operator's, so that pages are the same for everybody."""
        return bool(self._public_url)

    def path(self, path: str) -> str:
        """Return a link that stays on this site, below whatever folder a proxy serves it under."""
        return (
            urlsplit(self._public_url).path if self._public_url else request.root_path.rstrip("/")
        ) + path

    def link(self, path: str) -> str:
        """Return a link to a page, with the `lang` of this page's own address."""
        lang = requested_language()
        if not lang or path.startswith(WITHOUT_LANGUAGE):
            return self.path(path)
        page, hash_sign, fragment = path.partition("#")
        return self.path(f"{page}{'&' if '?' in page else '?'}lang={lang}{hash_sign}{fragment}")

    def address(self, path: str) -> str:
        """Return an absolute address. Answers 400 where it could come from nothing but an unusable
        Host header.
        """
        if self._public_url:
            return self._public_url + path
        if not request.host:
            abort(400)
        return f"{request.scheme}://{request.host}{self.path(path)}"

    def health(self, now: datetime) -> Health:
        """Return how fresh everything is, as it was at most five seconds ago."""
        known, policy = self._health, self._read.policy.digest
        if known is None or known[0] != policy or not known[1] <= now < known[1] + HEALTH_GOOD_FOR:
            known = self._health = (policy, now, self._read.health(now))
            self._database.end(RECOVERED)
        return known[2]

    def respond(self, template: str, /, **values: Any) -> Response:
        """Answer with a page; anybody may cache it only where no Host header can be in it."""
        html = render_template(template, **values).encode()
        return responses.respond(
            responses.document(
                html,
                "text/html; charset=utf-8",
                cache_control=CACHE_CONTROL if self.is_public else "private, no-cache",
                vary="Accept-Encoding, Accept-Language",
            )
        )


def freshness(
    fetched: Mapping[str, datetime | None] | None, zone: str, now: datetime
) -> dict[str, Any] | None:
    """Return how fresh data is, by the school that waits longest; None while one was never fetched.

    `fetched`: when each school's was.
    """
    known = list((fetched or {}).values())
    moments = [moment for moment in known if moment is not None and not is_future(moment, now)]
    if not moments or len(moments) < len(known):
        return None
    oldest = min(moments)
    return {
        "moment": oldest.isoformat(),
        "text": f"{formatting.clock_time(oldest, zone)}, {formatting.long_date(oldest, zone)}",
        "age": formatting.age((now - oldest).total_seconds()),
        "stale": now - oldest > STALE_AFTER,
    }


def facility_path(facility_id: str) -> str:
    return page_path(Feed("facility", facility_id))


def property_path(property_id: str) -> str:
    return page_path(Feed("property", property_id))


def requested_language() -> str:
    """Return the language that the address of this page asks for; empty where it leaves that to the
    browser.
    """
    return i18n.requested_language(request.args.get("lang", ""))


def other_languages() -> list[tuple[str, str, str]]:
    """Return each language but this page's: its code, its own name, and this page's query with it.

    Nothing but a query, since an address that begins with two slashes would lead elsewhere.
    """
    others = [(name, value) for name, value in request.args.items(multi=True) if name != "lang"]
    return [
        (code, name, f"?{urlencode([*others, ('lang', code)])}")
        for code, name in i18n.NAMES.items()
        if code != i18n.current().language
    ]
