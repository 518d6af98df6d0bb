"""Every schema on the vendor's pages, as JSON Schema 2020-12 (OpenAPI 3.1). Data only.

Request bodies are validated against them (`validation.py`) and `openapi.py` publishes them, so the
documented bounds are the enforced ones. In responses any field may be null, whatever the vendor's
table calls required ("Data Restrictions": fields where no data exists are returned as null).
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

NAMED = "^[a-zA-Z0-9._-]+$"
LOCAL_TIME = (
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
)
"""ISO 8601 without zone or offset; the pages write it with and without seconds."""

EVENT_TYPES = ("reservation", "maintenance-block")


def _text(description: str = "", *, least: int = 0, most: int = 0, **more: Any) -> Schema:
    """Return the schema of a text; lengths are in characters."""
    bounds = {"minLength": least} if least else {}
    bounds |= {"maxLength": most} if most else {}
    return {
        "type": "string",
        **bounds,
        **more,
        **({"description": description} if description else {}),
    }


def _nullable(kind: str = "string", description: str = "") -> Schema:
    """Return the schema of a field of a response, which may be null."""
    return {"type": [kind, "null"], **({"description": description} if description else {})}


def _object(fields: Schema, *, optional: tuple[str, ...] = (), description: str = "") -> Schema:
    schema: Schema = {"type": "object"}
    if description:
        schema["description"] = description
    return {
        **schema,
        "required": [name for name in fields if name not in optional],
        "properties": fields,
    }


def ref(name: str) -> Schema:
    """Return a reference to a schema by name."""
    return {"$ref": f"#/components/schemas/{name}"}


def _list_of(name: str) -> Schema:
    return {"type": "array", "items": ref(name)}


EXTERNAL_ID = _text(
    'External id. Alphanumeric plus ".", "-", and "_" allowed', least=3, most=50, pattern=NAMED
)
EVENT_TYPE = _text(
    '"reservation" for now; "maintenance-block" is coming soon', enum=list(EVENT_TYPES)
)
EVENT_ID = _text("The vendor's id (_id) or the external system's", least=3, most=50)
TIMESLOT_ID = _text("The timeslot's id in the external system", least=3, most=50, pattern=NAMED)
LOG_MESSAGE = _text("Optional audit note; may be omitted or empty", most=250)
_INVOCATION: Schema = {"type": "string", "format": "uuid", "description": "Request id"}
_ENVELOPE: Schema = {
    "message": _text("Response message"),
    "message_code": _text("Response message code"),
    "invocation_id": _INVOCATION,
}


def _moment(description: str) -> Schema:
    return _text(
        f"{description}, local to the property, without offset",
        format="date-time-local",
        pattern=LOCAL_TIME,
    )


def _answer(**fields: Schema) -> Schema:
    return _object({**_ENVELOPE, **fields})


def _error(description: str) -> Schema:
    return _object(dict(_ENVELOPE), description=description)


_SAME_DAY = "at least 1 minute before end_datetime and on its calendar day, not older than 7 days"
_AHEAD = "on the calendar day of start_datetime, not more than 2 years ahead"
_LATER = "at least 1 minute after start_datetime; may be on a later day"

REQUESTS: dict[str, Schema] = {
    "CreateTimeslotDto": _object(
        {
            "external_system_timeslot_id": EXTERNAL_ID,
            "start_datetime": _moment("Start time"),
            "end_datetime": _moment(f"End time; {_LATER}"),
            "facility_u_id": _text("Facility UID where the event takes place", least=1, most=50),
            "activity_name": _text("Descriptive name or note for the timeslot activity", most=250),
        },
        optional=("activity_name",),
        description=(
            "The external id is unique within its event; all facilities belong to one property."
        ),
    ),
    "CreateEventDto": _object(
        {
            "external_system_event_id": EXTERNAL_ID,
            "event_type": EVENT_TYPE,
            "name": _text("Human-readable event title", least=1, most=100),
            "renter_email": _text("Identifies the renter", format="email"),
            "status": _text("Always approved for now", enum=["approved"]),
            "activity_type_id": {
                "type": "number",
                "description": "Must reference a configured activity type",
            },
            "timeslots": {
                **_list_of("CreateTimeslotDto"),
                "minItems": 1,
                "description": "At least one",
            },
            "attendance": {"type": "number", "minimum": 0, "maximum": 500_000, "default": 0},
            "renter_rate_category_id": _text("Renter rate category id", least=3, most=50),
            "renter_owner": _text("Existing owner or property id; omitted, the renter is a person"),
            "event_log_message": LOG_MESSAGE,
        },
        optional=("attendance", "renter_rate_category_id", "renter_owner", "event_log_message"),
    ),
    "UpdateTimeslotDto": _object(
        {
            "start_datetime": _moment(f"New start; {_SAME_DAY}"),
            "end_datetime": _moment(f"New end; {_AHEAD}"),
            "activity_name": {
                "type": ["string", "null"],
                "maxLength": 250,
                "description": "Omitted: unchanged. null or empty: cleared",
            },
            "facility_u_id": _text(
                "Omitted: unchanged. Given: a valid facility of the property", least=1, most=50
            ),
            "event_log_message": LOG_MESSAGE,
        },
        optional=("activity_name", "facility_u_id", "event_log_message"),
    ),
    "CancelEventDto": _object(
        {
            "status": _text('Must be "cancelled"', enum=["cancelled"]),
            "event_log_message": LOG_MESSAGE,
        },
        optional=("event_log_message",),
    ),
}
"""What a request's body may hold."""

_PLACE: Schema = {
    "_id": _nullable(description="ObjectId"),
    "u_id": _nullable(),
    "name": _nullable(),
    "capacity": _nullable("number"),
    "type": _nullable(),
}
_WRITTEN: Schema = {
    "external_system_event_id": EXTERNAL_ID,
    "_id": _text("Internal Facilitron event id"),
    "short_id": _text("Short public id of the event; a uuid where the API made it"),
}

ANSWERS: dict[str, Schema] = {
    "PropertyDto": _object(
        {
            "_id": _text("ObjectId; compare it, never parse it"),
            "name": _nullable(),
            "u_id": _nullable(
                description=(
                    "Called a uuid on the pages; 20 hexadecimal digits in the vendor's own example"
                )
            ),
            "address": _nullable(),
            "city": _nullable(),
            "zip": _nullable(),
            "state": _nullable(),
            "timezone": _nullable(description="IANA name"),
            "properties": {
                "type": ["array", "null"],
                "items": _text(),
                "description": "Ids of children",
            },
        }
    ),
    "FacilityDto": _object(
        {
            "property_id": _text("ObjectId"),
            **_PLACE,
            "_id": _text("ObjectId"),
            "search_term": _nullable(),
        }
    ),
    "EventDto": _object(
        {
            "_id": _text(),
            "short_id": _nullable(),
            "rate_category": _nullable(),
            "status": _nullable(description="Approved, Pending, Cancelled or Declined"),
            "external_system_event_id": _nullable(),
            "created_by_external_api": _nullable("boolean"),
            "name": _nullable(),
            "activity_type": {"description": "No published shape"},
            "attendance": _nullable("number"),
            "property_id": _nullable(),
            "timeslots": {**_list_of("TimeslotDto"), "type": ["array", "null"]},
            "submit_date": _nullable(),
            "type": _nullable(),
            "property_timezone": _nullable(),
            "renter": {"description": "No published shape"},
        }
    ),
    "TimeslotDto": _object(
        {
            "external_system_timeslot_id": {"type": ["string", "null"], "pattern": NAMED},
            "activity_name": _nullable(),
            "facility": {"oneOf": [ref("TimeslotFacilityDto"), {"type": "null"}]},
            "start_datetime": _nullable(description="ISO 8601, local to the property"),
            "end_datetime": _nullable(description="ISO 8601, local to the property"),
            "status": {"enum": ["active", "suspended", None]},
        }
    ),
    "TimeslotFacilityDto": _object(_PLACE),
    "CreatedEventDto": _object({**_WRITTEN, "has_conflict": {"type": "boolean"}}),
    "CancelledEventDto": _object(_WRITTEN),
    "UpdatedTimeslotDto": _object(
        {
            "_id": _text("Facilitron timeslot id"),
            "external_system_timeslot_id": _text(),
            "start_datetime": _moment("Start"),
            "end_datetime": _moment("End"),
        }
    ),
    "GetAllPropertiesResponse": _answer(properties=_list_of("PropertyDto")),
    "GetPropertyByIdResponse": _answer(property=ref("PropertyDto")),
    "GetFacilitiesByPropertyIdResponse": _answer(facilities=_list_of("FacilityDto")),
    "GetEventsByPropertyIdResponse": _answer(events=_list_of("EventDto")),
    "GetEventsByFacilityIdResponse": _answer(events=_list_of("EventDto")),
    "GetEventByIdResponse": _answer(event=ref("EventDto")),
    "CreateEventResponse": _answer(event=ref("CreatedEventDto")),
    "CancelEventResponse": _answer(event=ref("CancelledEventDto")),
    "CancelEventSuccessResponse": _answer(event=ref("CancelledEventDto")),
    "UpdateTimeslotResponse": _answer(timeslot=ref("UpdatedTimeslotDto")),
    "UpdateTimeslotSuccessResponse": _answer(timeslot=ref("UpdatedTimeslotDto")),
}
"""What an answer holds. The pages have the two `…SuccessResponse` beside their twins."""

ERRORS: dict[str, Schema] = {
    "BadRequestError": _error("400: the request breaks a rule; SY001, FC002"),
    "UnauthorizedError": {
        **_object(
            {
                "type": _text(format="uri"),
                "title": _text(),
                "status": {"const": 401},
                "detail": _text(),
                "instance": _text(),
                **_ENVELOPE,
            }
        ),
        "description": (
            "401: no key or a wrong one; a problem document (RFC 9457) with the vendor's fields;"
            " AU002"
        ),
    },
    "ForbiddenError": _error("403: the API user may not do this; AC001"),
    "NotFoundError": _error(
        "404: PR001, FC001, EV001, EV002 (timeslot), EV006 (activity type), US001 (renter)"
    ),
    "ConflictError": _error("409: EV003 (invalid state), EV004 (conflict), EV005 (duplicate)"),
    "TooManyRequestsError": {
        **_object({"message": _text(), "message_code": _text(), "invocation_id": _INVOCATION}),
        "required": ["message"],
        "description": (
            "429: the gateway's simplified answer, which has only the message; no Retry-After"
        ),
    },
    "InternalServerError": _error("500"),
    "BadGatewayError": _error("502"),
    "ServiceUnavailableError": _error("503, and 504: the operation exceeded its time limit"),
}

SCHEMAS: dict[str, Schema] = {**REQUESTS, **ANSWERS, **ERRORS}
