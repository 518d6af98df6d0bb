"""A district in a real store for the tests of the web: schools with much, little and nothing on,
and hostile names.

Moments hang on `samples.NOW`, noon on a Saturday in Los Angeles. Nothing of this knows the vendor.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from icalbridge.models import Changes, Event, Facility, Property, Window
from icalbridge.settings import Settings
from icalbridge.store import Store
from icalbridge.web import create_app
from tests.fixtures.migrated import new_store
from tests.samples import GYM, NOW, POOL, SCHOOL, ZONE, entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from flask import Flask

    from icalbridge.models import Entry

USER = "default"
WINDOW = Window(date(2026, 11, 21), date(2026, 12, 21))
PUBLIC = Settings(public_url="https://calendars.example.org")
PRIVATE = Settings()

HOSTILE = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"
JAPANESE = "第二体育館（だいにたいいくかん）"
RIGHT_TO_LEFT = "‮مسبح المدرسة الثانوية"
LONG = "Extraordinarily Long Multipurpose Room and Community Gathering Space " * 4 + "W" * 120

DISTRICT = Property(
    "district",
    "Sunny Union District",
    "2 Elm St",
    "Sunnyvale",
    "CA",
    "94086",
    ZONE,
    ("school", "odd"),
)
ODD = Property("odd", HOSTILE, city="三島", timezone="America/New_York")
ALONE = Property(
    "alone", "Phoenix Academy", "9 Sand Rd", "Phoenix", "AZ", "85001", "America/Phoenix"
)
NEVER = Property("never", "Brand-new School", timezone=ZONE)
LONG_ROOM = Facility("long", "odd", LONG.strip(), "Multipurpose room")
JAPANESE_GYM = Facility("odd.id é/1", "odd", JAPANESE, "体育館", 120)
ARABIC_POOL = Facility("rtl", "odd", RIGHT_TO_LEFT)
NAMELESS = Facility("nameless", "alone", "", "Field")
NEVER_GYM = Facility("never-gym", "never", "New Gym", "Gymnasium")

FACILITIES: Mapping[str, Sequence[Facility]] = {
    "district": [],
    "school": [GYM, POOL],
    "odd": [LONG_ROOM, JAPANESE_GYM, ARABIC_POOL],
    "alone": [NAMELESS],
    "never": [NEVER_GYM],
}


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def empty_store(folder: Path) -> Store:
    """Open a new database with the current schema, one key and no catalogue."""
    return new_store(f"sqlite:///{folder}/bridge.db", _migrate)


def filled_store(folder: Path) -> Store:
    """Open a new database that `fill` filled."""
    return new_store(f"sqlite:///{folder}/bridge.db", _migrate_and_fill)


def _migrate(store: Store) -> None:
    store.upgrade()
    store.write.add_api_user(USER)


def _migrate_and_fill(store: Store) -> None:
    _migrate(store)
    fill(store)


def add_catalogue(store: Store, facilities: Mapping[str, Sequence[Facility]] = FACILITIES) -> None:
    """List all schools; none of them was ever fetched."""
    listed = [each for each in (DISTRICT, SCHOOL, ODD, ALONE, NEVER) if each.id in facilities]
    store.write.apply_catalog(USER, listed, facilities, Changes(), now=NOW)
    store.windows.ensure([each.id for each in listed], 1, now=NOW)


def sync(
    store: Store, property_id: str, changes: Changes | None = None, *, now: datetime = NOW
) -> None:
    """Let a property's window have been fetched, with these changes."""
    store.windows.make_due([property_id], now=now)
    claim = store.windows.claim(USER, "worker", now=now, property_ids=[property_id])
    assert claim is not None
    store.windows.finish(
        claim, WINDOW, changes or Changes(), now=now, due=now + timedelta(minutes=10)
    )


def added(entries: Iterable[Entry]) -> Changes:
    """Say that entries are new, and with them their events."""
    shown = tuple(entries)
    heard = {
        each.key: Event(
            each.event_id, each.event_type, each.property_id, each.zone, each.name, each.status
        )
        for each in shown
    }
    return Changes(added=shown, parsed=tuple(heard.values()))


def odd_entry(hours: float, facility: Facility, number: int, name: str, **fields: object) -> Entry:
    """Return an entry of the school with the odd names, which lies in New York."""
    made = entry(
        hours, uid=f"odd{number}", facility=facility, event_id=f"odd{number}", name=name, **fields
    )
    return replace(made, property_id="odd", zone="America/New_York")


def fill(store: Store) -> None:
    """Fetch everything but the school that is never fetched: a gym in full use, odd names, a school
    with nothing on.
    """
    add_catalogue(store)
    gym = [entry(-1, uid="now", event_id="e0", name="Open Gym")]
    gym += [
        entry(3 + 24 * day, uid=f"gym{day}", event_id="e1", activity="Varsity") for day in range(30)
    ]
    pool = [entry(26, uid="pool", facility=POOL, event_id="e2", name="")]
    sync(store, "school", added(gym + pool))
    names = (HOSTILE, JAPANESE, RIGHT_TO_LEFT, LONG, "Ärzte \U0001f3c0 Turnier")
    places = (LONG_ROOM, JAPANESE_GYM, ARABIC_POOL)
    odd = [
        odd_entry(1 + number, places[number % 3], number, name) for number, name in enumerate(names)
    ]
    odd.append(odd_entry(30, LONG_ROOM, 9, "Night of dance", end=NOW + timedelta(hours=60)))
    sync(store, "odd", added(odd))
    sync(store, "district")
    sync(store, "alone")
    assert store.api_keys.claim_catalog(USER, "worker", now=NOW, at_once=True)
    store.api_keys.finish_catalog(USER, now=NOW, due=NOW + timedelta(days=1))


def application(folder: str) -> Flask:
    """Make the application over an already filled database, for a server in another process."""
    return create_app(PUBLIC, Store.connect(f"sqlite:///{folder}/bridge.db"), clock=Clock())
