"""What people and programs see when something is not there or went wrong: a page, or one plain
sentence; no traceback.

The words of the pages are in `templates/error.html`.
"""

from __future__ import annotations

import logging
import traceback
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

from cachetools import LRUCache
from flask import Response, render_template, request
from werkzeug.exceptions import HTTPException

from icalbridge import tokens
from icalbridge.errors import StoreError
from icalbridge.feeds import BadQuery
from icalbridge.outage import OutageLog
from icalbridge.web import problems, responses
from icalbridge.web.cross_origin import REFUSED, allowed_methods
from icalbridge.web.routes.feeds import PREFIX

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

BROKEN = "Something went wrong on our side; it was noted, please try again later."

MOST_DEFECTS = 64
"""How many different exceptions are remembered."""

log = logging.getLogger(__name__)


def error_page(status: int, why: str) -> Response:
    """Return an error page; with 503 the browser reloads by itself."""
    html = render_template("error.html", why=why, status=status)
    return responses.respond_uncached(html, status, retry=status == 503)


class Defects:
    """Exceptions that nobody caught, each logged as one outage of the line that raised it."""

    def __init__(self) -> None:
        self._known: LRUCache[tuple[type, str, int], OutageLog] = LRUCache(MOST_DEFECTS)
        self._lock = Lock()

    def log(self, error: Exception) -> None:
        """Log what failed with its traceback, unless the same did so lately."""
        frames = traceback.extract_tb(error.__traceback__)
        place = (frames[-1].filename, frames[-1].lineno or 0) if frames else ("", 0)
        with self._lock:
            outage = self._known.setdefault((type(error), *place), OutageLog(log))
        outage.begin("%s %s failed", request.method, tokens.redacted(request.path), error=error)


def catch_all(app: Flask, database: OutageLog) -> None:
    """Let every failure of an application end in one of our answers."""
    defects = Defects()

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        status = error.code or 500
        if status == HTTPStatus.NOT_FOUND and not request.path.startswith(
            (PREFIX, problems.PREFIX)
        ):
            return error_page(404, "unknown")
        allowed = (
            [("Allow", allowed_methods(request.path))]
            if status == HTTPStatus.METHOD_NOT_ALLOWED
            else []
        )
        return _refusal(status, _sentence(error), allowed)

    @app.errorhandler(BadQuery)
    def not_understood(error: BadQuery) -> Response:
        return _refusal(400, str(error))

    @app.errorhandler(StoreError)
    def unreachable(error: StoreError) -> Response:
        database.begin("a page could not be made: %s", tokens.redacted(str(error)))
        return error_page(503, "unreachable")

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        defects.log(error)
        return _refusal(500, BROKEN)


def _refusal(status: int, sentence: str, extra: Sequence[tuple[str, str]] = ()) -> Response:
    """Refuse in one sentence, with the headers that go with the path."""
    if request.path.startswith(problems.PREFIX):
        return responses.flask_response(problems.problem(status, sentence, extra))
    if request.path.startswith(tokens.PREFIX):
        return responses.flask_response(
            responses.refusal(status, sentence, extra, security=responses.PRIVATE_HEADERS)
        )
    cross_origin = REFUSED if request.path.startswith(PREFIX) else ()
    return responses.flask_response(responses.refusal(status, sentence, [*extra, *cross_origin]))


def _sentence(error: HTTPException) -> str:
    match error.code:
        case 404:
            return "There is nothing at this address."
        case 405:
            return "This address can only be read: use GET or HEAD."
        case 400:
            return "This request cannot be understood."
        case _:
            return f"{error.name}."
