"""The OpenAPI document as a page for people, `/api/v1/`, with examples that work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from flask import render_template
from msgspec import json

from icalbridge.models import Feed
from icalbridge.web.api.openapi import document
from icalbridge.web.api.operations import OPERATIONS
from icalbridge.web.api.places import ROOT, api_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from icalbridge.feeds.public_reading import PublicReading
    from icalbridge.web.api.openapi import Part
    from icalbridge.web.api.operations import Operation
    from icalbridge.web.site import Site


class Word(NamedTuple):
    """One of a value's types."""

    name: str
    link: bool = False
    of: bool = False
    """Whether it is an array of these."""


def page(read: PublicReading, site: Site, now: datetime) -> str:
    """Return the page; its examples are of the first facility that was fetched, and of its
    property.
    """
    examples = _examples(read, site, now)
    return render_template(
        "api.html",
        api=document(),
        document_path=site.path(f"{ROOT}/openapi.json"),
        operations=[_operation(item, examples) for item in OPERATIONS],
        kinds=lambda schema: list(kinds(schema)),
        bounds=bounds,
    )


def _operation(item: Operation, examples: Mapping[str, str]) -> Part:
    details = document()["paths"][item.path]["get"]
    answers = {
        status: _schema_of(status, answer) for status, answer in details["responses"].items()
    }
    example = examples.get(item.name, "")
    parameters = [one for one in details["parameters"] if one["in"] != "header"]
    return {
        **details,
        "parameters": parameters,
        "description": item.about,
        "path": item.path,
        "answers": answers,
        "example": example,
    }


def _schema_of(status: str, answer: Part) -> str:
    """Return the name of what is answered; empty where nothing is."""
    whole = document()["components"]["responses"][status] if "$ref" in answer else answer
    return next((_name(kind["schema"]) for kind in whole.get("content", {}).values()), "")


def _examples(read: PublicReading, site: Site, now: datetime) -> dict[str, str]:
    """Return addresses that answer, by operation."""
    fetched = {
        item.property_id for item in site.health(now).properties if item.today_synced is not None
    }
    facility = next((item for item in read.facilities() if item.property_id in fetched), None)
    feeds: dict[str, Feed] = {}
    if facility is not None:
        feeds = {
            "facility": Feed("facility", facility.id),
            "property": Feed("property", facility.property_id),
        }
    result = {}
    for item in OPERATIONS:
        feed = feeds.get(item.of)
        if not item.of:
            result[item.name] = site.path(item.path)
        elif feed is not None:
            result[item.name] = site.path(api_path(feed, item.rest.partition("{id}")[2]))
    return result


def kinds(schema: Mapping[str, Any]) -> Iterator[Word]:
    """Yield a value's types."""
    if "$ref" in schema:
        yield Word(_name(schema), link=True)
    elif "anyOf" in schema:
        for item in schema["anyOf"]:
            yield from kinds(item)
    elif "items" in schema:
        yield from (item._replace(of=True) for item in kinds(schema["items"]))
    elif "enum" in schema:
        yield from (Word(str(json.encode(item), "utf-8")) for item in schema["enum"])
    else:
        yield Word(schema.get("format") or schema["type"])


def bounds(schema: Mapping[str, Any]) -> str:
    """Return a value's bounds, and what is taken for one that is not given, as sentences; empty for
    none.
    """
    span = f"From {schema['minimum']} to {schema['maximum']}." if "maximum" in schema else ""
    usual = schema.get("default", "")
    default = (
        f"Without it `{usual if not isinstance(usual, list) else ','.join(usual)}`."
        if usual
        else ""
    )
    return " ".join(filter(None, (span, default)))


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"].rpartition("/")[2])
