"""OpenAPI 3.1 document of the API, made from `operations` and `schema`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from msgspec import json

import icalbridge
from icalbridge.web import problems
from icalbridge.web.api.operations import OPERATIONS

if TYPE_CHECKING:
    from icalbridge.web.api.operations import Operation
    from icalbridge.web.api.parameters import Parameter

Part = dict[str, Any]

ABOUT = """\
What is booked in the schools that this site shows, for programs: no key, no cookies, from any \
web page. Only what the public may see is here.

Every address answers GET and HEAD. Responses may be cached: they have an `ETag` and a `Cache-\
Control`, and a request with `If-None-Match` is answered 304 while nothing has changed. An error \
is a problem document (RFC 9457) with one sentence in `detail`. A 503 says in `Retry-After` when \
to ask again; places that were never fetched yet are answered so.

Times have the offset of the zone in which people read them. A day in a question is the whole \
day in the school's zone. Keys may be added to answers at any time; one that changes its meaning \
or goes makes this v2.\
"""

_TEXT = {"type": "string"}
_HEADERS: Part = {
    "ETag": {"schema": _TEXT, "required": True, "description": "Changes whenever the answer does"},
    "Cache-Control": {"schema": _TEXT, "required": True},
    "Access-Control-Allow-Origin": {"schema": {"const": "*"}, "required": True},
    "Access-Control-Expose-Headers": {"schema": _TEXT, "required": True},
}
_MODIFIED: Part = {
    "Last-Modified": {
        "schema": _TEXT,
        "description": "Where it is known when the answer last changed",
    }
}
_SERVER_NOW: Part = {
    "Server-Now": {
        "schema": {"type": "string", "format": "date-time"},
        "required": True,
        "description": "What time it is here, in UTC",
    }
}
_RETRY_AFTER: Part = {
    "Retry-After": {
        "schema": {"type": "integer"},
        "required": True,
        "description": "Seconds until it is worth asking",
    }
}
_REFUSALS = {
    "400": "The request cannot be understood, or what it is about is not shown here",
    "404": "There is no such place",
    "503": "Not fetched yet, or not to be read right now",
}


@cache
def document() -> Part:
    """Return the document, which is shared: do not change it."""
    schemas, components = json.schema_components(
        [*(item.answer for item in OPERATIONS), problems.Problem],
        ref_template="#/components/schemas/{name}",
    )
    schemas, components = _without_suffix((schemas, components))
    for component in components.values():
        if description := component.get("description"):
            component["description"] = _unwrapped(description)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "What is booked",
            "version": "1",
            "summary": "icalbridge's API to read",
            "description": ABOUT,
        },
        "paths": {
            item.path: {"get": _operation(item, answer)}
            for item, answer in zip(OPERATIONS, schemas, strict=False)
        },
        "components": {
            "schemas": components,
            "responses": {
                "304": {"description": "Nothing has changed", "headers": _HEADERS},
                **{status: _refusal(status, schemas[-1]) for status in _REFUSALS},
            },
        },
        "x-generator": f"icalbridge {icalbridge.__version__}",
    }


def _without_suffix(part: Any) -> Any:
    """Return schemas under the names that the API publishes: `EntryResource` is `Entry` there."""
    return json.decode(json.encode(part).replace(b"Resource", b""))


def _unwrapped(docstring: str) -> str:
    """Return a docstring with each of its paragraphs on one line."""
    return "\n\n".join(" ".join(part.split()) for part in docstring.split("\n\n"))


def _operation(item: Operation, answer: Part) -> Part:
    more = {
        **(_SERVER_NOW if item.moments else {}),
        **(_MODIFIED if item.name.endswith("entries") else {}),
    }
    refusals = [status for status in _REFUSALS if item.of or status != "404"]
    made: Part = {
        "operationId": item.name,
        "summary": item.summary,
        "parameters": [*_path_parameters(item), *map(_parameter, item.takes), _CONDITION],
        "responses": {
            "200": {
                "description": "Here it is",
                "headers": {**_HEADERS, **more},
                "content": {"application/json": {"schema": answer}},
            },
            **{
                status: {"$ref": f"#/components/responses/{status}"}
                for status in ("304", *refusals)
            },
        },
    }
    return {**made, "description": item.about} if item.about else made


_CONDITION: Part = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": _TEXT,
    "description": "The `ETag` of what is there already",
}


def _path_parameters(item: Operation) -> list[Part]:
    if not item.of:
        return []
    values = f"The {item.of}'s id"
    return [
        {
            "name": "id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            "description": values,
        }
    ]


def _parameter(item: Parameter) -> Part:
    made: Part = {
        "name": item.name,
        "in": "query",
        "required": False,
        "schema": dict(item.schema),
        "description": f"{item.about}; commas between them" if item.listed else item.about,
    }
    return (
        {**made, "style": "form", "explode": False} if item.schema.get("type") == "array" else made
    )


def _refusal(status: str, schema: Part) -> Part:
    headers = {name: _HEADERS[name] for name in _HEADERS if name.startswith("Access-Control-")}
    return {
        "description": _REFUSALS[status],
        "headers": {**headers, **_RETRY_AFTER} if status == "503" else headers,
        "content": {problems.CONTENT_TYPE: {"schema": schema}},
    }
