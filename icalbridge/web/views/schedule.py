"""Entries as people read them: what is on now, what is next, and what is coming day by day.

Pure: `now` is an argument. Every entry is told in its own school's zone, and falls on the day that
it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.feeds import display_text
from icalbridge.feeds.titles import FIELDS, fill
from icalbridge.web import formatting
from icalbridge.web.i18n import gettext

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from icalbridge.models import Entry


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a schedule."""

    entry: Entry
    title: str
    day: date
    """The local day it starts on; today where it is on already."""
    starts: str
    ends: str
    zone: str
    """The zone's short name, only where it is not the page's zone."""
    running: bool


@dataclass(frozen=True, slots=True)
class Day:
    heading: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that a page shows of its entries."""

    running: tuple[Item, ...]
    upcoming: Item | None
    """The first that has not begun, even where it is too far away for the list."""
    upcoming_day: str
    days: tuple[Day, ...]
    left_out: int
    """How many of the span's entries did not fit."""


def schedule(
    entries: Sequence[Entry], now: datetime, until: datetime, zone: str, limit: int
) -> Schedule:
    """Arrange entries, sorted by start, that have not ended at `now`; list those that begin before
    `until`.

    `zone` is the page's own: what day is today is said in it.
    """
    coming = [entry for entry in entries if entry.end > now]
    within = [entry for entry in coming if entry.start < until]
    shown = sorted((_item(entry, now, zone) for entry in within[:limit]), key=lambda item: item.day)
    today = timezones.local_date(now, zone)
    days = tuple(
        Day(formatting.day(day, today), tuple(items))
        for day, items in groupby(shown, lambda item: item.day)
    )
    upcoming = next((_item(entry, now, zone) for entry in coming if entry.start > now), None)
    return Schedule(
        running=tuple(item for item in shown if item.running),
        upcoming=upcoming,
        upcoming_day=formatting.day(upcoming.day, today) if upcoming else "",
        days=days,
        left_out=len(within) - len(shown),
    )


def _item(entry: Entry, now: datetime, page_zone: str) -> Item:
    zone = entry.zone if timezones.exists(entry.zone) else page_zone
    starts = formatting.clock_time(entry.start, zone)
    begun = timezones.local_date(entry.start, zone)
    day = max(begun, timezones.local_date(now, zone))
    return Item(
        entry=entry,
        title=title(entry),
        day=day,
        starts=starts if begun == day else f"{formatting.short_day(begun)}, {starts}",
        ends=formatting.end_time(entry.end, zone, day),
        zone="" if zone == page_zone else formatting.zone_letters(entry.start, zone),
        running=entry.start <= now,
    )


def title(entry: Entry) -> str:
    """Return what an entry is called, as its feed calls it: the contract's SUMMARY."""
    told = {
        "name": display_text(entry.name) or gettext("Reserved"),
        "activity": display_text(entry.activity),
    }
    return fill("", dict.fromkeys(FIELDS, "") | told)
