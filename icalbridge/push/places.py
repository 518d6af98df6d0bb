"""LOCATION → facility, by the operator's table; a location that is not in it gets suggestions.

A location may map to no facility, such as the other team's field: its events are left out. Without
a table, one facility takes everything.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.errors import ConfigurationError
from icalbridge.store.place_names import choose_place, facility_names
from icalbridge.text import facility_with_school

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zoneinfo import ZoneInfo

    from icalbridge.models import Facility
    from icalbridge.store import Store

SUGGESTIONS = 3
MOST_HINTED = 50
"""Places that get suggestions, which take time: nobody mends more than so many at once."""
LONGEST_HINTED = 200
LONGEST_FILE = 1_000_000


class Unplaced(ValueError):
    """Raised for a LOCATION without a facility; the text has suggestions."""


@dataclass(frozen=True)
class PlaceTable:
    """Table of locations with the facilities and zones that it refers to."""

    facilities: Mapping[str, Facility]
    """By id: all that there are."""
    zones: Mapping[str, str]
    """IANA names by property id, of properties that have one."""
    table: Mapping[str, str] = field(default_factory=dict)
    """Facility ids by LOCATION, "" for what is left out; a `*` stands for any letters."""
    default: str = ""
    """The id of the facility for what names no place; without a table, for everything."""
    schools: Mapping[str, str] = field(default_factory=dict)
    """Names by property id."""
    _hinted: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    @cached_property
    def given(self) -> list[Facility]:
        """The facilities of the table, the default first."""
        return [self.facilities[name] for name in (self.default, *self.table.values()) if name]

    @property
    def zone(self) -> str:
        """The IANA zone in which to show what has no place."""
        return next((self.zones[facility.property_id] for facility in self.given), "UTC")

    @cached_property
    def _lines(self) -> list[tuple[str, re.Pattern[str] | None, str]]:
        """The table: each place, its pattern if it is one, and the facility's id."""
        lines = []
        for location, place_id in self.table.items():
            plain = _plain(location)
            pattern = re.compile(translate(plain.replace("[", "[[]"))) if "*" in plain else None
            lines.append((plain, pattern, place_id))
        return lines

    @cached_property
    def _names(self) -> dict[str, Facility]:
        # schools have rooms of the same names: those of the given facilities' schools come first
        near = {facility.property_id for facility in self.given}
        places = sorted(self.facilities.values(), key=lambda place: place.property_id in near)
        return {_plain(place.name): place for place in places if place.name}

    def clock_of(self, property_id: str) -> ZoneInfo:
        """Return the zone of a property; UTC for one without."""
        return timezones.zone(self.zones.get(property_id, "UTC"))

    def with_school(self, names: Iterable[str], property_id: str) -> str:
        """Return the names of facilities of one property, and the property's."""
        return facility_with_school(
            ", ".join(dict.fromkeys(names)), self.schools.get(property_id, "")
        )

    def find(self, location: str) -> Facility | None:
        """Return where something takes place; None for what is left out. Raises `Unplaced`."""
        named = _plain(location)
        for place, pattern, facility_id in self._lines:
            if named == place or (pattern and pattern.match(named)):
                return self.facilities[facility_id] if facility_id else None
        if self.default and (not named or not self.table):
            return self.facilities[self.default]
        if not named:
            raise Unplaced("it has no LOCATION, and there is no facility for such")
        near = self._near(_plain(location[:LONGEST_HINTED]))
        hints = " or ".join(f"{facility.id} ({facility.name})" for facility in near)
        shown = location if len(location) <= 80 else f"{location[:79]}…"
        hint = f"; perhaps {hints}" if hints else ""
        raise Unplaced(f"no facility is given for {shown!r}{hint}")

    def _near(self, named: str) -> list[Facility]:
        """Return what may be meant: what is spelled alike, then what is part of it."""
        if len(self._hinted) >= MOST_HINTED and named not in self._hinted:
            return []
        self._hinted.add(named)
        near = difflib.get_close_matches(named, self._names, SUGGESTIONS, cutoff=0.5)
        near += [name for name in self._names if name in named and name not in near]
        return [self._names[name] for name in near[:SUGGESTIONS]]


def load_places(store: Store, given: Iterable[str], map_file: str | None) -> PlaceTable:
    properties, facilities = store.sync_reads.catalog()
    zones = {
        place.id: place.timezone
        for place in properties.values()
        if timezones.exists(place.timezone)
    }
    text = read_text(map_file, "--map") if map_file else ""
    schools = {place.id: place.name for place in properties.values()}
    return parse_places(facilities.values(), zones, given, text, schools)


def parse_places(
    facilities: Iterable[Facility],
    zones: Mapping[str, str],
    given: Iterable[str],
    file: str = "",
    schools: Mapping[str, str] | None = None,
) -> PlaceTable:
    """Make a table of `FACILITY`, the default, or `LOCATION=FACILITY`, and of a file with those.

    `FACILITY` is an id or a name. Raises `ConfigurationError`.
    """
    by_id = {facility.id: facility for facility in facilities}
    table, defaults = _parse_file(file) if file else {}, dict[str, None]()
    for text in given:
        location, separator, facility = text.rpartition("=")
        if separator:
            table[location] = facility.strip()
        else:
            defaults[text.strip()] = None
    if len(defaults) > 1:
        raise ConfigurationError(
            f"Two facilities are given for everything, {' and '.join(defaults)}; say which LOCATION"
            " each is for, as LOCATION=ID."
        )
    if not table and not defaults:
        raise ConfigurationError(
            "No facility is given; say where the events take place with --facility or --map."
        )
    names = facility_names(by_id.values(), schools or {})
    ids = {
        text: _writable_facility(text, by_id, names, zones)
        for text in filter(None, (*table.values(), *defaults))
    }
    table = {location: text and ids[text] for location, text in table.items()}
    default = ids["".join(defaults)] if defaults else ""
    return PlaceTable(by_id, zones, table, default, schools or {})


def _writable_facility(
    text: str,
    facilities: Mapping[str, Facility],
    names: Mapping[str, tuple[str, ...]],
    zones: Mapping[str, str],
) -> str:
    """Return the id of a facility that a write can name, by its id or its name."""
    facility = facilities.get(text) or facilities[choose_place(text, "facility", names)]
    if not facility.u_id:
        raise ConfigurationError(
            f"The vendor's name for writes of the facility {facility.id!r} is not known yet; run"
            " `icalbridge sync`."
        )
    if facility.property_id not in zones:
        raise ConfigurationError(
            f"The property of the facility {facility.id!r} has no time zone that is known."
        )
    return facility.id


def _parse_file(text: str) -> dict[str, str]:
    """Parse the file of `--map`: a table `[places]`, LOCATION = "facility id"."""
    try:
        table = tomllib.loads(text).get("places")
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"The file of --map is no TOML: {error}.") from None
    if not (table and isinstance(table, dict) and {*map(type, table.values())} == {str}):
        raise ConfigurationError(
            'The file of --map must have a table [places] with lines such as "Main Gym" = "ID".'
        )
    return table


def read_text(file: str, option: str) -> str:
    """Return the text of a file that an option names. Raises `ConfigurationError`."""
    try:
        with Path(file).open(encoding="utf-8-sig") as opened:
            return opened.read(LONGEST_FILE)
    except (OSError, UnicodeError):
        raise ConfigurationError(f"{option} names a file that cannot be read as text.") from None


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
