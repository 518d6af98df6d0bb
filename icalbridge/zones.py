"""IANA time zones out of the pinned `tzdata` package, never out of the machine, so that every machine renders alike.

Gives zones and their rule for the years to come; what a VTIMEZONE looks like is for `feeds`.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from io import BytesIO
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from icalbridge.errors import UnknownZone

if TYPE_CHECKING:
    from datetime import date, datetime


@cache
def _names() -> frozenset[str]:
    """Every name the package holds; a name is looked up here before it is used as a path."""
    text = resources.files("tzdata").joinpath("zones").read_text("ascii")
    return frozenset(text.split())


def _tzif(name: str) -> bytes:
    if name not in _names():
        raise UnknownZone(f"There is no time zone named {name!r}; use an IANA name such as America/Los_Angeles.")
    return resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).read_bytes()


@cache
def zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name.

    Raises `UnknownZone` for any other text. The cache is bounded by the number of zones there are.
    """
    return ZoneInfo.from_file(BytesIO(_tzif(name)), key=name)


def exists(name: str) -> bool:
    """Say whether the text is the name of an IANA time zone."""
    return name in _names()


@cache
def posix_rule(name: str) -> str:
    """Return the zone's rule for all years past its table: RFC 8536, section 3.3, the footer's TZ string.

    `PST8PDT,M3.2.0,M11.1.0` for America/Los_Angeles, `MST7` for America/Phoenix.
    """
    return _tzif(name).rstrip(b"\n").rpartition(b"\n")[2].decode("ascii")


def local_date(moment: datetime, name: str) -> date:
    """Return the calendar day on which an aware moment falls in the named zone."""
    return moment.astimezone(zone(name)).date()
