"""The time zones that events name for their property: evidence where the catalogue gives none that
can be used.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from icalbridge import timezones
from icalbridge.facilitron.lenient import UNREADABLE, as_text, loose, usable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


class _Zoned(msgspec.Struct):
    property_id: object = None
    property_timezone: object = None


_decode = msgspec.json.Decoder(_Zoned).decode


def zones_named(
    events: Iterable[msgspec.Raw | bytes], asked_of: str, unsure: Collection[str]
) -> dict[str, str]:
    """Return the zone that most of an answer's events name for their property, by the ids of some
    properties.

    `events` are undecoded; one that names no property is of `asked_of`. Of two zones named equally
    often the first by name wins, so that the order of an answer never matters.
    """
    votes: dict[str, Counter[str]] = {}
    for raw in events if unsure else ():
        event = _zoned(bytes(raw))
        property_id = usable(as_text(event.property_id)) or asked_of
        if property_id in unsure and (
            name := timezones.resolve_name(as_text(event.property_timezone))
        ):
            votes.setdefault(property_id, Counter())[name] += 1
    return {
        each: min(counted, key=lambda name: (-counted[name], name))
        for each, counted in votes.items()
    }


def _zoned(raw: bytes) -> _Zoned:
    with suppress(*UNREADABLE):
        return _decode(raw)
    found = loose(raw)
    return (
        _Zoned(found.get("property_id"), found.get("property_timezone"))
        if isinstance(found, dict)
        else _Zoned()
    )
