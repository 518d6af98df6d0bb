"""Numbers of entries by time, read without a scan of the table."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import Boolean, case, func, literal_column, null, select

from icalbridge.store.tables import entries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from sqlalchemy import ColumnElement, Connection

    from icalbridge.store.entries import EntryCriteria, EntryScope, TimeRange


BETWEEN_UIDS = "\n"


class SpanCount(NamedTuple):
    """How many entries have the same start, end and zone."""

    start: datetime
    end: datetime
    zone: str
    number: int
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
    uids = null() if uids_over is None else _uids_of_longer(uids_over)
    parts: list[list[SpanCount]] = []
    for scope in scopes:
        for condition, is_long in times.conditions():
            here = scope.for_range(is_long=is_long).condition(connection)
            query = select(*columns, func.count(), uids).where(here, condition, criteria.condition)
            rows = connection.execute(query.group_by(*columns)).all()
            parts.append([SpanCount(*row[:4], _split_uids(row[4])) for row in rows])
    in_order = sorted(span for part in parts for span in part)
    if len([part for part in parts if part]) <= 1:
        return in_order
    return [_sum(list(same)) for _, same in groupby(in_order, itemgetter(0, 1, 2))]


def _uids_of_longer(length: timedelta) -> ColumnElement[str]:
    """Return the UIDs of the entries of a group that are longer, joined into one text."""
    is_longer = literal_column(f"end_at - start_at > {int(length.total_seconds())}", Boolean)
    return func.aggregate_strings(case((is_longer, entries.c.uid)), BETWEEN_UIDS)


def _split_uids(joined: str | None) -> tuple[str, ...]:
    return tuple(sorted(joined.split(BETWEEN_UIDS))) if joined else ()


def _sum(counts: list[SpanCount]) -> SpanCount:
    uids = sorted(uid for count in counts for uid in count.uids)
    return counts[0]._replace(number=sum(count.number for count in counts), uids=tuple(uids))
