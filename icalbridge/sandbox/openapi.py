"""OpenAPI 3.1 document of the API: nine operations, and every schema on the vendor's pages.

Data only; `published.py` serves it.
"""

from __future__ import annotations

from typing import Any

from icalbridge.sandbox.schemas import EVENT_ID, EVENT_TYPE, EVENT_TYPES, SCHEMAS, TIMESLOT_ID, ref

Part = dict[str, Any]

ABOUT = """\
The vendor's external API (v1) as its public pages describe it, served by a sandbox: `icalbridge \
sandbox`. Nothing here reaches the vendor. This document is the sandbox's; where the vendor's \
pages leave room or disagree it tells the reading that the sandbox enforces.

Times are local to the property's `timezone`, without an offset. Any field of an answer may be \
null. There are no pages of results. 120 requests a minute and 15,000 a UTC day by default; a \
429 has only a `message`, and no `Retry-After`.

Of several refusals the first wins: the key (401), the limits (429), the path and the body as \
such (400, every wrong field named at once), what they name (404), whose it is (403), the \
bounds of days and a facility's owner (400), then state, duplicate and conflict (409). A write \
changes nothing unless all of it is good, and shows in the next read. The bounds of days (one \
calendar day, 7 days back, 2 years ahead) are those of a change; the scenario `strict-creations` \
applies them to new bookings too.

The sandbox knows the renters `coach@school.example` and `office@school.example`, and the \
activity types 12, 14 and 21.\
"""

_ERRORS = {
    "400": ("BadRequestError", "The request breaks a rule"),
    "401": ("UnauthorizedError", "No key, or a wrong one"),
    "403": ("ForbiddenError", "The API user may not do this"),
    "404": ("NotFoundError", "There is no such thing"),
    "409": ("ConflictError", "Invalid state, duplicate or conflict"),
    "429": ("TooManyRequestsError", "More requests than the key is granted"),
    "500": ("InternalServerError", "Unexpected error"),
    "502": ("BadGatewayError", "An upstream service failed"),
    "503": ("ServiceUnavailableError", "The operation exceeded its time limit"),
    "504": ("ServiceUnavailableError", "An upstream service did not answer"),
}


def _parameter(name: str, where: str, schema: Part, description: str = "", **more: Any) -> Part:
    part: Part = {"name": name, "in": where, "required": where == "path", "schema": schema, **more}
    return {**part, "description": description} if description else part


_PROPERTY = _parameter(
    "property_id", "path", {"type": "string", "minLength": 1}, "The property's _id"
)
_FACILITY = _parameter(
    "facility_id", "path", {"type": "string", "minLength": 1}, "The facility's _id"
)
_EVENT = [_parameter("event_type", "path", EVENT_TYPE), _parameter("event_id", "path", EVENT_ID)]
_DATE = {"type": "string", "format": "date"}
_WINDOW = [
    _parameter(
        "event_types",
        "query",
        {"type": "array", "items": {"type": "string", "enum": list(EVENT_TYPES)}, "minItems": 1},
        "Comma-separated",
        required=True,
        style="form",
        explode=False,
    ),
    _parameter("start_date", "query", _DATE, "First local day, today by default; never a past one"),
    _parameter(
        "end_date",
        "query",
        _DATE,
        "Last local day, today by default; at most 31 days after start_date",
    ),
]
_CHILDREN = _parameter(
    "include_child_events",
    "query",
    {"type": "boolean", "default": False},
    "Also the events of a parent's children; then both dates are one day, at most 90 days ahead."
    " No effect on a property without children",
)
_ALL_SLOTS = "An event that touches the window comes with all its timeslots, past and far ones too."


def _operation(
    name: str,
    tag: str,
    summary: str,
    answer: str,
    parameters: list[Part],
    *,
    body: str = "",
    status: str = "200",
    description: str = "",
) -> Part:
    part: Part = {"operationId": name, "tags": [tag], "summary": summary, "parameters": parameters}
    if description:
        part["description"] = description
    if body:
        part["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": ref(body)}},
        }
    success = {
        status: {"description": "Done", "content": {"application/json": {"schema": ref(answer)}}}
    }
    refusals = [code for code in _ERRORS if code != "409" or body]
    return {
        **part,
        "responses": {
            **success,
            **{code: {"$ref": f"#/components/responses/{code}"} for code in refusals},
        },
    }


def _response(status: str) -> Part:
    schema, description = _ERRORS[status]
    kind = "application/problem+json" if status == "401" else "application/json"
    return {"description": description, "content": {kind: {"schema": ref(schema)}}}


_PATHS: Part = {
    "/v1/properties": {
        "get": _operation(
            "properties",
            "Properties",
            "Get properties",
            "GetAllPropertiesResponse",
            [],
            description="The parent is first, its children follow.",
        )
    },
    "/v1/property/{property_id}": {
        "get": _operation(
            "property", "Properties", "Get property by id", "GetPropertyByIdResponse", [_PROPERTY]
        )
    },
    "/v1/property/{property_id}/facilities": {
        "get": _operation(
            "facilities",
            "Facilities",
            "Get facilities",
            "GetFacilitiesByPropertyIdResponse",
            [_PROPERTY],
            description="Active ones only; no virtual ones, though a timeslot may name one.",
        )
    },
    "/v1/property/{property_id}/events": {
        "get": _operation(
            "property-events",
            "Events",
            "Get events by property",
            "GetEventsByPropertyIdResponse",
            [_PROPERTY, *_WINDOW, _CHILDREN],
            description=_ALL_SLOTS,
        )
    },
    "/v1/facility/{facility_id}/events": {
        "get": _operation(
            "facility-events",
            "Events",
            "Get events by facility",
            "GetEventsByFacilityIdResponse",
            [_FACILITY, *_WINDOW],
            description=_ALL_SLOTS,
        )
    },
    "/v1/event": {
        "post": _operation(
            "create-event",
            "Events",
            "Create internal event",
            "CreateEventResponse",
            [],
            body="CreateEventDto",
            status="201",
            description=(
                "A collision with another booking is no error: has_conflict tells of it. An"
                " external id that any event has, or had, is a duplicate (409)."
            ),
        )
    },
    "/v1/event/{event_type}/{event_id}": {
        "get": _operation("event", "Events", "Get event by id", "GetEventByIdResponse", _EVENT),
        "patch": _operation(
            "cancel-event",
            "Events",
            "Cancel internal event",
            "CancelEventResponse",
            _EVENT,
            body="CancelEventDto",
            description=(
                "Only what was part through the API (403). A cancelled one is in an invalid state"
                " (409)."
            ),
        ),
    },
    "/v1/event/{event_type}/{event_id}/timeslot/{timeslot_id}": {
        "patch": _operation(
            "change-timeslot",
            "Events",
            "Change timeslot of internal event",
            "UpdateTimeslotResponse",
            [*_EVENT, _parameter("timeslot_id", "path", TIMESLOT_ID)],
            body="UpdateTimeslotDto",
            description=(
                "Only what was part through the API (403). A time or place that is taken is a"
                " conflict (409)."
            ),
        )
    },
}


def document() -> Part:
    """Return the document; addresses in it are relative to where it is served."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Facilitron Public API (sandbox)", "version": "1", "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"key": []}],
        "tags": [{"name": name} for name in ("Properties", "Facilities", "Events")],
        "paths": _PATHS,
        "components": {
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "The sandbox's key is `sandbox-key`",
                }
            },
            "responses": {status: _response(status) for status in _ERRORS},
            "schemas": SCHEMAS,
        },
    }
