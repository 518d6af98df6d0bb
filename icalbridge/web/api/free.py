"""The API's answer about what is free: what the page `/free` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.feeds.formats.datetimes import iso_local
from icalbridge.web.api import schema
from icalbridge.web.api.bookings import ApiResult
from icalbridge.web.api.places import ROOT
from icalbridge.web.free_spaces import FreeSpaceFinder
from icalbridge.web.views.booking import booking_link

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.web.api.parameters import RequestParameters
    from icalbridge.web.api.places import Places
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.site import Site
    from icalbridge.web.views.free_spaces import FreeSpace


class FreeApi:
    """What is free in one store."""

    def __init__(self, service: FeedCache, places: Places, site: Site, booking_url: str) -> None:
        self._spaces = FreeSpaceFinder(service)
        self._places = places
        self._site = site
        self._booking_url = booking_url

    def free(self, parameters: RequestParameters, now: datetime) -> ApiResult:
        """Return a page of what is free. Raises `BadQuery`."""
        result = self._spaces.find(parameters, now)
        spaces = [self._resource(space) for space in result.spaces]
        following = self._site.path(f"{ROOT}/free?{result.query.next_page}")
        answer = schema.FreeSpacesResource(
            date=result.query.day.isoformat(),
            count=result.count,
            partial=result.is_partial,
            spaces=spaces,
            next=following if result.left else None,
        )
        return ApiResult(answer)

    def _resource(self, space: FreeSpace) -> schema.FreeSpaceResource:
        facility = space.facility
        booking = booking_link(self._booking_url, facility.property_id, facility.id)
        return schema.FreeSpaceResource(
            facility=self._places.facility_resource(facility, space.school),
            start=iso_local(space.start, space.zone),
            end=iso_local(space.end, space.zone),
            booking=booking or None,
        )
