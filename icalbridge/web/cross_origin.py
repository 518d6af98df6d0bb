"""Cross-origin requests of feeds, displays and the API (Fetch standard, "CORS protocol"): any page
may read what is public.

A preflight (OPTIONS) is answered without looking whether there is such a feed. Private feeds are
for no page to read: they are answered without these headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Response, request

from icalbridge import tokens
from icalbridge.web import responses

if TYPE_CHECKING:
    from flask import Flask

ANYWHERE = ("Access-Control-Allow-Origin", "*")
PREFIXES = ("/ical/", "/api/", "/display/")
METHODS = ", ".join((*responses.METHODS, "OPTIONS"))
PREFLIGHT_SECONDS = 86_400
"""How long a browser may remember the answer to a preflight; Chromium remembers it for two hours at
most.
"""
PREFLIGHT: responses.Headers = (
    ANYWHERE,
    ("Access-Control-Allow-Methods", METHODS),
    (
        "Access-Control-Allow-Headers",
        "If-None-Match, If-Modified-Since, Cache-Control, X-Requested-With",
    ),
    ("Access-Control-Max-Age", str(PREFLIGHT_SECONDS)),
)


def cross_origin(*headers: str) -> responses.Headers:
    """Return the headers with which any page may read an answer, its entity tag and date, and the
    named headers.
    """
    return ANYWHERE, (
        "Access-Control-Expose-Headers",
        ", ".join(("ETag", "Last-Modified", *headers)),
    )


REFUSED = cross_origin("Retry-After")
"""Of answers that are no feed and no document; 503 says when to ask again."""


def allowed_methods(path: str) -> str:
    """Return the value of `Allow` for a path."""
    return METHODS if path.startswith(PREFIXES) else ", ".join(responses.METHODS)


def answer_preflights(app: Flask) -> None:
    """Let an application answer OPTIONS for feeds, displays and the API with 204."""

    @app.before_request
    def preflight() -> Response | None:
        if request.method != "OPTIONS" or not request.path.startswith(PREFIXES):
            return None
        is_private = request.path.startswith(tokens.PREFIX)
        answer = Response(status=204)
        answer.headers.clear()
        answer.headers.extend(
            [("Allow", METHODS), *(responses.PRIVATE_HEADERS if is_private else PREFLIGHT)]
        )
        return answer
