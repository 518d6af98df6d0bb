"""`push`: its options; `push_review` shows plans and asks."""

from __future__ import annotations

import sys
from typing import Any

import click

from icalbridge.cli import FAILED
from icalbridge.cli.options import (
    NUMBER,
    rate_category_option,
    renter_email_option,
    renter_owner_option,
    yes_option,
)
from icalbridge.cli.runtime import load_settings


@click.command("push")
@click.argument("calendar", metavar="FILE_OR_URL", required=False)
@click.option(
    "--url-file",
    metavar="FILE",
    help=(
        "A file that holds the address, in place of FILE_OR_URL: others on this machine can see a"
        " secret address that is typed."
    ),
)
@click.option(
    "--facility",
    "facilities",
    multiple=True,
    metavar="[LOCATION=]ID",
    help=(
        "Where events of that LOCATION take place; ID alone for those that name no place, or for"
        " all of them if no LOCATION is given anywhere; LOCATION= leaves out what takes place"
        " there. A * stands for any letters. May be repeated."
    ),
)
@click.option(
    "--map",
    "map_file",
    metavar="FILE",
    help='The same in TOML: a table [places] with lines like "Main Gym" = "ID".',
)
@click.option(
    "--name",
    default="",
    metavar="TEXT",
    help=(
        "What the bridge calls this calendar, to know again what it pushed from it; the file's"
        " name, or the host of an address, if not given. Keep it when the file or the address"
        " changes."
    ),
)
@click.option(
    "--skip-free",
    is_flag=True,
    help="Leave out events that block no time: marked transparent, or free in Outlook.",
)
@click.option(
    "--skip-private",
    is_flag=True,
    help='Leave out private and confidential events; otherwise they are booked as "Reserved".',
)
@click.option(
    "--skip",
    multiple=True,
    metavar="WORDS",
    help="Leave out events with these whole words in their title, in any case. May be repeated.",
)
@click.option(
    "--activity-type",
    type=NUMBER,
    metavar="ID",
    help="Facilitron's number of what it is (activity_type_id).",
)
@renter_email_option
@click.option("--renter-email-file", metavar="FILE", help="A file that holds it.")
@renter_owner_option
@rate_category_option
@click.option(
    "--key",
    default="",
    metavar="NAME",
    help="Which of several keys; else the one that reads the property.",
)
@click.option(
    "--watch",
    is_flag=True,
    help="Read it again and again, and push what changed, until Ctrl-C; with --yes.",
)
@click.option(
    "--every",
    default=15.0,
    show_default=True,
    metavar="MINUTES",
    type=click.FloatRange(1, 1440),
    help="How often --watch reads it.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show the plan and write nothing; works while writing is off."
)
@yes_option
@click.option("--json", "as_json", is_flag=True, help="Print plan and outcome as one JSON object.")
@click.option("--again", is_flag=True, help="Make anew what somebody canceled in Facilitron.")
@click.option(
    "--cancel-many",
    is_flag=True,
    help="Take a calendar at its word that has lost most of its events, or all of them.",
)
@click.option(
    "--allow-private-address",
    is_flag=True,
    help="Let the address be in a private network, or on this machine.",
)
def push_command(
    calendar: str | None, url_file: str | None, watch: bool, every: float, **options: Any
) -> None:
    """Make the events of a calendar bookings at Facilitron, and keep them the same.

    Shows first what there is to create, to move and to cancel, and what is impossible and why. Run
    again, it does nothing; after the calendar was edited, just the difference; after it was broken
    off, the rest. Only what this command made is ever changed.

    Writing is off until ICALBRIDGE_ENABLE_WRITES is 1. Exit codes: 0 done, 1 something could not be
    done, 2 bad input or configuration.
    """
    from icalbridge.cli.push_review import PushInput, find_source, push_calendar

    source = find_source(calendar, url_file, allow_private=options.pop("allow_private_address"))
    given = PushInput(source=source, **options)
    done = push_calendar(load_settings(quiet=True), given, every * 60 if watch else None)
    sys.exit(0 if done else FAILED)
