"""Which entries a feed shows at a moment, and for how long that stays so by itself.

Time changes a feed without any change of data: what ended long enough ago leaves, what was too far
ahead comes in, and what was called off is forgotten after some weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

from icalbridge.feeds.audience import Status
from icalbridge.feeds.query import PLAIN, Cancelled
from icalbridge.text import display_text, search_key
from icalbridge.words import has_words, word_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.query import FeedQuery
    from icalbridge.models import Entry, EventKey

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
TOMBSTONE = timedelta(days=30)
"""How long a feed that tells cancellations tells one; the laziest calendar programs ask once a
week.
"""
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a feed shows."""

    shown: tuple[tuple[Entry, Status], ...]
    """By start, end and UID, each with the status that it is told with."""
    changed: datetime
    """When time alone last changed the selection; 1970 when it never did."""
    until: datetime | None
    """From when on the selection is another one if no data changes; None when it stays for ever."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(entry for entry, _ in self.shown)


def select(
    entries: Iterable[Entry],
    *,
    now: datetime,
    history: timedelta,
    horizon: timedelta,
    shape: FeedQuery = PLAIN,
    categories: Mapping[EventKey, str] | None = None,
    moments: Iterable[datetime] = (),
) -> Selection:
    """Select what ends after `now - history` and starts before `now + horizon`, as far as the shape
    asks for it.

    `categories`: rate categories by event, for a shape that asks for some. `moments`: when entries
    that are not among these left or will come in, so that `changed` is the same in every process.
    """
    history, horizon = reach(shape, history, horizon)
    fold = lru_cache(maxsize=None)(_compared)  # what is on every week is called the same every week
    takes_all, values = _takes_all(shape), categories or {}
    requested = (
        entries if takes_all else [item for item in entries if _matches(item, shape, values, fold)]
    )
    known = [(item, status) for item in requested if (status := _status(item, shape)) is not None]
    known.sort(key=lambda item: (item[0].start, item[0].end, item[0].uid))
    spans = [span(item, status, history, horizon) for item, status in known]
    shown = tuple(
        item for item, (comes, leaves) in zip(known, spans, strict=True) if comes <= now < leaves
    )
    changes = [*moments, *(moment for item in spans for moment in item)]
    return Selection(shown, *around(changes, now))


def reach(shape: FeedQuery, history: timedelta, horizon: timedelta) -> tuple[timedelta, timedelta]:
    """Return how far back and ahead a shape reaches, within how far feeds may."""
    back = history if shape.past is None else min(history, timedelta(days=shape.past))
    return back, horizon if shape.ahead is None else min(horizon, timedelta(days=shape.ahead))


def span(
    values: Entry | Item, status: Status, history: timedelta, horizon: timedelta
) -> tuple[datetime, datetime]:
    """Return from when on something is in a feed, and from when on it no longer is."""
    leaves = values.end + history
    if status is Status.CANCELLED and values.cancelled is not None:
        leaves = min(leaves, values.cancelled + TOMBSTONE)
    return max(values.start - horizon + SECOND, BEGINNING), leaves


def around(moments: Sequence[datetime], now: datetime) -> tuple[datetime, datetime | None]:
    """Return the last of some moments that has come, 1970 where none has; and the next, None where
    there is none.
    """
    come = max((moment for moment in moments if moment <= now), default=BEGINNING)
    return come, min((moment for moment in moments if moment > now), default=None)


def needs_everything(shape: FeedQuery) -> bool:
    """Say whether a shape can show entries that a feed by itself does not: pending ones, or such as
    were called off.
    """
    return shape.status != PLAIN.status or shape.cancelled is not Cancelled.DROP or shape.occupancy


def _status(entry: Entry, shape: FeedQuery) -> Status | None:
    """Return the status with which an entry is told; None where it is not told at all."""
    if entry.shown:
        return Status.CONFIRMED if "approved" in shape.status else None
    if (
        shape.pending
        and entry.status == "pending"
        and entry.timeslot_status == "active"
        and entry.withdrawn is None
    ):
        return Status.TENTATIVE
    if entry.cancelled is None or "approved" not in shape.status:
        return None
    if shape.occupancy or shape.cancelled is Cancelled.TOMBSTONE:
        return Status.CANCELLED
    return Status.CONFIRMED if shape.cancelled is Cancelled.MARK else None


def _takes_all(shape: FeedQuery) -> bool:
    return not (shape.facility or shape.filters)


def _compared(text: str) -> str:
    return search_key(display_text(text))


def _matches(
    entry: Entry, shape: FeedQuery, categories: Mapping[EventKey, str], fold: Callable[[str], str]
) -> bool:
    if shape.facility and entry.facility_id not in shape.facility:
        return False
    if (
        shape.type
        and fold(entry.category) not in shape.type
        and fold(entry.event_type) not in shape.type
    ):
        return False
    if shape.activity and fold(entry.activity) not in shape.activity:
        return False
    if shape.name and fold(entry.name) not in shape.name:
        return False
    if shape.category and fold(categories.get(entry.key, "")) not in shape.category:
        return False
    if not (shape.words or shape.unwanted):
        return True
    lines = word_lines(entry.name, entry.activity, entry.place, entry.category)
    return has_words(lines, shape.words, shape.unwanted)
