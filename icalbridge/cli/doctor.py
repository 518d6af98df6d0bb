"""`doctor`: checks everything that going live depends on, one line each, with advice.

Later checks need earlier ones; where those fail, the later ones are reported as not checked.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from icalbridge.cli import FAILED
from icalbridge.cli.check import Check
from icalbridge.cli.clients import make_client
from icalbridge.cli.runtime import open_upgraded
from icalbridge.errors import (
    AccessRefused,
    ConfigurationError,
    IcalbridgeError,
    KeyRefused,
    QuotaSpent,
    RateLimited,
    SchemaOutdated,
    StoreError,
    VendorError,
)
from icalbridge.models import utcnow
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from icalbridge.facilitron import Client
    from icalbridge.models import Property, ZoneSource
    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Store

CLOCK_TOLERANCE_SECONDS = 60


@click.command("doctor")
def doctor_command() -> None:
    """Check configuration, database, public address, key, clock and zones, and say what to do about
    each failure.
    """
    sys.exit(0 if run_doctor(os.environ) else FAILED)


def run_doctor(environ: Mapping[str, str]) -> bool:
    """Print every check; return whether none failed. A check that was skipped is no failure."""
    checks = examine(environ)
    width = max(14, *(len(check.name) for check in checks)) if len(checks) > 1 else 14
    for check in checks:
        word, color = {True: ("ok", "green"), False: ("FAIL", "red"), None: ("skip", "yellow")}[
            check.good
        ]
        click.echo(f"{click.style(f'{word:<5}', fg=color)} {check.name:<{width}} {check.message}")
    return not any(check.good is False for check in checks)


def examine(environ: Mapping[str, str]) -> list[Check]:
    """Check configuration, database, public address, then each key, clock, scope, zones, quota."""
    from icalbridge.settings import from_environment, state_directory

    try:
        settings = from_environment(environ)
        users = settings.require_keys()
        state_directory.create_directory(environ)
    except ConfigurationError as error:
        return [Check("configuration", False, str(error))]
    configuration = _configuration(settings)
    try:
        with closing(open_upgraded(settings)) as store:
            return [configuration, *_with_database(environ, settings, users, store)]
    except StoreError as error:
        return [configuration, _database(error), *_unchecked(*_after_database(settings))]


def _after_database(settings: Settings) -> list[str]:
    """Return the names of the checks that need the database."""
    disk = ["disk"] if settings.database_url.startswith("sqlite") else []
    address = ["address", "proxy"] if settings.public_url else []
    return ["integrity", *disk, *address, "key", "clock", "scope", "zones", "quota"]


def _with_database(
    environ: Mapping[str, str], settings: Settings, users: tuple[ApiUser, ...], store: Store
) -> list[Check]:
    from icalbridge.cli.doctor_address import check_address
    from icalbridge.cli.doctor_database import check_disk, check_integrity, check_place
    from icalbridge.sync.clock import DatabaseClock

    clients = [
        (user, make_client(user, store)) for user in users
    ]  # it writes: the key's row, if that is not there
    health = store.read.health(DatabaseClock(store)())
    checks = [
        check_place(environ, settings),
        check_integrity(store),
        *check_disk(settings),
        *_policy(settings, store),
        *check_address(settings, store, runs=health.workers_alive > 0),
    ]
    for user, client in clients:
        of_key = [*_with_times(_vendor(client, store), health.ahead_seconds), _quota(user, store)]
        checks += (
            of_key
            if len(users) == 1
            else [replace(item, name=f"{item.name} {user.name}") for item in of_key]
        )
    return checks


def _database(error: StoreError) -> Check:
    reason = str(error).rstrip(".")
    if isinstance(error, SchemaOutdated):
        return Check("database", False, reason)
    return Check(
        "database", False, f"{reason}; set DATABASE_URL to one that can be opened and written"
    )


def _with_times(checks: list[Check], ahead: int) -> list[Check]:
    """Let the clock fail where stored times are in the future, by so many seconds."""
    from icalbridge.store.health import TIMES_IN_FUTURE

    fault = Check("clock", False, f"{TIMES_IN_FUTURE} They are up to {ahead} s ahead.")
    return [
        fault if ahead and check.name == "clock" and check.good is not False else check
        for check in checks
    ]


def _configuration(settings: Settings) -> Check:
    if not settings.public_url:
        return Check(
            "configuration",
            True,
            "complete; set ICALBRIDGE_PUBLIC_URL so that feeds can link back here",
        )
    return Check("configuration", True, f"complete; subscribers use {settings.public_url}")


def _policy(settings: Settings, store: Store) -> list[Check]:
    """Check the public policy's file, and that what it names is there."""
    if not settings.policy_file:
        return []
    from icalbridge.feeds.policy_file import read_policy

    try:
        policy = read_policy(settings.policy_file)
    except ConfigurationError as error:
        return [Check("policy", False, str(error))]
    places = store.read.properties(), store.read.facilities()
    if unknown := policy.unknown_places(*places):
        names = ", ".join(map(repr, unknown))
        return [Check("policy", False, f"names what nothing is called here: {names}")]
    hidden = policy.hidden_places(*places)
    message = f"hides {len(hidden.properties)} schools and {len(hidden.facilities)} facilities"
    return [Check("policy", True, f"{message}, {len(policy.rules)} rules about bookings")]


def _vendor(client: Client, store: Store) -> list[Check]:
    """Ask for the properties once, and see in the answer whether key, clock, scope and zones are
    right.
    """
    try:
        listed = client.properties().items
    except AccessRefused as error:
        scope = Check("scope", False, f"ask Facilitron to let this key see its district ({error})")
        return [_accepted(), _clock(client), scope, *_unchecked("zones")]
    except VendorError as error:
        return [
            Check("key", False, f"{_advice(error)} ({error})"),
            *_unchecked("clock", "scope", "zones"),
        ]
    return [_accepted(), _clock(client), _scope(listed), _zones(listed, store)]


def _accepted() -> Check:
    return Check("key", True, "the vendor accepts it")


def _advice(error: VendorError) -> str:
    match error:
        case KeyRefused():
            return "ask Facilitron for a key that works, and set FACILITRON_API_KEY to it"
        case QuotaSpent():
            return (
                "wait for midnight UTC, or ask Facilitron for more and set FACILITRON_QUOTA_PER_DAY"
            )
        case RateLimited():
            return (
                "set FACILITRON_RATE_PER_MINUTE and FACILITRON_QUOTA_PER_DAY to what Facilitron"
                " granted, and look for other programs with this key"
            )
        case _:
            return (
                "the vendor gave no usable answer; check FACILITRON_API_URL, then try again later"
            )


def _clock(client: Client) -> Check:
    offset = client.clock_offset
    if offset is None:
        return Check("clock", None, "not checked: the vendor's answer had no Date")
    seconds = round(offset.total_seconds())
    if abs(seconds) > CLOCK_TOLERANCE_SECONDS:
        return Check(
            "clock",
            False,
            f"differs from the vendor's by {seconds} s; set this machine's clock by NTP",
        )
    return Check("clock", True, "agrees with the vendor's")


def _scope(listed: tuple[Property, ...]) -> Check:
    if not listed:
        return Check(
            "scope", False, "the key sees no property; ask Facilitron which district it is for"
        )
    return Check(
        "scope", True, f"the key sees {len(listed)} properties, first of all {_named(listed[0])}"
    )


def _zones(listed: tuple[Property, ...], store: Store) -> Check:
    """Look at what the vendor gives; where that is no zone, say what is shown until it is one."""
    from icalbridge.timezones import resolve_name

    without = [place for place in listed if not resolve_name(place.timezone)]
    if not without:
        return Check("zones", True, "every property has one that exists")
    message = (
        f"no time zone that exists: {', '.join(map(_named, without))}; ask Facilitron to set it"
    )
    stored = store.sync_reads.properties(place.id for place in without)
    notes = [_zone_note(place, stored[place.id]) for place in without if place.id in stored]
    return Check("zones", False, ". ".join([message, *notes]))


def _zone_note(given: Property, stored: Property) -> str:
    """Return what is shown of a property whose zone the vendor does not give, also when it did
    until now.
    """
    from icalbridge.cli.zone_notes import zone_note

    before: dict[ZoneSource, ZoneSource] = {"property": "stored", "": "earlier"}
    source = before.get(stored.zone_source, stored.zone_source)
    return zone_note(_named(given), stored.timezone, source, given.timezone)


def _named(place: Property) -> str:
    return display_text(place.name) or display_text(place.id)


def _quota(user: ApiUser, store: Store) -> Check:
    try:
        used = store.read.health(utcnow()).key(user.name).quota_used
    except IcalbridgeError as error:
        return Check("quota", None, f"not checked: {error}")
    left = user.quota_per_day - used
    message = (
        f"{used} of {user.quota_per_day} requests used today (UTC), {user.rate_per_minute} a minute"
    )
    if left <= 0:
        return Check("quota", False, f"{message}; wait for midnight UTC or ask Facilitron for more")
    return Check("quota", True, message)


def _unchecked(*names: str) -> list[Check]:
    return [Check(name, None, "not checked: see above") for name in names]
