"""Properties and facilities in the API, from the catalog, with links to their other addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from icalbridge import timezones
from icalbridge.feeds import BadQuery, display_text, feed_path, page_path
from icalbridge.feeds.query_values import IDS, TEXTS, quoted, read_list
from icalbridge.models import Feed
from icalbridge.text import name_key
from icalbridge.web.api import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icalbridge.feeds.public_reading import PublicReading
    from icalbridge.models import Facility, Property
    from icalbridge.web.api.parameters import RequestParameters
    from icalbridge.web.site import Site

ROOT = "/api/v1"
FOLDERS = {"property": "properties", "facility": "facilities"}


def api_path(feed: Feed, rest: str = "") -> str:
    """Return the API's path of a property or a facility."""
    return f"{ROOT}/{FOLDERS[feed.kind]}/{quote(feed.id, safe='')}{rest}"


class Places:
    """Responses about the catalog."""

    def __init__(self, read: PublicReading, site: Site) -> None:
        self._read = read
        self._site = site

    def properties(self) -> schema.Properties:
        listed = self._read.properties()
        known = {item.id for item in listed}
        return schema.Properties(properties=[self._property(item, known) for item in listed])

    def property(self, property_id: str) -> schema.PropertyResource | None:
        result = self._read.property(property_id)
        known = (
            {item.id for item in self._read.properties()}
            if result and result.child_ids
            else set[str]()
        )
        return None if result is None else self._property(result, known)

    def facilities(self, parameters: RequestParameters) -> schema.Facilities:
        """Return the facilities of some properties and of some types, or all. Raises `BadQuery`."""
        properties = {item.id: item for item in self._read.properties()}
        requested = self._requested(read_list("property", parameters, IDS), properties)
        facilities = in_order(self._read.facilities(requested), properties)
        types = read_list("type", parameters, TEXTS)
        return schema.Facilities(
            facilities=[
                self.facility_resource(item, properties.get(item.property_id))
                for item in facilities
                if not types or name_key(item.type) in types
            ]
        )

    def facility(self, facility_id: str) -> schema.FacilityResource | None:
        result = self._read.facility(facility_id)
        return (
            None
            if result is None
            else self.facility_resource(result, self._read.property(result.property_id))
        )

    def _requested(self, given: Sequence[str], properties: dict[str, Property]) -> list[str] | None:
        if not given:
            return None
        requested: list[str] = []
        for property_id in given:
            if property_id not in properties:
                raise BadQuery(
                    f"There is no property {quoted(property_id)} here; {ROOT}/properties lists"
                    " those there are."
                )
            requested += [property_id, *properties[property_id].child_ids]
        return requested

    def _property(self, item: Property, known: set[str]) -> schema.PropertyResource:
        feed = Feed("property", item.id)
        return schema.PropertyResource(
            id=item.id,
            name=display_text(item.name),
            address=display_text(item.address),
            city=display_text(item.city),
            state=display_text(item.state),
            zip=display_text(item.zip),
            zone=_zone(item),
            child_ids=[child_id for child_id in item.child_ids if child_id in known],
            links=schema.Links(
                page=self._site.path(page_path(feed)),
                calendar=self._site.path(feed_path(feed)),
                entries=self._site.path(api_path(feed, "/entries")),
                now=self._site.path(api_path(feed, "/now")),
            ),
        )

    def facility_resource(self, item: Facility, of: Property | None) -> schema.FacilityResource:
        feed = Feed("facility", item.id)
        return schema.FacilityResource(
            id=item.id,
            property_id=item.property_id,
            name=display_text(item.name),
            type=display_text(item.type),
            capacity=item.capacity,
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
    return sorted(facilities, key=lambda item: places.get(item.property_id, len(places)))


def _zone(item: Property | None) -> str:
    return item.timezone if item is not None and timezones.exists(item.timezone) else "UTC"
