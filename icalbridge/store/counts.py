"""Numbers of entries by time, read without a scan of the table."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Boolean, case, func, literal_column, select

from icalbridge.store.tables import entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection

    from icalbridge.store.entries import EntryCriteria, EntryScope, TimeRange


BETWEEN_UIDS = "\n"


@dataclass(frozen=True, slots=True)
class SpanCount:
    """How many entries have the same start, end and zone."""

    start: datetime
    end: datetime
    zone: str
    count: int
    uids: tuple[str, ...] = ()
    """Of these entries, in order, where they were asked for."""


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
    uids_over: timedelta | None = None,
) -> list[SpanCount]:
    """Count the entries of disjoint scopes by their start, end and zone, in this order; with the
    UIDs of those that are longer than `uids_over`.
    """
    columns = [entries.c.start_at, entries.c.end_at, entries.c.zone]
    numbers: list[ColumnElement[Any]] = [func.count()]
    if uids_over is not None:
        is_over = literal_column(f"end_at - start_at > {int(uids_over.total_seconds())}", Boolean)
        numbers.append(func.aggregate_strings(case((is_over, entries.c.uid)), BETWEEN_UIDS))
    counts: Counter[tuple[datetime, datetime, str]] = Counter()
    uids: defaultdict[tuple[datetime, datetime, str], list[str]] = defaultdict(list)
    for scope in scopes:
        for condition, is_long in times.conditions():
            here = scope.for_range(is_long=is_long).condition(connection)
            query = select(*columns, *numbers).where(here, condition, criteria.condition)
            for start, end, zone, number, *lists in map(
                tuple, connection.execute(query.group_by(*columns))
            ):
                counts[start, end, zone] += number
                if lists and lists[0]:
                    uids[start, end, zone] += lists[0].split(BETWEEN_UIDS)
    return [
        SpanCount(*span, number, tuple(sorted(uids[span])))
        for span, number in sorted(counts.items())
    ]
