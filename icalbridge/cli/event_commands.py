"""The words of `icalbridge event`: what each command takes; `event` does it.

The vendor's own names for what a booking has are in the help where they differ from an option's.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from icalbridge.cli.event import How
    from icalbridge.cli.event_told import Told
    from icalbridge.settings import Settings

    Command = Callable[..., None]
    ReadSettings = Callable[[], Settings]

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
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_LOG = click.option(
    "--log-message", default=None, metavar="TEXT", help="A note for Facilitron's own log."
)
_CHECKS = "Check everything that can be checked here, show what would be sent, and send no write."


def _writes(command: Command) -> Command:
    """Add what goes for every command that writes."""
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help=_CHECKS),
        _JSON,
        _KEY,
        _TYPE,
    ):
        command = option(command)
    return command


def _one(_context: click.Context, _option: click.Parameter, given: tuple[str, ...]) -> str:
    """Take what is given once; of several the last would win unseen."""
    if len(given) > 1:
        raise click.BadParameter(
            "give it once; a timeslot elsewhere is --timeslot 'START/END;facility=ID'."
        )
    return given[0]


def _end(told: Told, *, as_json: bool) -> None:
    from icalbridge.cli.event_told import say

    say(told, as_json=as_json)
    sys.exit(told.code)


def _how(options: dict[str, Any]) -> How:
    from icalbridge.cli.event import How

    return How(options["key"], options["dry_run"], options["yes"])


@click.group("event")
def event_group() -> None:
    """Look at, create, move and cancel single bookings at Facilitron.

    Writing is off until ICALBRIDGE_ENABLE_WRITES is 1. What was written is read back, and is in the
    calendars here at once, or as soon as Facilitron shows it. Exit codes: 0 done, also when it does
    not show yet, 1 not done or not known, 2 bad input or configuration.
    """


@event_group.command()
@click.argument("event_id", metavar="EVENT")
@_TYPE
@_KEY
@_JSON
@click.pass_obj
def get(
    read_settings: ReadSettings, event_id: str, event_type: str, key: str, as_json: bool
) -> None:
    """Ask Facilitron for an event, by its id or its external id, and show it.

    Nothing is said of who rents.
    """
    from icalbridge.cli import event

    _end(event.get_event(read_settings(), event_type, event_id, key), as_json=as_json)


@event_group.command()
@click.option(
    "--facility",
    required=True,
    multiple=True,
    callback=_one,
    metavar="ID",
    help="Where; its id in the directory. Others are named by --timeslot.",
)
@click.option("--name", required=True, metavar="TEXT", help="What calendars call it.")
@click.option(
    "--start", metavar="TIME", help="In the property's own time, such as 2026-12-01T18:00."
)
@click.option("--end", metavar="TIME", help="In the same way, on the same day.")
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
    type=float,
    metavar="ID",
    help="Facilitron's number of it (activity_type_id).",
)
@click.option(
    "--renter-email",
    metavar="EMAIL",
    help=(
        "For whom; better in a file or in ICALBRIDGE_RENTER_EMAIL, since others on this machine can"
        " see an option."
    ),
)
@click.option(
    "--renter-email-file", metavar="FILE", help="A file that holds it; - for standard input."
)
@click.option("--renter-owner", metavar="ID", help="The renter's property or owner record.")
@click.option(
    "--rate-category", metavar="ID", help="The renter's rate category (renter_rate_category_id)."
)
@click.option("--attendance", type=float, metavar="NUMBER", help="How many people are expected.")
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
@_writes
@click.pass_obj
def create(read_settings: ReadSettings, /, as_json: bool, **options: Any) -> None:
    """Create an event with one timeslot or several, in the facilities of one property.

    The same command again cannot book it twice: without --external-id its external id is made from
    its type, name, facilities and times.
    """
    from icalbridge.cli import event, event_given

    settings = read_settings()
    wish = event_given.Wish(
        name=options["name"],
        facility=options["facility"],
        slots=event_given.slots(
            options["start"], options["end"], options["specs"], options["timeslot_id"]
        ),
        renter_email=event_given.renter(
            settings, options["renter_email"], options["renter_email_file"]
        ),
        activity_type=options["activity_type"],
        event_type=options["event_type"],
        activity=options["activity"],
        external_id=options["external_id"],
        attendance=options["attendance"],
        rate_category=options["rate_category"],
        renter_owner=options["renter_owner"],
        log_message=options["log_message"],
    )
    _end(event.create_event(settings, wish, _how(options)), as_json=as_json)


@event_group.command()
@click.argument("event_id", metavar="EVENT")
@_LOG
@_writes
@click.pass_obj
def cancel(read_settings: ReadSettings, /, event_id: str, as_json: bool, **options: Any) -> None:
    """Cancel an event with all its timeslots, by its id or its external id; it cannot be taken
    back.
    """
    from icalbridge.cli import event

    message = options["log_message"] or ""
    told = event.cancel_event(
        read_settings(), options["event_type"], event_id, message, _how(options)
    )
    _end(told, as_json=as_json)


@event_group.command()
@click.argument("event_id", metavar="EVENT")
@click.argument("timeslot_id", metavar="TIMESLOT")
@click.option(
    "--start", metavar="TIME", help="In the property's own time; alone, it keeps the length."
)
@click.option("--end", metavar="TIME", help="In the same way, on the same day.")
@click.option("--facility", metavar="ID", help="Another facility of the same property.")
@click.option(
    "--activity", metavar="TEXT", help="What it is for; an empty text takes away what was there."
)
@_LOG
@_writes
@click.pass_obj
def move(
    read_settings: ReadSettings, /, event_id: str, timeslot_id: str, as_json: bool, **options: Any
) -> None:
    """Give a timeslot another time, facility or activity; `event get` shows the timeslots' ids."""
    from icalbridge.cli import event

    change = event.Change(
        *(options[name] for name in ("start", "end", "facility", "activity", "log_message"))
    )
    told = event.move_timeslot(
        read_settings(), options["event_type"], event_id, timeslot_id, change, _how(options)
    )
    _end(told, as_json=as_json)
