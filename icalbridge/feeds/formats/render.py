"""Items as a file in one of the formats, never larger than it may be.

A format writes each item by itself, as a fragment of bytes, so that what fits can be chosen before
anything is joined.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from icalbridge import timezones
from icalbridge.feeds.formats import atom, csv_format, ics, json_format
from icalbridge.feeds.size_limit import Fit, fit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.calendar import Calendar
    from icalbridge.feeds.metadata import FeedMetadata


@dataclass(frozen=True, slots=True)
class Rendered:
    """A feed as a file."""

    body: bytes
    count: int
    """How many items are in it."""
    complete_from: datetime | None = None
    """Up to when items were left out for size; None when none of the past were."""
    complete_until: datetime | None = None
    """From when on items were left out for size; None when none of the future were."""
    since: datetime | None = None
    """From when on the same items were left out; None when all fits."""
    until: datetime | None = None
    """When other items may fit; None when all fits."""

    @property
    def is_cut(self) -> bool:
        return self.since is not None


class Format(Protocol):
    """One way of writing a feed."""

    content_type: str
    least_bytes: int
    """What an item with texts of usual length takes at least."""
    spare: int
    """The octets that telling what was left out takes at most."""

    def fragments(self, cover: FeedMetadata, items: Sequence[Item]) -> list[bytes]:
        """Write each item by itself."""

    def whole(
        self,
        cover: FeedMetadata,
        items: Sequence[Item],
        fragments: Sequence[bytes],
        complete_from: datetime | None = None,
        complete_until: datetime | None = None,
    ) -> bytes:
        """Join the fragments of these items to a file."""


FORMATS: Mapping[str, Format] = {
    "ics": ics.ICalendar(),
    "json": json_format.Json(),
    "csv": csv_format.Csv(),
    "atom": atom.Atom(),
}
"""By the suffix of the address."""


def render(suffix: str, calendar: Calendar, *, now: datetime, max_bytes: int) -> Rendered:
    """Render a calendar as a file; what does not fit is left out, which the file says."""
    form, metadata = FORMATS[suffix], calendar.metadata
    fragments = form.fragments(metadata, calendar.items)
    body = form.whole(metadata, calendar.items, fragments)
    if len(body) <= max_bytes:
        return Rendered(body, len(calendar.items))
    cut = _fit(form, calendar, fragments, len(body), now, max_bytes)
    items = [calendar.items[index] for index in cut.fitting]
    parts = [fragments[index] for index in cut.fitting]
    body = form.whole(metadata, items, parts, cut.complete_from, cut.complete_until)
    return Rendered(body, len(items), cut.complete_from, cut.complete_until, cut.since, cut.until)


def measure(suffix: str, calendar: Calendar, *, now: datetime, max_bytes: int) -> Fit | None:
    """Return what a file would hold of a calendar that is too large; None where all fits."""
    form = FORMATS[suffix]
    fragments = form.fragments(calendar.metadata, calendar.items)
    size = len(form.whole(calendar.metadata, calendar.items, fragments))
    if size <= max_bytes:
        return None
    return _fit(form, calendar, fragments, size, now, max_bytes)


def _fit(
    form: Format,
    calendar: Calendar,
    fragments: Sequence[bytes],
    size: int,
    now: datetime,
    max_bytes: int,
) -> Fit:
    sizes = [len(fragment) for fragment in fragments]
    budget = max_bytes - (size - sum(sizes)) - form.spare
    cut = fit(calendar.items, sizes, timezones.zone(calendar.metadata.zone), now, budget)
    return replace(
        cut,
        complete_from=cut.complete_from or calendar.complete_from,
        complete_until=cut.complete_until or calendar.complete_until,
    )
