"""The vendor's local times, made aware: the one place where a time without an offset is met.

Vendor page "Dates and Timezones": times are local to the property, without an offset. A `Z` or an
offset, should one come, is honoured. A time that a clock change skips means the moment under the
offset before it; one that comes twice is the first (contract: "What a feed contains").
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_SHAPE = re.compile(
    r"""
    (?P<day>\d{4}-\d\d-\d\d) [Tt\ ]
    (?: (?P<time>(?:[01]\d|2[0-3]):\d\d(?::\d\d)?) (?:[.,]\d+)? | (?P<midnight>24:00(?::00(?:[.,]0+)?)?) )
    (?: \ ?(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?) )?
    """,  # noqa: E501
    re.ASCII | re.VERBOSE,
)
"""ISO 8601 in its extended form; 24:00 is the midnight at the end of the day."""

EARLIEST, LATEST = 2, 9998
"""Years that stay within the calendar in every zone."""


def moment(text: str, zone: ZoneInfo) -> datetime:
    """Return the moment of a vendor's date-time, to the second, in UTC.

    Reads `YYYY-MM-DDTHH:MM`, with seconds and with a fraction, which is cut off, and with an offset
    or `Z`; a blank in place of the `T`, lower case, and white space around it. Raises `ValueError`
    for anything else.
    """
    if not (found := _SHAPE.fullmatch(text.strip())):
        raise ValueError("no date-time")
    told = datetime.fromisoformat(
        f"{found['day']}T{found['time'] or '00:00'}{(found['offset'] or '').upper()}"
    )
    if not EARLIEST <= told.year <= LATEST:
        raise ValueError("out of range")
    if found["midnight"]:
        told += timedelta(days=1)
    return (told if told.tzinfo else told.replace(tzinfo=zone)).astimezone(UTC)


class Moments(dict[str, datetime]):
    """The moments of a zone's times, each read once: bookings begin at few different ones. Raises
    as `moment` does.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def __missing__(self, told: str) -> datetime:
        self[told] = found = moment(told, self._zone)
        return found


class ZonesMoments(dict[str, Moments]):
    """`Moments` by the zone's IANA name, for as long as one answer is read; raises
    `UnknownZone`.
    """

    def __missing__(self, name: str) -> Moments:
        self[name] = found = Moments(timezones.zone(name))
        return found
