"""Moments as the formats beside iCalendar write them: in the item's own zone, or in UTC where a
feed asks for it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from icalbridge import timezones

if TYPE_CHECKING:
    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.metadata import FeedMetadata

_MINUTES_LONG = len("2026-11-21T12:00:00-08:00")


def zone_of(item: Item, cover: FeedMetadata) -> str:
    """Return the IANA name of the zone in which an item's moments are written."""
    return "UTC" if cover.utc else item.zone or "UTC"


def local(moment: datetime, zone: str) -> datetime:
    return moment.astimezone(timezones.zone(zone))


def iso_local(moment: datetime, zone: str) -> str:
    """Return `2026-11-21T12:00:00-08:00`; with `Z` for UTC, and where an offset has seconds (RFC
    3339, section 5.6).
    """
    text = local(moment, zone).isoformat(timespec="seconds")
    return text if len(text) == _MINUTES_LONG and not text.endswith("+00:00") else iso_utc(moment)


def iso_utc(moment: datetime) -> str:
    """Return `2026-11-21T20:00:00Z`."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
