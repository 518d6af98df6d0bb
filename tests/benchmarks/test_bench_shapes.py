"""What one answer costs when it is not in memory: a feed of two thousand entries, in many shapes
and every format.

The issue's goal is that none takes more than 50 ms of our own time; the machine's speed drifts, so
read the ratio to icalendar writing the same feed in the same run.
"""

from __future__ import annotations

import cProfile
import os
import pstats
from statistics import median
from time import process_time
from typing import TYPE_CHECKING

from icalbridge.feeds import FORMATS
from icalbridge.settings import Settings
from icalbridge.web import CACHE_BYTES, create_app
from tests.benchmarks.test_bench_render import written_by_icalendar
from tests.samples import GYM, NOW, POOL, entry
from tests.web_world import Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icalbridge.models import Entry, Facility

COUNT = 2_000
GOAL_MILLISECONDS = 50.0
PATH = "/ical/property/school"
SHAPES = (
    "",
    "facility=gym,pool",
    "facility=pool",
    "type=gymnasium",
    "category=external",
    "activity=varsity+practice",
    "q=basketball",
    "q=b%C3%A4sketball+ligue",
    "not=basketball+juv%C3%A9nile",
    "past=7",
    "ahead=365",
    "status=approved,pending",
    "cancelled=mark",
    "cancelled=tombstone",
    "detail=busy",
    "group=event",
    "tz=utc",
    "title={facility}:+{name}",
    "title=[{facility}+({type})]+{name}+/+{activity},+{school}",
    "view=occupancy",
    "view=occupancy&before=30&after=15",
    "view=occupancy&tz=utc",
    "group=event&cancelled=tombstone&status=approved,pending&title={name},+{school}",
    "q=ligue&not=zumba&type=gymnasium,pool&category=external&activity=varsity+practice&cancelled=mark",
    "detail=busy&group=event&tz=utc&cancelled=tombstone",
    "title={school}+{type}+{facility}+{name}+{activity}&cancelled=mark&q=ligue&not=zumba",
    "type=" + ",".join(["gymnasium", *(f"kind{number}" for number in range(49))]),
    "facility=" + ",".join(["gym", "pool"] * 25),
    "q=" + "+".join("abcdefghijklmnopqrstuvwxyz"),
    "not=" + "+".join(f"word{number}" for number in range(50)),
)


def _entries() -> list[Entry]:
    """A school's year: names with accents, a pool and a gym side by side, and some that are off or
    pending.
    """
    places: list[Facility] = [GYM, POOL]
    kinds: list[dict[str, object]] = [{}] * 17
    kinds += [
        {"status": "pending"},
        {"status": "cancelled", "cancelled": NOW},
        {"withdrawn": NOW, "cancelled": NOW},
    ]
    return [
        entry(
            number // 2 * 8,
            uid=f"{number:032x}",
            facility=places[number % 2],
            event_id=f"68aa00934e4730d41{number // 2 % 300:07}",
            name=f"Ligue juvénile de basketball {number // 2 % 300}",
            activity="Varsity practice" if number % 3 else "",
            **kinds[number // 2 % 20],
        )
        for number in range(COUNT)
    ]


def _milliseconds(work: Callable[[], object]) -> float:
    begun = process_time()
    work()
    return (process_time() - begun) * 1000


def test_any_shape_of_two_thousand(tmp_path: Path) -> None:
    """Every shape in every format, on a miss: with the feed's entries still to be read, and with
    its calendar kept since another format was asked for.
    """
    store = empty_store(tmp_path)
    add_catalogue(store)
    booked = _entries()
    sync(store, "school", added(booked))

    settings = Settings(
        public_url="https://calendars.example.org", public_pending=True, public_category=True
    )

    def client(cache_bytes: int = 0) -> Callable[[str], object]:
        """Return a site that keeps nothing, or calendars and files as usual."""
        made = create_app(settings, store, clock=Clock(), cache_bytes=cache_bytes).test_client()

        def get(address: str) -> None:
            answer = made.get(address)
            assert answer.status_code == 200, answer.text

        return get

    addresses = [f"{PATH}.{suffix}?{query}" for suffix in FORMATS for query in SHAPES]
    client()(addresses[0])  # modules are read, statements compiled
    cold = {address: min(_once(client(), address) for _ in range(2)) for address in addresses}
    warm = {}
    for query in SHAPES:
        keeping = [client(CACHE_BYTES) for _ in range(2)]
        for get in keeping:
            get(f"{PATH}.ics?{query}")
        for address in (f"{PATH}.{suffix}?{query}" for suffix in ("json", "csv")):
            warm[address] = min(_once(get, address) for get in keeping)
    shown = [each for each in booked if each.shown]
    theirs = median(_milliseconds(lambda: written_by_icalendar(shown)) for _ in range(3))
    print(
        f"\na miss on {COUNT} entries, {len(addresses)} shapes and formats; icalendar writes them"
        f" in {theirs:.0f} ms"
    )
    for name, found in (("entries read", cold), ("calendar kept", warm)):
        slowest = max(found, key=lambda address: found[address])
        middle = median(found.values())
        print(
            f"  {name}: median {middle:5.1f} ms (1/{theirs / middle:.0f}), slowest"
            f" {found[slowest]:5.1f} ms (1/{theirs / found[slowest]:.0f})  {slowest[:100]}"
        )
        over = [address for address, spent in found.items() if spent > GOAL_MILLISECONDS]
        print(f"    over {GOAL_MILLISECONDS:.0f} ms: {len(over)} {over[:4]}")
    if os.environ.get("PROFILE"):
        _profile(client(), max(cold, key=lambda address: cold[address]))
    store.close()


def _once(get: Callable[[str], object], address: str) -> float:
    return _milliseconds(lambda: get(address))


def _profile(get: Callable[[str], object], address: str) -> None:
    profile = cProfile.Profile()
    profile.runcall(get, address)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)
