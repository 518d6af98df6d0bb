"""`feed`: saved feeds, and the private addresses at which named subscribers read them.

Whatever is given on the command line or in a file becomes one TOML table, which `feeds.spec` reads:
it alone knows what a feed may say, and every mistake is one sentence of its own.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Column, Table

from icalbridge import tokens
from icalbridge.cli.database import connect
from icalbridge.errors import ConfigurationError, IcalbridgeError
from icalbridge.feeds import feed_path
from icalbridge.feeds.saved_feed_toml import (
    BadSpec,
    kept_feed,
    read_feed,
    read_feeds,
    read_tables,
    table_of,
    to_keep,
    write_feeds,
)
from icalbridge.models import Feed
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds.saved_feed import Saved
    from icalbridge.models import SavedFeed
    from icalbridge.settings import Settings
    from icalbridge.store import Store

    Given = Mapping[str, str | Sequence[str]]
    """What was given on the command line, by the keys of a feed's TOML table; an empty text takes a
    key away.
    """

WIDE = 1000
"""Columns of what is no terminal."""
SHOWN_ONCE = "Copy it now: it will not be shown again."


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """Open the database, whose schema must be up to date; a specification that is none becomes a
    plain sentence.
    """
    store = connect(settings)
    try:
        store.check()
        yield store
    except BadSpec as error:
        raise ConfigurationError(str(error)) from None
    finally:
        store.close()


def add_feed(
    settings: Settings, slug: str, given: Given, file: str | None, *, now: datetime
) -> None:
    """Write a new feed, and say where it lives."""
    with opened(settings) as store:
        spec = read_feed(_merged({"slug": slug}, slug, given, file))
        unlisted = _check(store, settings, [spec])
        if not store.saved.add(to_keep(spec), now=now):
            raise IcalbridgeError(
                f"There is a feed '{slug}' already; change it with `icalbridge feed edit {slug}`."
            )
    click.echo(_where(settings, spec))
    _warn(unlisted)


def edit_feed(
    settings: Settings, slug: str, given: Given, file: str | None, *, now: datetime
) -> None:
    """Change what is given of a feed; its addresses stay."""
    with opened(settings) as store:
        known = _feed(store, slug)
        spec = read_feed(_merged(table_of(known), slug, given, file))
        unlisted = _check(store, settings, [spec])
        (written,) = store.saved.put([to_keep(spec)], now=now).values()
    click.echo(f"{slug}: {written}")
    if known.public != spec.public:
        click.echo(_where(settings, spec))
    _warn(unlisted)


def remove_feed(settings: Settings, slug: str) -> None:
    """Delete a feed with all its private addresses."""
    with opened(settings) as store:
        if not store.saved.remove(slug):
            raise _unknown(slug)
    click.echo(f"{slug}: removed")


def ask_before_removing(settings: Settings, slug: str) -> None:
    """Say what goes with a feed, and ask; raises `click.Abort` for a no."""
    with opened(settings) as store:
        title = _kept(store, slug).title
        valid = [each for each in store.saved.tokens(slug) if each.revoked is None]
    if not sys.stdin.isatty():
        raise ConfigurationError(f"There is no terminal to ask on; add --yes to remove '{title}'.")
    losers = "1 subscriber" if len(valid) == 1 else f"{len(valid)} subscribers"
    click.confirm(f"Remove '{title}', and the private addresses of {losers} with it?", abort=True)


def print_feeds(settings: Settings) -> None:
    """Print all feeds as a table; one that cannot be read with a sentence in place of its
    address.
    """
    with opened(settings) as store:
        every = store.saved.feeds()
        tokens = store.saved.tokens()
    address_column = Column("Address", overflow="fold")  # it is there to be copied
    table = Table(
        "Slug", "Name", "Audience", "Subscribers", address_column, box=None, pad_edge=False
    )
    for kept in every:
        valid = sum(each.slug == kept.slug and each.revoked is None for each in tokens)
        if (spec := _readable(kept)) is None:
            why = f"This version cannot read it; `icalbridge feed show {kept.slug}` says why."
            table.add_row(kept.slug, kept.title, "–", str(valid), why)
            continue
        address = (
            f"{settings.public_url}{feed_path(Feed('saved', spec.slug))}"
            if spec.public
            else "private"
        )
        table.add_row(spec.slug, spec.name or "–", spec.audience, str(valid), address)
    _console().print(table)


def print_feed(settings: Settings, slug: str) -> None:
    """Print a feed as TOML."""
    with opened(settings) as store:
        click.echo(write_feeds([_feed(store, slug)]), nl=False)


def import_feeds(settings: Settings, file: str, *, now: datetime) -> None:
    """Write all feeds of a TOML file, or none; feeds that it does not name are left alone."""
    with opened(settings) as store:
        specs = read_feeds(_text_of(file))
        unlisted = _check(store, settings, specs)
        written = store.saved.put([to_keep(each) for each in specs], now=now)
    for slug, outcome in written.items():
        click.echo(f"{slug}: {outcome}")
    _warn(unlisted)


def export_feeds(settings: Settings, slugs: Sequence[str]) -> None:
    """Print some feeds, or all, as TOML; raises `IcalbridgeError` once those that can be read are
    printed.
    """
    with opened(settings) as store:
        every = (
            [_kept(store, slug) for slug in dict.fromkeys(slugs)] if slugs else store.saved.feeds()
        )
    specs = {kept.slug: _readable(kept) for kept in every}
    click.echo(write_feeds(spec for spec in specs.values() if spec), nl=False)
    if left_out := [slug for slug, spec in specs.items() if spec is None]:
        named = ", ".join(f"'{slug}'" for slug in left_out)
        raise IcalbridgeError(
            f"This version cannot read {named}, left out here; `icalbridge feed show {left_out[0]}`"
            " says why."
        )


def add_token(settings: Settings, slug: str, name: str, *, now: datetime) -> None:
    """Make a private address for a named subscriber, and print it this once."""
    subscriber = display_text(name)
    if not subscriber:
        raise ConfigurationError(
            "A subscriber needs a name, by which the private address can be told from others."
        )
    token = tokens.new_token()
    with opened(settings) as store:
        token_id = store.saved.add_token(slug, subscriber, tokens.digest(token), now=now)
    if token_id is None:
        raise _unknown(slug)
    click.echo(f"{settings.public_url}{tokens.path(token)}")
    click.echo(
        f"This is the private address {token_id} of '{slug}' for {subscriber}. {SHOWN_ONCE}",
        err=True,
    )
    if not settings.public_url:
        click.echo(
            "Put your site's address before it; with ICALBRIDGE_PUBLIC_URL set it is there"
            " already.",
            err=True,
        )


def print_tokens(settings: Settings, slug: str | None) -> None:
    """Print the private addresses of one feed or of all, without what is secret in them."""
    with opened(settings) as store:
        if slug is not None:
            _kept(store, slug)
        tokens = store.saved.tokens(slug)
    table = Table(
        "ID", "Feed", "Subscriber", "Created", "Last used", "Revoked", box=None, pad_edge=False
    )
    for each in tokens:
        moments = (_when(moment) for moment in (each.created, each.last_used, each.revoked))
        table.add_row(str(each.id), each.slug, each.name, *moments)
    _console().print(table)


def revoke_token(settings: Settings, token_id: int, *, now: datetime) -> None:
    """Let a private address mean nothing from now on."""
    with opened(settings) as store:
        if not store.saved.revoke_token(token_id, now=now):
            raise IcalbridgeError(
                f"There is no private address {token_id} in use; `icalbridge feed token list` shows"
                " them all."
            )
    click.echo(f"The private address {token_id} is revoked; it means nothing a second from now.")


def _merged(
    table: Mapping[str, object], slug: str, given: Given, file: str | None
) -> dict[str, object]:
    """Return a feed's table with what a file says in place of it, and with what was given in place
    of that.
    """
    merged = {**table, **(_table_of_file(file, slug) if file else {})}
    for key, value in given.items():
        values = value if isinstance(value, str) else [each for each in value if each]
        if values:
            merged[key] = (
                int(value)
                if isinstance(value, str) and key in ("past", "ahead") and _whole(value)
                else values
            )
        else:
            merged.pop(key, None)
    return merged


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _table_of_file(file: str, slug: str) -> dict[str, object]:
    tables = read_tables(_text_of(file))
    if len(tables) != 1:
        raise ConfigurationError(
            f"{file} must hold one feed; several are read by `icalbridge feed import`."
        )
    if tables[0].get("slug", slug) != slug:
        raise ConfigurationError(
            f"{file} holds another feed; leave its slug out, or name it as '{slug}'."
        )
    return tables[0]


def _text_of(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise ConfigurationError(f"{file} cannot be read: {reason}.") from None
    except UnicodeError:
        raise ConfigurationError(f"{file} cannot be read: it is not in UTF-8.") from None


def _check(store: Store, settings: Settings, specs: Iterable[Saved]) -> list[str]:
    """Refuse what names nothing here, or what the operator does not show; return a sentence on each
    unlisted place.

    What the catalogue lists no more may have bookings still, and must not keep a feed from being
    changed.
    """
    listed_properties = {row.id for row in store.read.properties()}
    listed_facilities = {row.id for row in store.read.facilities()}
    unlisted: list[str] = []
    for spec in specs:
        unlisted += _unlisted(
            spec.slug, "property", set(spec.property_ids) - listed_properties, store.read.property
        )
        unlisted += _unlisted(
            spec.slug, "facility", set(spec.facility_ids) - listed_facilities, store.read.facility
        )
        if spec.public and spec.shape.pending and not settings.public_pending:
            raise ConfigurationError(
                f"Feed '{spec.slug}': bookings that are still pending are not shown in public; set "
                "ICALBRIDGE_PUBLIC_PENDING to 1, or leave them out of status."
            )
    return unlisted


def _unlisted(
    slug: str, kind: str, ids: Iterable[str], find: Callable[[str], object | None]
) -> Iterator[str]:
    """Yield a sentence on each of some places; refuse those that were never seen."""
    for each in sorted(ids):
        if find(each) is None:
            raise ConfigurationError(
                f"Feed '{slug}': there is no {kind} '{each}' in the catalogue; look its id up in"
                " the directory, or run `icalbridge sync` first."
            )
        yield (
            f"Feed '{slug}': the catalogue no longer lists the {kind} '{each}'; what is known of it"
            " is shown all the same."
        )


def _warn(sentences: Iterable[str]) -> None:
    for each in sentences:
        click.echo(f"icalbridge: {each}", err=True)


def _kept(store: Store, slug: str) -> SavedFeed:
    kept = store.saved.feed(slug)
    if kept is None:
        raise _unknown(slug)
    return kept


def _feed(store: Store, slug: str) -> Saved:
    return kept_feed(_kept(store, slug))


def _readable(kept: SavedFeed) -> Saved | None:
    """Return what a feed says; None where another version wrote what this one does not
    understand.
    """
    try:
        return kept_feed(kept)
    except BadSpec:
        return None


def _unknown(slug: str) -> IcalbridgeError:
    return IcalbridgeError(f"There is no feed '{slug}'; `icalbridge feed list` shows them all.")


def _where(settings: Settings, spec: Saved) -> str:
    if spec.public:
        return f"{settings.public_url}{feed_path(Feed('saved', spec.slug))}"
    return (
        f"It is for {spec.audience} only; make a private address with `icalbridge feed token add"
        f" {spec.slug} NAME`."
    )


def _when(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%MZ}"


def _console() -> Console:
    """Return a console that takes a name in brackets for a name, and cuts nothing where no terminal
    does.
    """
    return Console(
        markup=False, emoji=False, highlight=False, width=None if sys.stdout.isatty() else WIDE
    )
