"""Items as an iCalendar file (contract: "What a feed contains"; RFC 5545, RFC 7986).

VTIMEZONEs are icalendar's work. The calendar's head is put together here, since icalendar takes a U+FEFF that a text
begins with for a byte order mark; and so are VEVENTs, thousands of them in a feed: each is a fragment of bytes, and a
feed is its fragments joined.
"""

from __future__ import annotations

from datetime import UTC
from functools import lru_cache
from typing import TYPE_CHECKING

from icalbridge import zones
from icalbridge.feeds.address import page_path
from icalbridge.feeds.text import cut, escape, fold
from icalbridge.feeds.vtimezone import holds, vtimezone
from icalbridge.model import Feed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.cover import Cover

PRODID = "-//icalbridge//icalbridge//EN"
REFRESH = "PT1H"
END = b"END:VCALENDAR\r\n"


class ICalendar:
    """The format that calendars subscribe to."""

    content_type = "text/calendar; charset=utf-8"
    spare = len("X-ICALBRIDGE-COMPLETE-FROM:20261121T080000Z\r\nX-ICALBRIDGE-COMPLETE-UNTIL:20261121T080000Z\r\n")

    def fragments(self, cover: Cover, items: Sequence[Item]) -> list[bytes]:
        """Write each item as a VEVENT."""
        clocks = {zone: _Clock("UTC" if cover.utc else zone) for zone in {item.zone for item in items}}
        stamps, page = _Clock("UTC"), lru_cache(_page)
        return [
            _vevent(
                item, clocks[item.zone], stamps, cover.site and cover.site + page(item.facility_ids, item.property_id)
            )
            for item in items
        ]

    def whole(
        self,
        cover: Cover,
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
            [*map(fold, lines), *(vtimezone(name).to_ical(sorted=False) for name in named), *fragments, END]
        )


class _Clock:
    """Writes the moments of one zone; the same moments come up again and again."""

    def __init__(self, zone: str) -> None:
        self._name = zone or "UTC"
        self._zone = zones.zone(self._name)
        self._utc = zones.posix_rule(self._name) == "UTC0"
        self._written: dict[datetime, str] = {}

    def write(self, moment: datetime) -> str:
        """Return a moment as the end of a property, from its parameters on."""
        found = self._written.get(moment)
        if found is None:
            found = self._written[moment] = self._write(moment)
        return found

    def _write(self, moment: datetime) -> str:
        local = moment.astimezone(self._zone)
        if not self._utc and holds(self._name, local):
            return f";TZID={self._name}:{_digits(local)}"
        return f":{_utc(moment)}"


def _named(items: Sequence[Item], fragments: Sequence[bytes]) -> set[str]:
    """Return the TZIDs that VEVENTs name; each names its own zone or none."""
    return {
        item.zone
        for item, fragment in zip(items, fragments, strict=True)
        if b"\r\nDTSTART;" in fragment or b"\r\nDTEND;" in fragment
    }


def _head(cover: Cover) -> Iterator[str]:
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
        yield f"SOURCE:{address}"
    if cover.page:
        yield f"URL:{cover.page}"


def _vevent(item: Item, clock: _Clock, stamps: _Clock, page: str) -> bytes:
    modified = stamps.write(item.modified)
    title, more_title = cut(item.title)
    location, more_location = cut(item.location)
    # What is ASCII and short whatever it says needs no folding, and goes in one piece.
    times = (
        f"DTSTAMP{modified}\r\nLAST-MODIFIED{modified}\r\nSEQUENCE:{item.sequence}\r\n"
        f"DTSTART{clock.write(item.start)}\r\nDTEND{clock.write(item.end)}\r\n"
    )
    states = f"STATUS:{item.status.value}\r\nTRANSP:{'TRANSPARENT' if item.cancelled else 'OPAQUE'}\r\n"
    lines = []
    if location:
        lines.append(f"LOCATION:{escape(location)}")
    if more := "\n".join(filter(None, (more_title, more_location, *particulars(item)))):
        lines.append(f"DESCRIPTION:{escape(more)}")
    if item.type:
        lines.append(f"CATEGORIES:{escape(item.type)}")
    if page:
        lines.append(f"URL:{page}")
    head = (b"BEGIN:VEVENT\r\n", fold(f"UID:{item.uid}"), times.encode(), fold(f"SUMMARY:{escape(title)}"))
    return b"".join((*head, states.encode(), *map(fold, lines), b"END:VEVENT\r\n"))


def particulars(item: Item) -> Iterator[str]:
    """Yield what only a private feed says of an item, a line each."""
    attendance = "" if item.attendance is None else str(item.attendance)
    told = (
        ("Renter", item.renter),
        ("E-mail", item.email),
        ("Attendance", attendance),
        ("Reservation", item.reservation),
        ("Rate category", item.category),
    )
    return (f"{label}: {text}" for label, text in told if text)


def page_of(item: Item) -> str:
    """Return the path of the page that shows an item: its facility's, or its school's where it has none or several."""
    return _page(item.facility_ids, item.property_id)


def _page(facility_ids: Sequence[str], property_id: str) -> str:
    if len(facility_ids) == 1:
        return page_path(Feed("facility", facility_ids[0]))
    return page_path(Feed("property", property_id))


def _digits(moment: datetime) -> str:
    return f"{moment.year:04}{moment.month:02}{moment.day:02}T{moment.hour:02}{moment.minute:02}{moment.second:02}"


def _utc(moment: datetime) -> str:
    return f"{_digits(moment.astimezone(UTC))}Z"
