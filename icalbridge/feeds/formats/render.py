"""Items as a file in one of the formats, never larger than it may be.

A format writes each item by itself, as a fragment of bytes, so that what fits can be chosen before
anything is joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from icalbridge import timezones
from icalbridge.feeds.formats import atom, csv_format, ics, json_format
from icalbridge.feeds.size_limit import fit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
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
    left_out: int = 0
    """How many items that are not over were left out for size: the last ones."""
    since: datetime | None = None
    """From when on the same items were left out; None when all fits."""
    until: datetime | None = None
    """When other items may fit; None when all fits."""


class Format(Protocol):
    """One way of writing a feed."""

    content_type: str
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


def render(
    suffix: str, cover: FeedMetadata, items: Sequence[Item], *, now: datetime, max_bytes: int
) -> Rendered:
    """Render a feed's items, which are in order of their start; what does not fit is left out,
    which the file says.
    """
    form = FORMATS[suffix]
    fragments = form.fragments(cover, items)
    body = form.whole(cover, items, fragments)
    if len(body) <= max_bytes:
        return Rendered(body, len(items))
    sizes = [len(each) for each in fragments]
    room = max_bytes - (len(body) - sum(sizes)) - form.spare
    found = fit(items, sizes, timezones.zone(cover.zone), now, room)
    kept, parts = [items[index] for index in found.kept], [fragments[index] for index in found.kept]
    body = form.whole(cover, kept, parts, found.complete_from, found.complete_until)
    return Rendered(
        body,
        len(kept),
        found.complete_from,
        found.complete_until,
        found.left_out,
        found.since,
        found.until,
    )
