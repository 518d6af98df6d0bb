"""Why a step was refused or may be, in words for people. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from icalbridge.errors import AccessRefused, InvalidRequest, NotFound, RequestRefused, VendorError
from icalbridge.facilitron import Conflict, change_doubts
from icalbridge.facilitron.write_requests import TOO_FAR, TOO_OLD
from icalbridge.vendor_words import quote_vendor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from icalbridge.push.places import PlaceTable
    from icalbridge.push.steps import PushPlan

_DOUBTS = {TOO_OLD: "begun more than 7 days ago", TOO_FAR: "more than 2 years ahead"}
"""By the bounds that are published for changes only; `map_calendar` notes what passes midnight."""


def refusal_text(refusal: VendorError | InvalidRequest | Conflict) -> str:
    """Return why a step was refused, as a clause: the vendor's own words as such."""
    if isinstance(refusal, Conflict) and refusal.by_vendor:
        return quote_vendor(refusal.message, 409, refusal.message_code)
    if isinstance(refusal, RequestRefused | NotFound | AccessRefused):
        return quote_vendor(refusal.message, refusal.status, refusal.message_code)
    return refusal.message if isinstance(refusal, Conflict | VendorError) else str(refusal)


def foresee_refusals(plan: PushPlan, places: PlaceTable, now: datetime) -> Iterator[str]:
    """Yield a sentence on new bookings for each bound by which the vendor may refuse them."""
    counts = Counter(
        reason
        for renewal in plan.renewals
        for create in renewal.creates
        for slot in create.slots
        for _, reason in change_doubts(
            slot.start, slot.end, places.zones[slot.facility.property_id], now
        )
    )
    for reason, words in _DOUBTS.items():
        if count := counts[reason]:
            bookings = "1 new booking is" if count == 1 else f"{count} new bookings are"
            yield f"{bookings} {words}; Facilitron may refuse that."
