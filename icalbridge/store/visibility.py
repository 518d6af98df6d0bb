"""Which entries the public may see, as conditions in SQL: by place, and by numbered rules.

A rule decides by an entry's texts, which `entry_texts` has once each, and may also depend on the
rate category. So a text has *candidates*: the numbers of the rules that may decide, in order, the
last one whatever the category.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, case, exists, false, func, literal, not_, or_, select

from icalbridge.store.booked_names import BookedName, name_conditions
from icalbridge.store.entries import EntryScope
from icalbridge.store.rows import SHOWN, facility_of, property_of
from icalbridge.store.statements import in_parts
from icalbridge.store.tables import entries, entry_texts, facilities, particulars, properties
from icalbridge.store.texts import TEXT_COLUMNS, EntryTexts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Column, ColumnElement, Connection

    from icalbridge.models import Facility, Property

    Candidates = tuple[int, ...]


class TextRow(NamedTuple):
    """A row of `entry_texts`."""

    id: int
    property_id: str
    name_id: int
    texts: EntryTexts


_TEXTS = select(entry_texts.c.id, entry_texts.c.property_id, entry_texts.c.name_id, *TEXT_COLUMNS)


def read_places(connection: Connection) -> tuple[list[Property], list[Facility]]:
    """Return all properties and facilities that were ever listed."""
    return (
        [property_of(row) for row in connection.execute(select(properties))],
        [facility_of(row) for row in connection.execute(select(facilities))],
    )


def read_text_ids(connection: Connection) -> Sequence[int]:
    return connection.scalars(select(entry_texts.c.id)).all()


def read_texts(connection: Connection, text_ids: Collection[int]) -> Iterator[TextRow]:
    return _read_texts(connection, entry_texts.c.id, text_ids)


def read_texts_of(connection: Connection, property_ids: Iterable[str]) -> Iterator[TextRow]:
    return _read_texts(connection, entry_texts.c.property_id, property_ids)


def _read_texts(
    connection: Connection,
    column: Column[Any],
    values: Iterable[Any],
    *conditions: ColumnElement[bool],
) -> Iterator[TextRow]:
    query = _TEXTS.where(*conditions)
    for part in in_parts(set(values)):
        for row in connection.execute(query.where(column.in_(part))):
            text_id, property_id, name_id, *texts = row
            yield TextRow(text_id, property_id, name_id, EntryTexts(*texts))


def match_texts(
    connection: Connection,
    property_ids: Iterable[str],
    terms: Collection[str],
    names: Collection[str],
) -> Iterator[TextRow]:
    """Return the texts with a name in some properties; see `booked_names.match_names`."""
    conditions = name_conditions(connection, terms, names)
    return _read_texts(connection, entry_texts.c.property_id, property_ids, *conditions)


def read_categories(connection: Connection) -> Sequence[str]:
    """Return all rate categories that events have."""
    return connection.scalars(select(particulars.c.category).distinct()).all()


def in_public_places(
    connection: Connection,
    hidden_properties: Collection[str],
    hidden_facilities: Collection[str],
    only: Collection[str] | None,
) -> ColumnElement[bool]:
    """Return the condition of entries in no hidden place; `only`: in one of these facilities."""
    conditions = [
        not_(EntryScope(column, tuple(ids)).condition_without_index(connection))
        for column, ids in (("property_id", hidden_properties), ("facility_id", hidden_facilities))
        if ids
    ]
    if only is not None:
        scope = EntryScope("facility_id", tuple(only))
        conditions.append(scope.condition_without_index(connection) if only else false())
    return and_(literal(1) == 1, *conditions)


def deciding_rule(
    connection: Connection,
    texts: Mapping[Candidates, Collection[int]],
    categories: Mapping[int, Collection[str]],
) -> ColumnElement[int]:
    """Return the number of the rule that decides about an entry.

    `texts`: keys of texts by their candidates; `categories`: rate categories by rule.
    """
    *rare, usual = sorted(texts, key=lambda candidates: len(texts[candidates]))
    otherwise = _decided(usual, categories)
    if not rare:
        return otherwise
    return case(
        *(
            (_among(connection, texts[candidates]), _decided(candidates, categories))
            for candidates in rare
        ),
        else_=otherwise,
    )


def _among(connection: Connection, text_ids: Iterable[int]) -> ColumnElement[bool]:
    return EntryScope("text_id", tuple(text_ids)).condition(connection)


def _decided(
    candidates: Candidates, categories: Mapping[int, Collection[str]]
) -> ColumnElement[int]:
    *conditional, last = candidates
    whens = [(_has_category(categories[number]), literal(number)) for number in conditional]
    return case(*whens, else_=literal(last)) if whens else literal(last)


def _has_category(names: Collection[str]) -> ColumnElement[bool]:
    return exists(
        select(1).where(
            particulars.c.event_type == entries.c.event_type,
            particulars.c.event_id == entries.c.event_id,
            particulars.c.category.in_(names),
        )
    ).correlate(entries)


def names_by_rule(
    connection: Connection,
    facility_id: str,
    now: datetime,
    visible: ColumnElement[bool],
    rule: ColumnElement[int],
) -> list[tuple[int, int, BookedName]]:
    """Return what is coming in a facility, by deciding rule and key of the name."""
    number = rule.label("rule")
    named = func.max(entries.c.name), func.min(entries.c.start_at), func.count()
    query = (
        select(number, entries.c.name_id, *named)
        .where(entries.c.facility_id == facility_id, entries.c.end_at > now, SHOWN, visible)
        .group_by(number, entries.c.name_id)
    )
    return [(row[0], row[1], BookedName(*row[2:])) for row in connection.execute(query)]


def count_decided(
    connection: Connection,
    property_ids: Collection[str],
    text_ids: Collection[int],
    now: datetime,
    decided: ColumnElement[bool],
) -> dict[str, tuple[datetime, int]]:
    """Return start of the first and number of the coming entries of some texts that a condition
    leaves, by property.
    """
    query = (
        select(entries.c.property_id, func.min(entries.c.start_at), func.count())
        .where(entries.c.end_at > now, SHOWN, _among(connection, text_ids), decided)
        .where(EntryScope("property_id", tuple(property_ids)).condition_without_index(connection))
        .group_by(entries.c.property_id)
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def any_of(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    return or_(false(), *conditions)
