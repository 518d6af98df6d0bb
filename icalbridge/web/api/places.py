"""The API's properties and facilities: what the catalogue knows of them that anybody may know, and
where more is.

Reads the catalogue and nothing that is booked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from icalbridge import timezones
from icalbridge.feeds import BadQuery, display_text, feed_path, page_path
from icalbridge.feeds.query import PARAMETERS, quoted
from icalbridge.models import Feed
from icalbridge.text import search_key
from icalbridge.web.api import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icalbridge.models import Facility, Property
    from icalbridge.store import Store
    from icalbridge.web.api.asking import Asked
    from icalbridge.web.site import Site

ROOT = "/api/v1"
FOLDERS = {"property": "properties", "facility": "facilities"}


def api_path(feed: Feed, rest: str = "") -> str:
    """Return where the API tells of a property or a facility."""
    return f"{ROOT}/{FOLDERS[feed.kind]}/{quote(feed.id, safe='')}{rest}"


class Places:
    """The catalogue of one store."""

    def __init__(self, store: Store, site: Site) -> None:
        self._read = store.read
        self._site = site

    def properties(self) -> schema.Properties:
        listed = self._read.properties()
        known = {each.id for each in listed}
        return schema.Properties(properties=[self._property(each, known) for each in listed])

    def property(self, property_id: str) -> schema.Property | None:
        found = self._read.property(property_id)
        known = (
            {each.id for each in self._read.properties()}
            if found and found.child_ids
            else set[str]()
        )
        return None if found is None else self._property(found, known)

    def facilities(self, found: Asked) -> schema.Facilities:
        """Return the facilities of some properties and of some types, or all. Raises `BadQuery`."""
        properties = {each.id: each for each in self._read.properties()}
        wanted = self._wanted(found.get("property", []), properties)
        facilities = in_order(self._read.facilities(wanted), properties)
        types = _listed("type", "type", found.get("type", []))
        return schema.Facilities(
            facilities=[
                self._facility(each, properties.get(each.property_id))
                for each in facilities
                if not types or search_key(display_text(each.type)) in types
            ]
        )

    def facility(self, facility_id: str) -> schema.Facility | None:
        found = self._read.facility(facility_id)
        return (
            None if found is None else self._facility(found, self._read.property(found.property_id))
        )

    def _wanted(self, given: Sequence[str], properties: dict[str, Property]) -> list[str] | None:
        if not given:
            return None
        wanted: list[str] = []
        for property_id in _listed("property", "facility", given):
            if property_id not in properties:
                raise BadQuery(
                    f"There is no property {quoted(property_id)} here; {ROOT}/properties lists"
                    " those there are."
                )
            wanted += [property_id, *properties[property_id].child_ids]
        return wanted

    def _property(self, each: Property, known: set[str]) -> schema.Property:
        feed = Feed("property", each.id)
        return schema.Property(
            id=each.id,
            name=display_text(each.name),
            address=display_text(each.address),
            city=display_text(each.city),
            state=display_text(each.state),
            zip=display_text(each.zip),
            zone=_zone(each),
            child_ids=[child_id for child_id in each.child_ids if child_id in known],
            links=schema.Links(
                page=self._site.path(page_path(feed)),
                calendar=self._site.path(feed_path(feed)),
                entries=self._site.path(api_path(feed, "/entries")),
                now=self._site.path(api_path(feed, "/now")),
            ),
        )

    def _facility(self, each: Facility, of: Property | None) -> schema.Facility:
        feed = Feed("facility", each.id)
        return schema.Facility(
            id=each.id,
            property_id=each.property_id,
            name=display_text(each.name),
            type=display_text(each.type),
            capacity=each.capacity,
            zone=_zone(of),
            links=schema.FacilityLinks(
                page=self._site.path(page_path(feed)),
                calendar=self._site.path(feed_path(feed)),
                entries=self._site.path(api_path(feed, "/entries")),
                now=self._site.path(api_path(feed, "/now")),
                open_times=self._site.path(api_path(feed, "/open-times")),
            ),
        )


def in_order(facilities: Iterable[Facility], property_ids: Iterable[str]) -> list[Facility]:
    """Return facilities as their properties are ordered, those of unlisted ones last; of one, as
    they are.
    """
    places = {property_id: place for place, property_id in enumerate(property_ids)}
    return sorted(facilities, key=lambda each: places.get(each.property_id, len(places)))


def _listed(name: str, like: str, given: Sequence[str]) -> tuple[str, ...]:
    """Read values with commas between them as a calendar's address reads those of a parameter.
    Raises `BadQuery`.
    """
    if not given:
        return ()
    try:
        return cast("tuple[str, ...]", PARAMETERS[like].read(given))
    except ValueError as error:
        raise BadQuery(f"{name} is {quoted(','.join(given))} and must be {error}.") from None


def _zone(each: Property | None) -> str:
    return each.timezone if each is not None and timezones.exists(each.timezone) else "UTC"
