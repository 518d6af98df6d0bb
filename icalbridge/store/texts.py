"""Texts of entries: folded as they are compared, and criteria for them, in Python and in SQL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, or_, select

from icalbridge.store.statements import in_parts
from icalbridge.store.tables import entry_texts
from icalbridge.text import name_key
from icalbridge.words import has_words, word_lines, word_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement, Connection

    from icalbridge.models import Entry


class EntryTexts(NamedTuple):
    """The texts of an entry as `entry_texts` has them: folded, and lines of words."""

    event_type: str
    type: str
    activity: str
    name: str
    lines: str


TEXT_COLUMNS = [
    entry_texts.c[name] for name in ("event_type", "category", "activity", "name", "search")
]
"""What `EntryTexts` takes, in its order."""


@lru_cache(maxsize=1 << 13)  # what is on every week has the same texts every week
def fold_texts(
    event_type: str, name: str, activity: str, place: str, facility_type: str
) -> EntryTexts:
    lines = word_lines(name, activity, place, facility_type)
    return EntryTexts(
        name_key(event_type), name_key(facility_type), name_key(activity), name_key(name), lines
    )


def folded_texts(entry: Entry) -> EntryTexts:
    return fold_texts(entry.event_type, entry.name, entry.activity, entry.place, entry.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCriteria:
    """Which texts an entry has: folded, and for each one of several; none: any."""

    type: tuple[str, ...] = ()
    """Of the facility or of the event."""
    activity: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """Terms, see `icalbridge.words`; an entry has all of them."""
    unwanted: tuple[str, ...] = ()
    """Terms of which an entry has none."""

    @property
    def limits_texts(self) -> bool:
        return any((self.type, self.activity, self.name, self.words, self.unwanted))

    def matches_texts(self, texts: EntryTexts) -> bool:
        """Return whether texts meet all criteria: `conditions` in Python."""
        return (
            (not self.type or texts.type in self.type or texts.event_type in self.type)
            and (not self.activity or texts.activity in self.activity)
            and (not self.name or texts.name in self.name)
            and has_words(texts.lines, self.words, self.unwanted)
        )

    def conditions(self, connection: Connection) -> list[ColumnElement[bool]]:
        """Return the conditions of `entry_texts`: `matches_texts` in SQL."""
        columns = entry_texts.c
        find = func.strpos if connection.dialect.name == "postgresql" else func.instr
        conditions: list[ColumnElement[bool]] = [
            *(find(columns.search, word_pattern(term)) > 0 for term in self.words),
            *(find(columns.search, word_pattern(term)) == 0 for term in self.unwanted),
        ]
        if self.activity:
            conditions.append(columns.activity.in_(self.activity))
        if self.name:
            conditions.append(columns.name.in_(self.name))
        if self.type:
            by_event = columns.event_type.in_(self.type)
            conditions.append(or_(columns.category.in_(self.type), by_event))
        return conditions

    def ids(
        self, connection: Connection, property_ids: Iterable[str]
    ) -> tuple[tuple[int, ...], int]:
        """Return the keys of the matching texts of some properties, and the number of all texts."""
        query = select(entry_texts.c.id).where(*self.conditions(connection))
        count = select(func.count()).select_from(entry_texts)
        ids: list[int] = []
        total = 0
        for part in in_parts(set(property_ids)):
            here = entry_texts.c.property_id.in_(part)
            ids += connection.scalars(query.where(here))
            total += connection.scalar(count.where(here)) or 0
        return tuple(ids), total
