"""Numbers of entries by facility or by time, read without a scan of the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select, union_all

from icalbridge.store.rows import SHOWN, seconds
from icalbridge.store.tables import LONG, LONG_SECONDS, entries, properties

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from icalbridge.store.entries import EntryCriteria, EntryScope, TimeRange


@dataclass(frozen=True, slots=True)
class SpanCount:
    """How many entries have the same start, end (seconds since 1970) and zone."""

    start: int
    end: int
    zone: str
    count: int


def count_by_facility(connection: Connection, since: datetime, until: datetime) -> dict[str, int]:
    """Return how many shown entries overlap a span, by facility.

    Work is bounded by the span: entries up to `LONG_SECONDS` are found by their start, the few
    longer ones by a partial index.
    """
    overlapping = (
        select(entries.c.facility_id)
        .where(entries.c.property_id.in_(select(properties.c.id)), SHOWN)
        .where(entries.c.end_at > seconds(since), entries.c.start_at < seconds(until))
    )
    short = overlapping.where(
        entries.c.start_at > seconds(since) - LONG_SECONDS,
        entries.c.end_at - entries.c.start_at <= LONG_SECONDS,
    )
    overlapping_entries = union_all(short, overlapping.where(LONG)).subquery()
    query = select(overlapping_entries.c.facility_id, func.count()).group_by(
        overlapping_entries.c.facility_id
    )
    return {row[0]: row[1] for row in connection.execute(query)}


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
    counts: Counter[tuple[int, int, str]] = Counter()
    for scope in scopes:
        for condition, is_long in times.conditions():
            here = scope.for_range(is_long=is_long).condition(connection)
            query = select(*columns, func.count()).where(here, condition, criteria.condition)
            for start, end, zone, number in map(
                tuple, connection.execute(query.group_by(*columns))
            ):
                counts[start, end, zone] += number
    return [SpanCount(*span, number) for span, number in sorted(counts.items())]
