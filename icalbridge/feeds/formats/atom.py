"""What changed lately, as Atom for feed readers (RFC 4287): the newest hundred items, each told by
what became of it.

An item is one entry of the feed as long as it lives: a change renews it.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape, quoteattr

from icalbridge.feeds.audience import CANCELLED_PREFIX, Status
from icalbridge.feeds.formats.datetimes import iso_utc, local, zone_of
from icalbridge.feeds.formats.ics import particulars
from icalbridge.feeds.urls import item_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.metadata import FeedMetadata

MOST = 100
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
END = b"</feed>\n"

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""XML 1.0, section 2.2: what a document cannot hold in any spelling."""


class Atom:
    """The format for feed readers."""

    content_type = "application/atom+xml; charset=utf-8"
    least_bytes = 200
    spare = 0

    def fragments(self, cover: FeedMetadata, items: Sequence[Item]) -> list[bytes]:
        """Write each of the items that changed last; the others as nothing."""
        latest = {item.uid for item in sorted(items, key=_newest_first)[:MOST]}
        return [_entry(item, cover) if item.uid in latest else b"" for item in items]

    def whole(
        self,
        cover: FeedMetadata,
        items: Sequence[Item],
        fragments: Sequence[bytes],
        complete_from: datetime | None = None,  # noqa: ARG002  # the protocol's; this feed never holds all
        complete_until: datetime | None = None,  # noqa: ARG002
    ) -> bytes:
        """Put the feed's own elements ahead of the entries, the newest of which comes first."""
        pairs = zip(map(_newest_first, items), fragments, strict=True)
        parts = [fragment for _, fragment in sorted(pairs, key=itemgetter(0))]
        updated = max([cover.changed, *(item.modified for item in items)])
        return "".join(_head(cover, updated)).encode() + b"".join(parts) + END


def _newest_first(item: Item) -> tuple[float, str]:
    return -item.modified.timestamp(), item.uid


def _head(cover: FeedMetadata, updated: datetime) -> Iterator[str]:
    address = cover.address("atom")
    yield '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
    yield _element("id", uuid5(NAMESPACE_URL, address or f"{cover.path}?{cover.query}").urn)
    yield _element("title", f"{cover.title}: changes")
    if cover.description:
        yield _element("subtitle", cover.description)
    yield _element("updated", iso_utc(updated))
    yield f"<author>{_element('name', cover.title).rstrip()}</author>\n"
    yield _element("generator", "icalbridge")
    if address:
        yield f'<link rel="self" type="application/atom+xml" href={_quoted(address)}/>\n'
    if cover.page:
        yield f'<link rel="alternate" type="text/html" href={_quoted(cover.page)}/>\n'


def _entry(item: Item, cover: FeedMetadata) -> bytes:
    title = item.title.removeprefix(CANCELLED_PREFIX) if item.cancelled else item.title
    parts = [
        "<entry>\n",
        _element("id", f"tag:icalbridge,2026:{quote(item.uid, safe='@')}"),
        _element("title", f"{_fate(item)}: {title}"),
        _element("updated", iso_utc(item.modified)),
        _element("published", iso_utc(item.first_seen)) if item.first_seen else "",
        f'<link rel="alternate" type="text/html" href={_quoted(cover.site + item_path(item))}/>\n'
        if cover.site
        else "",
        f'<content type="text">{_text(_content(item, zone_of(item, cover)))}</content>\n',
        "</entry>\n",
    ]
    return "".join(parts).encode()


def _fate(item: Item) -> str:
    """Say what became of an item; SEQUENCE is raised by what moves it. Blocks of use have no past
    of their own.
    """
    if item.cancelled or item.status is Status.CANCELLED:
        return "Cancelled"
    if item.first_seen is None:
        return "Changed" if item.sequence else "Added"
    if item.modified <= item.first_seen:
        return "Added"
    return "Moved" if item.sequence else "Changed"


def _content(item: Item, zone: str) -> str:
    where = item.location or item.facility
    lines = [f"When: {_when(item, zone)}", f"Where: {where}" if where else "", *particulars(item)]
    return "\n".join(filter(None, lines))


def _when(item: Item, zone: str) -> str:
    """Return `Saturday 2026-11-21, 12:00 to 14:00 (America/Los_Angeles)`."""
    start, end = local(item.start, zone), local(item.end, zone)
    until = f"{_day(end)}, " if end.date() != start.date() else ""
    return f"{_day(start)}, {_time(start)} to {until}{_time(end)} ({zone})"


def _day(moment: datetime) -> str:
    return f"{WEEKDAYS[moment.weekday()]} {moment.date().isoformat()}"


def _time(moment: datetime) -> str:
    return f"{moment.hour:02}:{moment.minute:02}"


def _element(name: str, text: str) -> str:
    return f"<{name}>{_text(text)}</{name}>\n"


def _text(text: str) -> str:
    return escape(_NO_XML.sub("", text))


def _quoted(address: str) -> str:
    return quoteattr(_NO_XML.sub("", address))
