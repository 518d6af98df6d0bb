"""Table of the API's addresses, from which routes and OpenAPI document are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icalbridge.web.api import parameters, schema
from icalbridge.web.api.places import ROOT
from icalbridge.web.rendered_feed import CACHE_CONTROL

if TYPE_CHECKING:
    from msgspec import Struct

    from icalbridge.web.api.parameters import Parameter

SPAN = (parameters.FROM, parameters.TO, parameters.LIMIT, parameters.AFTER)


@dataclass(frozen=True, slots=True)
class Operation:
    """One address, read by GET or HEAD."""

    name: str
    rest: str
    """The path below `/api/v1`; `{id}` names a property or a facility."""
    summary: str
    answer: type[Struct]
    takes: tuple[Parameter, ...] = ()
    cache_control: str = CACHE_CONTROL
    """By default that of calendars."""
    moments: bool = False
    """Whether a header has the server's time."""
    about: str = ""

    @property
    def path(self) -> str:
        return ROOT + self.rest

    @property
    def of(self) -> str:
        """What `{id}` names; empty where there is none."""
        if "{id}" not in self.rest:
            return ""
        return "property" if self.rest.startswith("/properties/") else "facility"


NOW = "public, max-age=15"
"""For so long a state may be old; who shows seconds has `until`."""
CATALOGUE = "public, max-age=300"
_NOW_ABOUT = "Asked as often as a display is; the header `Server-Now` says what time it is here."
_ENTRIES_ABOUT = (
    "What the calendar with the same filters shows, a page at a time. Follow `next` until it is"
    " null: every entry comes once, also where something changes meanwhile, but for what moves to a"
    " time that was given already."
)

OPERATIONS = (
    Operation(
        "properties", "/properties", "All properties", schema.Properties, cache_control=CATALOGUE
    ),
    Operation(
        "property",
        "/properties/{id}",
        "One property",
        schema.PropertyResource,
        cache_control=CATALOGUE,
    ),
    Operation(
        "facilities",
        "/facilities",
        "All facilities, or those of some properties and types",
        schema.Facilities,
        (parameters.PROPERTIES, parameters.FACILITY_TYPES),
        CATALOGUE,
    ),
    Operation(
        "facility",
        "/facilities/{id}",
        "One facility",
        schema.FacilityResource,
        cache_control=CATALOGUE,
    ),
    Operation(
        "property_entries",
        "/properties/{id}/entries",
        "What is booked at a property; for a district at all its schools",
        schema.Entries,
        (*SPAN, *parameters.FILTERS),
        about=_ENTRIES_ABOUT,
    ),
    Operation(
        "facility_entries",
        "/facilities/{id}/entries",
        "What is booked in a facility",
        schema.Entries,
        (*SPAN, *(item for item in parameters.FILTERS if item.name != "facility")),
        about=_ENTRIES_ABOUT,
    ),
    Operation(
        "property_now",
        "/properties/{id}/now",
        "What is on at a property and what comes next",
        schema.PropertyNow,
        cache_control=NOW,
        moments=True,
        about=_NOW_ABOUT,
    ),
    Operation(
        "facility_now",
        "/facilities/{id}/now",
        "Whether a facility is free, until when, and what comes next",
        schema.Now,
        cache_control=NOW,
        moments=True,
        about=_NOW_ABOUT,
    ),
    Operation(
        "open_times",
        "/facilities/{id}/open-times",
        "When a facility is free on a day, or on some days",
        schema.OpenTimes,
        (parameters.ON, parameters.FIRST, parameters.LAST),
        about=(
            "From 6:00 to 22:00, or longer where something is booked earlier or later; gaps of half"
            " an hour or more."
        ),
    ),
    Operation(
        "free",
        "/free",
        "Which facilities are free at a time",
        schema.FreeSpacesResource,
        parameters.FREE,
        about=(
            "By what is booked, from 6:00 to 22:00 or longer where something is booked earlier or"
            " later; a property of which that day was never fetched is left out. This is not a"
            " booking."
        ),
    ),
)
