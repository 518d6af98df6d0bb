"""`status --readers`: how many distinct clients read each calendar, by day and client family."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import click

from icalbridge.cli.output import console, print_json, table
from icalbridge.cli.runtime import open_current
from icalbridge.store.readers import MAX_READERS
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from icalbridge.settings import Settings
    from icalbridge.store import Store
    from icalbridge.store.readers import ReaderCount

FAMILIES = ("google", "apple", "outlook", "thunderbird", "home assistant", "other")
NOTE = (
    "Google fetches once for all its users and does not say how many they are: 1 means that"
    " somebody uses it."
)
GROUPS = {
    "event": "single bookings, by event",
    "booking": "single bookings",
    "other": "all other calendars",
}
"""What is counted together."""


def print_readers(settings: Settings, *, as_json: bool, days: int, now: datetime) -> None:
    """Print the readers of today (UTC) and the days before; sends no request."""
    today = now.astimezone(UTC).date()
    with open_current(settings) as store:
        counts = store.readers.counts(since=today - timedelta(days=days - 1))
        titles = _titles(store, {count.feed for count in counts})
    calendars = _by_calendar(counts)
    if as_json:
        print_json({"today": today.isoformat(), "calendars": _as_json(calendars, titles)})
        return
    if not calendars:
        click.echo(f"Nobody has read a calendar in the last {days} days.")
        return
    _print_table(calendars, titles, today)


def _by_calendar(counts: Iterable[ReaderCount]) -> dict[str, dict[date, Counter[str]]]:
    """Return the counts by calendar (most readers first), by day (latest first), and by family."""
    calendars: dict[str, dict[date, Counter[str]]] = {}
    for count in sorted(counts, key=lambda count: count.day, reverse=True):
        days = calendars.setdefault(count.feed, {})
        days.setdefault(count.day, Counter())[_known(count.family)] += count.readers
    most = {feed: max(day.total() for day in days.values()) for feed, days in calendars.items()}
    ordered = sorted(calendars, key=lambda feed: (-most[feed], feed))
    return {feed: calendars[feed] for feed in ordered}


def _known(family: str) -> str:
    return family if family in FAMILIES else "other"


def _titles(store: Store, feeds: set[str]) -> dict[str, str]:
    """Return the names of calendars by what they are counted as."""
    titles = dict(GROUPS)
    titles |= {f"property/{place.id}": place.name for place in store.read.properties()}
    titles |= {f"facility/{place.id}": place.name for place in store.read.facilities()}
    for saved in store.saved.feeds():
        titles |= {f"{kind}/{saved.slug}": saved.title for kind in ("feed", "private")}
    return {feed: display_text(titles.get(feed, ""), missing=feed) for feed in feeds}


def _print_table(
    calendars: Mapping[str, Mapping[date, Counter[str]]], titles: Mapping[str, str], today: date
) -> None:
    rows = table("Calendar", "Counted as", "Day", *map(str.title, FAMILIES), "Total")
    totals: Counter[date] = Counter()
    for feed, days in calendars.items():
        names = [titles[feed], feed]
        for day, families in days.items():
            numbers = [str(families[family] or "–") for family in FAMILIES]
            shown = "today" if day == today else day.isoformat()
            rows.add_row(*names, shown, *numbers, str(families.total()))
            names = ["", ""]
            totals[day] += families.total()
    console(wide=False).print(rows)
    click.echo()
    click.echo(NOTE)
    for day, number in totals.items():
        if number >= MAX_READERS:
            click.echo(f"{day}: no more than {MAX_READERS} are counted a day; there were more.")


def _as_json(
    calendars: Mapping[str, Mapping[date, Counter[str]]], titles: Mapping[str, str]
) -> list[dict[str, object]]:
    return [
        {
            "calendar": feed,
            "name": titles[feed],
            "days": [
                {
                    "day": day.isoformat(),
                    **{family.replace(" ", "_"): families[family] for family in FAMILIES},
                    "total": families.total(),
                }
                for day, families in days.items()
            ],
        }
        for feed, days in calendars.items()
    ]
