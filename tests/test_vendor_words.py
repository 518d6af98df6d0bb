"""`icalbridge.vendor_words`: refusals and field names as people read them."""

from __future__ import annotations

import pytest

from icalbridge.sandbox.schemas import REQUESTS
from icalbridge.vendor_words import plain_field, plain_text, quote_vendor


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("timeslots[0].end_datetime is wrong", "the end of timeslot 1 is wrong"),
        ("start_datetime; end_datetime.", "the start; the end."),
        ("timeslots[10] must be an object", "timeslot 11 must be an object"),
        ("end_date must not be in the past", "the last day must not be in the past"),
        ("The name of all timeslots", "The name of all timeslots"),
        ("my_end_datetime and end_datetime_2", "my_end_datetime and end_datetime_2"),
    ],
)
def test_text_has_field_names_in_plain_words(text: str, plain: str) -> None:
    """Words that are no field names stay."""
    assert plain_text(text) == plain


def test_every_field_of_a_request_has_plain_words() -> None:
    """None is shown as the pages call it; the status is never wrong."""
    fields = {name for schema in REQUESTS.values() for name in schema["properties"]} - {"status"}
    assert {name for name in fields if not plain_field(name).startswith("the ")} == set()


@pytest.mark.parametrize(
    ("message", "details", "quoted"),
    [
        ("Not free.", (409, "EV004"), "the booking system says: Not free (409 EV004)"),
        ("Bad\r\n  thing\x07", (400, ""), "the booking system says: Bad   thing (400)"),
        ("", (), "the booking system says: nothing more"),
        ("facility_u_id is unknown", (), "the booking system says: the facility is unknown"),
    ],
)
def test_refusal_is_quoted(message: str, details: tuple[object, ...], quoted: str) -> None:
    assert quote_vendor(message, *details) == quoted
