"""`icalbridge.sync.worker`: what is due is done, once, by one of many."""

from __future__ import annotations

import logging
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from icalbridge.models import FIRST_DAYS
from icalbridge.store.tables import windows
from icalbridge.store.windows import LEASE_SECONDS
from icalbridge.sync.windows import WINDOWS
from icalbridge.sync.worker import LONGEST_NAP_SECONDS
from tests.fixtures.bridges import Bridge, bridge
from tests.fixtures.workers import Agency, WorkedOnce, asked, asked_days, claim, due, leased, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from tests.fixtures.stores import Prepared


@pytest.fixture
def district(request: pytest.FixtureRequest, database_url: str) -> Iterator[Bridge]:
    """A district of two schools, of which nothing is known yet, on either database."""
    with bridge(database_url, windows=getattr(request, "param", 3)) as made:
        made.store.write.add_api_user("default")
        yield made


@pytest.fixture
def agency(district: Bridge, database_url: str) -> Iterator[Agency]:
    """Workers on demand."""
    with ExitStack() as open_stores:
        yield Agency(district, database_url, open_stores)


@pytest.fixture
def worked(
    request: pytest.FixtureRequest, prepared: Prepared, database_url: str
) -> Iterator[Bridge]:
    """The same district after a worker has fetched everything."""
    size = getattr(request, "param", 3)
    prepared.fill(database_url, WorkedOnce(size))
    with bridge(database_url, windows=size) as made:
        yield made


@pytest.fixture
def crew(worked: Bridge, database_url: str) -> Iterator[Agency]:
    """Workers on demand, for that district."""
    with ExitStack() as open_stores:
        yield Agency(worked, database_url, open_stores)


# what is due


whole_year = pytest.mark.parametrize("district", [WINDOWS], indirect=True, ids=["year"])
worked_year = pytest.mark.parametrize("worked", [WINDOWS], indirect=True, ids=["year"])


@whole_year
def test_worker_fetches_everything_of_an_empty_database(district: Bridge, agency: Agency) -> None:
    """Catalogue, then all windows, near ones of all properties first; then it naps, and the feed is
    the truth.
    """
    hired = agency.hire("w1")
    assert hired.work() == LONGEST_NAP_SECONDS
    paths = [path.rpartition("/")[2] for _, path, _, _ in district.state.requests]
    assert paths == ["properties", *["facilities"] * 3, *["events"] * 37]
    assert (
        "include_child_events=true" in district.state.requests[7][2]
    )  # right after all that holds today
    days = [date.fromisoformat(day) for _, day in asked(district)]
    today = date(2026, 11, 21)
    assert days == sorted(days)
    assert Counter(days) == {today + timedelta(days=first): 3 for first in FIRST_DAYS}
    assert district.told() == district.truth()
    assert district.store.read.health(district.clock()).ready


@worked_year
def test_worker_asks_by_tier_for_what_is_read(worked: Bridge, crew: Agency) -> None:
    """The worked's day every minute; of so few schools the month every three minutes, the rest
    every forty minutes and every four hours.
    """
    hired = crew.hire("w1")
    read(worked)
    assert due(worked) == {60.0: 1, 180.0: 3, 2400.0: 6, 14_400.0: 27}
    seen = []
    for passed in (0, 60, 60, 480, 21_000):
        worked.clock.advance(seconds=passed)
        begun = len(worked.state.requests)
        hired.work()
        seen.append((asked_days(worked, begun), len(asked(worked, begun))))
    assert seen == [(0, 0), (1, 0), (1, 0), (1, 3), (1, 36)]


@worked_year
def test_worker_asks_daily_for_what_nobody_reads(worked: Bridge, crew: Agency) -> None:
    """All windows and the worked's day once in 24 hours; from the first reader on, by tier."""
    hired = crew.hire("w1")
    assert due(worked) == {86_400.0: 37}
    worked.clock.advance(hours=23)
    begun = len(worked.state.requests)
    hired.work()
    assert asked(worked, begun) == []
    read(worked)
    hired.work()
    assert (asked_days(worked, begun), len(asked(worked, begun))) == (1, 36)


@pytest.mark.parametrize(("passed", "nap"), [(0, 30.0), (35, 25.0), (59, 1.0)])
def test_worker_naps_until_the_next_window_is_due(
    worked: Bridge, crew: Agency, passed: int, nap: float
) -> None:
    """To the second when that is soon, else for as long as it may be silent."""
    hired = crew.hire("w1")
    read(worked)
    worked.clock.advance(seconds=passed)
    assert hired.worker.step() == nap


def test_worker_fetches_the_catalogue_once_a_day(worked: Bridge, crew: Agency) -> None:
    """A school that joined is in the next day's catalogue, with all its windows."""
    hired = crew.hire("w1")
    begun = len(worked.state.requests)
    worked.clock.advance(seconds=86_399)
    hired.work()
    assert "/v1/properties" not in [path for _, path, _, _ in worked.state.requests[begun:]]
    worked.clock.advance(seconds=1)
    hired.work()
    assert [path for _, path, _, _ in worked.state.requests[begun:]].count("/v1/properties") == 1


@worked_year
@pytest.mark.parametrize("keep_days", [0, 70])
def test_worker_forgets_what_is_past_once_a_day(
    worked: Bridge, crew: Agency, keep_days: int, caplog: pytest.LogCaptureFixture
) -> None:
    """With the catalogue: what ended longer ago than the operator wants it kept; nothing unless
    told so.
    """
    caplog.set_level(logging.INFO)
    hired = crew.hire("w1", keep_days=keep_days)
    before = _ends(worked)
    worked.clock.advance(days=1)
    hired.work()
    oldest = worked.clock() - timedelta(days=keep_days or 9999)
    assert _ends(worked) == [each for each in before if each >= oldest]
    gone = len([each for each in before if each < oldest])
    said = f"{gone} entries that ended over 70 days ago are forgotten"
    assert (gone > 0, said in caplog.messages) == (bool(keep_days), bool(keep_days))
    assert worked.told() == worked.truth()


def _ends(district: Bridge) -> list[datetime]:
    owners = [each.id for each in district.store.read.properties()]
    return sorted(each.end for each in district.store.sync_reads.entries_of(owners, []))


# leases


def test_workers_in_turn_never_take_the_same_window(district: Bridge, agency: Agency) -> None:
    """Two workers, step by step: one fetches the catalogue, both fetch windows, none twice."""
    first, second = agency.hire("w1"), agency.hire("w2")
    while not first.worker.step() + second.worker.step():
        pass
    assert len(asked(district)) == len(set(asked(district))) == 9
    assert asked_days(district) == 1
    assert [path for _, path, _, _ in district.state.requests].count("/v1/properties") == 1
    assert district.told() == district.truth()


def test_window_in_flight_is_left_to_its_worker(district: Bridge, agency: Agency) -> None:
    """While one worker waits for the vendor, the other takes another window, or none."""
    second = agency.hire("w2")
    leases: list[list[str]] = []

    def meanwhile(endpoint: str, _outcome: str) -> None:
        if endpoint == "property-events":
            leases.append(leased(district))
            second.worker.step()

    first = agency.hire("w1", on_request=meanwhile)
    first.work()
    assert leases == [["w1"]] * 5
    assert len(asked(district)) == len(set(asked(district))) == 9
    assert asked_days(district) == 1


@worked_year
def test_workers_at_once_never_take_the_same_window(worked: Bridge, crew: Agency) -> None:
    """Four workers of one database, truly at the same time, ask for each window exactly once."""
    read(worked)
    worked.clock.advance(hours=7)
    begun = len(worked.state.requests)
    hired = [crew.hire(f"w{number}") for number in range(1, 5)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: each.work(), hired))
    assert len(asked(worked, begun)) == len(set(asked(worked, begun))) == 36
    assert asked_days(worked, begun) == 1
    assert due(worked) == {60.0: 1, 180.0: 3, 2400.0: 6, 14_400.0: 27}
    assert leased(worked) == []


def test_dead_workers_window_is_taken_over_after_its_lease(worked: Bridge, crew: Agency) -> None:
    """What a killed worker had is nobody's for half a minute, then the next one's."""
    hired = crew.hire("w1")
    read(worked)
    worked.clock.advance(seconds=600)
    dead = claim(worked, "dead")
    begun = len(worked.state.requests)
    hired.work()
    worked.clock.advance(seconds=LEASE_SECONDS - 1)
    hired.work()
    assert dead.property_id not in [property_id for property_id, _ in asked(worked, begun)]
    worked.clock.advance(seconds=1)
    hired.work()
    assert asked(worked, begun).count((dead.property_id, "2026-11-21")) == 1


def test_worker_whose_lease_was_lost_writes_nothing_and_goes_on(
    worked: Bridge, crew: Agency, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that comes after another worker took the window over is thrown away; no feed is
    touched twice.
    """
    read(worked)
    worked.clock.advance(seconds=600)
    other: list[str] = []

    def take_over(_endpoint: str, _outcome: str) -> None:
        if not other:
            other.append("w2")
            with worked.store.engine.begin() as connection:
                connection.execute(
                    update(windows).where(windows.c.leased_by == "w1").values(leased_by="w2")
                )

    late = crew.hire("w1", on_request=take_over)
    assert late.worker.step() == LONGEST_NAP_SECONDS
    assert leased(worked) == ["w2"]
    assert re.findall(r"The lease of .* ran out; its answer was thrown away\.", caplog.text)
    assert late.worker.step() == 0
    assert leased(worked) == ["w2"]


def test_catalogue_of_another_worker_is_known_at_once(district: Bridge, agency: Agency) -> None:
    """A school that another worker found is fetched by this one, though that worker's catalogue was
    not whole.

    Its today was already fetched by the one that found it.
    """
    joining = district.world.properties.pop()
    first, second = agency.hire("w1"), agency.hire("w2")
    first.work()
    district.clock.advance(days=1)
    district.world.properties.append(joining)
    district.fail(f"503:endpoint=facilities,property={district.world.properties[0]['_id']}")
    second.worker.step()
    begun = len(district.state.requests)
    first.work()
    assert (
        Counter(owner for owner, _ in asked(district, begun))[joining["_id"]]
        == district.windows - 1
    )


def test_rename_that_another_worker_found_is_known_at_once(
    district: Bridge, agency: Agency
) -> None:
    """Events are placed by the catalogue as it is now, though the other worker's was not whole."""
    first, second = agency.hire("w1"), agency.hire("w2")
    first.work()
    district.clock.advance(days=1)
    school = district.world.properties[1]
    school["name"] = "Renamed High"
    district.fail(f"503:endpoint=facilities,property={district.world.properties[0]['_id']}")
    second.worker.step()
    district.heal()
    for event in district.world.events.values():
        event["name"] = "Edited"
    district.world.edited()
    first.work()
    here = {
        each.location.partition(", ")[2].partition(", ")[0]
        for each in district.entries()
        if each.name == "Edited" and each.property_id == school["_id"]
    }
    assert here == {"Renamed High"}
