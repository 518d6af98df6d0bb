"""Grouping: one item for all the facilities of an event at one time, such as a tournament in three
gyms.

The group has the UID of its member with the smallest one, and keeps it while it moves as a whole.
What an event gains or loses elsewhere can change which member that is; so SEQUENCE and
LAST-MODIFIED are those of the whole event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from icalbridge.feeds.audience import retitled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.models import EventKey


def grouped(
    items: Iterable[tuple[EventKey, Item]],
    marks: Mapping[EventKey, tuple[int, datetime]],
    template: str = "",
) -> list[Item]:
    """Return the items with those of one event, time, name and status made one, in order of their
    start.

    `marks`: of each event a number that every change raises, and when it last did. `template` is
    that of the titles: one that names the facility names them all.
    """

    members: dict[tuple[object, ...], tuple[EventKey, list[Item]]] = {}
    for key, item in sorted(items, key=lambda row: row[1].uid):
        alike = (
            key,
            item.start,
            item.end,
            item.name,
            item.activity,
            item.status,
            item.cancelled is not None,
        )
        members.setdefault(alike, (key, []))[1].append(item)
    result = [
        _one(part, *marks.get(key, (0, part[0].modified)), template)
        for key, part in members.values()
    ]
    return sorted(result, key=lambda item: (item.start, item.end, item.uid))


def _one(members: list[Item], revision: int, changed: datetime, template: str) -> Item:
    first = members[0]
    newest = max(changed, *(row.modified for row in members))
    if len(members) == 1:
        return first._replace(sequence=revision, modified=newest)
    places = sorted({(row.facility, row.location) for row in members})
    seen = [row.first_seen for row in members if row.first_seen]
    whole = first._replace(
        sequence=revision,
        modified=newest,
        facility_ids=tuple(
            sorted({facility_id for row in members for facility_id in row.facility_ids})
        ),
        facility=", ".join(facility for facility, _ in places if facility),
        location=_where(places),
        first_seen=min(seen, default=None),
    )
    return whole if len({row.title for row in members}) == 1 else retitled(whole, template)


def _where(places: list[tuple[str, str]]) -> str:
    """Say all the facilities, then what their locations have in common: the school and its
    address.
    """
    locations = [location for _, location in places if location]
    if len(locations) < 2:
        return "".join(locations)
    rests = {
        location.removeprefix(facility).removeprefix(", ")
        for facility, location in places
        if location
    }
    if len(rests) > 1:
        return "; ".join(locations)
    return ", ".join([*(facility for facility, _ in places if facility), *filter(None, rests)])
