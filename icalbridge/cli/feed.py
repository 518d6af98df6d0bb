"""`feed`: the commands; `saved_feeds` does what they say.

Options have the names of the keys of a feed's TOML table, in the singular where they may be
repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from icalbridge.cli.options import yes_option
from icalbridge.cli.runtime import load_settings
from icalbridge.models import utcnow

if TYPE_CHECKING:
    from collections.abc import Callable

    Callback = Callable[..., None]

_OPTIONS = (
    ("--name", "name", False, "What calendars call it."),
    ("--description", "description", False, "What it is for."),
    ("--colour", "colour", False, "A CSS3 colour name, or #rrggbb."),
    (
        "--audience",
        "audience",
        False,
        "public, staff or operations; the last two have private addresses only.",
    ),
    ("--property", "properties", True, "A school or district that it shows, by id or name."),
    ("--facility", "facilities", True, "A facility that it shows, by id or name."),
    (
        "--field",
        "fields",
        True,
        "What it says of a booking; all that the audience may see if none is given.",
    ),
    ("--past", "past", False, "How many days back it reaches."),
    ("--ahead", "ahead", False, "How many days ahead it reaches."),
    ("--status", "status", True, "approved, pending; approved if none is given."),
    ("--cancelled", "cancelled", False, "drop, mark or tombstone."),
    ("--detail", "detail", False, "name, or busy to say only that something is on."),
    ("--group", "group", False, "event, to show one entry for all the facilities of an event."),
    ("--tz", "tz", False, "utc, for importers that mistrust time zones."),
    ("--title", "title", False, "A template such as '{facility}: {name}'."),
    ("--include", "include", True, "An event that it shows in any case, as TYPE/ID."),
    ("--exclude", "exclude", True, "An event that it never shows, as TYPE/ID."),
)


def _feed_options(callback: Callback) -> Callback:
    """Add the options for the content of a feed, and `--file` for the same as TOML."""
    for name, key, multiple, text in reversed(_OPTIONS):
        metavar = "ID" if key in ("properties", "facilities") else "TEXT"
        callback = click.option(
            name,
            key,
            multiple=multiple,
            default=None,
            metavar=metavar,
            help=f"{text} May be repeated." if multiple else text,
        )(callback)
    text = "A TOML file with one [[feed]], rules and all; options win over it."
    return click.option("--file", "file", metavar="FILE", help=text)(callback)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options without those that were not given."""
    return {key: value for key, value in options.items() if value is not None and value != ()}


@click.group("feed")
def feed_command() -> None:
    """Save shaped feeds, and hand out private addresses for them."""


@feed_command.command()
@click.argument("slug")
@_feed_options
def add(slug: str, file: str | None, **options: Any) -> None:
    """Save a new feed under a name of a-z, 0-9 and -.

    Without --property, --facility, --include or --file it would show nothing.
    """
    from icalbridge.cli import saved_feeds

    saved_feeds.add_feed(load_settings(quiet=True), slug, _given(options), file, now=utcnow())


@feed_command.command()
@click.argument("slug")
@_feed_options
def edit(slug: str, file: str | None, **options: Any) -> None:
    """Change a feed; only what is given changes, and its addresses stay.

    An empty text, such as --description "", takes away what was there.
    """
    from icalbridge.cli import saved_feeds

    saved_feeds.edit_feed(load_settings(quiet=True), slug, _given(options), file, now=utcnow())


@feed_command.command("list")
def list_all() -> None:
    """Show all saved feeds."""
    from icalbridge.cli import saved_feeds

    saved_feeds.print_feeds(load_settings(quiet=True))


@feed_command.command()
@click.argument("slug")
def show(slug: str) -> None:
    """Print a feed as TOML."""
    from icalbridge.cli import saved_feeds

    saved_feeds.print_feed(load_settings(quiet=True), slug)


@feed_command.command()
@click.argument("slug")
@yes_option
def remove(slug: str, yes: bool) -> None:
    """Remove a feed and all its private addresses."""
    from icalbridge.cli import saved_feeds

    settings = load_settings(quiet=True)
    if not yes:
        saved_feeds.ask_before_removing(settings, slug)
    saved_feeds.remove_feed(settings, slug)


@feed_command.command("import")
@click.argument("file")
def import_all(file: str) -> None:
    """Save all feeds of a TOML file (- for standard input), or none if there is a mistake in it.

    Says what it added, changed and left alone; feeds that the file does not name stay as they are.
    """
    from icalbridge.cli import saved_feeds

    saved_feeds.import_feeds(load_settings(quiet=True), file, now=utcnow())


@feed_command.command("export")
@click.argument("slugs", nargs=-1, metavar="[SLUG]...")
def export_all(slugs: tuple[str, ...]) -> None:
    """Print feeds as TOML, all if none is named: to keep under version control, and to import
    elsewhere.
    """
    from icalbridge.cli import saved_feeds

    saved_feeds.export_feeds(load_settings(quiet=True), slugs)


@feed_command.group("token")
def token_group() -> None:
    """Private addresses: one for each subscriber, each revocable alone."""


@token_group.command("add")
@click.argument("slug")
@click.argument("name")
def add_token(slug: str, name: str) -> None:
    """Make a private address of a feed for a named subscriber, and print it this once."""
    from icalbridge.cli import saved_feeds

    saved_feeds.add_token(load_settings(quiet=True), slug, name, now=utcnow())


@token_group.command("list")
@click.argument("slug", required=False)
def list_tokens(slug: str | None) -> None:
    """Show who has a private address, and when it was last used; never the address itself."""
    from icalbridge.cli import saved_feeds

    saved_feeds.print_tokens(load_settings(quiet=True), slug)


@token_group.command("revoke")
@click.argument("token_id", metavar="ID", type=int)
def revoke_token(token_id: int) -> None:
    """Take a private address back; no other is touched."""
    from icalbridge.cli import saved_feeds

    saved_feeds.revoke_token(load_settings(quiet=True), token_id, now=utcnow())
