"""The calendar as jCal (RFC 7265), for programs that have iCalendar's words but read JSON.

It is our own iCalendar, line by line: what a VEVENT says is decided there, and only spelt in another way here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from icalbridge.feeds.as_json import dumps
from icalbridge.feeds.ics import ICalendar
from icalbridge.feeds.vtimezone import vtimezone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.cover import Cover

END = b"\n]]\n"
_TYPES = {
    "dtstamp": "date-time",
    "last-modified": "date-time",
    "dtstart": "date-time",
    "dtend": "date-time",
    "sequence": "integer",
    "url": "uri",
    "source": "uri",
    "refresh-interval": "duration",
}
"""Of what our calendars hold; the rest is text, and what RFC 7265 calls unknown where it begins with X-."""

_DIGITS = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(Z?)")


class JCal:
    """The format of RFC 7265."""

    content_type = "application/calendar+json; charset=utf-8"
    spare = sum(len(f',["x-icalbridge-complete-{end}",{{}},"unknown","20261121T080000Z"]') for end in ("from", "until"))

    def __init__(self) -> None:
        self._calendar = ICalendar()

    def fragments(self, cover: Cover, items: Sequence[Item]) -> list[bytes]:
        """Write each item as a component, with the comma and the line break ahead of it."""
        return [
            b",\n" + dumps(["vevent", list(_properties(each)), []]) for each in self._calendar.fragments(cover, items)
        ]

    def whole(
        self,
        cover: Cover,
        items: Sequence[Item],
        fragments: Sequence[bytes],
        complete_from: datetime | None = None,
        complete_until: datetime | None = None,
    ) -> bytes:
        """Put the calendar around its components, with a time zone for each that they name."""
        frame = self._calendar.whole(cover, [], [], complete_from, complete_until)
        properties = [_own(each, cover) for each in _properties(frame)]
        head = dumps(["vcalendar", properties])[:-1] + b",["
        pairs = zip(items, fragments, strict=True)
        named = sorted({item.zone for item, fragment in pairs if b',{"tzid":' in fragment})
        components = [*(b",\n" + dumps(vtimezone(name).to_jcal()) for name in named), *fragments]
        return head + b"".join(components)[1:] + END


def _own(told: list[object], cover: Cover) -> list[object]:
    """Let SOURCE be where this very file lives."""
    return [*told[:3], cover.address("jcal")] if told[0] == "source" else told


def _properties(component: bytes) -> Iterator[list[object]]:
    """Yield the properties of one component of ours."""
    for line in component.decode().replace("\r\n ", "").split("\r\n")[1:-2]:
        told, _, value = line.partition(":")
        name, _, parameter = told.lower().partition(";")
        kind = _TYPES.get(name) or ("unknown" if name.startswith("x-") else "text")
        parameters = {"tzid": told.partition("=")[2]} if parameter.startswith("tzid=") else {}
        yield [name, parameters, kind, _value(kind, value)]


def _value(kind: str, value: str) -> str | int:
    match kind:
        case "integer":
            return int(value)
        case "date-time":
            return _DIGITS.sub(r"\1-\2-\3T\4:\5:\6\7", value)
        case "text" if "\\" in value:
            return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], value, flags=re.DOTALL)
    return value
