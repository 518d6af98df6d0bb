"""`icalbridge.store.entries`: what a feed's entries are chosen by is looked for by the database, and
it finds what `select` finds.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.feeds.query import parse
from icalbridge.feeds.selection import select
from icalbridge.models import Changes, Feed
from icalbridge.store.entries import (
    SHOWN_ENTRIES,
    EntryCriteria,
    TimeRange,
)
from tests.fixtures.migrated import new_store
from tests.fixtures.stores import USER, apply_changes, list_catalogue
from tests.samples import GYM, NOW, POOL, entry, event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from icalbridge.models import Entry
    from icalbridge.store import Store

pytestmark = pytest.mark.xdist_group("entries")  # a database serves all that only read
SCHOOL = Feed("property", "school")
YEAR = timedelta(days=365)
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"name": "Ligue juvénile"},
    {"activity": "Varsity Practice"},
    {"name": "STRASSE ß"},
)


@cache
def _booked(count: int) -> list[Entry]:
    """Return entries of many names, in two places, one of them longer than a day."""
    booked = [
        entry(
            number,
            uid=f"u{number:04}",
            facility=(GYM, POOL)[number % 2],
            **({"name": f"Club {number}"} | KINDS[number % 4]),
        )
        for number in range(count)
    ]
    return [*booked, entry(-72, uid="long", name="Camp", end=NOW + timedelta(hours=5))]


@pytest.fixture(scope="module")
def booked_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, int], Store]]:
    """Opens the database of a kind with so many entries, which is made once."""
    folder = tmp_path_factory.mktemp("booked")
    with ExitStack() as open_stores:

        @cache
        def opened(kind: str, count: int) -> Store:
            url = (
                f"sqlite:///{folder}/{count}.db"
                if kind == "sqlite"
                else request.getfixturevalue("postgresql_cluster").new_database()
            )
            store = new_store(url)
            open_stores.callback(store.close)
            store.write.add_api_user(USER)
            list_catalogue(store)
            store.windows.ensure(["district", "school"], 3, now=NOW)
            apply_changes(store, Changes(added=tuple(_booked(count)), parsed=(event(),)))
            return store

        yield opened


@pytest.mark.parametrize(
    "query",
    [
        "q=club",
        "q=juvenile",
        "q=strasse",
        "q=club+7",
        "q=clu+1",
        "q=%22club+1%22",
        "q=%22clu+1%22",
        "q=ub+7",
        "q=league",
        "not=%22varsity+practice%22",
        "q=11+club&not=cam",
        "name=club+4",
        "name=ligue+Juv%C3%A9nile,Club+4&name=Camp",
        "name=ligue&q=juvenile",
        "not=club",
        "not=club+juvenile&q=ligue",
        "activity=varsity+practice",
        "type=gymnasium",
        "type=pool,gymnasium&q=club&not=11",
        "facility=pool&q=club",
        "facility=gym",
        "q=camp",
        "q=nothing",
    ],
)
@pytest.mark.parametrize("count", [20, 1_000])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_database_finds_what_select_finds(
    booked_store: Callable[[str, int], Store], kind: str, count: int, query: str
) -> None:
    """Words, types and activities without case and accents, of few texts and of many."""
    school, booked = booked_store(kind, count), _booked(count)
    wanted = parse(query)
    ids, total = school.read.text_ids("school", wanted)
    criteria = EntryCriteria(
        facility_ids=wanted.facility,
        text_ids=ids if wanted.limits_texts else None,
        text_total=total,
    )
    chosen = select(booked, now=NOW, history=YEAR, horizon=YEAR, query=wanted).entries
    expected = [each.uid for each in chosen if each.end > NOW]
    read = school.read.entries(SCHOOL, TimeRange(NOW), criteria)
    assert [each.uid for each in read] == expected
    first = school.read.entries(SCHOOL, TimeRange(NOW), criteria, limit=3)
    assert [each.uid for each in first] == expected[:3]
    last = school.read.entries(SCHOOL, TimeRange(NOW), criteria, limit=3, newest_first=True)
    assert [each.uid for each in last] == expected[-3:]
    starts = [each.start for each in chosen if each.start >= NOW]
    assert school.read.first_start(SCHOOL, NOW, criteria) == min(starts, default=None)
    late = NOW + YEAR
    ends = [each.end for each in chosen]
    assert school.read.latest_end(SCHOOL, late, criteria) == max(ends, default=None)
    starts = [each.start for each in chosen]
    assert school.read.latest_start(SCHOOL, late, criteria) == max(starts, default=None)


def test_range_takes_what_overlaps_it_once(school: Store) -> None:
    """Long entries that began earlier are there; parts that begin where another ends have nothing
    in common.
    """
    booked = _booked(50)
    apply_changes(school, Changes(added=tuple(booked), parsed=(event(),)))
    hour = timedelta(hours=1)
    whole = school.read.entries(SCHOOL, TimeRange(NOW, NOW + 9 * hour))
    assert "long@icalbridge" in {each.uid for each in whole}
    parts = [
        *school.read.entries(SCHOOL, TimeRange(NOW, NOW + 4 * hour)),
        *school.read.entries(
            SCHOOL, TimeRange(NOW, NOW + 9 * hour, starts_from=NOW + 4 * hour), SHOWN_ENTRIES
        ),
    ]
    assert [each.uid for each in parts] == [each.uid for each in whole]
