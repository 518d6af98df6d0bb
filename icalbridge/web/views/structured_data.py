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
from icalbridge.web.views.calendar_grid import page_title

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item

COUNT = 20
ESCAPES = {ord(mark): f"\\u{ord(mark):04x}" for mark in "<>&\u2028\u2029"}


def linked(items: Sequence[Item], now: datetime, address_of: Callable[[Item], str]) -> Markup:
    """Return the next 20 items that have not ended, for a `script` element; empty for none.

    `items` are sorted by start; `address_of` returns the absolute address of the page that shows
    one.
    """
    coming = [item for item in items if item.end > now][:COUNT]
    if not coming:
        return Markup()
    graph = {
        "@context": "https://schema.org",
        "@graph": [_event(item, address_of(item)) for item in coming],
    }
    return Markup(msgspec.json.encode(graph).decode().translate(ESCAPES))  # noqa: S704  # every mark of HTML is escaped


def _event(item: Item, address: str) -> dict[str, Any]:
    """Return one event (https://schema.org/Event); times have the offset of the school's zone."""
    zone = timezones.zone(timezones.known_or_utc(item.zone))
    status = "EventScheduled" if item.cancelled is None else "EventCancelled"
    return {
        "@type": "Event",
        "name": page_title(item),
        "startDate": item.start.astimezone(zone).isoformat(),
        "endDate": item.end.astimezone(zone).isoformat(),
        "eventStatus": f"https://schema.org/{status}",
        "eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
        "location": {
            "@type": "Place",
            "name": item.facility or item.type,
            "address": item.location,
        },
        "url": address,
    }
