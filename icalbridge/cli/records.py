"""Stored entries as CSV or JSON, for public records.

The store keeps what the vendor forgets and what feeds no longer show. Rows are written as they are
read, part by part.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, Protocol

from icalbridge import timezones
from icalbridge.feeds.audience import Audience, Status, admit, view
from icalbridge.feeds.formats import csv_format, json_format
from icalbridge.feeds.formats.datetimes import iso_utc, local
from icalbridge.feeds.places import read_places

if TYPE_CHECKING:
    from collections.abc import Generator

    from icalbridge.feeds.audience import Field, Item
    from icalbridge.models import Entry
    from icalbridge.store import Store

ANYWHERE = timedelta(days=1)
"""No zone's midnight is further from that of UTC."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which entries to write, and how."""

    first: date
    last: date
    """Both days count, in each entry's own zone."""
    property_ids: tuple[str, ...] = ()
    facility_ids: tuple[str, ...] = ()
    """Of any of these properties and facilities; of all where none is named."""
    audience: Audience = Audience.PUBLIC
    everything: bool = False
    """Whether to include what was never on, or is no longer: pending, declined, suspended,
    cancelled, withdrawn.
    """
    as_json: bool = False


def write_history(store: Store, query: HistoryQuery, file: BinaryIO) -> int:
    """Write the records ordered by start; return how many they are."""
    form: RecordFormat = JsonRecords(query) if query.as_json else CsvRecords(query)
    file.write(form.head)
    count = 0
    with closing(_admitted(store, query)) as admitted:
        for entry, item in admitted:
            file.write(form.write(entry, item, first=count == 0))
            count += 1
    file.write(form.tail)
    file.flush()
    return count


def _admitted(store: Store, query: HistoryQuery) -> Generator[tuple[Entry, Item]]:
    """Yield the entries of the days with what the audience may see of them."""
    shown = view(query.audience)
    since = datetime.combine(query.first, time(), UTC) - ANYWHERE
    until = datetime.combine(query.last, time(), UTC) + 2 * ANYWHERE
    parts = store.read.history(
        since, until, query.property_ids, query.facility_ids, everything=query.everything
    )
    with closing(parts):
        for part in parts:
            entries = [entry for entry in part if _falls_on(entry, query)]
            details = (
                store.read.particulars({entry.key for entry in entries})
                if shown.needs_particulars
                else {}
            )
            places = read_places(store.read, entries, schools=True)
            for entry in entries:
                known = details.get(entry.key)
                yield entry, admit(entry, _status(entry), shown, places=places, particulars=known)


def _falls_on(entry: Entry, query: HistoryQuery) -> bool:
    zone = entry.zone or "UTC"
    return entry.end > _midnight(query.first, zone) and entry.start < _midnight(
        query.last + timedelta(days=1), zone
    )


@lru_cache
def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time(), timezones.zone(zone)).astimezone(UTC)


def _status(entry: Entry) -> Status:
    if entry.shown:
        return Status.CONFIRMED
    waits = (
        entry.status == "pending" and entry.timeslot_status == "active" and entry.withdrawn is None
    )
    return Status.TENTATIVE if waits else Status.CANCELLED


class RecordFormat(Protocol):
    """Writer for one file format, entry by entry."""

    head: bytes
    tail: bytes

    def write(self, entry: Entry, item: Item, *, first: bool) -> bytes:
        """Return an entry's bytes; `first`: no other entry precedes it."""


class CsvRecords:
    """Columns of a feed's CSV with the vendor's Status; with `everything` also since when it is
    off; the school last.
    """

    tail = b""

    def __init__(self, query: HistoryQuery) -> None:
        self._fields = _detail_fields(query)
        self._everything = query.everything
        more = ("Called off", "Withdrawn") if query.everything else ()
        heads = [*csv_format.header_row(self._fields), *more, "School"]
        self.head = csv_format.BOM + csv_format.line(heads)

    def write(self, entry: Entry, item: Item, *, first: bool) -> bytes:  # noqa: ARG002
        """Return a row."""
        zone = item.zone or "UTC"
        more = (
            (_local_text(entry.cancelled, zone), _local_text(entry.withdrawn, zone))
            if self._everything
            else ()
        )
        cells = csv_format.cells(item, zone, self._fields, status=_status_text(entry))
        return csv_format.line([*cells, *more, item.school or entry.property_id])


class JsonRecords:
    """Keys of a feed's JSON and the school; with `everything` also the vendor's statuses."""

    tail = json_format.END

    def __init__(self, query: HistoryQuery) -> None:
        self._fields = _detail_fields(query)
        self._everything = query.everything
        days = {"from": query.first.isoformat(), "to": query.last.isoformat()}
        self.head = json_format.opened(
            {"version": json_format.VERSION, **days, "audience": query.audience.value}
        )

    def write(self, entry: Entry, item: Item, *, first: bool) -> bytes:
        """Return an object, with the comma ahead of it."""
        values = json_format.item_values(item, item.zone or "UTC", self._fields)
        values["school"] = item.school or entry.property_id
        if self._everything:
            values["booking"], values["timeslot"] = entry.status, entry.timeslot_status
            values["withdrawn"] = None if entry.withdrawn is None else iso_utc(entry.withdrawn)
        return (b"\n" if first else b",\n") + json_format.dumps(values)


def _detail_fields(query: HistoryQuery) -> list[Field]:
    return json_format.particulars_of(view(query.audience).fields)


def _status_text(entry: Entry) -> str:
    """Return `Approved`, `Approved, suspended`, `Declined, withdrawn`: all of its statuses."""
    slot = "" if entry.timeslot_status == "active" else entry.timeslot_status
    return ", ".join(
        filter(None, (entry.status, slot, "withdrawn" if entry.withdrawn else ""))
    ).capitalize()


def _local_text(moment: datetime | None, zone: str) -> str:
    return "" if moment is None else f"{local(moment, zone):%Y-%m-%d %H:%M}"
