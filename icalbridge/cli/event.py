"""`event`: the commands; `event_write` does what they say.

The help names the vendor's fields where they differ from an option's name.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from icalbridge.cli.options import (
    NUMBER,
    json_option,
    rate_category_option,
    renter_email_option,
    renter_owner_option,
    yes_option,
)
from icalbridge.cli.runtime import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from icalbridge.cli.event_result import EventResult

    Callback = Callable[..., None]

_TYPE = click.option(
    "--event-type",
    default="reservation",
    show_default=True,
    metavar="TYPE",
    help="reservation or maintenance-block.",
)
_KEY = click.option(
    "--key",
    default="",
    metavar="NAME",
    help="Which of several keys; by default the one that reads the property.",
)
_LOG = click.option(
    "--log-message", default=None, metavar="TEXT", help="A note for Facilitron's own log."
)
_CHECKS = "Check everything that can be checked here, show what would be sent, and send no write."


def _write_options(callback: Callback) -> Callback:
    """Add the options of every command that writes."""
    for option in (
        yes_option,
        click.option("--dry-run", is_flag=True, help=_CHECKS),
        json_option,
        _KEY,
        _TYPE,
    ):
        callback = option(callback)
    return callback


def _require_one(_context: click.Context, _option: click.Parameter, values: tuple[str, ...]) -> str:
    """Return the only value; click would silently take the last of several."""
    if len(values) > 1:
        raise click.BadParameter(
            "give it once; a timeslot elsewhere is --timeslot 'START/END;facility=ID'."
        )
    return values[0]


def _finish(result: EventResult, *, as_json: bool) -> NoReturn:
    """Print a result and exit with its code."""
    from icalbridge.cli.event_result import print_result

    print_result(result, as_json=as_json)
    sys.exit(result.code)


@click.group("event")
def event_command() -> None:
    """Look at, create, move and cancel single bookings at Facilitron.

    Writing is off until ICALBRIDGE_ENABLE_WRITES is 1. What was written is read back, and is in the
    calendars here at once, or as soon as Facilitron shows it. Exit codes: 0 done, also when it does
    not show yet, 1 not done or not known, 2 bad input or configuration.
    """


@event_command.command()
@click.argument("event_id", metavar="EVENT")
@_TYPE
@_KEY
@json_option
def get(event_id: str, event_type: str, key: str, as_json: bool) -> None:
    """Ask Facilitron for an event, by its id or its external id, and show it.

    Nothing is said of who rents.
    """
    from icalbridge.cli.event_write import get_event

    _finish(get_event(load_settings(quiet=True), event_type, event_id, key), as_json=as_json)


@event_command.command()
@click.option(
    "--facility",
    required=True,
    multiple=True,
    callback=_require_one,
    metavar="ID",
    help="Where, by id or name. Others are named by --timeslot.",
)
@click.option("--name", required=True, metavar="TEXT", help="What calendars call it.")
@click.option(
    "--start", metavar="TIME", help="In the property's own time, such as 2026-12-01T18:00."
)
@click.option("--end", metavar="TIME", help="In the same way; it may be on a later day.")
@click.option(
    "--timeslot",
    "specs",
    multiple=True,
    metavar="SPEC",
    help="A timeslot as START/END[;facility=ID][;activity=NAME][;id=ID]; may be repeated.",
)
@click.option(
    "--activity", default="", metavar="TEXT", help="What the timeslots are for (activity_name)."
)
@click.option(
    "--activity-type",
    required=True,
    type=NUMBER,
    metavar="ID",
    help="Facilitron's number of it (activity_type_id).",
)
@renter_email_option
@click.option(
    "--renter-email-file", metavar="FILE", help="A file that holds it; - for standard input."
)
@renter_owner_option
@rate_category_option
@click.option("--attendance", type=NUMBER, metavar="NUMBER", help="How many people are expected.")
@click.option(
    "--external-id",
    default="",
    metavar="ID",
    help="Your own id for it; made from what it is if not given.",
)
@click.option(
    "--timeslot-id",
    default="",
    metavar="ID",
    help="Your own id for the timeslot of --start; slot-1 if not.",
)
@_LOG
@_write_options
def create(as_json: bool, **options: Any) -> None:
    """Create an event with one timeslot or several, in the facilities of one property.

    The same command again cannot book it twice: without --external-id its external id is made from
    its type, name, facilities and times.
    """
    from icalbridge.cli.event_request import CreateOptions
    from icalbridge.cli.event_write import create_event

    result = create_event(load_settings(quiet=True), CreateOptions(**options))
    _finish(result, as_json=as_json)


@event_command.command()
@click.argument("event_id", metavar="EVENT")
@_LOG
@_write_options
def cancel(event_id: str, as_json: bool, **options: Any) -> None:
    """Cancel an event with all its timeslots, by its id or its external id; it cannot be taken
    back.
    """
    from icalbridge.cli.event_request import WriteOptions
    from icalbridge.cli.event_write import cancel_event

    result = cancel_event(load_settings(quiet=True), event_id, WriteOptions(**options))
    _finish(result, as_json=as_json)


@event_command.command()
@click.argument("event_id", metavar="EVENT")
@click.argument("timeslot_id", metavar="TIMESLOT")
@click.option(
    "--start", metavar="TIME", help="In the property's own time; alone, it keeps the length."
)
@click.option("--end", metavar="TIME", help="In the same way, on the same day.")
@click.option(
    "--facility", metavar="ID", help="Another facility of the same school, by id or name."
)
@click.option(
    "--activity", metavar="TEXT", help="What it is for; an empty text takes away what was there."
)
@_LOG
@_write_options
def move(event_id: str, timeslot_id: str, as_json: bool, **options: Any) -> None:
    """Give a timeslot another time, facility or activity; `event get` shows the timeslots' ids."""
    from icalbridge.cli.event_request import MoveOptions
    from icalbridge.cli.event_write import move_timeslot

    change = MoveOptions(**options)
    result = move_timeslot(load_settings(quiet=True), event_id, timeslot_id, change)
    _finish(result, as_json=as_json)
