"""Broken responses: what a fault sends instead of a valid response, or changes in it."""

from __future__ import annotations

import json
import socket
import struct
from typing import TYPE_CHECKING

from flask import Response, request

from icalbridge.sandbox import bodies, rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.sandbox.faults import Fault

PAGE = "<!DOCTYPE html><html><title>Just a moment</title><h1>We will be back soon</h1></html>"
GARBAGE = b'\x00\xff{"events": [not json'

WORDS = {
    400: ("SY001", "Validation failed – The request is not valid."),
    413: ("SY006", "Payload too large – The answer exceeds the size that can be sent."),
    403: ("AC001", "Forbidden – The API user has no access to this resource."),
    500: ("SY002", "Internal server error – An unexpected error occurred."),
    502: ("SY003", "Bad gateway – The upstream service answered with an error."),
    503: ("SY004", "Service unavailable – The operation exceeded its time limit."),
    504: ("SY005", "Gateway timeout – The upstream service did not answer."),
}
NOT_FOUND = {
    "event": rules.unknown_event,
    "facility-events": rules.unknown_facility,
    "create-event": rules.unknown_facility,
    "cancel-event": rules.unknown_event,
    "change-timeslot": rules.unknown_event,
}
"""By endpoint; the others are about properties."""

BREAK_OFF = struct.pack("ii", 1, 0)
"""SO_LINGER of a connection whose end is to be an RST, at once, and nothing else."""


class NoResponse(Response):
    """No response: the connection breaks instead."""


def instead(fault: Fault, endpoint: str) -> Response | None:
    """Return the response to send instead; None lets the endpoint respond."""
    match fault.kind:
        case "401":
            return bodies.unauthorized(request.path)
        case "429":
            return bodies.too_many()
        case "404":
            refusal = NOT_FOUND.get(endpoint, rules.unknown_property)()
            return bodies.problem(refusal.status, refusal.code, str(refusal))
        case kind if kind.isdigit():
            return bodies.problem(int(kind), *WORDS[int(kind)])
        case "html":
            return Response(PAGE, 200, content_type="text/html; charset=utf-8")
        case "garbage":
            return Response(GARBAGE, 200, content_type=bodies.JSON)
        case "reset" | "hang":
            return _nothing()
        case _:
            return None


def change_response(fault: Fault, response: Response) -> Response:
    """Return a valid response as the fault changes it."""
    match fault.kind:
        case "empty" | "null" | "short" | "error-coded":
            return _hollow(fault.kind, response)
        case "truncated":
            return _truncated(response)
        case "trimmed":
            return _trimmed(response)
        case "lost":
            return _nothing()
        case "done-503":
            return bodies.problem(503, *WORDS[503])
        case _:
            return response


def _hollow(kind: str, response: Response) -> Response:
    """Empty the list, or remove all but its first item; the envelope stays."""
    envelope = json.loads(response.get_data())
    for name, item in envelope.items():
        if isinstance(item, list | dict):
            rest = item[:1] if kind == "short" and isinstance(item, list) else type(item)()
            envelope[name] = None if kind == "null" else rest
    if kind == "error-coded":
        envelope["message_code"], envelope["message"] = WORDS[500]
    return bodies.json_response(response.status_code, envelope)


def _trimmed(response: Response) -> Response:
    """Leave out what of each event is not on the days that were requested."""
    envelope = json.loads(response.get_data())
    first, last = (request.args.get(name, "") for name in ("start_date", "end_date"))
    for event in envelope.get("events") or ():
        event["timeslots"] = [
            slot
            for slot in event["timeslots"] or ()
            if str(slot["start_datetime"])[:10] <= last and str(slot["end_datetime"])[:10] >= first
        ]
    return bodies.json_response(response.status_code, envelope)


def _truncated(response: Response) -> Response:
    """Promise the whole body, send half of it, and close."""
    whole = response.get_data()

    def half() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        raise ConnectionAbortedError("truncated, as the fault asks")

    cut = Response(half(), response.status_code, content_type=bodies.JSON)
    cut.headers["Content-Length"] = str(len(whole))
    return cut


def _nothing() -> NoResponse:
    connection = request.environ.get("werkzeug.socket")
    return NoResponse(iter(lambda: _reset(connection), b""))


def _reset(connection: object) -> bytes:
    """Mark the connection to be closed with an RST, before a byte of an answer leaves."""
    if isinstance(connection, socket.socket):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, BREAK_OFF)
    raise ConnectionResetError("reset, as the fault asks")
