"""Schools and facilities by id or by name, for everything that an operator types.

A name is read like a search: without case, accents and extra spaces. `Main Gym` is enough where one
place has that name; `Lincoln High / Main Gym` names the school too.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

from icalbridge.errors import ConfigurationError
from icalbridge.text import display_text, name_key, search_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from icalbridge.models import Facility, Property
    from icalbridge.store.reading import Reading

MAX_LISTED = 5
"""How many places of one name a message lists."""
_SLASH = re.compile(r"\s*/\s*")


def find_property(read: Reading, text: str) -> Property:
    """Return a school or district by its id, or by a name that only one has.

    Raises `ConfigurationError` where none has it, or several.
    """
    if known := read.property(text):
        return known
    listed = {place.id: place for place in read.properties()}
    return listed[choose_place(text, "school", property_names(listed.values()))]


def find_facility(read: Reading, text: str) -> Facility:
    """Return a facility by its id, or by a name that only one has.

    Raises `ConfigurationError` where none has it, or several.
    """
    if known := read.facility(text):
        return known
    schools = {place.id: place.name for place in read.properties()}
    listed = {place.id: place for place in read.facilities()}
    return listed[choose_place(text, "facility", facility_names(listed.values(), schools))]


def is_given(place: Property | Facility, given: Iterable[str]) -> bool:
    """Return whether a place is among those that were given, each by its id or its own name."""
    return any(text == place.id or _name_key(text) == _name_key(place.name) for text in given)


def property_names(properties: Iterable[Property]) -> dict[str, tuple[str, ...]]:
    """Return the names of schools and districts by id."""
    return {place.id: (place.name,) for place in properties}


def facility_names(
    facilities: Iterable[Facility], schools: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return the names of facilities by id: their own, and with their school's.

    `schools`: the schools' names by property id.
    """
    names: dict[str, tuple[str, ...]] = {}
    for place in facilities:
        school = schools.get(place.property_id, "")
        names[place.id] = (place.name, f"{school} / {place.name}") if school else (place.name,)
    return names


def choose_place(text: str, kind: str, names: Mapping[str, tuple[str, ...]]) -> str:
    """Return the id of the one place that has a name. Raises `ConfigurationError`.

    `names`: by id, the fullest last. `kind`: the word for such a place in messages.
    """
    key = _name_key(text)
    matching = [place_id for place_id, own in names.items() if key and key in map(_name_key, own)]
    if len(matching) == 1:
        return matching[0]
    named = repr(display_text(text))
    if not matching:
        raise ConfigurationError(f"There is no {kind} {named} here; {_suggest(key, names)}.")
    listed = ", ".join(_describe(place_id, names) for place_id in matching[:MAX_LISTED])
    more = ", …" if len(matching) > MAX_LISTED else ""
    raise ConfigurationError(
        f"There are {len(matching)} places called {named}; give the id of one: {listed}{more}."
    )


def _suggest(key: str, names: Mapping[str, tuple[str, ...]]) -> str:
    spellings = {
        spelling: place_id
        for place_id, own in names.items()
        for spelling in (search_key(place_id), *map(_name_key, own))
    }
    near = get_close_matches(key, spellings, 1) if key else []
    if near:
        return f"perhaps {_describe(spellings[near[0]], names)} is meant"
    return "look it up with `icalbridge places`, or run `icalbridge sync` first"


def _describe(place_id: str, names: Mapping[str, tuple[str, ...]]) -> str:
    return f"{place_id} ({' '.join(display_text(names[place_id][-1]).split())})"


def _name_key(name: str) -> str:
    return _SLASH.sub(" / ", name_key(name))
