"""Items as an iCalendar file (RFC 5545, RFC 7986).

VTIMEZONEs are icalendar's work. The calendar's head is put together here, since icalendar takes a
U+FEFF that a text begins with for a byte order mark; and so are VEVENTs, thousands of them in a
feed: each is a fragment of bytes, and a feed is its fragments joined.
"""

from __future__ import annotations

from datetime import UTC
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds.audience import Status
from icalbridge.feeds.formats.vtimezone import holds, vtimezone
from icalbridge.feeds.urls import item_path
from icalbridge.text import cut, escape, fold, line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.metadata import FeedMetadata

PRODID = "-//icalbridge//icalbridge//EN"
REFRESH = "PT1H"
END = b"END:VCALENDAR\r\n"
_STATUS_LINES = {status: f"STATUS:{status.value}\r\n".encode() for status in Status}
_PARTICULARS = attrgetter("renter", "email", "attendance", "reservation", "category")
_NO_PARTICULARS = ("", "", None, "", "")


class ICalendar:
    """The format that calendars subscribe to."""

    content_type = "text/calendar; charset=utf-8"
    least_bytes = 380
    spare = len(
        "X-ICALBRIDGE-COMPLETE-FROM:20261121T080000Z\r\nX-ICALBRIDGE-COMPLETE-UNTIL:20261121T080000Z\r\n"
    )

    def fragments(self, cover: FeedMetadata, items: Sequence[Item]) -> list[bytes]:
        """Write each item as a VEVENT."""
        return [
            _vevent(item, "UTC" if cover.utc else item.zone or "UTC", cover.site) for item in items
        ]

    def whole(
        self,
        cover: FeedMetadata,
        items: Sequence[Item],
        fragments: Sequence[bytes],
        complete_from: datetime | None = None,
        complete_until: datetime | None = None,
    ) -> bytes:
        """Put the VCALENDAR around the VEVENTs, with a VTIMEZONE for each TZID that they name."""
        lines = [*_head(cover)]
        if complete_from:
            lines.append(f"X-ICALBRIDGE-COMPLETE-FROM:{_utc(complete_from)}")
        if complete_until:
            lines.append(f"X-ICALBRIDGE-COMPLETE-UNTIL:{_utc(complete_until)}")
        named = sorted(_named(items, fragments))
        return b"".join(
            [
                *map(fold, lines),
                *(vtimezone(name).to_ical(sorted=False) for name in named),
                *fragments,
                END,
            ]
        )


@lru_cache(
    maxsize=65_536
)  # a feed's moments come up again in its school's feed, and with every query of both
def _written(moment: datetime, zone: str) -> str:
    """Return a moment as the end of a property, from its parameters on."""
    if timezones.posix_rule(zone) != "UTC0":
        local = moment.astimezone(timezones.zone(zone))
        if holds(zone, local):
            return f";TZID={zone}:{_digits(local)}"
    return f":{_utc(moment)}"


def _named(items: Sequence[Item], fragments: Sequence[bytes]) -> set[str]:
    """Return the TZIDs that VEVENTs name; each names its own zone or none."""
    return {
        item.zone
        for item, fragment in zip(items, fragments, strict=True)
        if b"\r\nDTSTART;" in fragment or b"\r\nDTEND;" in fragment
    }


def _head(cover: FeedMetadata) -> Iterator[str]:
    title = escape(cover.title)
    yield "BEGIN:VCALENDAR"
    yield "VERSION:2.0"
    yield f"PRODID:{PRODID}"
    yield "CALSCALE:GREGORIAN"
    yield "METHOD:PUBLISH"
    yield f"NAME:{title}"
    yield f"X-WR-CALNAME:{title}"
    if cover.description:
        yield f"DESCRIPTION:{escape(cover.description)}"
        yield f"X-WR-CALDESC:{escape(cover.description)}"
    if cover.colour:
        # RFC 7986 takes CSS3 names only, Apple's property anything that CSS takes.
        if cover.colour.isalpha():
            yield f"COLOR:{cover.colour}"
        yield f"X-APPLE-CALENDAR-COLOR:{cover.colour}"
    yield f"X-WR-TIMEZONE:{cover.zone}"
    yield f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}"
    yield f"X-PUBLISHED-TTL:{REFRESH}"
    if address := cover.address("ics"):
        yield f"SOURCE;VALUE=URI:{address}"
    if cover.page:
        yield f"URL:{cover.page}"


def _vevent(item: Item, zone: str, site: str) -> bytes:
    modified = _written(item.modified, "UTC")
    title, more_title = cut(item.title)
    location, more_location = cut(item.location)
    more = [text for text in (more_title, more_location, *particulars(item)) if text]
    # What is ASCII and short whatever it says needs no folding, and goes in one piece.
    times = (
        f"DTSTAMP{modified}\r\nLAST-MODIFIED{modified}\r\nSEQUENCE:{item.sequence}\r\n"
        f"DTSTART{_written(item.start, zone)}\r\nDTEND{_written(item.end, zone)}\r\n"
    )
    return b"".join(
        (
            b"BEGIN:VEVENT\r\n",
            fold(f"UID:{item.uid}"),
            times.encode(),
            line("SUMMARY", title),
            _STATUS_LINES[item.status],
            b"TRANSP:TRANSPARENT\r\n" if item.cancelled else b"TRANSP:OPAQUE\r\n",
            line("LOCATION", location),
            fold("DESCRIPTION:" + escape("\n".join(more))) if more else b"",
            line("CATEGORIES", item.type),
            fold(f"URL:{site}{item_path(item)}") if site else b"",
            b"END:VEVENT\r\n",
        )
    )


def particulars(item: Item) -> list[str]:
    """Return what only a private feed says of an item, a line each."""
    if _PARTICULARS(item) == _NO_PARTICULARS:
        return []
    attendance = "" if item.attendance is None else str(item.attendance)
    values = (
        ("Renter", item.renter),
        ("E-mail", item.email),
        ("Attendance", attendance),
        ("Reservation", item.reservation),
        ("Rate category", item.category),
    )
    return [f"{label}: {text}" for label, text in values if text]


def _digits(moment: datetime) -> str:
    return (
        f"{moment.year:04}{moment.month:02}{moment.day:02}"
        f"T{moment.hour:02}{moment.minute:02}{moment.second:02}"
    )


def _utc(moment: datetime) -> str:
    return f"{_digits(moment.astimezone(UTC))}Z"
