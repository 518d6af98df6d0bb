"""Items as JSON for programs (RFC 8259): one object, an entry a line; `feed.schema.json` beside
this file says it all.

A text may stand inside a page's script as it is: what HTML or JavaScript could take for its own is
escaped.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import msgspec

from icalbridge.feeds.audience import STAFF_FIELDS, Field
from icalbridge.feeds.formats.datetimes import iso_local, iso_utc, zone_of
from icalbridge.feeds.urls import item_path

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.metadata import FeedMetadata

VERSION = 1
"""Raised when a key changes its meaning or goes; keys may come at any time."""
PARTICULARS = tuple(field for field in Field if field in STAFF_FIELDS)
"""In the order in which every format has them."""
END = b"\n]}\n"

_ESCAPED = {
    b"<": b"\\u003c",
    b">": b"\\u003e",
    b"&": b"\\u0026",
    "\u2028".encode(): b"\\u2028",
    "\u2029".encode(): b"\\u2029",
}


class Json:
    """The format for programs."""

    content_type = "application/json; charset=utf-8"
    least_bytes = 450
    spare = 2 * (len('"2026-11-21T08:00:00Z"') - len("null"))

    def fragments(self, cover: FeedMetadata, items: Sequence[Item]) -> list[bytes]:
        """Write each item as an object, with the comma and the line break ahead of it."""
        fields = particulars_of(cover.fields)
        return [b",\n" + dumps(_entry(item, cover, fields)) for item in items]

    def whole(
        self,
        cover: FeedMetadata,
        items: Sequence[Item],
        fragments: Sequence[bytes],
        complete_from: datetime | None = None,
        complete_until: datetime | None = None,
    ) -> bytes:
        """Put the feed's own object around the entries."""
        head: dict[str, object] = {
            "version": VERSION,
            "title": cover.title,
            **({"description": cover.description} if cover.description else {}),
            "zone": cover.zone,
            "updated": iso_utc(max([cover.changed, *(item.modified for item in items)])),
            "url": cover.address("json") or None,
            "page": cover.page or None,
            "complete_from": _maybe(complete_from),
            "complete_until": _maybe(complete_until),
        }
        return opened(head) + b"".join(fragments)[1:] + END


def _entry(item: Item, cover: FeedMetadata, fields: Collection[Field]) -> dict[str, object]:
    page = cover.site + item_path(item) if cover.site else None
    return item_values(item, zone_of(item, cover), fields, page)


def opened(head: dict[str, object]) -> bytes:
    """Return an object's first keys and its last one, `entries`, up to where these follow."""
    return dumps(head)[:-1] + b',"entries":['


def particulars_of(fields: Collection[Field]) -> list[Field]:
    """Return those of some fields that only private feeds tell, in order."""
    return [field for field in PARTICULARS if field in fields]


def item_values(
    item: Item, zone: str, particulars: Collection[Field], page: str | None = None
) -> dict[str, object]:
    """Return an item's keys and values, its moments as they are in a zone."""
    return {
        "uid": item.uid,
        "title": item.title,
        "start": iso_local(item.start, zone),
        "end": iso_local(item.end, zone),
        "zone": item.zone or "UTC",
        "status": item.status.value.lower(),
        "cancelled": _maybe(item.cancelled),
        "facility_ids": item.facility_ids,
        "facility": item.facility,
        "location": item.location,
        "type": item.type,
        "name": item.name,
        "activity": item.activity,
        "property_id": item.property_id,
        "sequence": item.sequence,
        "modified": iso_utc(item.modified),
        "first_seen": _maybe(item.first_seen),
        "page": page,
        **{field.value: getattr(item, field.value) for field in particulars},
    }


def dumps(values: object) -> bytes:
    """Return JSON in UTF-8 without anything that a page could mistake for its own."""
    text = msgspec.json.encode(values)
    for octets, escaped in _ESCAPED.items():
        text = text.replace(octets, escaped)
    return text


def schema() -> bytes:
    """Return the JSON Schema (draft 2020-12) of what this format writes."""
    return resources.files("icalbridge.feeds").joinpath("feed.schema.json").read_bytes()


def _maybe(moment: datetime | None) -> str | None:
    return None if moment is None else iso_utc(moment)
