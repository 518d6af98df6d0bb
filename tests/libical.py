"""libical (Evolution, KDE, Cyrus) through ctypes: just enough of its C interface to read a feed's
events.

`tests/readers.py` makes the common form out of what this module yields. The calls are those of
libical 3's `icalcomponent.h`, `icalproperty.h` and `icaltime.h`; kinds are asked for by name, so no
C enum is copied here.
"""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class IcalTime(ctypes.Structure):
    """`struct icaltimetype`: a local time and the zone it is in."""

    _fields_ = (
        *((name, ctypes.c_int) for name in ("year", "month", "day", "hour", "minute", "second")),
        *((name, ctypes.c_int) for name in ("is_date", "is_daylight")),
        ("zone", ctypes.c_void_p),
    )


HANDLE, TEXT, NUMBER = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
SIGNATURES = {
    "icalparser_parse_string": (HANDLE, [TEXT]),
    "icalcomponent_free": (None, [HANDLE]),
    "icalcomponent_count_errors": (NUMBER, [HANDLE]),
    "icalcomponent_string_to_kind": (NUMBER, [TEXT]),
    "icalproperty_string_to_kind": (NUMBER, [TEXT]),
    "icalcomponent_get_first_component": (HANDLE, [HANDLE, NUMBER]),
    "icalcomponent_get_next_component": (HANDLE, [HANDLE, NUMBER]),
    "icalcomponent_get_first_property": (HANDLE, [HANDLE, NUMBER]),
    "icalcomponent_get_next_property": (HANDLE, [HANDLE, NUMBER]),
    "icalcomponent_get_timezone": (HANDLE, [HANDLE, TEXT]),
    "icalproperty_get_parameter_as_string": (TEXT, [HANDLE, TEXT]),
    "icalproperty_get_value_as_string": (TEXT, [HANDLE]),
    "icalproperty_get_value": (HANDLE, [HANDLE]),
    "icalvalue_get_text": (TEXT, [HANDLE]),
    "icalvalue_get_datetime": (IcalTime, [HANDLE]),
    "icaltime_as_timet_with_zone": (ctypes.c_long, [IcalTime, HANDLE]),
    "icaltimezone_get_utc_timezone": (HANDLE, []),
}


@dataclass(frozen=True)
class Vevent:
    """One VEVENT inside a parsed calendar; valid while that calendar is open."""

    library: ctypes.CDLL
    calendar: int
    handle: int

    def _properties(self, name: str) -> Iterator[int]:
        kind = self.library.icalproperty_string_to_kind(name.encode())
        found = self.library.icalcomponent_get_first_property(self.handle, kind)
        while found:
            yield found
            found = self.library.icalcomponent_get_next_property(self.handle, kind)

    def texts(self, name: str) -> list[str]:
        """Unescaped values of every such TEXT property; libical gives each item of a list its own
        property.
        """
        values = [self.library.icalproperty_get_value(found) for found in self._properties(name)]
        return [self.library.icalvalue_get_text(value).decode() for value in values]

    def plain(self, name: str) -> str:
        """The value as written, of a property whose values need no escaping; empty when it is
        absent.
        """
        found = [
            self.library.icalproperty_get_value_as_string(one).decode()
            for one in self._properties(name)
        ]
        return found[0] if found else ""

    def instant(self, name: str) -> datetime:
        """A date-time in UTC, by the calendar's own VTIMEZONE. ValueError when it holds none for
        the TZID.
        """
        (found,) = self._properties(name)
        time = self.library.icalvalue_get_datetime(self.library.icalproperty_get_value(found))
        tzid = self.library.icalproperty_get_parameter_as_string(found, b"TZID")
        zone = self.library.icalcomponent_get_timezone(self.calendar, tzid) if tzid else time.zone
        if not zone:
            raise ValueError(f"{name} has no zone of its own in this calendar: {tzid}")
        return datetime.fromtimestamp(self.library.icaltime_as_timet_with_zone(time, zone), UTC)


def load(name: str) -> ctypes.CDLL:
    """The library with its C signatures told to ctypes."""
    library = ctypes.CDLL(name)
    for function, (result, arguments) in SIGNATURES.items():
        bound = getattr(library, function)
        bound.restype, bound.argtypes = result, arguments
    return library


@contextmanager
def opened(library: ctypes.CDLL, calendar: bytes) -> Iterator[list[Vevent]]:
    """The VEVENTs of one VCALENDAR. ValueError when libical does not take it or marks anything in
    it as an error.
    """
    root = library.icalparser_parse_string(calendar)
    if not root:
        raise ValueError("libical does not take this calendar")
    try:
        if library.icalcomponent_count_errors(root):
            raise ValueError("libical marked errors in this calendar")
        yield list(_vevents(library, root))
    finally:
        library.icalcomponent_free(root)


def _vevents(library: ctypes.CDLL, root: int) -> Iterator[Vevent]:
    kind = library.icalcomponent_string_to_kind(b"VEVENT")
    found = library.icalcomponent_get_first_component(root, kind)
    while found:
        yield Vevent(library, root, found)
        found = library.icalcomponent_get_next_component(root, kind)
