"""Sentences on properties whose time zone the vendor does not give: what is shown instead, and on
what evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.text import display_text

if TYPE_CHECKING:
    from icalbridge.models import ZoneSource

_REASONS: dict[ZoneSource, str] = {
    "stored": "which the vendor gave before",
    "events": "which its events name",
    "earlier": "as before this version; that may have been a guess",
    "parent": "taken from its district",
    "guess": "which is a guess",
}


def zone_note(name: str, zone: str, source: ZoneSource, vendor_zone: str) -> str:
    """Return a sentence on a property whose zone the vendor does not give; empty for any other, and
    while that is not known.
    """
    if source not in _REASONS:
        return ""
    given = f" ('{display_text(vendor_zone)}')" if vendor_zone else ""
    shown = timezones.known_or_utc(zone)
    return (
        f"{display_text(name)}: no usable time zone from the vendor{given}; times are shown in"
        f" {shown}, {_REASONS[source]}"
    )
