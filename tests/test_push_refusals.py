"""`icalbridge.push.apply` and `decide`: the vendor's words as such, and bounds that it may apply."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from icalbridge.errors import InvalidRequest, MalformedAnswer, RequestRefused
from icalbridge.facilitron import Conflict
from icalbridge.push.decide import decide
from icalbridge.push.mapping import PushEvent, PushRequests, PushSlot
from icalbridge.push.places import PlaceTable
from icalbridge.push.session import refusal_text
from tests.samples import GYM, NOW, SCHOOL, ZONE

PLACES = PlaceTable({GYM.id: GYM}, {SCHOOL.id: ZONE})


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (Conflict("It is taken.", "EV001"), "the booking system says: It is taken (409 EV001)"),
        (Conflict("It was there before", by_vendor=False), "It was there before"),
        (
            RequestRefused("POST /events", "end_datetime is wrong", 400, "EV002"),
            "the booking system says: the end is wrong (400 EV002)",
        ),
        (MalformedAnswer("POST /events", "the answer is no JSON", 200), "the answer is no JSON"),
        (
            InvalidRequest((("name", "is empty"),), ("the name is empty",)),
            "Nothing was sent: the name is empty.",
        ),
    ],
)
def test_only_the_vendors_words_are_quoted(
    refusal: Conflict | RequestRefused | MalformedAnswer | InvalidRequest, text: str
) -> None:
    assert refusal_text(refusal) == text


def test_plan_notes_what_the_vendor_may_refuse() -> None:
    """By the bounds that it publishes for changes; of what is created alone."""
    hour = timedelta(hours=1)
    slot = PushSlot("soon", NOW + hour, NOW + 2 * hour, GYM)
    far = [
        replace(slot, id=f"far-{days}", start=slot.start + ahead, end=slot.end + ahead)
        for days in (800, 900)
        for ahead in [timedelta(days=days)]
    ]
    old = replace(slot, id="old", start=NOW - timedelta(days=8))
    requests = PushRequests((PushEvent("a", "A", (slot, old, *far)),), notes=("Before.",))
    assert decide(requests, [], PLACES, NOW)[0].notes == (
        "Before.",
        "1 new booking is begun more than 7 days ago; Facilitron may refuse that.",
        "2 new bookings are more than 2 years ahead; Facilitron may refuse that.",
    )
    near = replace(requests, events=(PushEvent("a", "A", (slot,)),))
    assert decide(near, [], PLACES, NOW)[0].notes == ("Before.",)
