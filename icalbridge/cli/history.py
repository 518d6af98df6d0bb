"""`history`: who used what and when, out of the store, as a table for public records or as JSON for
programs.

The store keeps what the vendor forgets and what feeds no longer show. Rows are written as they are
read, part by part.
"""

from __future__ import annotations

import sys
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import click

from icalbridge import timezones
from icalbridge.cli.database import connect
from icalbridge.errors import IcalbridgeError
from icalbridge.feeds.audience import Audience, Status, admit, view
from icalbridge.feeds.formats import csv_format, json_format
from icalbridge.feeds.formats.datetimes import iso_utc, local

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator

    from icalbridge.feeds.audience import Field, Item
    from icalbridge.models import Entry
    from icalbridge.settings import Settings
    from icalbridge.store import Store

ANYWHERE = timedelta(days=1)
"""No zone's midnight is further from that of UTC."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for."""

    first: date
    last: date
    """Both days count, in each entry's own zone."""
    property_ids: tuple[str, ...] = ()
    facility_ids: tuple[str, ...] = ()
    """Of any of these properties and facilities; of all where none is named."""
    audience: Audience = Audience.PUBLIC
    everything: bool = False
    """Whether also what was never on, or is no longer: pending, declined, suspended, cancelled,
    withdrawn.
    """
    as_json: bool = False


def export_history(settings: Settings, wish: Wish, output: str, *, now: datetime) -> None:
    """Write what is asked for to a file, or to stdout where `output` is empty; say on stderr what
    it cannot tell.

    A file is there only once all of it is. Raises `IcalbridgeError` for ids that nobody knows, and
    where it cannot be written.
    """
    with closing(connect(settings)) as store:
        store.check()
        _know(store, wish)
        notes = [*limits(wish, store.read.began(), now, _zones(store, wish))]
        if output:
            with _file(Path(output)) as file:
                count = write_history(store, wish, file)
            notes.append(f"{count} {'entry' if count == 1 else 'entries'} written to {output}")
        else:
            write_history(store, wish, sys.stdout.buffer)
    for note in notes:
        click.echo(note, err=True)


def limits(
    wish: Wish, began: datetime | None, now: datetime, zone_names: Collection[str] = ("UTC",)
) -> Iterator[str]:
    """Yield what a reader of records must know: days of which nothing, or not all, can be in them.

    Where it is another day in some of the zones, a day counts as known only when it is known in all
    of them.
    """
    first = max(timezones.local_date(began, each) for each in zone_names) if began else None
    today = min(timezones.local_date(now, each) for each in zone_names)
    if first is None:
        yield "Nothing was ever synced; run `icalbridge sync` first."
    elif wish.first <= first:
        yield (
            f"Records are kept since {first}; of what was over by then they hold only what belonged"
            " to bookings that went on."
        )
    if wish.last >= today:
        yield f"What is later than {today} is booked, and has not taken place yet."


def _zones(store: Store, wish: Wish) -> set[str]:
    """Return the zones of the properties that are asked for, UTC where none of them has a known
    one.
    """
    places = (store.read.facility(each) for each in wish.facility_ids)
    ids = {*wish.property_ids, *(each.property_id for each in places if each)}
    asked = [store.read.property(each) for each in ids] if ids else store.read.properties()
    return {each.timezone for each in asked if each and timezones.exists(each.timezone)} or {"UTC"}


def _know(store: Store, wish: Wish) -> None:
    for each in wish.property_ids:
        if store.read.property(each) is None:
            raise IcalbridgeError(
                f"There is no property {each!r} here; look its id up in the directory."
            )
    for each in wish.facility_ids:
        if store.read.facility(each) is None:
            raise IcalbridgeError(
                f"There is no facility {each!r} here; look its id up in the directory."
            )


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes its name when all of it is written."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            yield file
        part.replace(path)
    except OSError as error:
        raise IcalbridgeError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def write_history(store: Store, wish: Wish, file: BinaryIO) -> int:
    """Write what is asked for, by start; return how many entries that is."""
    form: Form = Records(wish) if wish.as_json else Table(wish)
    file.write(form.head)
    count = 0
    with closing(_admitted(store, wish)) as found:
        for entry, item in found:
            file.write(form.write(entry, item, first=count == 0))
            count += 1
    file.write(form.tail)
    file.flush()
    return count


def _admitted(store: Store, wish: Wish) -> Generator[tuple[Entry, Item]]:
    """Yield what took place on the days that are asked for, as its audience may see it."""
    shown = view(wish.audience)
    since = datetime.combine(wish.first, time(), UTC) - ANYWHERE
    until = datetime.combine(wish.last, time(), UTC) + 2 * ANYWHERE
    parts = store.read.history(
        since, until, wish.property_ids, wish.facility_ids, everything=wish.everything
    )
    with closing(parts):
        for part in parts:
            entries = [each for each in part if _falls_on(each, wish)]
            told = (
                store.read.particulars({each.key for each in entries})
                if shown.needs_particulars
                else {}
            )
            for each in entries:
                yield each, admit(each, _status(each), shown, particulars=told.get(each.key))


def _falls_on(entry: Entry, wish: Wish) -> bool:
    zone = entry.zone or "UTC"
    return entry.end > _midnight(wish.first, zone) and entry.start < _midnight(
        wish.last + timedelta(days=1), zone
    )


@lru_cache
def _midnight(day: date, zone: str) -> datetime:
    return timezones.midnight(day, zone)


def _status(entry: Entry) -> Status:
    if entry.shown:
        return Status.CONFIRMED
    waits = (
        entry.status == "pending" and entry.timeslot_status == "active" and entry.withdrawn is None
    )
    return Status.TENTATIVE if waits else Status.CANCELLED


class Form(Protocol):
    """One way of writing entries, one after the other."""

    head: bytes
    tail: bytes

    def write(self, entry: Entry, item: Item, *, first: bool) -> bytes:
        """Return an entry as it stands in the file; `first` where nothing is ahead of it."""


class Table:
    """The columns of a feed's CSV; Status in the vendor's words, and where all is asked for, since
    when it is off.
    """

    tail = b""

    def __init__(self, wish: Wish) -> None:
        self._fields = _particulars(wish)
        self._everything = wish.everything
        more = ("Called off", "Withdrawn") if wish.everything else ()
        self.head = csv_format.BOM + csv_format.line([*csv_format.heads(self._fields), *more])

    def write(self, entry: Entry, item: Item, *, first: bool) -> bytes:  # noqa: ARG002  # the protocol's
        """Return a row."""
        zone = item.zone or "UTC"
        more = (
            (_clock(entry.cancelled, zone), _clock(entry.withdrawn, zone))
            if self._everything
            else ()
        )
        return csv_format.line(
            [*csv_format.cells(item, zone, self._fields, status=_words(entry)), *more]
        )


class Records:
    """The keys of a feed's JSON, and where all is asked for, the vendor's own statuses."""

    tail = json_format.END

    def __init__(self, wish: Wish) -> None:
        self._fields = _particulars(wish)
        self._everything = wish.everything
        days = {"from": wish.first.isoformat(), "to": wish.last.isoformat()}
        self.head = json_format.opened(
            {"version": json_format.VERSION, **days, "audience": wish.audience.value}
        )

    def write(self, entry: Entry, item: Item, *, first: bool) -> bytes:
        """Return an object, with the comma ahead of it."""
        values = json_format.item_values(item, item.zone or "UTC", self._fields)
        if self._everything:
            values["booking"], values["timeslot"] = entry.status, entry.timeslot_status
            values["withdrawn"] = None if entry.withdrawn is None else iso_utc(entry.withdrawn)
        return (b"\n" if first else b",\n") + json_format.dumps(values)


def _particulars(wish: Wish) -> list[Field]:
    return json_format.particulars_of(view(wish.audience).fields)


def _words(entry: Entry) -> str:
    """Return `Approved`, `Approved, suspended`, `Declined, withdrawn`: all that it was."""
    slot = "" if entry.timeslot_status == "active" else entry.timeslot_status
    return ", ".join(
        filter(None, (entry.status, slot, "withdrawn" if entry.withdrawn else ""))
    ).capitalize()


def _clock(moment: datetime | None, zone: str) -> str:
    return "" if moment is None else f"{local(moment, zone):%Y-%m-%d %H:%M}"
