"""`icalbridge.facilitron.lenient_json` and `schemas`: broken JSON, and properties
and facilities.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.facilitron import Skipped, envelope, schemas
from icalbridge.facilitron.events import EventDefaults, EventsResponse, read_events
from icalbridge.facilitron.lenient_json import decode_json, repair_json
from icalbridge.models import Facility, Property

ASKED = EventDefaults("p1", "reservation", {"p1": "America/Los_Angeles"})


def _named(name: bytes) -> EventsResponse:
    """Return an answer with an event of this name, as bytes of JSON, between two others."""
    events = (
        b'{"_id": "a", "timeslots": []}, {"_id": "b", "timeslots": [], "name": %s}, {"_id": "c",'
        b' "timeslots": []}'
    )
    return read_events(b'{"events": [' + events % name + b'], "invocation_id": "i-1"}', ASKED, {})


@pytest.mark.parametrize(
    ("name", "read"),
    [
        (rb'"a\ud800b"', "ab"),
        (rb'"a\udc00b"', "ab"),
        (rb'"\ud83d\ude00"', "😀"),
        (rb'"\ud800\ud83d\ude00\ud83d"', "😀"),
        (rb'"\\ud800 \\\ud800"', r"\ud800 " + "\\"),
        (b'"a\xff\xc3b"', "a\ufffd\ufffdb"),
        (b'"a\xed\xa0\x80b"', "a\ufffd\ufffd\ufffdb"),
    ],
)
def test_broken_text_is_mended(name: bytes, read: str) -> None:
    """Half a surrogate pair is dropped, octets that are no UTF-8 are replaced, and everything else
    is kept.
    """
    answer = _named(name)
    assert [each.name for each in answer.events] == ["", read, ""]
    assert (answer.skipped, answer.invocation_id) == ((), "i-1")


def test_byte_order_mark_is_no_harm() -> None:
    """RFC 8259, section 8.1: it may be ignored."""
    assert read_events(b'\xef\xbb\xbf{"events": []}', ASKED, {}).events == ()


@pytest.mark.parametrize("value", [b"1" + b"0" * 5000, b"-" + b"9" * 400, b"1" + b"0" * 60])
def test_number_without_end_is_as_good_as_null(value: bytes) -> None:
    """It loses no neighbour."""
    assert [each.name for each in _named(value).events] == ["", "", ""]


def test_nesting_without_end_is_malformed() -> None:
    """It sinks the answer, never the program."""
    for name in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
        with pytest.raises(envelope.Malformed):
            _named(name)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = (
    "_id",
    "type",
    "property_id",
    "property_timezone",
    "name",
    "status",
    "timeslots",
    "renter",
    "activity_type",
)
SLOT_NAMES = (
    "facility",
    "start_datetime",
    "end_datetime",
    "status",
    "activity_name",
    "external_system_timeslot_id",
)
slots = st.fixed_dictionaries({}, optional=dict.fromkeys(SLOT_NAMES, json_values))
events = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(NAMES, json_values), "timeslots": st.lists(slots)}
)


@given(json_values | events)
def test_no_event_whatever_sinks_its_neighbours(odd: Any) -> None:
    """Any JSON in an event's place is read or skipped, and what is read are texts."""
    good = {"_id": "good", "timeslots": [], "property_id": "p1"}
    answer = read_events(json.dumps({"events": [odd, good]}).encode(), ASKED, {})
    assert answer.events[-1].id == "good"
    assert len(answer.events) + len(answer.skipped) >= 2 or odd.get("_id") == "good"
    for event in answer.events:
        assert all(
            isinstance(text, str)
            for text in (event.id, event.type, event.name, event.status, event.zone)
        )


@given(st.binary())
def test_no_bytes_whatever_raise_anything_else(body: bytes) -> None:
    """An answer is read or malformed."""
    with pytest.raises(envelope.Malformed):
        read_events(body, ASKED, {})


@given(json_values)
def test_sound_json_is_left_alone(value: object) -> None:
    """Mending changes only what is broken."""
    raw = json.dumps(value).encode()
    assert (repair_json(raw), decode_json(raw)) == (raw, json.loads(raw))


def _properties(*items: object) -> Any:
    return schemas.read_properties(
        json.dumps({"properties": items, "invocation_id": "i-1"}).encode()
    )


def test_properties_are_read() -> None:
    """As the vendor's page shows them, ids of any length."""
    told = {
        "_id": "67d3d98234e4730d41310bd2", "u_id": "139d71e8662595e3ba37", "name": "District", "address": "285 West",
        "city": "Sunnyvale", "state": "CA", "zip": "94087", "timezone": "America/Los_Angeles ",
        "properties": ["67d3ca78934e4730d41310bd9", 5, None, {}, ""],
    }  # fmt: skip
    read = Property(
        "67d3d98234e4730d41310bd2", "District", "285 West", "Sunnyvale", "CA", "94087", "America/Los_Angeles",
        ("67d3ca78934e4730d41310bd9", "5"),
    )  # fmt: skip
    assert _properties(told).items == (read,)


@pytest.mark.parametrize("children", [None, {}, "p2", 5])
def test_property_of_nulls_is_read(children: object) -> None:
    """Nothing but the id is needed; children that are no list are none."""
    nulls = dict.fromkeys(("u_id", "name", "address", "city", "state", "zip", "timezone"))
    assert _properties({"_id": 7, **nulls, "properties": children}).items == (Property("7"),)


@pytest.mark.parametrize("odd", [None, [], "p1", {}, {"_id": None}, {"_id": ""}, {"_id": "a\0"}])
def test_property_without_id_is_skipped_alone(odd: object) -> None:
    """Its neighbours stay; the last of two with one id counts."""
    answer = _properties({"_id": "p1"}, odd, {"_id": "p2"}, {"_id": "p1", "name": "Last"})
    assert sorted(each.id + each.name for each in answer.items) == ["p1Last", "p2"]
    assert (answer.skipped, answer.invocation_id) == ((Skipped("no id", "properties[1]"),), "i-1")


@pytest.mark.parametrize(
    ("capacity", "read"),
    [
        (300, 300),
        (0, 0),
        (12.7, 12),
        (None, None),
        ("300", None),
        (True, None),
        (-1, None),
        (10**40, None),
        ([], None),
    ],
)
def test_capacity_is_a_number_or_nothing(capacity: object, read: int | None) -> None:
    """Null is documented; anything odd is as good."""
    body = json.dumps(
        {"facilities": [{"_id": "f1", "property_id": None, "name": "Gym", "capacity": capacity}]}
    )
    assert schemas.read_facilities(body.encode(), "p1").items == (
        Facility("f1", "p1", "Gym", capacity=read),
    )


@pytest.mark.parametrize(
    "body", [b'{"property": null}', b'{"property": {}}', b"{}", b'{"property": []}', b'{"property"']
)
def test_property_that_cannot_be_read_is_malformed(body: bytes) -> None:
    """There is nothing else in the answer."""
    with pytest.raises(envelope.Malformed):
        schemas.read_property(body)


def test_invocation_id_is_one_clean_line() -> None:
    """It goes into logs: no control characters, a number at most, else nothing."""
    ids = ["i-1", "a\nb\x1b", 5, None, {"a": 1}, "x" * 400]
    read = [
        schemas.read_properties(json.dumps({"properties": [], "invocation_id": each}).encode())
        for each in ids
    ]
    assert [each.invocation_id for each in read] == ["i-1", "a b", "5", "", "", "x" * 299 + "…"]
