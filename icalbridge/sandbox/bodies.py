"""Response bodies: the vendor's common envelope, and the two that do not use it (401 and 429)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

JSON = "application/json; charset=utf-8"
PROBLEM = "application/problem+json"


def json_response(status: int, fields: Mapping[str, Any], content_type: str = JSON) -> Response:
    """Return an object as JSON."""
    return Response(msgspec.json.encode(fields), status, content_type=content_type)


def envelope(code: str, message: str) -> dict[str, Any]:
    """Return the common fields of a response, with a new invocation id."""
    return {"message": message, "message_code": code, "invocation_id": str(uuid.uuid4())}


def problem(status: int, code: str, message: str) -> Response:
    """Return an error in the vendor's envelope."""
    return json_response(status, envelope(code, message))


def unauthorized(path: str) -> Response:
    """Return the 401: a problem document (RFC 9457) with the fields of UnauthorizedError."""
    fields = {
        "type": "https://httpproblems.com/http-status/401",
        "title": "Unauthorized",
        "status": 401,
        "detail": "No API key, or one that is not valid.",
        "instance": path,
        **envelope("AU002", "Unable to authenticate"),
    }
    return json_response(401, fields, PROBLEM)


def too_many() -> Response:
    """Return the 429, which comes from the gateway: one field, and no Retry-After."""
    return json_response(429, {"message": "Too Many Requests"})
