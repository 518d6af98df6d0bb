"""The next events as schema.org data (JSON-LD), as search engines read them out of a page.

It says what the page itself says, and nothing about who booked. Whatever anybody typed stays text
inside the data block: no `<`, `>` or `&` is in it (HTML, "Restrictions for contents of script
elements").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from markupsafe import Markup

from icalbridge import timezones
from icalbridge.feeds import display_text
from icalbridge.web.views.schedule import title

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from icalbridge.models import Entry

COUNT = 20
ESCAPES = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


def linked(entries: Sequence[Entry], now: datetime, address_of: Callable[[Entry], str]) -> Markup:
    """Return the next 20 entries that have not ended, for a `script` element; empty where nothing
    is on.

    `entries` are sorted by start; `address_of` returns the absolute address of the page that shows
    one.
    """
    coming = [entry for entry in entries if entry.end > now][:COUNT]
    if not coming:
        return Markup()
    told = {
        "@context": "https://schema.org",
        "@graph": [_event(entry, address_of(entry)) for entry in coming],
    }
    return Markup(msgspec.json.encode(told).decode().translate(ESCAPES))  # noqa: S704  # every mark of HTML is escaped


def _event(entry: Entry, address: str) -> dict[str, Any]:
    """Return one event: https://schema.org/Event. Times have the offset of the school's own
    zone.
    """
    zone = timezones.zone(entry.zone if timezones.exists(entry.zone) else "UTC")
    status = "EventScheduled" if entry.cancelled is None else "EventCancelled"
    return {
        "@type": "Event",
        "name": title(entry),
        "startDate": entry.start.astimezone(zone).isoformat(),
        "endDate": entry.end.astimezone(zone).isoformat(),
        "eventStatus": f"https://schema.org/{status}",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": {
            "@type": "Place",
            "name": display_text(entry.place or entry.category),
            "address": display_text(entry.location),
        },
        "url": address,
    }
