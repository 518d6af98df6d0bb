"""Names of bookings, with how many are coming and when the next one is.

A name is counted in each property by itself, under a key of its own: see `rows.name_id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select, true

from icalbridge.store.entries import EntryScope
from icalbridge.store.rows import SHOWN
from icalbridge.store.statements import in_parts
from icalbridge.store.tables import SHOWN_LITERAL, entries, entry_texts
from icalbridge.store.texts import TextCriteria

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from sqlalchemy import ColumnElement, Connection

MAX_COUNTED = 100_000
"""Entries that are counted for one answer; of many names, fewer of each."""


class NameMatch(NamedTuple):
    """A name in one property that some words match; texts are folded."""

    name_id: int
    property_id: str
    name: str
    activity: str


@dataclass(frozen=True, slots=True)
class BookedName:
    """The shown entries of one name that are not over."""

    name: str
    """As the next of them has it."""
    start: datetime
    """Of the next one to end."""
    count: int
    is_capped: bool = False
    """Whether there are more than were counted."""


def match_names(
    connection: Connection,
    property_ids: Iterable[str],
    terms: Collection[str] = (),
    names: Collection[str] = (),
) -> list[NameMatch]:
    """Return the names in some properties of which entries have all terms in their texts; only
    `names`, which are folded, where there are any.
    """
    columns = (entry_texts.c.name_id, entry_texts.c.property_id)
    query = select(*columns, entry_texts.c.name, entry_texts.c.activity)
    query = query.where(*name_conditions(connection, terms, names))
    rows: list[NameMatch] = []
    for part in in_parts(set(property_ids)):
        result = connection.execute(query.where(entry_texts.c.property_id.in_(part)).distinct())
        rows += starmap(NameMatch, result.all())
    return rows


def name_conditions(
    connection: Connection, terms: Collection[str], names: Collection[str]
) -> list[ColumnElement[bool]]:
    """Return the conditions of texts with a name that have all terms; see `match_names`."""
    criteria = TextCriteria(words=tuple(terms), name=tuple(names))
    return [entry_texts.c.name != "", *criteria.conditions(connection)]


def coming_names(
    connection: Connection,
    name_ids: Collection[int],
    now: datetime,
    visible: ColumnElement[bool] | None = None,
) -> dict[int, BookedName]:
    """Return what is coming by name, of the visible entries; a name without anything is left out.

    What the small ones leave of `MAX_COUNTED` is for those that have more than their share.
    """
    if not name_ids:
        return {}
    share = max(1, MAX_COUNTED // len(name_ids))
    coming = _count_names(connection, name_ids, now, share, visible)
    large = [name_id for name_id, name in coming.items() if name.is_capped]
    left = MAX_COUNTED - sum(name.count for name in coming.values())
    if large and left // len(large) > share:
        coming |= _count_names(connection, large, now, left // len(large), visible)
    return coming


def _count_names(
    connection: Connection,
    name_ids: Collection[int],
    now: datetime,
    most: int,
    visible: ColumnElement[bool] | None,
) -> dict[int, BookedName]:
    table = EntryScope("name_id", tuple(name_ids)).table(connection)
    seen = true() if visible is None else visible
    here = (entries.c.name_id == table.c.value, SHOWN_LITERAL, entries.c.end_at > now, seen)
    following = select(entries.c.uid).where(*here).order_by(entries.c.end_at).limit(1)
    counted = select(entries.c.end_at).where(*here).limit(most).correlate(table).subquery()
    uids = select(
        table.c.value.label("name_id"),
        following.correlate(table).scalar_subquery().label("uid"),
        select(func.count()).select_from(counted).correlate(table).scalar_subquery().label("num"),
    ).subquery()
    query = select(uids.c.name_id, entries.c.name, entries.c.start_at, uids.c.num).join(
        entries, entries.c.uid == uids.c.uid
    )
    return {
        row[0]: BookedName(row[1], row[2], row[3], is_capped=row[3] == most)
        for row in connection.execute(query).all()
    }


def names_in_facility(
    connection: Connection,
    facility_id: str,
    now: datetime,
    visible: ColumnElement[bool] | None = None,
) -> dict[int, BookedName]:
    """Return what is coming in one facility, by name."""
    named = func.max(entries.c.name), func.min(entries.c.start_at), func.count()
    query = (
        select(entries.c.name_id, *named)
        .where(entries.c.facility_id == facility_id, entries.c.end_at > now)
        .where(SHOWN, entries.c.name != "", true() if visible is None else visible)
        .group_by(entries.c.name_id)
    )
    return {row[0]: BookedName(*row[1:]) for row in connection.execute(query)}
