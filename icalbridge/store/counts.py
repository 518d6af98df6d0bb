"""Numbers of entries by facility or by time, read without a scan of the table."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import func, select, text, union_all

from icalbridge.store.rows import SHOWN
from icalbridge.store.tables import LONG, LONG_SECONDS, entries, properties

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import CompoundSelect, Connection

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


def count_by_facility(connection: Connection, since: datetime, until: datetime) -> dict[str, int]:
    """Return how many shown entries overlap a span, by facility."""
    overlapping = _overlapping(since, until).subquery()
    query = select(overlapping.c.facility_id, func.count()).group_by(overlapping.c.facility_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def booked_spans(
    connection: Connection, since: datetime, until: datetime
) -> dict[str, list[BookedSpan]]:
    """Return when shown entries are on that overlap a span, by facility."""
    booked: dict[str, list[BookedSpan]] = {}
    for facility_id, start, end in connection.execute(_overlapping(since, until)):
        booked.setdefault(facility_id, []).append(BookedSpan(start, end))
    return booked


def _overlapping(since: datetime, until: datetime) -> CompoundSelect[str, datetime, datetime]:
    """Return facility, start and end of the shown entries that overlap a span.

    Work is bounded by the span: entries up to `LONG_SECONDS` are found by their start, the few
    longer ones by a partial index.
    """
    overlapping = (
        select(entries.c.facility_id, entries.c.start_at, entries.c.end_at)
        .where(entries.c.property_id.in_(select(properties.c.id)), SHOWN)
        .where(entries.c.end_at > since, entries.c.start_at < until)
    )
    short = overlapping.where(
        entries.c.start_at > since - timedelta(seconds=LONG_SECONDS),
        text(f"end_at - start_at <= {LONG_SECONDS}"),
    )
    return union_all(short, overlapping.where(LONG))


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
            for row in connection.execute(query.group_by(*columns)):
                counts[row[0], row[1], row[2]] += row[3]
    return [
        SpanCount(start, end, zone, number) for (start, end, zone), number in sorted(counts.items())
    ]
