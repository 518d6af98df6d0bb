"""Parser for the vendor's local times: the only place where a time without an offset occurs.

Vendor page "Dates and Timezones": times are local to the property, without an offset. A `Z` or an
offset is honored. A time that a clock change skips is read under the offset before the change; of a
time that occurs twice, the first is meant.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_DATE_TIME = re.compile(
    r"""
    (?P<day>\d{4}-\d\d-\d\d) [Tt\ ]
    (?: (?P<time>(?:[01]\d|2[0-3]):\d\d(?::\d\d)?) (?:[.,]\d+)?
      | (?P<midnight>24:00(?::00(?:[.,]0+)?)?) )
    (?: \ ?(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?) )?
    """,
    re.ASCII | re.VERBOSE,
)
"""ISO 8601 in its extended form; 24:00 is the midnight at the end of the day."""

EARLIEST, LATEST = 2, 9998
"""Years that stay within the calendar in every zone."""


def parse_moment(text: str, zone: ZoneInfo) -> datetime:
    """Return the moment of a vendor's date-time, to the second, in UTC.

    Reads `YYYY-MM-DDTHH:MM`, also with seconds and a fraction, which is cut off, and with an offset
    or `Z`; a blank in place of the `T`, lower case, and white space around it. Raises `ValueError`
    for anything else.
    """
    if not (match := _DATE_TIME.fullmatch(text.strip())):
        raise ValueError("no date-time")
    parsed = datetime.fromisoformat(
        f"{match['day']}T{match['time'] or '00:00'}{(match['offset'] or '').upper()}"
    )
    if not EARLIEST <= parsed.year <= LATEST:
        raise ValueError("out of range")
    if match["midnight"]:
        parsed += timedelta(days=1)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)


class Moments(dict[str, datetime]):
    """Cache of a zone's parsed times: bookings begin at few different ones. Raises as
    `parse_moment` does.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone

    def __missing__(self, text: str) -> datetime:
        self[text] = moment = parse_moment(text, self._zone)
        return moment


class ZonesMoments(dict[str, Moments]):
    """`Moments` by the zone's IANA name, for one response; raises `UnknownZone`."""

    def __missing__(self, name: str) -> Moments:
        self[name] = moments = Moments(timezones.zone(name))
        return moments
