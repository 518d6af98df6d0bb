"""What items take from the catalog, beside what is stored with each entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from icalbridge.models import Entry
    from icalbridge.store.reading import Reading


@dataclass(frozen=True, slots=True)
class PlaceDetails:
    """The places of some entries, as far as they were read."""

    schools: Mapping[str, str] = field(default_factory=dict)
    """Names by property id."""


NO_PLACES = PlaceDetails()


def read_places(read: Reading, entries: Iterable[Entry], *, schools: bool) -> PlaceDetails:
    """Read the places of some entries; the names of schools only where these are shown."""
    named = {entry.property_id for entry in entries} if schools else ()
    return PlaceDetails(read.property_names(named) if named else {})
