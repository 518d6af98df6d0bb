"""`icalbridge.facilitron.staff_details`: who rents, in every shape the vendor might tell it; never an
error.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.facilitron.events import EventDefaults, read_events
from icalbridge.facilitron.staff_details import FIELDS
from icalbridge.models import UNTOLD, Event, StaffDetails
from icalbridge.sandbox import hostile_names as names

ASKED = EventDefaults("p1", "reservation", {"p1": "America/Los_Angeles"})
NAME, EMAIL = names.RENTER_NAME, "renata@renter.example"
SLOT = b'{"start_datetime": "2026-11-24T18:00", "end_datetime": "2026-11-24T20:00"}'


def _read(told: bytes, *, identity: bytes = b'"e1"') -> Event:
    """Return an event with these fields, which must be read whole."""
    body = b'{"events": [{"_id": %s, "name": "League", "timeslots": [%s]%s}]}' % (
        identity,
        SLOT,
        told,
    )
    answer = read_events(body, ASKED, {})
    assert (answer.skipped, answer.ignored, len(answer.events)) == ((), (), 1)
    return answer.events[0]


def _private(name: str, value: object, *, identity: bytes = b'"e1"') -> StaffDetails:
    return _read(f', "{name}": {json.dumps(value)}'.encode(), identity=identity).particulars


SHAPES: list[tuple[object, str, str]] = [
    *zip(
        names.RENTERS,
        (NAME, NAME, "55501420", NAME, ""),
        (EMAIL, EMAIL, "", EMAIL, ""),
        strict=True,
    ),
    (NAME, NAME, ""),
    (EMAIL, "", EMAIL),
    (f" {EMAIL}\n", "", EMAIL),
    (f'"{NAME}" <{EMAIL}>', NAME, EMAIL),
    (f"<{EMAIL}>", "", EMAIL),
    ("Friends @ the Pool", "Friends @ the Pool", ""),
    ("Renata <no address>", "Renata <no address>", ""),
    ("", "", ""),
    (" ", "", ""),
    ({"first_name": "Renata", "last_name": "Privada", "email": EMAIL}, NAME, EMAIL),
    ({"firstName": "Renata", "lastName": None, "email": None}, "Renata", ""),
    ({"name": {"first": "Renata", "last": "Privada"}, "email": {"address": EMAIL}}, NAME, ""),
    ({"name": f"{NAME} <{EMAIL}>"}, NAME, EMAIL),
    ({"name": NAME, "email": f"{NAME} <{EMAIL}>"}, NAME, EMAIL),
    ({"name": None, "full_name": NAME, "email": "none"}, NAME, "none"),
    ({"name": EMAIL}, "", EMAIL),
    ({"name": 7, "email": ["a@b"]}, "7", ""),
    ({}, "", ""),
    ([EMAIL, NAME, "other@renter.example", "Other"], NAME, EMAIL),
    ([12, NAME], NAME, ""),
    ([12, None, True], "12", ""),
    ([{"name": NAME, "email": EMAIL}], NAME, EMAIL),
    ([f"{NAME} <{EMAIL}>"], NAME, EMAIL),
    ([[NAME]], "", ""),
    ([], "", ""),
    (0, "0", ""),
    (1.5, "", ""),
    (True, "", ""),
    (10**60, "", ""),
]


@pytest.mark.parametrize("identity", [b'"e1"', b"1"], ids=["fast", "lenient"])
@pytest.mark.parametrize(("told", "renter", "email"), SHAPES, ids=lambda each: repr(each)[:30])
def test_renter_is_read_in_every_shape(
    told: object, renter: str, email: str, identity: bytes
) -> None:
    """Object, text, number, list or null: a name and an address as far as there are any."""
    assert _private("renter", told, identity=identity) == StaffDetails(renter, email)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (20, 20), (0, 0), (12.7, 12), (500_000, 500_000), (None, None), ("20", None), (True, None), (-1, None),
        (2**31, None), (10**40, None), ([20], None), ({"count": 20}, None),
    ],
)  # fmt: skip
def test_attendance_is_a_number_or_nothing(told: object, read: int | None) -> None:
    """Zero is a number; what no database column holds is none."""
    assert _private("attendance", told) == StaffDetails(attendance=read)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("R-1", "R-1"),
        (" R-1 ", "R-1"),
        (17, "17"),
        (None, ""),
        (True, ""),
        ([], ""),
        ({"a": 1}, ""),
    ],
)
def test_reservation_and_category_are_texts(told: object, read: str) -> None:
    """A whole number is a text, anything else is as good as null."""
    assert _private("short_id", told) == StaffDetails(reservation=read)
    assert _private("rate_category", told) == StaffDetails(category=read)


def test_missing_fields_are_empty() -> None:
    """An event that tells nothing of the kind is as good as one of nulls."""
    nulls = "".join(f', "{name}": null' for name in FIELDS).encode()
    assert (_read(b"").particulars, _read(nulls).particulars) == (UNTOLD, UNTOLD)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (rb'"Ren\ud800ata"', "Renata"),
        (b'"Ren\xffata"', "Ren\ufffdata"),
        (b'{"name": "Ren\\udc00ata", "x": [1e999]}', "Renata"),
        (b"1" + b"0" * 400, ""),
        (b"[" * 300 + b"]" * 300, ""),
    ],
)
def test_broken_private_text_is_mended(told: bytes, read: str) -> None:
    """Half surrogate pairs, octets that are no UTF-8, numbers and nesting without end lose nothing
    else.
    """
    event = _read(b', "renter": ' + told)
    assert (event.particulars, event.name, len(event.timeslots)) == (
        StaffDetails(read),
        "League",
        1,
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["a@b", "A <a@b>"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["name", "email", "first", "last"]) | st.text(), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, json_values)),
    st.sampled_from([b'"e1"', b"1"]),
)
def test_no_private_field_whatever_harms_an_event(told: dict[str, Any], identity: bytes) -> None:
    """Any JSON in their place: the event is read as it is without them, and what is read are texts
    and a number.
    """
    extra = "".join(f', "{name}": {json.dumps(value)}' for name, value in told.items()).encode()
    event, without = _read(extra, identity=identity), _read(b"", identity=identity)
    assert replace(event, digest=without.digest, particulars=UNTOLD) == without
    private = event.particulars
    texts = (private.renter, private.email, private.reservation, private.category)
    assert all(isinstance(each, str) and each == each.strip() for each in texts)
    assert private.attendance is None or 0 <= private.attendance < 2**31


def test_repr_tells_nothing() -> None:
    """Neither of the event nor of its particulars: a repr may reach a log."""
    event = _read(
        b', "renter": {"name": "Renata", "email": "a@b"}, "short_id": "R-1", "attendance": 77777'
    )
    assert event.particulars == StaffDetails("Renata", "a@b", 77777, "R-1")
    assert repr(event.particulars) == "StaffDetails()"
    assert repr(event) == repr(replace(event, particulars=UNTOLD))
