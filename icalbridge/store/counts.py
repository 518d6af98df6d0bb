"""Numbers of shown entries by facility, read without a scan of the table."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text, union_all

from icalbridge.store.rows import SHOWN
from icalbridge.store.tables import LONG, LONG_SECONDS, entries, properties

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection


def count_by_facility(connection: Connection, since: datetime, until: datetime) -> dict[str, int]:
    """Return how many shown entries overlap a span, by facility.

    Work is bounded by the span: entries up to `LONG_SECONDS` are found by their start, the few
    longer ones by a partial index.
    """
    overlapping = (
        select(entries.c.facility_id)
        .where(entries.c.property_id.in_(select(properties.c.id)), SHOWN)
        .where(entries.c.end_at > since, entries.c.start_at < until)
    )
    short = overlapping.where(
        entries.c.start_at > since - timedelta(seconds=LONG_SECONDS),
        text(f"end_at - start_at <= {LONG_SECONDS}"),
    )
    overlapping_entries = union_all(short, overlapping.where(LONG)).subquery()
    query = select(overlapping_entries.c.facility_id, func.count()).group_by(
        overlapping_entries.c.facility_id
    )
    return {row[0]: row[1] for row in connection.execute(query)}
