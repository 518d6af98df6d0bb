"""`history`: who used what and when, from the store, as CSV for public records or as JSON."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from icalbridge import timezones
from icalbridge.cli.options import DAY, ids_option
from icalbridge.cli.runtime import load_settings, open_current
from icalbridge.errors import IcalbridgeError
from icalbridge.models import utcnow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date, datetime

    from icalbridge.cli.records import HistoryQuery
    from icalbridge.settings import Settings
    from icalbridge.store import Store


@click.command("history")
@click.option(
    "--from",
    "first",
    required=True,
    metavar="DATE",
    type=DAY,
    help="The first day, in each place's own time.",
)
@click.option(
    "--to", "last", required=True, metavar="DATE", type=DAY, help="The last day; it counts too."
)
@click.option(
    "--csv", "as_csv", is_flag=True, help="Write a table for spreadsheets; this is the default."
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@ids_option("property")
@ids_option("facility")
@click.option(
    "--audience",
    default="public",
    show_default=True,
    type=click.Choice(["public", "staff", "operations"]),
    help="Whose fields it has; staff's name the renter.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also what was pending, declined, canceled or withdrawn.",
)
@click.option("--output", default="", metavar="FILE", help="Write to a file; to stdout without it.")
def history_command(
    first: date, last: date, as_csv: bool, output: str, audience: str, **options: Any
) -> None:
    """Write down what took place on some days, for public records, out of the database.

    An entry that goes on past midnight counts on both days.
    """
    if first > last:
        raise click.UsageError("--from is after --to; give the earlier day first.")
    if as_csv and options["as_json"]:
        raise click.UsageError("--csv and --json exclude each other; give one of them.")
    from icalbridge.cli.records import HistoryQuery
    from icalbridge.feeds.audience import Audience

    query = HistoryQuery(first, last, audience=Audience(audience), **options)
    export_history(load_settings(quiet=True), query, output, now=utcnow())


def export_history(settings: Settings, query: HistoryQuery, output: str, *, now: datetime) -> None:
    """Write the records to a file, or to stdout where `output` is empty; notes go to stderr.

    A file appears only once it is complete; only its owner can read it. Raises `IcalbridgeError`
    for unknown places, and where it cannot be written.
    """
    from icalbridge.cli.records import write_history

    with open_current(settings) as store:
        query = _with_ids(store, query)
        notes = [*limits(query, store.read.began(), now, _zones(store, query))]
        if output:
            with _file(Path(output)) as file:
                count = write_history(store, query, file)
            notes.append(f"{count} {'entry' if count == 1 else 'entries'} written to {output}")
        else:
            write_history(store, query, sys.stdout.buffer)
    for note in notes:
        click.echo(note, err=True)


def limits(
    query: HistoryQuery,
    began: datetime | None,
    now: datetime,
    zone_names: Collection[str] = ("UTC",),
) -> Iterator[str]:
    """Yield notes for readers of the records: days of which nothing, or not all, can be in them.

    A day counts as known only when it is known in all of the zones.
    """
    first = max(timezones.local_date(began, zone) for zone in zone_names) if began else None
    today = min(timezones.local_date(now, zone) for zone in zone_names)
    if first is None:
        yield "Nothing was ever synced; run `icalbridge sync` first."
    elif query.first <= first:
        yield (
            f"Records are kept since {first}; of what was over by then they hold only what belonged"
            " to bookings that went on."
        )
    if query.last >= today:
        yield f"What is later than {today} is booked, and has not taken place yet."


def _zones(store: Store, query: HistoryQuery) -> set[str]:
    """Return the zones of the properties in the query; UTC where none of them has a known one."""
    places = (store.read.facility(facility_id) for facility_id in query.facility_ids)
    ids = {*query.property_ids, *(place.property_id for place in places if place)}
    properties = (
        [store.read.property(place_id) for place_id in ids] if ids else store.read.properties()
    )
    return {
        place.timezone for place in properties if place and timezones.exists(place.timezone)
    } or {"UTC"}


def _with_ids(store: Store, query: HistoryQuery) -> HistoryQuery:
    """Return a query with the ids of places that were given by name."""
    from icalbridge.store.place_names import find_facility, find_property

    return replace(
        query,
        property_ids=tuple(find_property(store.read, text).id for text in query.property_ids),
        facility_ids=tuple(find_facility(store.read, text).id for text in query.facility_ids),
    )


@contextmanager
def _file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets its name once it is complete."""
    part = path.with_name(f"{path.name}.part")
    try:
        with open(part, "wb", opener=_open_private) as file:  # the mode
            yield file
        part.replace(path)
    except OSError as error:
        raise IcalbridgeError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        part.unlink(missing_ok=True)


def _open_private(path: str, flags: int) -> int:
    """Open a new file that only its owner can read."""
    return os.open(path, flags | os.O_EXCL, 0o600)
