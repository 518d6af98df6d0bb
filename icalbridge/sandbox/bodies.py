"""The vendor's answers as bytes: the envelope that all share, and the two that stand outside it
(401 and 429).

What stands in an envelope is said by whoever answers: `app.py`, `rules.py`, `broken.py`.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json"


def answer(status: int, told: Mapping[str, Any], content_type: str = JSON) -> Response:
    """Return an object as JSON."""
    return Response(msgspec.json.encode(told), status, content_type=content_type)


def envelope(code: str, message: str) -> dict[str, Any]:
    """Return what every answer of the vendor's functions carries, with an id of its own."""
    return {"message": message, "message_code": code, "invocation_id": str(uuid.uuid4())}


def problem(status: int, code: str, message: str) -> Response:
    """Return an error in the vendor's envelope."""
    return answer(status, envelope(code, message))


def unauthorized(path: str) -> Response:
    """Return the 401: a problem document (RFC 9457), with what the vendor's UnauthorizedError
    requires beside it.
    """
    told = {
        "type": "https://httpproblems.com/http-status/401",
        "title": "Unauthorized",
        "status": 401,
        "detail": "No API key, or one that is not valid.",
        "instance": path,
        **envelope("AU002", "Unable to authenticate"),
    }
    return answer(401, told, PROBLEM)


def too_many() -> Response:
    """Return the 429, which comes from the gateway: one field, and no Retry-After."""
    return answer(429, {"message": "Too Many Requests"})
