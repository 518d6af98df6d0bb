"""The feeds' addresses, `/ical/...`: which feed a path names, and two routes that answer alike.

A feed that is in memory and was checked a moment ago is answered by `CachedFeedMiddleware`, a WSGI
layer in front of Flask, since Flask alone takes longer than the whole answer may. All else goes
through Flask. Both leave finding a feed to `feed_cache` and HTTP to `responses`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, request

from icalbridge import tokens
from icalbridge.errors import StoreError
from icalbridge.feeds import FORMATS, PLAIN, Address, BadQuery
from icalbridge.feeds.query_values import UNREADABLE
from icalbridge.feeds.saved_feed_toml import SLUG
from icalbridge.models import Feed
from icalbridge.web import responses
from icalbridge.web.cross_origin import REFUSED
from icalbridge.web.revision_cache import Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from icalbridge.feeds import FeedQuery
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.metrics import Metrics

PREFIX = "/ical/"
ENDPOINT = "ical.feed"
SAVED_QUERY_REFUSED = (
    "What this calendar shows was decided when it was saved; ask for it without parameters."
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def named(path_info: str) -> tuple[Feed, str] | None:
    """Return the feed and the format that a WSGI path means, None for a path that can mean none.

    Nothing in an id is interpreted: whatever stands between its kind and the last full stop is the
    id.
    """
    if not path_info.startswith(PREFIX):
        return None
    rest, _, suffix = path_info[len(PREFIX) :].rpartition(".")
    feed = _feed(text_of(rest)) if suffix in FORMATS else None
    return None if feed is None else (feed, suffix)


def _feed(text: str) -> Feed | None:
    kind, _, name = text.partition("/")
    if not is_id(name):
        return None
    match kind:
        case "facility":
            return Feed("facility", name)
        case "property":
            return Feed("property", name)
        case "booking":
            return Feed("booking", name)
        case "event":
            event_type, _, event_id = name.partition("/")
            return Feed("event", event_id, event_type) if event_type and event_id else None
        case "feed":
            return Feed("saved", name) if SLUG.fullmatch(name) else None
        case _:
            return None


def text_of(path_info: str) -> str:
    """Decode a WSGI string, which is Latin-1; what is no UTF-8 becomes empty (PEP 3333, "Unicode
    Issues").
    """
    if path_info.isascii():
        return path_info
    try:
        return path_info.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return ""


def is_id(text: str) -> bool:
    """Say whether a text may be an id: not empty, no control characters, which no id has and
    PostgreSQL cannot take.
    """
    return bool(text) and _CONTROL.search(text) is None


def ical(service: FeedCache) -> Blueprint:
    """Return the route for feeds that are not in memory."""
    routes = Blueprint("ical", __name__)

    @routes.get(f"{PREFIX}<path:_rest>", endpoint="feed")
    def feed(_rest: str) -> Response:
        # The raw path is read instead: werkzeug replaces bytes that are no UTF-8.
        return responses.flask_response(_answer(service, request.environ))

    return routes


def _answer(service: FeedCache, environ: WSGIEnvironment) -> responses.Answer:
    packed = responses.wants_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
    try:
        address = _address(service, environ, service.tokens.find)
        result = Missing.UNKNOWN if address is None else service.find(address, packed=packed)
    except BadQuery as error:
        return _refusal(400, str(error), environ)
    except StoreError:
        result = Missing.UNREACHABLE
    match result:
        case Missing.UNKNOWN:
            return _refusal(404, result.value, environ)
        case Missing():
            return _refusal(
                503, result.value, environ, ("Retry-After", str(responses.RETRY_SECONDS))
            )
        case entry:
            if address is not None:
                service.readers.note(address, environ, entry.checked)
            return responses.answer(entry.value.document, environ, entry.checked)


def _refusal(
    status: int, sentence: str, environ: WSGIEnvironment, *extra: tuple[str, str]
) -> responses.Answer:
    if is_private(environ):
        return responses.refusal(status, sentence, extra, security=responses.PRIVATE_HEADERS)
    return responses.refusal(status, sentence, [*REFUSED, *extra])


def is_private(environ: WSGIEnvironment) -> bool:
    """Say whether a request is for a private address, or would be if there were one."""
    path: str = environ.get("PATH_INFO", "")
    return path.startswith(tokens.PREFIX)


def _address(
    service: FeedCache, environ: WSGIEnvironment, opens: Callable[[str], str | None]
) -> Address | None:
    """Return what a request asks for, None where its path can mean no feed. Raises `BadQuery`.

    `opens` returns the slug of the saved feed that a token opens.
    """
    query = environ.get("QUERY_STRING", "")
    if is_private(environ):
        return _private_address(environ["PATH_INFO"], query, opens)
    parsed = named(environ.get("PATH_INFO", ""))
    if parsed is None:
        return None
    feed, suffix = parsed
    if feed.kind == "saved":
        return Address(feed, refuse_query(query), suffix)
    return Address(feed, service.parse_query(query_of(query)), suffix)


def query_of(query_string: str) -> str:
    """Decode a query that was sent as it is, without percent signs, as `text_of` does. Raises
    `BadQuery`.
    """
    query = text_of(query_string)
    if query_string and not query:
        raise BadQuery(UNREADABLE)
    return query


def _private_address(path: str, query: str, opens: Callable[[str], str | None]) -> Address | None:
    token, _, suffix = path.removeprefix(tokens.PREFIX).rpartition(".")
    plain = refuse_query(query)
    slug = opens(token) if suffix in FORMATS else None
    return None if slug is None else Address(Feed("saved", slug), plain, suffix, private=True)


def refuse_query(query: str) -> FeedQuery:
    """Refuse parameters of a saved feed, also of one that does not exist."""
    if query:
        raise BadQuery(SAVED_QUERY_REFUSED)
    return PLAIN


class CachedFeedMiddleware:
    """Answers for feeds that are in memory and were checked a moment ago; lets everything else
    through.
    """

    def __init__(self, inner: WSGIApplication, service: FeedCache, metrics: Metrics) -> None:
        self._inner = inner
        self._service = service
        self._metrics = metrics
        self._counters: dict[int, Any] = {
            status: metrics.requests.labels(ENDPOINT, str(status)) for status in (200, 304)
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._from_memory(environ)
        if answer is None:
            return self._inner(environ, start_response)
        self._counters[answer.status].inc()
        self._metrics.hits.inc()
        start_response(responses.STATUS_LINES[answer.status], answer.headers)
        return [answer.body]

    def _from_memory(self, environ: WSGIEnvironment) -> responses.Answer | None:
        if environ["REQUEST_METHOD"] not in responses.METHODS:
            return None
        try:
            address = _address(self._service, environ, self._service.tokens.recall)
        except BadQuery:  # the route answers with the reason
            return None
        entry = self._service.recall(address) if address is not None else None
        if address is None or entry is None:
            return None
        document = entry.value.document
        if document.gzip is None and responses.wants_gzip(environ.get("HTTP_ACCEPT_ENCODING", "")):
            return None
        self._service.readers.note(address, environ, entry.checked)
        return responses.answer(document, environ, entry.checked)
