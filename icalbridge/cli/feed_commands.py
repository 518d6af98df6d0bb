"""The words of `icalbridge feed`: what each command takes; `feed` does it.

Options have the names that the keys of a feed's TOML table have, but in the singular where they may
be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from icalbridge.models import utcnow

if TYPE_CHECKING:
    from collections.abc import Callable

    from icalbridge.settings import Settings

    Command = Callable[..., None]
    ReadSettings = Callable[[], Settings]


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
    ("--property", "properties", True, "A school or district that it shows."),
    ("--facility", "facilities", True, "A facility that it shows."),
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


def _takes_a_feed(command: Command) -> Command:
    """Add the options that say what a feed is, and the file that may say the same and the rules."""
    for name, key, multiple, told in reversed(_OPTIONS):
        said = f"{told} May be repeated." if multiple else told
        metavar = "ID" if key in ("properties", "facilities") else "TEXT"
        command = click.option(
            name, key, multiple=multiple, default=None, metavar=metavar, help=said
        )(command)
    told = "A TOML file with one [[feed]], rules and all; options win over it."
    return click.option("--file", "file", metavar="FILE", help=told)(command)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out what was not given."""
    return {key: value for key, value in options.items() if value is not None and value != ()}


@click.group("feed")
def feed_group() -> None:
    """Save shaped feeds, and hand out private addresses for them."""


@feed_group.command()
@click.argument("slug")
@_takes_a_feed
@click.pass_obj
def add(read_settings: ReadSettings, /, slug: str, file: str | None, **options: Any) -> None:
    """Save a new feed under a name of a-z, 0-9 and -.

    Without --property, --facility, --include or --file it would show nothing.
    """
    from icalbridge.cli import feed

    feed.add_feed(read_settings(), slug, _given(options), file, now=utcnow())


@feed_group.command()
@click.argument("slug")
@_takes_a_feed
@click.pass_obj
def edit(read_settings: ReadSettings, /, slug: str, file: str | None, **options: Any) -> None:
    """Change a feed; only what is given changes, and its addresses stay.

    An empty text, such as --description "", takes away what was there.
    """
    from icalbridge.cli import feed

    feed.edit_feed(read_settings(), slug, _given(options), file, now=utcnow())


@feed_group.command("list")
@click.pass_obj
def list_all(read_settings: ReadSettings) -> None:
    """Show all saved feeds."""
    from icalbridge.cli import feed

    feed.print_feeds(read_settings())


@feed_group.command()
@click.argument("slug")
@click.pass_obj
def show(read_settings: ReadSettings, slug: str) -> None:
    """Print a feed as TOML."""
    from icalbridge.cli import feed

    feed.print_feed(read_settings(), slug)


@feed_group.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def remove(read_settings: ReadSettings, slug: str, yes: bool) -> None:
    """Remove a feed and all its private addresses."""
    from icalbridge.cli import feed

    settings = read_settings()
    if not yes:
        feed.ask_before_removing(settings, slug)
    feed.remove_feed(settings, slug)


@feed_group.command("import")
@click.argument("file")
@click.pass_obj
def import_all(read_settings: ReadSettings, file: str) -> None:
    """Save all feeds of a TOML file (- for standard input), or none if there is a mistake in it.

    Says what it added, changed and left alone; feeds that the file does not name stay as they are.
    """
    from icalbridge.cli import feed

    feed.import_feeds(read_settings(), file, now=utcnow())


@feed_group.command("export")
@click.argument("slugs", nargs=-1, metavar="[SLUG]...")
@click.pass_obj
def export_all(read_settings: ReadSettings, slugs: tuple[str, ...]) -> None:
    """Print feeds as TOML, all if none is named: to keep under version control, and to import
    elsewhere.
    """
    from icalbridge.cli import feed

    feed.export_feeds(read_settings(), slugs)


@feed_group.group("token")
def token_group() -> None:
    """Private addresses: one for each subscriber, each revocable alone."""


@token_group.command("add")
@click.argument("slug")
@click.argument("name")
@click.pass_obj
def add_token(read_settings: ReadSettings, slug: str, name: str) -> None:
    """Make a private address of a feed for a named subscriber, and print it this once."""
    from icalbridge.cli import feed

    feed.add_token(read_settings(), slug, name, now=utcnow())


@token_group.command("list")
@click.argument("slug", required=False)
@click.pass_obj
def list_tokens(read_settings: ReadSettings, slug: str | None) -> None:
    """Show who has a private address, and when it was last used; never the address itself."""
    from icalbridge.cli import feed

    feed.print_tokens(read_settings(), slug)


@token_group.command("revoke")
@click.argument("token_id", metavar="ID", type=int)
@click.pass_obj
def revoke_token(read_settings: ReadSettings, token_id: int) -> None:
    """Take a private address back; no other is touched."""
    from icalbridge.cli import feed

    feed.revoke_token(read_settings(), token_id, now=utcnow())
