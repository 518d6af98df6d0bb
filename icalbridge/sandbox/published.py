"""Serves the OpenAPI document without a key, outside /v1: `/openapi.json`, and `/docs` as a page.

The page is `pages/docs.html`, rendered on the server, without scripts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from flask import Response, render_template

from icalbridge.sandbox import bodies, faults, scenarios
from icalbridge.sandbox.openapi import document

if TYPE_CHECKING:
    from flask import Flask

ENDPOINTS = frozenset({"openapi", "docs"})
"""Their names in the application: no key, no limits, no faults."""


def add_to(app: Flask) -> None:
    """Add both addresses to the application."""
    body = msgspec.json.encode(document())
    app.jinja_env.globals.update(kind_of=kind_of, bounds_of=bounds_of)
    app.add_url_rule("/openapi.json", "openapi", lambda: Response(body, content_type=bodies.JSON))
    app.add_url_rule("/docs", "docs", _page)


def _page() -> str:
    return render_template(
        "docs.html",
        api=document(),
        operations=[
            (method.upper(), path, operation)
            for path, item in document()["paths"].items()
            for method, operation in item.items()
        ],
        scenarios=scenarios.SCENARIOS,
        grammar=faults.GRAMMAR,
    )


def kind_of(schema: dict[str, Any]) -> str:
    """Return a schema's name on the page: its own, or its types."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "oneOf" in schema:
        return " or ".join(map(kind_of, schema["oneOf"]))
    if "const" in schema or "enum" in schema:
        return " or ".join(
            str(msgspec.json.encode(value), "utf-8")
            for value in schema.get("enum", [schema.get("const")])
        )
    types = schema.get("type", "anything")
    kinds = types if isinstance(types, list) else [types]
    of = f" of {kind_of(schema['items'])}" if "items" in schema else ""
    return " or ".join(f"{kind}{of}" if kind == "array" else kind for kind in kinds)


def bounds_of(schema: dict[str, Any]) -> str:
    """Return a schema's bounds in one line; "" for none."""
    bounds = [
        _range(schema.get("minLength"), schema.get("maxLength"), " characters"),
        _range(schema.get("minimum"), schema.get("maximum"), ""),
        _range(schema.get("minItems"), None, " items"),
        *(f"{name} {schema[name]}" for name in ("format", "pattern", "default") if name in schema),
    ]
    return ", ".join(filter(None, bounds))


def _range(least: int | None, most: int | None, unit: str) -> str:
    if most is None:
        return f"{least} or more{unit}" if least is not None else ""
    return f"{least or 0} to {most}{unit}"
