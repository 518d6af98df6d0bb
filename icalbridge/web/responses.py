"""HTTP responses: entity tags, conditional requests, compression, security headers (RFC 9110).

All but the last functions are pure: of a request's WSGI environment and of bytes. `respond` answers
Flask's current request.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, replace
from email.utils import format_datetime
from functools import lru_cache
from hashlib import blake2b
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from flask import Response, request
from werkzeug.http import parse_date

from icalbridge.models import is_future

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

Headers = tuple[tuple[str, str], ...]

LARGE_BYTES = 250_000
"""Up to this size a document is in memory as it is, also after somebody took it compressed."""
RETRY_SECONDS = 30
"""How soon to ask again for what is not there yet."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src"
    " 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
DISPLAY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
    " worker-src 'self'; child-src 'self'; form-action 'none'; base-uri 'none'"
)
"""Of displays on a wall. `child-src` says to Chromium before 59 what `worker-src` says to later
ones.
"""
EMBED_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'none';"
    " base-uri 'none'"
)
SECURITY_HEADERS: Headers = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
MARK = "X-Icalbridge"
"""A header by which the worker of displays knows answers of this product from those of a captive
portal.
"""
PRIVATE_HEADERS: Headers = (
    *(header for header in SECURITY_HEADERS if header[0] != "Referrer-Policy"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex"),
)
"""The same for what lives at a private address, which must not be handed on."""
FRAMING_HEADERS: Headers = (
    ("Content-Security-Policy", f"{CONTENT_SECURITY_POLICY}; frame-src 'self'"),
    *SECURITY_HEADERS[1:],
)
"""Of a page that shows our own embedded pages in a frame."""
METHODS = ("GET", "HEAD")
STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

_ENTITY_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_QUALITY = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


class Answer(NamedTuple):
    """What goes out: the status, all headers but Date, and the body (empty for HEAD)."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Representation(NamedTuple):
    """One way of writing a document: as it is, or compressed."""

    body: bytes
    tag: str
    """The strong entity tag with its quotes."""
    headers: Headers
    """All headers of a 200."""


@dataclass(frozen=True, slots=True)
class Document:
    """Bytes with all that is needed to answer for them, in one form or two."""

    identity: Representation
    gzip: Representation | None
    """None until somebody asks for it: see `packed`."""
    gzip_tag: str
    shared: Headers
    """What a 200 and a 304 have in common, but for the tag: RFC 9110, section 15.4.5."""
    described: Headers
    """What a 200 says of the content beyond its length and coding."""
    modified: datetime | None

    def plain_body(self) -> bytes:
        """Return the content as it is, decompressed where only that form is in memory."""
        if self.gzip and not self.identity.body:
            return gzip.decompress(self.gzip.body)
        return self.identity.body

    @property
    def size(self) -> int:
        """Octets of all forms that there are."""
        return len(self.identity.body) + (len(self.gzip.body) if self.gzip else 0)

    def packed(self) -> Document:
        """Return the document with its gzip form; the same bytes give the same form, at any
        time. A large one is then in memory in this form only, a tenth of its size.
        """
        if self.gzip:
            return self
        body = gzip_bytes(self.identity.body)
        coded = (*self.described, ("Content-Encoding", "gzip"))
        form = _form(body, self.gzip_tag, self.shared, coded)
        if len(self.identity.body) <= LARGE_BYTES:
            return replace(self, gzip=form)
        return replace(self, gzip=form, identity=self.identity._replace(body=b""))


def gzip_bytes(body: bytes) -> bytes:
    """Compress; the same bytes give the same, at any time."""
    return gzip.compress(body, compresslevel=6, mtime=0)


def document(
    body: bytes,
    content_type: str,
    *,
    cache_control: str,
    modified: datetime | None = None,
    extra: Iterable[tuple[str, str]] = (),
    described: Iterable[tuple[str, str]] = (),
    security: Headers = SECURITY_HEADERS,
    vary: str = "Accept-Encoding",
) -> Document:
    """Make a document of bytes. `extra` headers go with every answer, `described` ones only where
    the content goes.

    `vary` names the headers that decide which document is sent: RFC 9110, section 12.5.5.
    """
    digest = blake2b(body, digest_size=16).hexdigest()
    shared = (("Cache-Control", cache_control), ("Vary", vary), *extra, *security)
    content = (("Content-Type", content_type), *described)
    if modified is not None:
        content = (*content, ("Last-Modified", format_datetime(modified, usegmt=True)))
    return Document(
        identity=_form(body, f'"{digest}"', shared, content),
        gzip=None,
        gzip_tag=f'"{digest}-gzip"',
        shared=shared,
        described=content,
        modified=modified,
    )


def _form(body: bytes, tag: str, shared: Headers, described: Headers) -> Representation:
    return Representation(
        body, tag, (*described, ("Content-Length", str(len(body))), ("ETag", tag), *shared)
    )


def framed_headers(policy: str, ancestors: str) -> Headers:
    """Return the headers of pages that others may frame: `ancestors` as
    `ICALBRIDGE_FRAME_ANCESTORS` says it, and always this site itself, for its own preview.

    For everyone the policy does not name any: `*` would shut out players that show a file, and
    sandboxed frames.
    """
    allowed = ancestors.split()
    if "*" not in allowed:
        named = [name for name in allowed if name.lower() not in ("'none'", "'self'")]
        policy = " ".join((f"{policy}; frame-ancestors 'self'", *named))
    return (("Content-Security-Policy", policy), *SECURITY_HEADERS[1:])


def answer(known: Document, environ: Mapping[str, Any], now: datetime | None = None) -> Answer:
    """Answer GET or HEAD for a document: 304 where the asker has it already, else 200 in the form
    that it takes.

    `now` is needed for documents that have a date of modification.
    """
    packed = wants_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
    matching_tag = _matching_tag(
        known, environ, known.gzip_tag if packed else known.identity.tag, now
    )
    if matching_tag is not None:
        return Answer(304, [("ETag", matching_tag), *known.shared], b"")
    form = known.gzip if packed and known.gzip else known.identity
    if environ["REQUEST_METHOD"] == "HEAD":
        return Answer(200, list(form.headers), b"")
    body = known.plain_body() if form is known.identity else form.body
    return Answer(200, list(form.headers), body)


def _matching_tag(
    known: Document, environ: Mapping[str, Any], chosen: str, now: datetime | None
) -> str | None:
    """Return the tag of the form that the asker holds, if it is still good: If-None-Match wins over
    the date (RFC 9110, section 13.2.2). Naming the tag that was sent lets a cache find what it has
    stored.
    """
    tags = environ.get("HTTP_IF_NONE_MATCH")
    if tags is not None:
        return _weak_match(tags, chosen, (known.identity.tag, known.gzip_tag))
    since = environ.get("HTTP_IF_MODIFIED_SINCE")
    return chosen if since is not None and _unmodified(known.modified, since, now) else None


def _weak_match(sent: str, chosen: str, good: tuple[str, str]) -> str | None:
    """Compare weakly (RFC 9110, section 8.8.3.2): a proxy that compresses marks our tags as
    weak.
    """
    if sent == chosen or sent.strip() == "*":
        return chosen
    sent_tags = _ENTITY_TAG.findall(sent)
    return next((tag for tag in (chosen, *good) if tag in sent_tags), None)


def _unmodified(modified: datetime | None, since: str, now: datetime | None) -> bool:
    """Compare dates; one in the future is not valid (RFC 9110, section 13.1.3), since nothing is
    known of it yet.
    """
    moment = parse_date(since)
    if modified is None or moment is None or (now is not None and is_future(moment, now)):
        return False
    return modified.replace(microsecond=0) <= moment


@lru_cache(maxsize=256)
def wants_gzip(accept_encoding: str) -> bool:
    """Say whether gzip is taken at least as gladly as plain bytes (RFC 9110, section 12.5.3); not
    for an empty text.
    """
    weights = dict(_weight(part) for part in accept_encoding.lower().split(",") if part.strip())
    packed = weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0)))
    return packed > 0 and packed >= weights.get("identity", 0.0)


def _weight(part: str) -> tuple[str, float]:
    """Read one coding and its weight; a weight that is none excludes the coding."""
    coding, *parameters = (piece.strip() for piece in part.split(";"))
    given = [
        text.partition("=")[2].strip()
        for text in parameters
        if text.partition("=")[0].strip() == "q"
    ]
    text = given[0] if given else "1"
    return coding, float(text) if _QUALITY.fullmatch(text) else 0.0


def refusal(
    status: int,
    sentence: str,
    extra: Iterable[tuple[str, str]] = (),
    *,
    security: Headers = SECURITY_HEADERS,
) -> Answer:
    """Answer with one plain sentence that nobody keeps: for feeds and machines; people get a
    page.
    """
    body = f"{sentence}\n".encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        *extra,
        *security,
    ]
    return Answer(status, headers, body)


def flask_response(answer: Answer) -> Response:
    """Return an answer as Flask's response, with its own headers only."""
    response = Response(answer.body, STATUS_LINES[answer.status])
    response.headers.clear()
    response.headers.extend(answer.headers)
    return response


def respond(known: Document, now: datetime | None = None) -> Response:
    """Answer the current request for a document: 304, or 200 compressed if the client takes it."""
    if wants_gzip(request.environ.get("HTTP_ACCEPT_ENCODING", "")):
        known = known.packed()
    return flask_response(answer(known, request.environ, now))


def respond_uncached(
    html: str, status: int, security: Headers = (), *, retry: bool = False
) -> Response:
    """Answer with a page that no cache keeps; `retry` lets the browser ask again by itself.

    It does so by a header: a `meta` element would fail WCAG 2.2.1 as axe reads it.
    """
    headers = {"Cache-Control": "no-store", **dict(security)}
    if retry:
        headers |= {"Retry-After": str(RETRY_SECONDS), "Refresh": str(RETRY_SECONDS)}
    return Response(html, status, headers, content_type="text/html; charset=utf-8")
