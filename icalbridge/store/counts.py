"""Numbers of entries by time, read without a scan of the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select

from icalbridge.store.tables import entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from icalbridge.store.entries import EntryCriteria, EntryScope, TimeRange


@dataclass(frozen=True, slots=True)
class SpanCount:
    """How many entries have the same start, end and zone."""

    start: datetime
    end: datetime
    zone: str
    count: int


class BookedSpan(NamedTuple):
    """When a facility is booked."""

    start: datetime
    end: datetime


def count_entries(
    connection: Connection,
    scopes: Iterable[EntryScope],
    times: TimeRange,
    criteria: EntryCriteria,
) -> int:
    """Count the entries of disjoint scopes."""
    total = 0
    for scope in scopes:
        for condition, is_long in times.conditions():
            here = scope.for_range(is_long=is_long).condition(connection)
            query = select(func.count()).select_from(entries)
            total += connection.scalar(query.where(here, condition, criteria.condition)) or 0
    return total


def count_by_span(
    connection: Connection,
    scopes: Iterable[EntryScope],
    times: TimeRange,
    criteria: EntryCriteria,
) -> list[SpanCount]:
    """Count the entries of disjoint scopes by their start, end and zone, in this order."""
    columns = [entries.c.start_at, entries.c.end_at, entries.c.zone]
    counts: Counter[tuple[datetime, datetime, str]] = Counter()
    for scope in scopes:
        for condition, is_long in times.conditions():
            here = scope.for_range(is_long=is_long).condition(connection)
            query = select(*columns, func.count()).where(here, condition, criteria.condition)
            for start, end, zone, number in map(
                tuple, connection.execute(query.group_by(*columns))
            ):
                counts[start, end, zone] += number
    return [SpanCount(*span, number) for span, number in sorted(counts.items())]
