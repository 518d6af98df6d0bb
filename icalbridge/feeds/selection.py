"""Which entries a feed shows at a moment, and for how long that stays so by itself.

Time changes a feed without any change of data: what ended long enough ago leaves, what was too far
ahead comes in, and what was called off is forgotten after some weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from icalbridge.feeds.audience import Status
from icalbridge.feeds.query import PLAIN, Cancelled
from icalbridge.models import ReservedEntry
from icalbridge.store.texts import fold_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.query import FeedQuery
    from icalbridge.models import Entry, EventKey

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
TOMBSTONE = timedelta(days=30)
"""How long a cancellation stays in a feed; the slowest calendar programs poll once a week."""
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a feed shows."""

    shown: tuple[tuple[Entry, Status], ...]
    """By start, end and UID, each with its STATUS."""
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
    query: FeedQuery = PLAIN,
    categories: Mapping[EventKey, str] | None = None,
    moments: Iterable[datetime] = (),
) -> Selection:
    """Select what ends after `now - history` and starts before `now + horizon`, as far as the query
    asks for it.

    `categories`: rate categories by event, for a query that asks for some. `moments`: when entries
    that are not among these left or will come in, so that `changed` is the same in every process.
    """
    history, horizon = reach(query, history, horizon)
    requested = _requested(entries, query, categories or {})
    known = [(item, status) for item in requested if (status := _status(item, query)) is not None]
    known.sort(key=lambda item: (item[0].start, item[0].end, item[0].uid))
    spans = [span(item, status, history, horizon) for item, status in known]
    shown = tuple(
        item for item, (comes, leaves) in zip(known, spans, strict=True) if comes <= now < leaves
    )
    changes = [*moments, *(moment for item in spans for moment in item)]
    return Selection(shown, *changes_around(changes, now))


def reach(query: FeedQuery, history: timedelta, horizon: timedelta) -> tuple[timedelta, timedelta]:
    """Return how far back and ahead a query reaches, within how far feeds may."""
    back = history if query.past is None else min(history, timedelta(days=query.past))
    return back, horizon if query.ahead is None else min(horizon, timedelta(days=query.ahead))


def span(
    values: Entry | Item, status: Status, history: timedelta, horizon: timedelta
) -> tuple[datetime, datetime]:
    """Return from when on something is in a feed, and from when on it no longer is."""
    leaves = values.end + history
    if status is Status.CANCELLED and values.cancelled is not None:
        leaves = min(leaves, values.cancelled + TOMBSTONE)
    return max(values.start - horizon + SECOND, BEGINNING), leaves


def changes_around(moments: Sequence[datetime], now: datetime) -> tuple[datetime, datetime | None]:
    """Return the last of some moments that has come, 1970 where none has; and the next, None where
    there is none.
    """
    come = max((moment for moment in moments if moment <= now), default=BEGINNING)
    return come, min((moment for moment in moments if moment > now), default=None)


def _status(entry: Entry, query: FeedQuery) -> Status | None:
    """Return the STATUS of an entry; None where it is not shown."""
    if entry.shown:
        return Status.CONFIRMED if "approved" in query.status else None
    if (
        query.pending
        and entry.status == "pending"
        and entry.timeslot_status == "active"
        and entry.withdrawn is None
    ):
        return Status.TENTATIVE
    if entry.cancelled is None or "approved" not in query.status:
        return None
    if query.occupancy or query.cancelled is Cancelled.TOMBSTONE:
        return Status.CANCELLED
    return Status.CONFIRMED if query.cancelled is Cancelled.MARK else None


def _requested(
    entries: Iterable[Entry], query: FeedQuery, categories: Mapping[EventKey, str]
) -> Iterable[Entry]:
    """Return the entries that a query selects."""
    for matches, value in query.conditions_beside_texts:
        entries = [item for item in entries if matches(value, item, _category(item, categories))]
    if not query.limits_texts:
        return entries

    @cache  # what is on every week has the same texts every week
    def matches_texts(*texts: str) -> bool:
        return query.matches_texts(fold_texts(*texts))

    return [
        item
        for item in entries
        if matches_texts(_event_type(item), item.name, item.activity, item.place, item.type)
    ]


def _category(entry: Entry, categories: Mapping[EventKey, str]) -> str:
    is_known = categories and not isinstance(entry, ReservedEntry)
    return categories.get(entry.key, "") if is_known else ""


def _event_type(entry: Entry) -> str:
    return "" if isinstance(entry, ReservedEntry) else entry.event_type
