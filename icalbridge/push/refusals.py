"""Why a step was refused, in words for people."""

from __future__ import annotations

from icalbridge.errors import (
    AccessRefused,
    InvalidRequest,
    NotFound,
    RequestRefused,
    VendorError,
)
from icalbridge.facilitron import Conflict
from icalbridge.vendor_words import quote_vendor


def refusal_text(refusal: VendorError | InvalidRequest | Conflict) -> str:
    """Return why a step was refused, as a clause: the vendor's own words as such."""
    if isinstance(refusal, Conflict) and refusal.by_vendor:
        return quote_vendor(refusal.message, 409, refusal.message_code)
    if isinstance(refusal, RequestRefused | NotFound | AccessRefused):
        return quote_vendor(refusal.message, refusal.status, refusal.message_code)
    return refusal.message if isinstance(refusal, Conflict | VendorError) else str(refusal)
