"""`status`: how fresh everything is and what comes next, as a table for people or as JSON for
programs.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Column, Table

from icalbridge.cli.database import connect
from icalbridge.cli.work import make_grant
from icalbridge.cli.zone_notes import zone_note
from icalbridge.models import is_future
from icalbridge.settings import ApiUser
from icalbridge.statuses import status_name
from icalbridge.store import Store
from icalbridge.store.health import TIMES_IN_FUTURE
from icalbridge.sync.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from icalbridge.settings import Settings
    from icalbridge.store import Freshness, Health, KeyHealth, Store


def print_status(settings: Settings, *, as_json: bool, now: datetime) -> None:
    """Print how the whole stands; needs no key and asks the vendor nothing."""
    with closing(connect(settings)) as store:
        store.check()
        users = {each.name: each for each in settings.api_users()}
        health = store.read.health(now)
        keys = {
            each.name: users.get(each.name) or _nameless(settings, each.name)
            for each in health.keys
        }
        planned = _planned(settings, store, keys, now)
    told = (
        replace(each, quota_per_day=each.quota_per_day or keys[each.name].quota_per_day)
        for each in health.keys
    )
    health = replace(health, keys=tuple(told))
    unknown = UnknownStatuses(health, settings)
    if as_json:
        click.echo(
            json.dumps(_as_json(health, planned) | unknown.values, ensure_ascii=False, indent=2)
        )
        return
    _print_table(health, planned, now)
    for line in unknown.lines():
        click.echo(line)


class UnknownStatuses:
    """Statuses of the vendor that are not known, without those that the operator counts as approved
    by now.
    """

    def __init__(self, health: Health, settings: Settings) -> None:
        approved = {*map(status_name, settings.approved_statuses)}
        self._events = {
            name: count for name, count in health.unknown_statuses.items() if name not in approved
        }
        self._timeslots = health.unknown_timeslot_statuses

    @property
    def values(self) -> dict[str, dict[str, int]]:
        """Return the counts by status, as JSON has them."""
        return {"unknown_statuses": self._events, "unknown_timeslot_statuses": self._timeslots}

    def lines(self) -> Iterator[str]:
        """Yield the lines for people."""
        if self._events:
            yield f"Unknown statuses: {_counts(self._events)}"
            yield "            set ICALBRIDGE_APPROVED_STATUSES if these count as approved"
        if self._timeslots:
            yield f"Unknown timeslot statuses: {_counts(self._timeslots)}"


def _counts(counted: Mapping[str, int]) -> str:
    ordered = sorted(counted.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f'"{name}" {count}' for name, count in ordered)


def _nameless(settings: Settings, name: str) -> ApiUser:
    """Return a key that is not set here, as on a machine that only looks, with what the settings
    grant to any.
    """
    return ApiUser(name, "", "", settings.rate_per_minute, settings.quota_per_day)


def _planned(
    settings: Settings, store: Store, keys: dict[str, ApiUser], now: datetime
) -> dict[str, tuple[str, datetime]]:
    """Return each property's tier, and when it is asked for next, as the plan has it at this
    moment.
    """
    found: dict[str, tuple[str, datetime]] = {}
    for name, user in keys.items():
        schedule = Schedule(store.windows.state(name), make_grant(user, settings), now)
        found |= {
            property_id: (tier.value, due)
            for property_id, (tier, due) in schedule.outlook().items()
        }
    return found


def _as_json(health: Health, planned: dict[str, tuple[str, datetime]]) -> dict[str, object]:
    told = json.loads(json.dumps(asdict(health), default=_iso))
    if not health.ahead_seconds:
        del told["ahead_seconds"]
    for each in told["properties"]:
        del each["newest"]
        tier, due = planned.get(each["property_id"], (None, None))
        each |= {"tier": tier, "next": None if due is None else _iso(due)}
    return {
        "ready": health.ready,
        "quota_per_day": sum(each.quota_per_day for each in health.keys),
        **told,
    }


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _print_table(health: Health, planned: dict[str, tuple[str, datetime]], now: datetime) -> None:
    console = Console(markup=False, emoji=False, highlight=False)  # a name in brackets is a name
    error = Column("Last error", overflow="fold")  # its end is what the vendor's support asks for
    table = Table(
        "Property", "Tier", "Today", "31 days", "Year", "Next", error, box=None, pad_edge=False
    )
    for each in health.properties:
        tier, due = planned.get(each.property_id, ("–", None))
        ages = (
            age(moment, now)
            for moment in (each.today_synced, each.month_synced, each.oldest_synced)
        )
        table.add_row(each.name or each.property_id, tier, *ages, _until(due, now), _error(each))
    console.print(table)
    click.echo()
    click.echo(f"Catalogue   {age(health.catalogue_synced, now)}")
    if health.catalogue_error:
        click.echo(f"            {health.catalogue_error}")
    for key in health.keys:
        for line in _key_lines(key, alone=len(health.keys) == 1):
            click.echo(line)
    for line in _notes(health):
        click.echo(line)


def _notes(health: Health) -> Iterator[str]:
    """Yield what is to be said below the table and the keys."""
    yield from (f"Left        {left}" for left in health.left)
    yield from (f"Withdrawn   {withdrawal}" for withdrawal in health.withdrawals)
    yield (
        f"Bookings    {health.entries} shown, {health.skipped} things left out that could not be"
        " read"
    )
    yield f"Workers     {health.workers_alive} alive"
    for number, note in enumerate(_zone_notes(health)):
        yield f"{'' if number else 'Time zones':<12}{note}"
    if health.ahead_seconds:
        yield f"Clock       {TIMES_IN_FUTURE}"


def _key_lines(key: KeyHealth, *, alone: bool) -> list[str]:
    granted = f"of {key.quota_per_day} " if key.quota_per_day else ""
    of_key = "" if alone else f", key {key.name}"
    lines = [f"Quota       {key.quota_used} {granted}requests used today (UTC){of_key}"]
    if key.stretch > 1:
        lines.append(
            f"            too little for the wanted pace: all is asked {key.stretch:g} times less"
            " often"
        )
    if key.error:
        lines.append(f"Trouble     {key.error}{of_key}")
    return lines


def _zone_notes(health: Health) -> list[str]:
    """Return a sentence on each property whose zone the vendor does not give."""
    told = (
        zone_note(each.name or each.property_id, each.zone, each.zone_source, each.vendor_zone)
        for each in health.properties
    )
    return [note for note in told if note]


def _error(each: Freshness) -> str:
    return each.error or "–"


def _until(due: datetime | None, now: datetime) -> str:
    """Say how soon a moment is, in the largest unit that fits."""
    if due is None:
        return "–"
    return "now" if due <= now else f"in {_span(due - now)}"


def age(moment: datetime | None, now: datetime) -> str:
    """Say how long ago a moment was, in the largest unit that fits."""
    if moment is None:
        return "never"
    return (
        f"{_span(moment - now)} in the future"
        if is_future(moment, now)
        else f"{_span(now - moment)} ago"
    )


def _span(length: timedelta) -> str:
    passed = max(0, int(length.total_seconds()))
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if passed >= seconds:
            return f"{passed // seconds} {unit}"
    return f"{passed} s"
