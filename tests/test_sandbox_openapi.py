"""`icalbridge.sandbox.openapi`: the document is whole, and true; schemathesis plays every operation
over HTTP.
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks as openapi

from icalbridge import sandbox
from icalbridge.sandbox.faults import ENDPOINTS
from tests.fixtures.vendor import HEADERS, KEY, TODAY, Vendor, vendor

if TYPE_CHECKING:
    from collections.abc import Iterator

VENDOR: dict[str, dict[str, list[str]]] = json.loads(
    (Path(__file__).parent / "data" / "vendor_schemas.json").read_text(encoding="utf-8")
)
"""Fields by schema, copied from the vendor's page of schemas."""
DIFFERENT: dict[str, tuple[set[str], set[str]]] = {
    "CreateEventDto": ({"renter_rate_category_id"}, set()),
    "UnauthorizedError": ({"type", "title", "status", "detail", "instance"}, set()),
    "TooManyRequestsError": (set(), {"message_code", "invocation_id"}),
}
"""What is more, and what is not required: the vendor's other pages say so (the endpoint's own
table; 401 is a problem document; 429 has a message only).
"""
DOCUMENT = sandbox.document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
OPERATIONS = [(path, method) for path, item in DOCUMENT["paths"].items() for method in item]
BOUNDED = settings(
    max_examples=settings().max_examples // 2,
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
ALWAYS = [
    *TRUTH,
    openapi.ignored_auth,
    openapi.negative_data_rejection,
    openapi.missing_required_header,
]
"""All that ask whether the document is true, and whether what it forbids is refused. That all it
allows is accepted no schema can promise: a date may be past, a renter unknown.
"""


@pytest.fixture(scope="module")
def api() -> Iterator[Vendor]:
    """A small vendor for machines to play with."""
    with vendor() as opened:
        yield opened


def _base(api: Vendor) -> str:
    return api.url.removesuffix("/v1")


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_schemathesis_finds_nothing(
    api: Vendor, path: str, method: str, mode: schemathesis.GenerationMode
) -> None:
    """What the document allows, and what it forbids: no 5xx, no answer that it does not describe,
    all bad data 400.
    """

    @BOUNDED
    @given(case=SCHEMA[path][method].as_strategy(generation_mode=mode))
    def play(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate(base_url=_base(api), headers=HEADERS, checks=ALWAYS)

    play()


def _known(world: sandbox.World, school_id: str) -> dict[str, list[str]]:
    """Return parts of paths that name something in the world."""
    made = [each for each in world.events.values() if each["created_by_external_api"]]
    return {
        "property_id": [each["_id"] for each in world.properties],
        "facility_id": [each["_id"] for each in world.facilities_of(school_id)],
        "event_type": ["reservation"],
        "event_id": [*[each["_id"] for each in made[:9]], *list(world.events)[:3]],
        "timeslot_id": [each["timeslots"][0]["external_system_timeslot_id"] for each in made[:9]],
    }


def _mended(body: dict[str, Any], known: dict[str, Any], hour: int) -> dict[str, Any]:
    """Return a body, good by its schema, that names what there is, at times that may be."""
    span = {"start_datetime": f"{TODAY}T{hour:02}:00:00", "end_datetime": f"{TODAY}T{hour:02}:45"}
    given = {name: value for name, value in known.items() if name in body}
    body = {name: value for name, value in body.items() if name != "renter_owner"}
    if "timeslots" in body:
        slots = [
            {
                **slot,
                **span,
                "facility_u_id": known["facility_u_id"],
                "external_system_timeslot_id": f"slot-{index}",
            }
            for index, slot in enumerate(body["timeslots"])
        ]
        return {**body, **given, "timeslots": slots}
    return {**body, **given, **(span if "start_datetime" in body else {})}


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_schemathesis_finds_nothing_where_there_is_something(path: str, method: str) -> None:
    """The same with ids, times and names that the world knows: each operation has successes, all of
    them described.
    """
    statuses: set[int] = set()
    with vendor() as api:
        known = _known(api.world, api.school_id)
        names = {
            "facility_u_id": api.world.facilities_of(api.school_id)[0]["u_id"],
            "renter_email": "coach@school.example",
            "activity_type_id": 12,
            "event_type": "reservation",
        }

        @BOUNDED
        @given(data=st.data())
        def play(data: st.DataObject) -> None:
            case = data.draw(SCHEMA[path][method].as_strategy())
            for name in case.path_parameters:
                case.path_parameters[name] = data.draw(st.sampled_from(known[name]), name)
            if isinstance(case.body, dict):
                case.body = _mended(case.body, names, data.draw(st.integers(0, 23), "hour"))
            case.query = {
                **case.query,
                **({"event_types": ["reservation"]} if "event_types" in case.query else {}),
            }
            for name in ("start_date", "end_date"):
                case.query.pop(name, None)
            answer = case.call_and_validate(base_url=_base(api), headers=HEADERS, checks=TRUTH)
            statuses.add(answer.status_code)

        play()
    assert statuses & {200, 201}
    assert statuses <= {200, 201, 403, 404, 409}


def test_every_route_is_documented(api: Vendor) -> None:
    """Nine operations on the addresses and methods that the application has, and no others."""
    assert len(OPERATIONS) == 9
    app = sandbox.create_app(api.world)
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/v1") and method != "HEAD"
    }
    assert set(OPERATIONS) == routes


def test_operations_are_called_as_faults_call_them() -> None:
    """One name for one endpoint, in the document and in `--fault`."""
    named = [DOCUMENT["paths"][path][method]["operationId"] for path, method in OPERATIONS]
    assert sorted(named) == sorted(ENDPOINTS)


@pytest.mark.parametrize("name", VENDOR)
def test_schema_has_the_vendors_fields(name: str) -> None:
    """Each schema on the vendor's page, with its fields, and required what is required there."""
    made = DOCUMENT["components"]["schemas"][name]
    more, less = DIFFERENT.get(name, (set(), set()))
    assert set(made["required"]) - set(more) == set(VENDOR[name]["required"]) - less
    assert set(made["properties"]) - set(more) == {
        *VENDOR[name]["required"],
        *VENDOR[name]["optional"],
    }


def test_document_is_good_by_its_own_standard() -> None:
    """OpenAPI 3.1; each reference leads somewhere, each schema is used or is a twin of one that is."""
    told = json.dumps(DOCUMENT)
    named = set(re.findall(r"#/components/schemas/(\w+)", told))
    schemas = set(DOCUMENT["components"]["schemas"])
    assert (DOCUMENT["openapi"], named - schemas) == ("3.1.0", set())
    assert schemas - named == {"CancelEventSuccessResponse", "UpdateTimeslotSuccessResponse"}
    assert set(re.findall(r"#/components/responses/(\w+)", told)) == set(
        DOCUMENT["components"]["responses"]
    )


def test_document_is_served_without_a_key(api: Vendor) -> None:
    """At /openapi.json, outside /v1, as the program has it; no limit and no fault is for it."""
    used = api.state.quota_used
    api.fail("503")
    answer = requests.get(f"{_base(api)}/openapi.json", timeout=30)
    api.fail()
    assert (answer.status_code, answer.headers["Content-Type"]) == (
        200,
        "application/json; charset=utf-8",
    )
    assert (answer.json(), api.state.quota_used) == (json.loads(json.dumps(DOCUMENT)), used)


class _Page(HTMLParser):
    """Collects what a page holds."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self.ids += [told["id"]] if "id" in told else []
        self.links += [told[name] for name in ("href", "src") if name in told]

    def handle_data(self, data: str) -> None:
        self.words += data


def test_page_tells_of_everything_without_scripts(api: Vendor) -> None:
    """At /docs: each operation, schema, field and scenario; no script, and nothing from elsewhere."""
    answer = requests.get(f"{_base(api)}/docs", timeout=30)
    page = _Page()
    page.feed(answer.text)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "script" not in page.tags
    assert {each for each in page.links if not each.startswith("#")} == {"/openapi.json"}
    assert len(page.ids) == len(set(page.ids))
    assert {each[1:] for each in page.links if each.startswith("#")} <= set(page.ids)
    assert set(page.ids) >= {*ENDPOINTS, *DOCUMENT["components"]["schemas"]}
    fields = {
        name
        for schema in DOCUMENT["components"]["schemas"].values()
        for name in schema["properties"]
    }
    for each in (*fields, *sandbox.SCENARIOS, *(path for path, _ in OPERATIONS)):
        assert each in page.words
    assert "Undefined" not in page.words
    assert KEY in page.words
