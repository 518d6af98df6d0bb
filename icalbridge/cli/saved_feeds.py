"""Saved feeds and their private addresses: what the `feed` commands do.

Options and files become one TOML table, which `feeds.saved_feed_toml` parses: every mistake is one
sentence of its own.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from icalbridge import tokens
from icalbridge.cli.output import console, folded, table, warn
from icalbridge.cli.runtime import open_current
from icalbridge.errors import ConfigurationError, IcalbridgeError
from icalbridge.feeds import feed_path
from icalbridge.feeds.saved_feed_toml import (
    BadSpec,
    parse_saved_feed,
    read_feed,
    read_feeds,
    read_tables,
    table_of,
    to_keep,
    write_feeds,
)
from icalbridge.models import Feed
from icalbridge.store.place_names import find_facility, find_property
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from icalbridge.feeds.saved_feed import Saved
    from icalbridge.models import SavedFeed
    from icalbridge.settings import Settings
    from icalbridge.store import Store

    Options = Mapping[str, str | Sequence[str]]
    """Given options by the keys of a feed's TOML table; an empty text removes a key."""

SHOWN_ONCE = "Copy it now: it will not be shown again."


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """Open the database; an invalid feed is a `ConfigurationError` in the block."""
    with open_current(settings) as store:
        try:
            yield store
        except BadSpec as error:
            raise ConfigurationError(str(error)) from None


def add_feed(
    settings: Settings, slug: str, given: Options, file: str | None, *, now: datetime
) -> None:
    """Save a new feed and print its address."""
    with opened(settings) as store:
        spec = _with_ids(store, read_feed(_merge({"slug": slug}, slug, given, file)))
        unlisted = _check(store, settings, [spec])
        if not store.saved.add(to_keep(spec), now=now):
            raise IcalbridgeError(
                f"There is a feed '{slug}' already; change it with `icalbridge feed edit {slug}`."
            )
    click.echo(_address_text(settings, spec))
    for sentence in unlisted:
        warn(sentence)


def edit_feed(
    settings: Settings, slug: str, given: Options, file: str | None, *, now: datetime
) -> None:
    """Change the given keys of a feed; its addresses stay."""
    with opened(settings) as store:
        known = _feed(store, slug)
        spec = _with_ids(store, read_feed(_merge(table_of(known), slug, given, file)))
        unlisted = _check(store, settings, [spec])
        (written,) = store.saved.put([to_keep(spec)], now=now).values()
    click.echo(f"{slug}: {written}")
    if known.public != spec.public:
        click.echo(_address_text(settings, spec))
    for sentence in unlisted:
        warn(sentence)


def remove_feed(settings: Settings, slug: str) -> None:
    """Delete a feed with all its private addresses."""
    with opened(settings) as store:
        if not store.saved.remove(slug):
            raise _unknown(slug)
    click.echo(f"{slug}: removed")


def ask_before_removing(settings: Settings, slug: str) -> None:
    """Show what is removed with a feed, and ask; raises `click.Abort` for a no."""
    with opened(settings) as store:
        title = _saved(store, slug).title
        valid = [token for token in store.saved.tokens(slug) if token.revoked is None]
    if not sys.stdin.isatty():
        raise ConfigurationError(f"There is no terminal to ask on; add --yes to remove '{title}'.")
    losers = "1 subscriber" if len(valid) == 1 else f"{len(valid)} subscribers"
    click.confirm(f"Remove '{title}', and the private addresses of {losers} with it?", abort=True)


def print_feeds(settings: Settings) -> None:
    """Print all feeds as a table; one that cannot be read with a sentence in place of its
    address.
    """
    with opened(settings) as store:
        feeds = store.saved.feeds()
        tokens = store.saved.tokens()
    rows = table("Slug", "Name", "Audience", "Subscribers", folded("Address"))
    for saved in feeds:
        valid = sum(token.slug == saved.slug and token.revoked is None for token in tokens)
        if (spec := _parse_or_none(saved)) is None:
            reason = f"This version cannot read it; `icalbridge feed show {saved.slug}` says why."
            rows.add_row(saved.slug, saved.title, "–", str(valid), reason)
            continue
        address = (
            f"{settings.public_url}{feed_path(Feed('saved', spec.slug))}"
            if spec.public
            else "private"
        )
        rows.add_row(spec.slug, spec.name or "–", spec.audience, str(valid), address)
    console().print(rows)


def print_feed(settings: Settings, slug: str) -> None:
    """Print a feed as TOML."""
    with opened(settings) as store:
        click.echo(write_feeds([_feed(store, slug)]), nl=False)


def import_feeds(settings: Settings, file: str, *, now: datetime) -> None:
    """Write all feeds of a TOML file, or none; feeds that it does not name are left alone."""
    with opened(settings) as store:
        specs = [_with_ids(store, spec) for spec in read_feeds(_read_text(file))]
        unlisted = _check(store, settings, specs)
        written = store.saved.put([to_keep(spec) for spec in specs], now=now)
    for slug, outcome in written.items():
        click.echo(f"{slug}: {outcome}")
    for sentence in unlisted:
        warn(sentence)


def export_feeds(settings: Settings, slugs: Sequence[str]) -> None:
    """Print some feeds, or all, as TOML; raises `IcalbridgeError` once those that can be read are
    printed.
    """
    with opened(settings) as store:
        feeds = (
            [_saved(store, slug) for slug in dict.fromkeys(slugs)] if slugs else store.saved.feeds()
        )
    specs = {saved.slug: _parse_or_none(saved) for saved in feeds}
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
            _saved(store, slug)
        tokens = store.saved.tokens(slug)
    rows = table("ID", "Feed", "Subscriber", "Created", "Last used", "Revoked")
    for token in tokens:
        moments = (
            _format_time(moment) for moment in (token.created, token.last_used, token.revoked)
        )
        rows.add_row(str(token.id), token.slug, token.name, *moments)
    console().print(rows)


def revoke_token(settings: Settings, token_id: int, *, now: datetime) -> None:
    """Revoke a private address."""
    with opened(settings) as store:
        if not store.saved.revoke_token(token_id, now=now):
            raise IcalbridgeError(
                f"There is no private address {token_id} in use; `icalbridge feed token list` shows"
                " them all."
            )
    click.echo(f"The private address {token_id} is revoked; it means nothing a second from now.")


def _merge(
    table: Mapping[str, object], slug: str, given: Options, file: str | None
) -> dict[str, object]:
    """Return a feed's table, overridden by a file, overridden by options."""
    merged = {**table, **(_read_table(file, slug) if file else {})}
    for key, value in given.items():
        values = value if isinstance(value, str) else [text for text in value if text]
        if values:
            merged[key] = (
                int(value)
                if isinstance(value, str) and key in ("past", "ahead") and _is_whole_number(value)
                else values
            )
        else:
            merged.pop(key, None)
    return merged


def _is_whole_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _read_table(file: str, slug: str) -> dict[str, object]:
    tables = read_tables(_read_text(file))
    if len(tables) != 1:
        raise ConfigurationError(
            f"{file} must hold one feed; several are read by `icalbridge feed import`."
        )
    if tables[0].get("slug", slug) != slug:
        raise ConfigurationError(
            f"{file} holds another feed; leave its slug out, or name it as '{slug}'."
        )
    return tables[0]


def _read_text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise ConfigurationError(f"{file} cannot be read: {reason}.") from None
    except UnicodeError:
        raise ConfigurationError(f"{file} cannot be read: it is not in UTF-8.") from None


def _with_ids(store: Store, spec: Saved) -> Saved:
    """Return a feed with the ids of places that were given by name."""
    try:
        return replace(
            spec,
            property_ids=tuple(find_property(store.read, text).id for text in spec.property_ids),
            facility_ids=tuple(find_facility(store.read, text).id for text in spec.facility_ids),
        )
    except ConfigurationError as error:
        raise ConfigurationError(f"Feed '{spec.slug}': {error}") from None


def _check(store: Store, settings: Settings, specs: Iterable[Saved]) -> list[str]:
    """Refuse bookings that are not public; return a sentence on each place that is not listed.

    A place that the catalog no longer lists may still have bookings, and must not block changes.
    """
    listed_properties = {row.id for row in store.read.properties()}
    listed_facilities = {row.id for row in store.read.facilities()}
    unlisted: list[str] = []
    for spec in specs:
        gone = sorted(set(spec.property_ids) - listed_properties)
        gone_facilities = sorted(set(spec.facility_ids) - listed_facilities)
        missing = [f"property '{place_id}'" for place_id in gone]
        missing += [f"facility '{place_id}'" for place_id in gone_facilities]
        unlisted += (
            f"Feed '{spec.slug}': the catalog no longer lists the {place}; what is known of it is"
            " shown all the same."
            for place in missing
        )
        if spec.public and spec.query.pending and not settings.public_pending:
            raise ConfigurationError(
                f"Feed '{spec.slug}': bookings that are still pending are not shown in public; set "
                "ICALBRIDGE_PUBLIC_PENDING to 1, or leave them out of status."
            )
    return unlisted


def _saved(store: Store, slug: str) -> SavedFeed:
    saved = store.saved.feed(slug)
    if saved is None:
        raise _unknown(slug)
    return saved


def _feed(store: Store, slug: str) -> Saved:
    return parse_saved_feed(_saved(store, slug))


def _parse_or_none(saved: SavedFeed) -> Saved | None:
    """Return a parsed feed; None where another version wrote what this one cannot read."""
    try:
        return parse_saved_feed(saved)
    except BadSpec:
        return None


def _unknown(slug: str) -> IcalbridgeError:
    return IcalbridgeError(f"There is no feed '{slug}'; `icalbridge feed list` shows them all.")


def _address_text(settings: Settings, spec: Saved) -> str:
    if spec.public:
        return f"{settings.public_url}{feed_path(Feed('saved', spec.slug))}"
    return (
        f"It is for {spec.audience} only; make a private address with `icalbridge feed token add"
        f" {spec.slug} NAME`."
    )


def _format_time(moment: datetime | None) -> str:
    return "–" if moment is None else f"{moment:%Y-%m-%d %H:%MZ}"
