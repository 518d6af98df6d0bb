"""The vendor's local times, made aware: the one place where a time without an offset is met.

Vendor page "Dates and Timezones": times are local to the property, without an offset. A `Z` or an offset, should one
come, is honoured. A time that a clock change skips means the moment under the offset before it; one that comes twice is
the first (contract: "What a feed contains").
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_SHAPE = re.compile(r"(\d{4}-\d\d-\d\d[T ](?:[01]\d|2[0-3]):\d\d(?::\d\d)?)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
"""Hour 24 is none, whatever Python's version makes of it."""

EARLIEST, LATEST = 2, 9998
"""Years that stay within the calendar in every zone."""


def moment(text: str, zone: ZoneInfo) -> datetime:
    """Return the moment of a vendor's date-time, to the second, in UTC.

    Reads `YYYY-MM-DDTHH:MM`, with seconds and with a fraction, which is cut off. Raises `ValueError` for anything else.
    """
    if not (found := _SHAPE.fullmatch(text)):
        raise ValueError("no date-time")
    told = datetime.fromisoformat(found[1] + (found[2] or ""))
    if not EARLIEST <= told.year <= LATEST:
        raise ValueError("out of range")
    return (told if told.tzinfo else told.replace(tzinfo=zone)).astimezone(UTC)
