"""The directory: the district, its schools and their facilities, with what is on, narrowed down by
a search.

Pure functions of what `store` lists. A school that no listed district holds stands by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.text import search_key
from icalbridge.words import has_words, parse_words, word_lines

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from icalbridge.models import Facility, Property

FIRST_PLACES = 10
"""How many facilities of a school the directory lists by itself: a large district has thousands."""
MOST_KINDS = 12
MOST_SCHOOLS = 30
"""How many schools a page lists with their facilities, and a district's page at all."""


class TodayCounts(NamedTuple):
    """How many bookings there are today, by facility."""

    left: Mapping[str, int]
    """That are not over."""
    running: Mapping[str, int]
    """That are on now."""


NO_COUNTS = TodayCounts({}, {})


@dataclass(frozen=True, slots=True)
class Place:
    """One facility and how much is on there today."""

    facility: Facility
    left: int
    """Bookings of today that are not over."""
    running: int
    """Bookings that are on now."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of facility and how many there are of it."""

    name: str
    count: int


@dataclass(frozen=True, slots=True)
class School:
    """One property with its own facilities."""

    site: Property
    places: tuple[Place, ...]

    @property
    def left(self) -> int:
        """Bookings of today that are not over."""
        return sum(place.left for place in self.places)

    @property
    def running(self) -> int:
        """Bookings that are on now."""
        return sum(place.running for place in self.places)


@dataclass(frozen=True, slots=True)
class District:
    """A property that holds others, and these; or, without one, the schools that no district
    holds.
    """

    own: School | None
    schools: tuple[School, ...]

    @property
    def left(self) -> int:
        return sum(school.left for school in self.all)

    @property
    def all(self) -> tuple[School, ...]:
        return (self.own, *self.schools) if self.own else self.schools

    @property
    def place_count(self) -> int:
        return sum(len(school.places) for school in self.all)


def directory(
    properties: Sequence[Property], facilities: Iterable[Facility], counts: TodayCounts
) -> tuple[District, ...]:
    """Arrange everything that is listed, in the vendor's order."""
    places: dict[str, list[Place]] = {}
    for facility in facilities:
        places.setdefault(facility.property_id, []).append(
            Place(facility, counts.left.get(facility.id, 0), counts.running.get(facility.id, 0))
        )
    schools = {place.id: School(place, tuple(places.get(place.id, ()))) for place in properties}
    districts, placed = [], set[str]()
    for parent in properties:
        taken = placed | {parent.id}
        children = [child for child in parent.child_ids if child in schools and child not in taken]
        if children and parent.id not in placed:
            placed |= {parent.id, *children}
            districts.append(
                District(schools[parent.id], tuple(schools[child] for child in children))
            )
    alone = tuple(school for property_id, school in schools.items() if property_id not in placed)
    return (*districts, District(None, alone)) if alone else tuple(districts)


def kind_beside(facility: Facility) -> str:
    """Return a facility's kind where its name does not say it already: no `Pool Pool`."""
    kind = search_key(facility.type)
    return facility.type if facility.name and kind not in search_key(facility.name) else ""


def kinds(facilities: Iterable[Facility], most: int | None = MOST_KINDS) -> tuple[Kind, ...]:
    """Return what kinds of facilities there are, the most frequent first, at most so many; none
    where all are of one.
    """
    results: dict[str, list[str]] = {}
    for facility in facilities:
        if words := search_key(facility.type):
            results.setdefault(words, []).append(facility.type)
    counted = [Kind(min(names), len(names)) for _, names in sorted(results.items())]
    counted.sort(key=lambda kind: -kind.count)
    return tuple(counted[:most]) if len(counted) > 1 else ()


def search(districts: Iterable[District], query: str) -> tuple[District, ...]:
    """Keep what has every word of the query in its own name, kind or search words, or in its
    school's name or address; see `icalbridge.words`.

    A blank query keeps everything.
    """
    if not query.strip():
        return tuple(districts)
    words = parse_words(query)
    results = (_narrowed(district, words) for district in districts) if words else ()
    return tuple(district for district in results if district is not None)


def _narrowed(district: District, words: Collection[str]) -> District | None:
    own = _matching(district.own, words) if district.own else None
    schools = tuple(results for school in district.schools if (results := _matching(school, words)))
    if own is None and not schools:
        return None
    return District(own or (School(district.own.site, ()) if district.own else None), schools)


def _matching(school: School, words: Collection[str]) -> School | None:
    site = school.site
    named = word_lines(site.name, site.address, site.city, site.zip)
    if has_words(named, words):
        return school
    places = tuple(place for place in school.places if _matches(place.facility, named, words))
    return School(school.site, places) if places else None


def _matches(facility: Facility, named: str, words: Collection[str]) -> bool:
    own = word_lines(facility.name, facility.type, facility.search_term)
    return has_words(f"{named}\n{own}", words)
