"""Rows to model classes and back."""

from __future__ import annotations

from dataclasses import asdict, fields
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_

from icalbridge.models import Entry, Facility, Property, StaffDetails
from icalbridge.store.tables import entries, particulars
from icalbridge.text import display_text, search_key
from icalbridge.words import word_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Row

    from icalbridge.models import Event

Values = dict[str, Any]
"""One row's columns by name, as SQLAlchemy takes them."""

_TEXTS = (
    "uid",
    "event_type",
    "event_id",
    "property_id",
    "facility_id",
    "name",
    "activity",
    "place",
    "location",
    "category",
    "status",
    "timeslot_status",
)
_REST = (
    "start_at",
    "end_at",
    "zone",
    "sequence",
    "modified_at",
    "external_id",
    "withdrawn_at",
    "cancelled_at",
    "first_seen_at",
)
ENTRY_COLUMNS = [entries.c[name] for name in _TEXTS + _REST]
"""What `entry_of` takes, in the order of the fields of `Entry`."""

PARTICULARS_COLUMNS = [particulars.c[column.name] for column in fields(StaffDetails)]
"""What `StaffDetails` takes, in its order."""

SHOWN = and_(
    entries.c.status == "approved",
    entries.c.timeslot_status == "active",
    entries.c.withdrawn_at.is_(None),
)
"""`Entry.shown`, in SQL."""


def latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def property_of(row: Row[Any]) -> Property:
    return Property(
        id=row.id,
        name=row.name,
        address=row.address,
        city=row.city,
        state=row.state,
        zip=row.zip,
        timezone=row.zone,
        child_ids=row.child_ids,
        zone_source=row.zone_source,
        vendor_zone=row.vendor_zone,
    )


def property_values(known: Property) -> Values:
    return {
        "name": known.name,
        "address": known.address,
        "city": known.city,
        "state": known.state,
        "zip": known.zip,
        "zone": known.timezone,
        "zone_source": known.zone_source,
        "vendor_zone": known.vendor_zone,
        "child_ids": known.child_ids,
    }


def facility_of(row: Row[Any]) -> Facility:
    return Facility(
        row.id, row.property_id, row.name, row.type, row.capacity, row.search_term, row.u_id or ""
    )


def facility_values(known: Facility) -> Values:
    return {
        "property_id": known.property_id,
        "name": known.name,
        "type": known.type,
        "capacity": known.capacity,
        "search_term": known.search_term,
        "u_id": known.u_id or None,
    }


def entry_of(row: Iterable[Any]) -> Entry:
    """Return the entry of a row of `ENTRY_COLUMNS`."""
    return Entry(*row)


def entry_values(entry: Entry) -> Values:
    return {
        **{name: getattr(entry, name) for name in (*_TEXTS, "zone", "sequence", "external_id")},
        "text_id": text_id(entry),
        "name_id": name_id(entry.property_id, _key(entry.name)),
        "start_at": entry.start,
        "end_at": entry.end,
        "modified_at": entry.modified,
        "withdrawn_at": entry.withdrawn,
        "cancelled_at": entry.cancelled,
    }


def text_id(entry: Entry) -> int:
    """Return the key of an entry's texts: a digest, so that writers need not look it up."""
    return _text_id(*_texts_of(entry))


def text_values(entry: Entry) -> Values:
    """Return the row of `entry_texts` for an entry."""
    return text_row(*_texts_of(entry))


def text_row(
    property_id: str, event_type: str, name: str, activity: str, place: str, category: str
) -> Values:
    """Return the row of `entry_texts` for some texts: folded, as the values of queries are."""
    return {
        "id": _text_id(property_id, event_type, name, activity, place, category),
        "property_id": property_id,
        "event_type": _key(event_type),
        "category": _key(category),
        "activity": _key(activity),
        "name": _key(name),
        "name_id": name_id(property_id, _key(name)),
        "search": word_lines(name, activity, place, category),
    }


def name_id(property_id: str, name: str) -> int:
    """Return the key of a name, which is folded, in a property."""
    return _text_id(property_id, name)


@lru_cache(maxsize=1 << 13)
def _key(text: str) -> str:
    return search_key(display_text(text))


def _texts_of(entry: Entry) -> tuple[str, str, str, str, str, str]:
    return (
        entry.property_id,
        entry.event_type,
        entry.name,
        entry.activity,
        entry.place,
        entry.category,
    )


@lru_cache(maxsize=1 << 14)
def _text_id(*texts: str) -> int:
    digest = blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def event_values(event: Event) -> Values:
    return {
        "event_type": event.type,
        "event_id": event.id,
        "property_id": event.property_id,
        "name": event.name,
        "status": event.status,
        "external_id": event.external_id,
        "zone": event.zone,
        "digest": event.digest,
    }


def particulars_values(event: Event) -> Values:
    return {"event_type": event.type, "event_id": event.id, **asdict(event.particulars)}
