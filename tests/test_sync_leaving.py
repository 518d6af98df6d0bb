"""A catalogue that lacks something is read again; a school that left keeps its past, and everything
says so.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.models import Feed
from icalbridge.settings import Settings
from icalbridge.sync import schedule
from icalbridge.sync import windows as sync_windows
from icalbridge.web import create_app
from tests.fixtures.bridges import Bridge, bridge, synced_bridge
from tests.fixtures.workers import Agency, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

    from tests.fixtures.stores import Prepared

TWO_MINUTES = timedelta(seconds=schedule.DOUBT_SECONDS)


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """A district of two schools, synced once, on either database."""
    with synced_bridge(prepared, database_url, windows=2) as made:
        yield made


def _listed(district: Bridge) -> list[str]:
    return [each.id for each in district.store.read.properties()]


def _remove(district: Bridge, *positions: int) -> list[dict[str, Any]]:
    """Take schools off the vendor's list; return them."""
    gone = [district.world.properties[position] for position in positions]
    for each in gone:
        district.world.properties.remove(each)
    return gone


def _catalogue_due(district: Bridge) -> timedelta:
    """Return in how long the catalogue is read again."""
    due = district.store.sync_reads.catalog_version("default")[1]
    assert isinstance(due, datetime)
    return due - district.clock()


def _web(district: Bridge) -> FlaskClient:
    return create_app(Settings(), district.store, clock=district.clock).test_client()


@pytest.mark.parametrize("positions", [(1,), (2, 1)])
def test_missing_school_stays_until_a_later_catalogue_agrees(
    district: Bridge, positions: tuple[int, ...]
) -> None:
    """One school, or all but the district: listed and synced on; the catalogue is read again in two
    minutes.
    """
    before, told = _listed(district), district.told()
    feed = _web(district).get(f"/ical/property/{before[1]}.ics").data
    gone = [each["_id"] for each in _remove(district, *positions)]
    failures = district.sync.fetch_catalog(at_once=True)
    assert failures is not None
    assert f"came back without {len(gone)} of 3 properties" in str(failures[0])
    assert (_listed(district), district.told()) == (before, told)
    assert _web(district).get(f"/ical/property/{before[1]}.ics").data == feed
    assert _catalogue_due(district) == TWO_MINUTES
    district.clock.advance(seconds=119)
    assert district.sync.fetch_catalog(at_once=True)
    assert _listed(district) == before
    district.clock.advance(seconds=1)
    assert district.sync.fetch_catalog() == []
    assert _listed(district) == [each for each in before if each not in gone]
    assert _catalogue_due(district) == timedelta(days=1)


def test_school_that_is_back_at_once_never_left(district: Bridge) -> None:
    """One short answer leaves no trace, and the next one is the first again."""
    before, told = _listed(district), district.told()
    gone = _remove(district, 1)
    assert district.sync.fetch_catalog(at_once=True)
    district.world.properties.insert(1, *gone)
    district.clock.advance(minutes=3)
    assert district.sync.fetch_catalog() == []
    district.world.properties.remove(gone[0])
    district.clock.advance(minutes=3)
    assert district.sync.fetch_catalog(at_once=True)
    assert (_listed(district), district.told()) == (before, told)
    assert district.store.read.health(district.clock()).left == ()


def test_catalogues_that_lack_different_schools_lose_none(district: Bridge) -> None:
    """What one of the two has is there."""
    before = _listed(district)
    first = _remove(district, 1)
    district.sync.fetch_catalog(at_once=True)
    second = _remove(district, 1)
    district.world.properties.append(first[0])
    district.clock.advance(minutes=3)
    assert district.sync.fetch_catalog()
    assert _listed(district) == before
    district.world.properties.insert(1, *second)


def test_empty_catalogue_is_never_believed(district: Bridge) -> None:
    """A key that sees nothing any more is refused, not a district that closed."""
    before = _listed(district)
    district.fail("empty:endpoint=properties")
    for _ in range(3):
        assert district.run().failures
        district.clock.advance(hours=1)
    assert _listed(district) == before


def test_full_sync_believes_the_catalogue_at_once(district: Bridge) -> None:
    """The operator's word."""
    gone = _remove(district, 1)
    assert district.run(full=True).failures == []
    assert gone[0]["_id"] not in _listed(district)


def test_facilities_that_are_mostly_missing_stay_until_a_later_list_agrees(
    database_url: str,
) -> None:
    """Four of six are more than a handful; two are not."""
    with bridge(database_url, schools=1, facilities=6, events_per_day=1) as made:
        assert made.run().failures == []
        school = made.world.properties[1]["_id"]

        def known() -> list[str]:
            return [each.id for each in made.store.read.facilities([school])]

        before = known()
        hidden = [each for each in made.world.facilities if each["_id"] in before[:4]]
        made.world.facilities[:] = [each for each in made.world.facilities if each not in hidden]
        failures = made.sync.fetch_catalog(at_once=True)
        assert failures is not None
        assert "came back without 4 of 6 facilities" in str(failures[0])
        assert known() == before
        assert _catalogue_due(made) == TWO_MINUTES
        made.clock.advance(minutes=2)
        assert made.sync.fetch_catalog() == []
        assert known() == before[4:]


def test_doubt_of_a_catalogue_survives_a_restart(district: Bridge, database_url: str) -> None:
    """Two workers, one after the other: the second settles what the first doubted."""
    gone = _remove(district, 1)[0]["_id"]
    read(district)
    district.clock.advance(days=1)
    with ExitStack() as open_stores:
        agency = Agency(district, database_url, open_stores)
        agency.hire("w1").work()
        assert gone in _listed(district)
        district.clock.advance(minutes=2)
        agency.hire("w2").work()
        assert gone not in _listed(district)


def _leave(district: Bridge) -> str:
    """Let the first school leave for good, in the first night of November 22 in California."""
    (gone,) = _remove(district, 1)
    district.clock.advance(hours=12)
    district.run()
    district.clock.advance(minutes=2)
    assert district.run().failures == []
    return str(gone["_id"])


def test_school_that_left_keeps_its_past_and_loses_its_future(
    district: Bridge, caplog: pytest.LogCaptureFixture
) -> None:
    """In its own calendar, its facilities' and the district's; with a warning, and a line for the
    operator.
    """
    school = district.world.properties[1]["_id"]
    own = Feed("property", school)
    past = {each.uid for each in district.entries(own) if each.end <= district.clock()}
    coming = len(district.entries(own)) - len(past)
    assert past
    assert coming > 100
    with caplog.at_level(logging.WARNING):
        assert _leave(district) == school
    now = district.clock()
    assert past <= {each.uid for each in district.entries(own)}
    assert [each for each in district.entries(own) if each.end > now] == []
    assert [
        each for each in district.entries() if each.end > now and each.property_id == school
    ] == []
    assert [each for each in district.entries() if each.end > now] != []
    assert "Facilitron no longer lists this school" in caplog.text
    health = district.store.read.health(now)
    assert [(each.property_id, each.since) for each in health.left] == [(school, now)]
    assert [each.property_id for each in health.withdrawals] == [school]
    assert str(health.left[0]).endswith(
        ": not updated since 2026-11-22, Facilitron no longer lists this school"
    )


def test_feeds_pages_and_displays_say_since_when(district: Bridge) -> None:
    """Each is 200, and says so in words."""
    school = _leave(district)
    facility = next(
        each["_id"] for each in district.world.facilities if each["property_id"] == school
    )
    web = _web(district)
    sentence = "Not updated since Nov 22, 2026: Facilitron no longer lists this school."
    folded = sentence.replace(",", "\\,")
    for feed in (f"property/{school}", f"facility/{facility}"):
        answer = web.get(f"/ical/{feed}.ics")
        assert answer.status_code == 200
        body = answer.text.replace("\r\n ", "")
        assert f"\r\nX-WR-CALDESC:{folded}\r\n" in body
        assert f"\r\nDESCRIPTION:{folded}\r\n" in body
        assert web.get(f"/ical/{feed}.json").get_json()["description"] == sentence
        for page in ("", "embed/", "display/"):
            english = web.get(f"/{page}{feed}?lang=en")
            assert english.status_code == 200
            assert (
                "Not updated since November 22, 2026: Facilitron no longer lists this school."
                in english.text
            )
            spanish = web.get(f"/{page}{feed}?lang=es")
            assert "Facilitron ya no incluye esta escuela." in spanish.text
    board = web.get(f"/display/property/{school}.json").get_json()
    assert board["until"] <= district.clock().timestamp()
    assert board["as_of"]["date"] == "2026-11-22"
    status = web.get("/status?lang=en").text
    assert "Not updated since November 22, 2026: Facilitron no longer lists this school." in status
    assert " bookings were withdrawn at " in status
    other = district.world.properties[1]["_id"]
    assert "X-WR-CALDESC" not in web.get(f"/ical/property/{other}.ics").text
    assert "Not updated" not in web.get(f"/property/{other}").text


def test_school_that_comes_back_has_its_uids_again(district: Bridge) -> None:
    """And no notice any more; its calendar is the vendor's truth at the next sync."""
    gone = district.world.properties[1]
    own = Feed("property", gone["_id"])
    before = {each.uid for each in district.entries(own)}
    _leave(district)
    district.world.properties.insert(1, gone)
    district.clock.advance(days=3)
    assert district.run().failures == []
    now = district.clock()
    after = district.entries(own)
    assert {each.uid for each in after if each.end > now} <= before | {
        each.uid for each in after if each.start > now + timedelta(days=360)
    }
    assert [each for each in district.told() if each[3] > now] == [
        each for each in district.truth() if each[3] > now
    ]
    assert district.store.read.health(now).left == ()
    assert "X-WR-CALDESC" not in _web(district).get(f"/ical/property/{gone['_id']}.ics").text


def test_worker_fetches_a_school_that_is_back_at_once(district: Bridge, database_url: str) -> None:
    """Its windows are due with the catalogue that has it again."""
    gone = district.world.properties[1]
    school = _leave(district)
    district.world.properties.insert(1, gone)
    read(district)
    district.clock.advance(days=1)
    with ExitStack() as open_stores:
        Agency(district, database_url, open_stores).hire("w1").work()
    now = district.clock()
    coming = [each for each in district.entries(Feed("property", school)) if each.end > now]
    assert len(coming) > 100


def test_districts_day_does_not_revive_a_school_that_left(district: Bridge) -> None:
    """Though the vendor still has its bookings there."""
    school = _leave(district)
    district.clock.advance(minutes=1)
    ranked = [
        each
        for each in district.store.windows.state("default").windows
        if each.number == sync_windows.DAY
    ]
    claim = district.store.windows.claim_planned(ranked, "test", now=district.clock())
    assert claim is not None
    district.sync.window(claim)
    assert [
        each
        for each in district.entries()
        if each.property_id == school and each.end > district.clock()
    ] == []


def test_school_that_left_before_an_upgrade_ends_with_the_next_catalogue(district: Bridge) -> None:
    """Its future is still there then: the version before left it."""
    school = str(district.world.properties[1]["_id"])
    with district.store.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE properties SET listed ="
            f" {'false' if connection.dialect.name == 'postgresql' else '0'} WHERE id = '{school}'"
        )
    _remove(district, 1)
    assert district.run().failures == []
    left = Feed("property", school)
    assert [each for each in district.entries(left) if each.end > district.clock()] == []
    assert [each.property_id for each in district.store.read.health(district.clock()).left] == [
        school
    ]
