"""IANA time zones out of the pinned `tzdata` package, never out of the machine, so that every
machine renders alike.

Gives zones and their rule for the years to come, and resolves the names that other programs use for
them; what a VTIMEZONE looks like is for `feeds`.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from importlib import resources
from io import BytesIO
from zoneinfo import ZoneInfo

from icalbridge.errors import UnknownZone


@cache
def _names() -> frozenset[str]:
    """Every name the package holds; a name is looked up here before it is used as a path."""
    text = resources.files("tzdata").joinpath("zones").read_text("ascii")
    return frozenset(text.split())


def _tzif(name: str) -> bytes:
    if name not in _names():
        raise UnknownZone(
            f"There is no time zone named {name!r}; use an IANA name such as America/Los_Angeles."
        )
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


def known_or_utc(name: str) -> str:
    """Return a time zone's name, or `UTC` where there is no such zone."""
    return name if exists(name) else "UTC"


_SPECIFIC = {
    "america/new_york": "new york",
    "america/chicago": "chicago",
    "america/denver": "denver",
    "america/phoenix": "phoenix|arizona|az",
    "america/los_angeles": "los angeles",
    "america/anchorage": "anchorage",
    "america/detroit": "detroit|michigan",
    "america/boise": "boise",
    "america/indiana/indianapolis": "indianapolis|indiana|indiana east|east indiana",
    "america/adak": "aleutian|aleutian islands|hdt",
    "america/puerto_rico": "puerto rico|ast",
    "america/st_johns": "newfoundland|nst|ndt",
    "america/regina": "saskatchewan",
    "pacific/honolulu": "honolulu",
    "pacific/guam": "guam|chamorro|chst",
    "pacific/pago_pago": "american samoa|pago pago",
}
"""Names of one place, separated by bars, by the zone that holds there."""

_GENERAL = {
    "america/new_york": "eastern|et|est|edt",
    "america/chicago": "central|ct|cst|cdt",
    "america/denver": "mountain|mt|mst|mdt",
    "america/los_angeles": "pacific|pt|pst|pdt",
    "america/anchorage": "alaska|alaskan|akt|akst|akdt",
    "pacific/honolulu": "hawaii|hawaiian|hawaii aleutian|hawaiian aleutian|hst|hast",
    "america/halifax": "atlantic|adt",
    "etc/utc": "coordinated universal|universal coordinated",
}
"""Names of a whole zone, as in the United States: the clocks there change, whatever letters a
school uses in winter.
"""

_FIXED = frozenset({"est", "mst", "hst"})
"""IANA names of offsets without clock changes, which in the United States mean the zone."""

_NOISE = frozenset(
    {
        "time",
        "times",
        "zone",
        "timezone",
        "standard",
        "daylight",
        "saving",
        "savings",
        "prevailing",
        "local",
    }
    | {"us", "usa", "united", "states", "canada", "and", "the"}
)
_OFFSET = re.compile(
    r"[(\[]?\b(?:utc|gmt)? ?[+\-\u2212\u00b1] ?\d{1,2}(?::?\d\d)?\b ?[)\]]?|[(\[](?:utc|gmt)[)\]]"
)
"""An offset from UTC beside a name, as in `(GMT-08:00) Pacific Time`; alone it names no zone."""
_PARTS = re.compile(r"[()\[\],;]| [-\u2013\u2014] ")


def resolve_name(text: str) -> str:
    """Return the IANA name that a text from another system means; empty when it names no time zone.

    Reads IANA names in any case, with blanks for underscores; Windows names (CLDR,
    windowsZones.xml); and names that are common in the United States, such as `Eastern`, `PST` and
    `(GMT-08:00) Pacific Time (US & Canada)`. There `EST` and `MST` mean New York's and Denver's
    zones, although IANA has fixed offsets under these names. An offset alone says nothing of clock
    changes and is no zone, except for IANA's own `Etc/GMT+8` and Windows' own `UTC-08`.
    """
    return _resolve(text) if len(text) <= LONGEST_NAME else ""


LONGEST_NAME = 100


@lru_cache(maxsize=1024)
def _resolve(text: str) -> str:
    folded = _folded(text)
    if folded not in _FIXED and (exact := _exact(folded)):
        return exact
    rest = " ".join(_OFFSET.sub(" ", folded).split())
    if rest not in _FIXED and (exact := _exact(rest)):
        return exact
    parts = {_exact(part.strip()) for part in _PARTS.split(rest) if "/" in part} - {""}
    return _only(parts) or _common(rest)


def _folded(text: str) -> str:
    """Return a name as it is compared: lower case, one blank between words, no quotes around it."""
    plain = unicodedata.normalize("NFKC", text).replace("_", " ").casefold()
    return " ".join(
        "".join(mark for mark in plain if mark.isprintable() or mark.isspace()).split()
    ).strip("\"' ")


def _exact(folded: str) -> str:
    """Return the zone of an IANA or Windows name, in whatever case; empty for any other text."""
    name = _folded_names().get(re.sub(r" ?([/\\]) ?", "/", folded).replace(" ", ""))
    return name or _windows().get(folded.replace(" daylight ", " standard "), "")


@cache
def _folded_names() -> dict[str, str]:
    """Every IANA name but the placeholder `Factory`, by its letters in lower case, without
    underscores.
    """
    return {name.casefold().replace("_", ""): name for name in _names() - {"Factory"}}


@cache
def _windows() -> dict[str, str]:
    from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

    return {_folded(name): iana for name, iana in WINDOWS_TO_OLSON.items()}


@cache
def _common_names() -> dict[str, tuple[bool, str]]:
    """The zone of each common name, and whether the name is of one place."""
    return {
        name: (table is _SPECIFIC, _exact(zone_name.replace("_", " ")))
        for table in (_GENERAL, _SPECIFIC)
        for zone_name, names in table.items()
        for name in names.split("|")
    }


def _common(folded: str) -> str:
    """Return the zone of a text all of whose words are known; a place in it decides: `Mountain Time
    (Arizona)`.
    """
    words = [
        word for word in re.findall(r"[^\W\d]+", folded.replace(".", "")) if word not in _NOISE
    ]
    if re.search(r"\d", folded):
        return ""
    zones: dict[bool, set[str]] = {True: set(), False: set()}
    while words:
        size = next((size for size in (2, 1) if " ".join(words[:size]) in _common_names()), 0)
        if not size:
            return ""
        of_place, name = _common_names()[" ".join(words[:size])]
        zones[of_place].add(name)
        del words[:size]
    return _only(zones[True] or zones[False])


def _only(names: set[str]) -> str:
    return next(iter(names)) if len(names) == 1 else ""


@cache
def posix_rule(name: str) -> str:
    """Return the zone's rule for all years past its table: RFC 8536, section 3.3, the footer's TZ
    string.

    `PST8PDT,M3.2.0,M11.1.0` for America/Los_Angeles, `MST7` for America/Phoenix.
    """
    return _tzif(name).rstrip(b"\n").rpartition(b"\n")[2].decode("ascii")


def local_date(moment: datetime, name: str) -> date:
    """Return the calendar day on which an aware moment falls in the named zone."""
    return moment.astimezone(zone(name)).date()


@lru_cache(maxsize=1 << 12)
def midnight(day: date, name: str) -> datetime:
    """Return in UTC when a local day begins in the named zone."""
    return datetime.combine(day, time(), zone(name)).astimezone(UTC)


def day_bounds(day: date, name: str) -> tuple[datetime, datetime]:
    """Return in UTC when a local day begins and when the next one does."""
    return midnight(day, name), midnight(day + timedelta(days=1), name)
