"""`status`: how fresh everything is, as a table for people or as JSON for programs."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from datetime import date, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Column, Table

from icalbridge.store import Store

if TYPE_CHECKING:
    from icalbridge.settings import Settings
    from icalbridge.store import Freshness, Health


def print_status(settings: Settings, *, as_json: bool, now: datetime) -> None:
    """Print how the whole stands; needs no key and asks the vendor nothing."""
    with closing(Store.connect(settings.database_url)) as store:
        store.check()
        health = store.read.health(now)
    if as_json:
        click.echo(json.dumps(_as_json(settings, health), ensure_ascii=False, indent=2))
    else:
        _print_table(settings, health, now)


def _as_json(settings: Settings, health: Health) -> dict[str, object]:
    told = json.loads(json.dumps(asdict(health), default=_iso))
    return {"ready": health.ready, "quota_per_day": settings.quota_per_day, **told}


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _print_table(settings: Settings, health: Health, now: datetime) -> None:
    console = Console(markup=False, emoji=False, highlight=False)  # a name in brackets is a name
    error = Column("Last error", overflow="fold")  # its end is what the vendor's support asks for
    table = Table("Property", "Today's window", "Oldest window", error, box=None, pad_edge=False)
    for each in health.properties:
        table.add_row(
            each.name or each.property_id, age(each.today_synced, now), age(each.oldest_synced, now), _error(each)
        )
    console.print(table)
    click.echo()
    click.echo(f"Catalogue   {age(health.catalogue_synced, now)}")
    if health.catalogue_error:
        click.echo(f"            {health.catalogue_error}")
    click.echo(f"Quota       {health.quota_used} of {settings.quota_per_day} requests used today (UTC)")
    click.echo(f"Bookings    {health.entries} shown, {health.skipped} things left out that could not be read")
    click.echo(f"Workers     {health.workers_alive} alive")


def _error(each: Freshness) -> str:
    return each.error or "–"


def age(moment: datetime | None, now: datetime) -> str:
    """Say how long ago a moment was, in the largest unit that fits."""
    if moment is None:
        return "never"
    passed = max(0, int((now - moment).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if passed >= length:
            return f"{passed // length} {unit} ago"
    return f"{passed} s ago"
