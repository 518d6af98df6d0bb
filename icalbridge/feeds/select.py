"""Which entries a feed shows at a moment, and for how long that stays so by itself.

Time changes a feed without any change of data: what ended long enough ago leaves, what was too far ahead comes in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from icalbridge.model import Entry

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a feed shows."""

    entries: tuple[Entry, ...]
    """By start, end and UID."""
    changed: datetime
    """When time alone last changed the selection; 1970 when it never did."""
    until: datetime | None
    """From when on the selection is another one if no data changes; None when it stays for ever."""


def select(
    entries: Iterable[Entry],
    *,
    now: datetime,
    history: timedelta,
    horizon: timedelta,
    latest_expired: datetime | None = None,
) -> Selection:
    """Select the shown entries that end after `now - history` and start before `now + horizon`.

    `latest_expired` is when the last entry ended that has left already, so that `changed` is the same in every process.
    """
    known = sorted((each for each in entries if each.shown), key=lambda each: (each.start, each.end, each.uid))
    shown = tuple(each for each in known if each.end > now - history and each.start < now + horizon)
    second = timedelta(seconds=1)
    arrived = [each.start - horizon + second for each in shown]
    left = [each.end + history for each in known if each.end <= now - history]
    if latest_expired is not None:
        left.append(latest_expired + history)
    leaving = [each.end + history for each in shown]
    arriving = [each.start - horizon + second for each in known if each.start >= now + horizon]
    return Selection(shown, max([BEGINNING, *arrived, *left]), min([*leaving, *arriving], default=None))
