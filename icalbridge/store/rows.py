"""Rows to model classes and back."""

from __future__ import annotations

from dataclasses import asdict, fields
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_

from icalbridge.models import Entry, Facility, Property, StaffDetails
from icalbridge.store.tables import entries, particulars
from icalbridge.store.texts import TEXT_COLUMNS, fold_texts
from icalbridge.text import name_key

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Row

    from icalbridge.models import Event

Values = dict[str, Any]
"""One row's columns by name, as SQLAlchemy takes them."""

_ENTRY_COLUMNS = {"type": "category"}
_ENTRY_FIELDS = {
    _ENTRY_COLUMNS.get(name, name if name in entries.c else f"{name}_at"): name
    for name in (field.name for field in fields(Entry))
}
ENTRY_COLUMNS = [entries.c[name] for name in _ENTRY_FIELDS]
"""What `entry_of` takes, in the order of the fields of `Entry`."""

_PROPERTY_FIELDS = {
    "zone" if field.name == "timezone" else field.name: field.name for field in fields(Property)
}
EVENT_COLUMNS = ["property_id", "name", "status", "external_id", "zone", "digest"]
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
    return Property(*(row._mapping[name] for name in _PROPERTY_FIELDS))


def property_values(known: Property) -> Values:
    """Return all columns but the key."""
    values = {column: getattr(known, name) for column, name in _PROPERTY_FIELDS.items()}
    del values["id"]
    return values


def facility_of(row: Row[Any]) -> Facility:
    return Facility(
        row.id, row.property_id, row.name, row.type, row.capacity, row.search_term, row.u_id or ""
    )


def facility_values(known: Facility) -> Values:
    """Return all columns but the key."""
    names = ("property_id", "name", "type", "capacity", "search_term")
    return {name: getattr(known, name) for name in names} | {"u_id": known.u_id or None}


def entry_of(row: Iterable[Any]) -> Entry:
    """Return the entry of a row of `ENTRY_COLUMNS`."""
    return Entry(*row)


def entry_values(entry: Entry) -> Values:
    """Return all columns but `first_seen_at`, which is never changed."""
    values = {column: getattr(entry, name) for column, name in _ENTRY_FIELDS.items()}
    del values["first_seen_at"]
    keys = {
        "text_id": text_id(*texts_of(entry)),
        "name_id": name_id(entry.property_id, name_key(entry.name)),
    }
    return values | keys


def name_id(property_id: str, name: str) -> int:
    """Return the key of a name, which is folded, in a property."""
    return text_id(property_id, name)


def texts_of(entry: Entry) -> tuple[str, str, str, str, str, str]:
    """Return what `text_row` and `text_id` take."""
    return (
        entry.property_id,
        entry.event_type,
        entry.name,
        entry.activity,
        entry.place,
        entry.type,
    )


def text_row(
    property_id: str, event_type: str, name: str, activity: str, place: str, facility_type: str
) -> Values:
    """Return the row of `entry_texts` for some texts: folded, as the values of queries are."""
    texts = fold_texts(event_type, name, activity, place, facility_type)
    keys = {
        "id": text_id(property_id, event_type, name, activity, place, facility_type),
        "property_id": property_id,
        "name_id": name_id(property_id, texts.name),
    }
    return keys | {column.name: text for column, text in zip(TEXT_COLUMNS, texts, strict=True)}


@lru_cache(maxsize=1 << 14)
def text_id(*texts: str) -> int:
    """Return the key of an entry's texts: a digest, so that writers need not look it up."""
    digest = blake2b("\0".join(texts).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)


def event_values(event: Event) -> Values:
    return {"event_type": event.type, "event_id": event.id} | {
        name: getattr(event, name) for name in EVENT_COLUMNS
    }


def particulars_values(event: Event) -> Values:
    return {"event_type": event.type, "event_id": event.id, **asdict(event.particulars)}
