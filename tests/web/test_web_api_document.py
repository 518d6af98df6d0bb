"""The API's document is whole, true and readable: schemathesis plays every operation, every link
works.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi

from icalbridge.feeds.formats import json_format
from icalbridge.settings import Settings
from icalbridge.web import create_app
from icalbridge.web.api import document
from icalbridge.web.api.operations import OPERATIONS
from tests.web.seen import Seen, look
from tests.web_world import Clock, empty_store, filled_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

DOCUMENT = document()
PATHS = list(DOCUMENT["paths"])
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
KNOWN = {
    "property": ["school", "district", "odd", "alone"],
    "facility": ["gym", "pool", "rtl", "nameless"],
}
BASE = "http://bridge.example"
DAYS: tuple[str, ...] = ("from", "to", "date")
PLAIN = {"Accept-Encoding": "identity"}
"""What is called without a network is not unpacked on the way."""
BOUNDED = settings(
    max_examples=settings().max_examples,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TRUTH = [
    not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """A bridge that shows all that an operator can allow."""
    store = filled_store(tmp_path_factory.mktemp("api"))
    yield create_app(Settings(public_pending=True, public_category=True), store, clock=Clock())
    store.close()


@pytest.mark.parametrize("path", [each.path for each in OPERATIONS if each.takes])
def test_schemathesis_finds_nothing_where_it_asks_wrongly(app: Flask, path: str) -> None:
    """What the document forbids is refused, in the way that it describes; where nothing can be
    wrong, nothing is.
    """

    @BOUNDED
    @given(
        case=SCHEMA[path]["GET"].as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)
    )
    def play(case: schemathesis.Case[Any]) -> None:
        answer = case.call(app=app, base_url=BASE, headers=PLAIN)
        case.validate_response(answer, checks=[*TRUTH, openapi.negative_data_rejection])

    play()


@pytest.mark.parametrize("path", PATHS)
def test_schemathesis_finds_nothing_where_it_asks_rightly(app: Flask, path: str) -> None:
    """Of places that there are or not, on days that there are: all answers are described, and some
    are successes.
    """
    of = next(each.of for each in OPERATIONS if each.path == path)
    statuses: set[int] = set()

    @BOUNDED
    @given(data=st.data())
    def play(data: st.DataObject) -> None:
        case = data.draw(SCHEMA[path]["GET"].as_strategy())
        if of and data.draw(st.integers(0, 4), "unknown") != 4:
            case.path_parameters["id"] = data.draw(st.sampled_from(KNOWN[of]), "id")
        for name in filter(case.query.__contains__, DAYS):
            case.query[name] = (
                f"2026-{11 + (name == 'to')}-{data.draw(st.integers(1, 28), name):02}"
            )
        for name in ("facility", "property", "after"):
            case.query.pop(name, None)
        answer = case.call(app=app, base_url=BASE, headers=PLAIN)
        case.validate_response(answer, checks=TRUTH)
        statuses.add(answer.status_code)

    play()
    assert 200 in statuses
    assert statuses <= {200, 304, 400, 404}


def test_document_tells_of_every_route(app: Flask) -> None:
    """One path for each address, and no others; each asked by GET alone, with an id where the route
    has one.
    """
    routes = {
        re.sub(r"<path:\w+>", "{id}", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
    }
    assert routes == {*PATHS, "/api/v1/", "/api/v1/openapi.json"}
    assert {tuple(item) for item in DOCUMENT["paths"].values()} == {("get",)}
    assert DOCUMENT["openapi"] == "3.1.0"


def test_document_has_what_it_refers_to_and_nothing_else() -> None:
    """Each reference leads somewhere, each schema and answer is used, each has a description."""
    told = json.dumps(DOCUMENT)
    components = DOCUMENT["components"]
    assert set(re.findall(r"#/components/schemas/(\w+)", told)) == set(components["schemas"])
    assert set(re.findall(r"#/components/responses/(\w+)", told)) == set(components["responses"])
    assert [name for name, each in components["schemas"].items() if not each["description"]] == []


def test_document_tells_of_entries_what_calendars_tell() -> None:
    """The keys of an entry are those of a public calendar's JSON, all of them always there."""
    calendars = json.loads(json_format.schema())["$defs"]["entry"]
    entry = DOCUMENT["components"]["schemas"]["Entry"]
    assert list(entry["properties"]) == entry["required"] == calendars["required"]


def test_document_is_served(client: FlaskClient) -> None:
    """At /api/v1/openapi.json, for any page and any cache."""
    answer = client.get("/api/v1/openapi.json")
    shown = {
        name: answer.headers[name]
        for name in ("Content-Type", "Cache-Control", "Access-Control-Allow-Origin")
    }
    assert shown == {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "public, max-age=3600",
        "Access-Control-Allow-Origin": "*",
    }
    assert answer.get_json() == json.loads(json.dumps(DOCUMENT))
    assert (
        client.get(
            "/api/v1/openapi.json", headers={"If-None-Match": answer.headers["ETag"]}
        ).status_code
        == 304
    )


def test_page_tells_of_everything(client: FlaskClient) -> None:
    """Each operation with its path and parameters, each schema with its fields; no script, no style
    of its own.
    """
    seen = look(client, "/api/v1/")
    ids = [attributes["id"] for _, attributes in seen.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {*(each.name for each in OPERATIONS), *DOCUMENT["components"]["schemas"]} <= set(ids)
    fields = {
        name
        for schema in DOCUMENT["components"]["schemas"].values()
        for name in schema["properties"]
    }
    taken = {one.name for each in OPERATIONS for one in each.takes}
    assert {*fields, *taken, *(f"GET {path}" for path in PATHS)} - set(seen.texts) == set()
    assert {tag for tag, _ in seen.elements} & {"script", "style"} == set()
    assert [attributes for _, attributes in seen.elements if "style" in attributes] == []


def test_page_links_work(client: FlaskClient) -> None:
    """Its own headings, the examples, the file for tools, the other language, and the rest of the
    site.
    """
    seen = look(client, "/api/v1/")
    ids = {attributes["id"] for _, attributes in seen.elements if "id" in attributes}
    inside = {each[1:] for each in seen.links() if each.startswith("#")}
    assert inside <= ids
    outside = [each for each in seen.links() if not each.startswith("#")]
    assert {
        each: client.get(urljoin("/api/v1/", each)).status_code for each in outside
    } == dict.fromkeys(outside, 200)
    examples = [
        each
        for each in outside
        if each.startswith("/api/v1/") and not each.endswith(("/", "openapi.json"))
    ]
    assert len(examples) == len(OPERATIONS)


def test_page_without_data_has_no_examples_of_places(tmp_path: Path) -> None:
    """Before anything was fetched there is nothing to show, and the page is there all the same."""
    store = empty_store(tmp_path)
    bare = create_app(Settings(), store, clock=Clock()).test_client()
    examples = [
        each
        for each in look(bare, "/api/v1").links()
        if each.startswith("/api/v1/") and each != "/api/v1/"
    ]
    store.close()
    assert examples == [
        "/api/v1/openapi.json",
        "/api/v1/properties",
        "/api/v1/facilities",
        "/api/v1/free",
    ]


def test_page_has_both_languages_around_what_is_english(client: FlaskClient) -> None:
    """What is out of the document is marked as English; the page itself is in the reader's
    language.
    """
    answer = client.get("/api/v1/?lang=es")
    languages = [
        attributes.get("lang")
        for tag, attributes in Seen(answer.text).elements
        if tag in ("html", "div")
    ]
    assert [each for each in languages if each] == ["es", "en"]
    assert answer.headers["Content-Language"] == "es"
    assert answer.headers["Vary"] == "Accept-Encoding, Accept-Language"
