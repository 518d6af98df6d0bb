"""What a fault does to an answer: instead of it, or to it; down to the socket where need be."""

from __future__ import annotations

import socket
import uuid
from typing import TYPE_CHECKING, Any

from flask import Response, json, request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.sandbox.faults import Fault

PAGE = "<!DOCTYPE html><html><title>Bad gateway</title><h1>502 Bad Gateway</h1><p>nginx</p></html>"

CODES = {
    400: ("SY001", "Validation failed"),
    403: ("AC001", "The API user has no access"),
    404: ("PR001", "Property not found"),
    500: ("SY500", "Internal server error"),
    502: ("SY502", "Upstream error"),
    503: ("SY503", "Request timed out"),
    504: ("SY504", "Endpoint request timed out"),
}


class Nothing(Response):
    """No answer: the connection breaks."""


def seconds_of(fault: Fault) -> float:
    """Return how long the fault keeps a request waiting."""
    return fault.seconds


def before(fault: Fault) -> Response | None:
    """Return what a fault answers in the endpoint's place; None lets the endpoint answer."""
    match fault.kind:
        case "401":
            response = _json(401, {"title": "Unauthorized", "status": 401, "detail": "Unable to authenticate: AU002"})
            response.content_type = "application/problem+json"
            return response
        case "429":
            return _json(429, {"message": "Limit Exceeded"})
        case kind if kind.isdigit():
            code, message = CODES[int(kind)]
            told = {"message": message, "message_code": code, "invocation_id": str(uuid.uuid4())}
            return _json(int(kind), told)
        case "html":
            return Response(PAGE, 200, content_type="text/html")
        case "garbage":
            return Response(b"\x00\xff{not json", 200, content_type="application/json")
        case "reset" | "hang":
            _break_connection()
            return Nothing(status=500)
        case _:
            return None


def after(fault: Fault, response: Response) -> Response:
    """Return what becomes of a right answer."""
    match fault.kind:
        case "empty" | "null":
            told = json.loads(response.get_data())
            spoiled = {
                name: ([] if fault.kind == "empty" else None) if isinstance(value, list | dict) else value
                for name, value in told.items()
            }
            return _json(200, spoiled)
        case "truncated":
            return _truncated(response)
        case _:
            return response


def _truncated(response: Response) -> Response:
    """Promise the whole body, send half of it, and break off."""
    whole = response.get_data()

    def half() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        _break_connection()

    cut = Response(half(), 200, content_type=response.content_type)
    cut.headers["Content-Length"] = str(len(whole))
    return cut


def _break_connection() -> None:
    """Shut the client's connection down under the server; without a real one (a test client) nothing happens."""
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()


def _json(status: int, told: dict[str, Any]) -> Response:
    return Response(json.dumps(told), status, content_type="application/json; charset=utf-8")
