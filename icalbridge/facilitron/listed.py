"""Items of the vendor's catalogue into the model's classes: properties and facilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from icalbridge.facilitron.lenient import as_text, text, usable, whole
from icalbridge.models import Facility, Property

if TYPE_CHECKING:
    from collections.abc import Mapping


def property_of(told: Mapping[str, Any]) -> Property | None:
    """Return a PropertyDto as a property; None without an id."""
    if not (property_id := usable(text(told, "_id"))):
        return None
    child_ids = told.get("properties")
    children = [usable(as_text(each)) for each in child_ids] if isinstance(child_ids, list) else []
    return Property(
        id=property_id,
        name=text(told, "name"),
        address=text(told, "address"),
        city=text(told, "city"),
        state=text(told, "state"),
        zip=text(told, "zip"),
        timezone=text(told, "timezone").strip(),
        child_ids=tuple(filter(None, children)),
    )


def facility_of(told: Mapping[str, Any], property_id: str) -> Facility | None:
    """Return a FacilityDto as a facility; None without an id."""
    if not (facility_id := usable(text(told, "_id"))):
        return None
    return Facility(
        id=facility_id,
        property_id=usable(text(told, "property_id")) or property_id,
        name=text(told, "name"),
        type=text(told, "type"),
        capacity=whole(told.get("capacity")),
        search_term=text(told, "search_term"),
        u_id=usable(text(told, "u_id")),
    )
