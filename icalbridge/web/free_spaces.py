"""What is free at a time, read for the page and the API alike: the catalog, and what is booked on
the day by one statement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.web.views.filters import DateRange
from icalbridge.web.views.free_spaces import (
    chosen_schools,
    find_free_spaces,
    read_free_query,
    zone_of,
)
from icalbridge.web.views.open_times import open_hours

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from icalbridge.models import Facility, Property
    from icalbridge.web.feed_cache import FeedCache
    from icalbridge.web.views.free_spaces import FreeQuery, FreeSpace

PAGE_SPACES = 50


@dataclass(frozen=True, slots=True)
class FreeResult:
    """What is free: one page of it."""

    query: FreeQuery
    reach: DateRange
    zone: str
    """Of the first school: whose today is today."""
    schools: Sequence[Property]
    """All that are listed."""
    facilities: Sequence[Facility]
    spaces: Sequence[FreeSpace]
    count: int
    """How many there are on all pages."""
    fetched: Mapping[str, datetime | None]
    """When each school was last fetched in which was looked."""
    is_partial: bool
    """Whether schools were left out of which the day was never fetched."""
    is_over: bool
    """Whether the time is over in all of these schools."""

    @property
    def left(self) -> int:
        """How many come after this page."""
        return max(self.count - self.query.page * PAGE_SPACES, 0)


class FreeSpaceFinder:
    """Finds free facilities in the schools of one store."""

    def __init__(self, service: FeedCache) -> None:
        self._catalog = service.catalog
        self._reach = service.reach

    def find(self, parameters: Mapping[str, Sequence[str]], now: datetime) -> FreeResult:
        """Return what is free. Raises `BadQuery`, and `StoreError` where nothing is in memory.

        A school of which the day was never fetched is left out: nobody knows what is booked there.
        """
        schools, facilities = self._catalog.properties(), self._catalog.facilities()
        zone = zone_of(schools[0]) if schools else "UTC"
        reach = DateRange.of(timezones.local_date(now, zone), *self._reach)
        query = read_free_query(parameters, reach)
        chosen = chosen_schools(schools, query.property_ids)
        ids = [school.id for school in schools]
        fetched = self._catalog.fetched(ids)
        on_day = self._catalog.fetched_ahead(ids, (query.day - reach.today).days)
        known = [school for school in chosen if fetched.get(school.id) and school.id in on_day]
        spaces = self._spaces(query, known, facilities, now)
        first = (query.page - 1) * PAGE_SPACES
        with_places = {place.property_id for place in facilities}
        unknown = {school.id for school in chosen} - {school.id for school in known}
        return FreeResult(
            query,
            reach,
            zone,
            schools,
            facilities,
            spaces[first : first + PAGE_SPACES],
            len(spaces),
            {school.id: fetched.get(school.id) for school in chosen},
            is_partial=not with_places.isdisjoint(unknown),
            is_over=all(query.window(zone_of(school), now)[1] <= now for school in chosen),
        )

    def _spaces(
        self,
        query: FreeQuery,
        schools: Sequence[Property],
        facilities: Sequence[Facility],
        now: datetime,
    ) -> Sequence[FreeSpace]:
        """Return what is free in some schools."""
        days = [open_hours(query.day, zone_of(school)) for school in schools]
        if not days:
            return ()
        booked = self._catalog.booked_spans(
            min(day.midnight for day in days), max(day.next_midnight for day in days)
        )
        return find_free_spaces(query, schools, facilities, booked, now)
