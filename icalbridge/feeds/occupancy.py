"""When a space is in use: what thermostats, doors and custodians need, without a word of what goes on there.

Each booking is widened by setup and teardown, and what then touches or overlaps in one facility is one block. A block
bears the UID of its first booking. What is still pending makes blocks of its own. A booking that is called off is told
as a cancelled block of its own for some weeks, since controllers rarely notice that something is missing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.feeds.audience import BUSY, Status, View, admit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.cover import Cover
    from icalbridge.feeds.shape import Shape
    from icalbridge.model import Entry

IN_USE = "In use"
NOT_IN_USE = "Not in use"
_BARE = View(BUSY)


def blocks(entries: Iterable[tuple[Entry, Status]], shape: Shape, cover: Cover) -> list[Item]:
    """Return the blocks in order of their start. Each is as new as the feed: any change of its day may have made it."""
    before, after = timedelta(minutes=shape.before), timedelta(minutes=shape.after)
    alike: defaultdict[tuple[str, Status], list[Item]] = defaultdict(list)
    cancelled = []
    for entry, status in entries:
        item = admit(entry, status, _BARE)
        block = replace(
            item,
            uid=f"occupancy-{item.uid}",
            start=item.start - before,
            end=item.end + after,
            title=IN_USE,
            sequence=cover.revision,
            modified=cover.changed,
            first_seen=None,
        )
        if status is Status.CANCELLED:
            cancelled.append(replace(block, title=NOT_IN_USE))
        else:
            alike[entry.facility_id or entry.uid, status].append(block)
    merged = [block for some in alike.values() for block in _merged(some)]
    return sorted([*merged, *cancelled], key=lambda each: (each.start, each.end, each.uid))


def _merged(some: list[Item]) -> list[Item]:
    found: list[Item] = []
    for block in sorted(some, key=lambda each: (each.start, each.uid)):
        if found and block.start <= found[-1].end:
            found[-1] = replace(found[-1], end=max(found[-1].end, block.end))
        else:
            found.append(block)
    return found
