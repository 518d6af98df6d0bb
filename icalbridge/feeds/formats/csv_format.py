"""Items as CSV for spreadsheets (RFC 4180): plain English heads, local dates and times, one row an
item.

Excel takes UTF-8 for what it is only behind a byte order mark. A text that a spreadsheet would run
as a formula gets an apostrophe ahead of it (OWASP, "CSV Injection"): an event's name is anybody's
to choose.
"""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING

from icalbridge.feeds.audience import Field, Status
from icalbridge.feeds.formats.datetimes import local, zone_of
from icalbridge.feeds.formats.json_format import particulars_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.metadata import FeedMetadata

BOM = "\ufeff".encode()
COLUMNS = (
    "Date",
    "Start",
    "End",
    "Ends on",
    "Time zone",
    "Title",
    "Facility",
    "Location",
    "Type",
    "Status",
    "UID",
)
PARTICULAR_COLUMNS: Mapping[Field, str] = {
    Field.RENTER: "Renter",
    Field.EMAIL: "Email",
    Field.ATTENDANCE: "Attendance",
    Field.RESERVATION: "Reservation",
    Field.CATEGORY: "Rate category",
}

_FORMULA = re.compile(
    "[\\s\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]*[=+\\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n]"
)
"""What a spreadsheet may take for a formula, behind blanks that it may not count: white space,
marks without width.
"""


class Csv:
    """The format for spreadsheets."""

    content_type = "text/csv; charset=utf-8; header=present"
    least_bytes = 200
    spare = 0
    """There is no place in a table to tell what was left out."""

    def fragments(self, cover: FeedMetadata, items: Sequence[Item]) -> list[bytes]:
        """Write each item as a row."""
        fields = particulars_of(cover.fields)
        return [line(cells(item, zone_of(item, cover), fields)) for item in items]

    def whole(
        self,
        cover: FeedMetadata,
        items: Sequence[Item],  # noqa: ARG002  # the protocol's
        fragments: Sequence[bytes],
        complete_from: datetime | None = None,  # noqa: ARG002
        complete_until: datetime | None = None,  # noqa: ARG002
    ) -> bytes:
        """Put the head above the rows."""
        return BOM + line(header_row(particulars_of(cover.fields))) + b"".join(fragments)


class _Echo:
    """Gives back what is written to it: `csv` writes to files only."""

    def write(self, text: str) -> str:
        return text


_WRITER = csv.writer(_Echo(), lineterminator="\r\n")


def line(values: Iterable[object]) -> bytes:
    """Return a row of RFC 4180 in UTF-8; texts that look like formulas are made harmless."""
    row: str = _WRITER.writerow(
        [harmless(entry) if isinstance(entry, str) else entry for entry in values]
    )
    return row.encode()


def harmless(text: str) -> str:
    """Return a text that no spreadsheet runs."""
    return f"'{text}" if _FORMULA.match(text) else text


def header_row(particulars: Collection[Field]) -> list[str]:
    """Return the names of the columns that `cells` fills."""
    return [*COLUMNS, *(PARTICULAR_COLUMNS[field] for field in particulars)]


def cells(
    item: Item, zone: str, particulars: Collection[Field], *, status: str = ""
) -> list[object]:
    """Return an item's row, its moments as they are in a zone. `status`: in other words than the
    item's own.
    """
    start, end = local(item.start, zone), local(item.end, zone)
    return [
        start.date().isoformat(),
        f"{start.hour:02}:{start.minute:02}",
        f"{end.hour:02}:{end.minute:02}",
        end.date().isoformat() if end.date() != start.date() else "",
        zone,
        item.title,
        item.facility,
        item.location,
        item.type,
        status or (Status.CANCELLED if item.cancelled else item.status).value.capitalize(),
        item.uid,
        *(getattr(item, field.value) for field in particulars),
    ]
