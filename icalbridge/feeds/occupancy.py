"""Occupancy: when a space is in use, for thermostats, locks and custodians, without titles.

Each booking is widened by setup and teardown, and what then touches or overlaps in one facility is
one block. A block has the UID of its first booking. Pending bookings make blocks of their own. A
cancelled booking is a cancelled block of its own for some weeks, since controllers rarely notice
that something is missing; one that moves to another space just leaves the old one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from icalbridge.feeds.audience import BLOCK_PREFIX, BUSY, Status, View, admit
from icalbridge.feeds.selection import changes_around, reach, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.metadata import FeedMetadata
    from icalbridge.feeds.query import FeedQuery
    from icalbridge.models import Entry

IN_USE = "In use"
NOT_IN_USE = "Not in use"
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
FOREVER = timedelta(days=10_000)
"""How far ahead bookings are looked at before they are blocks."""
_BARE = View(BUSY)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """The blocks of a feed at a moment; see `Selection` for what the moments mean."""

    items: list[Item]
    changed: datetime
    until: datetime | None


def blocks(
    entries: Iterable[tuple[Entry, Status]], query: FeedQuery, cover: FeedMetadata
) -> list[Item]:
    """Return all blocks in order of their start.

    Each is as new as the feed, and its SEQUENCE is when that changed: any change of its day may
    have made it.
    """
    before, after = timedelta(minutes=query.before), timedelta(minutes=query.after)
    sequence = int((cover.changed - EPOCH).total_seconds())
    alike: defaultdict[tuple[str, Status], list[Item]] = defaultdict(list)
    cancelled = []
    for entry, status in entries:
        item = admit(entry, status, _BARE)
        block = item._replace(
            uid=f"{BLOCK_PREFIX}{item.uid}",
            start=item.start - before,
            end=item.end + after,
            title=IN_USE,
            sequence=max(sequence, 0),
            modified=cover.changed,
            first_seen=None,
        )
        if status is Status.CANCELLED:
            cancelled.append(block._replace(title=NOT_IN_USE))
        else:
            alike[entry.facility_id or entry.uid, status].append(block)
    merged = [block for part in alike.values() for block in _merged(part)]
    return sorted([*merged, *cancelled], key=lambda row: (row.start, row.end, row.uid))


def present(
    every: Sequence[Item],
    query: FeedQuery,
    *,
    now: datetime,
    history: timedelta,
    horizon: timedelta,
    moments: Iterable[datetime] = (),
) -> Occupancy:
    """Return the blocks that are within reach at `now`: whole ones, so that none grows as time goes
    by.
    """
    back, ahead = reach(query, history, horizon)
    spans = [span(row, row.status, back, ahead) for row in every]
    shown = [
        row for row, (comes, leaves) in zip(every, spans, strict=True) if comes <= now < leaves
    ]
    changes = [*moments, *(moment for row in spans for moment in row)]
    return Occupancy(shown, *changes_around(changes, now))


def _merged(part: list[Item]) -> list[Item]:
    result: list[Item] = []
    for block in sorted(part, key=lambda row: (row.start, row.uid)):
        if result and block.start <= result[-1].end:
            result[-1] = result[-1]._replace(end=max(result[-1].end, block.end))
        else:
            result.append(block)
    return result
