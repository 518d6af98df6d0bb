"""Windows that contradict each other, and events that none of them covers any more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from icalbridge.models import EventKey, window_with
from icalbridge.store import UncoveredEvent
from icalbridge.store.tables import windows
from icalbridge.sync import windows as sync_windows
from icalbridge.sync.recheck import EVERY_SECONDS, MOST_A_DAY, next_recheck
from tests.fixtures.bridges import Bridge, synced_bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from icalbridge.models import Entry
    from tests.fixtures.stores import Prepared

USER = "default"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """A district of two schools that was synced once, on either database."""
    with synced_bridge(prepared, database_url) as made:
        made.clock.advance(minutes=1)
        yield made


def _fetch(district: Bridge, property_id: str, number: int) -> int:
    """Fetch one window; return how many entries changed."""
    (window,) = [
        each
        for each in district.store.windows.state(USER).windows
        if (each.property_id, each.number) == (property_id, number)
    ]
    claim = district.store.windows.claim_planned([window], "test", now=district.clock())
    assert claim is not None
    district.clock.advance(seconds=10)
    return district.sync.window(claim)


def _day(district: Bridge, offset: int = 0) -> int:
    owner = district.world.properties[0]["_id"]
    return _fetch(district, owner, sync_windows.day_number(offset))


def _school(district: Bridge) -> str:
    return str(district.world.properties[1]["_id"])


def _weekly(district: Bridge) -> list[Entry]:
    """Return what is to come of an event of the school with something in several windows."""
    by_event: dict[str, list[Entry]] = {}
    for each in district.entries():
        if each.property_id == _school(district) and each.start > district.clock():
            by_event.setdefault(each.event_id, []).append(each)
    return max(by_event.values(), key=lambda entries: (len(entries), entries[0].event_id))


def _named(district: Bridge, event_id: str) -> set[str]:
    return {each.name for each in district.entries() if each.event_id == event_id}


def _counted(district: Bridge, name: str) -> int:
    return district.store.read.health(district.clock()).counters.get(f"disagreements:{name}", 0)


def _offset(district: Bridge, entry: Entry) -> int:
    zone = "America/Los_Angeles"
    today = sync_windows.today(district.clock(), zone)
    return (sync_windows.today(entry.start, zone) - today).days


def test_older_version_of_another_window_changes_nothing_back(district: Bridge) -> None:
    """The vendor's districts' days lag behind; the new name stays, and what was ignored is counted."""
    entry = _weekly(district)[0]
    offset = _offset(district, entry)
    _day(district, offset)
    district.fail("stale:children=1")
    _day(district, offset)
    district.world.rename(entry.event_id, "New")
    assert _fetch(district, _school(district), window_with(offset)) > 0
    for _ in range(3):
        assert _day(district, offset) == 0
        assert _named(district, entry.event_id) == {"New"}
    assert _counted(district, "older version of an event") == 3
    district.heal()
    _day(district, offset)
    assert _named(district, entry.event_id) == {"New"}


def test_change_that_is_undone_is_believed_where_it_was_seen_first(district: Bridge) -> None:
    """The window that had the change says that it is undone; or an hour has passed."""
    entry = _weekly(district)[0]
    offset, own = _offset(district, entry), _school(district)
    number = window_with(offset)
    for window in ("day", "own"):
        for name in (f"New of {window}", entry.name):
            district.world.rename(entry.event_id, name)
            _day(district, offset) if window == "day" else _fetch(district, own, number)
            assert _named(district, entry.event_id) == {name}
    district.world.rename(entry.event_id, "New")
    _day(district, offset)
    district.world.rename(entry.event_id, entry.name)
    district.clock.advance(hours=2)
    _fetch(district, own, number)
    assert _named(district, entry.event_id) == {entry.name}


def test_trimmed_answers_make_nothing_flap(district: Bridge) -> None:
    """Days and windows that have of each event only what is on them: no entry goes or changes."""
    before = district.entries()
    district.fail("trimmed")
    for offset in (0, 2, 5):
        _day(district, offset)
    for number in range(3):
        _fetch(district, _school(district), number)
    assert district.entries() == before
    assert _counted(district, "events cut to the requested days") > 0
    entry = _weekly(district)[-1]
    timeslots: list[dict[str, Any]] = district.world.events[entry.event_id]["timeslots"]
    left = [each for each in timeslots if _moment(each) != entry.start]
    district.world.set_field(entry.event_id, "timeslots", left)
    _fetch(district, _school(district), window_with(_offset(district, entry)))
    assert {each.uid for each in before} - {each.uid for each in district.entries()} == {entry.uid}


def _moment(timeslot: dict[str, Any]) -> datetime | None:
    from zoneinfo import ZoneInfo

    read = datetime.fromisoformat(timeslot["start_datetime"])
    zone = ZoneInfo("America/Los_Angeles")
    return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)


def test_timeslot_that_is_gone_elsewhere_makes_its_window_due(district: Bridge) -> None:
    """A near window lacks what its event had far ahead: the far window decides, at once."""
    entries = _weekly(district)
    first, last = entries[0], entries[-1]
    number = window_with(_offset(district, last))
    assert number > window_with(_offset(district, first))
    timeslots: list[dict[str, Any]] = district.world.events[first.event_id]["timeslots"]
    left = [each for each in timeslots if _moment(each) != last.start]
    district.world.set_field(first.event_id, "timeslots", left)
    district.clock.advance(minutes=20)
    _fetch(district, _school(district), window_with(_offset(district, first)))
    assert last.uid in {each.uid for each in district.entries()}
    (window,) = [
        each
        for each in district.store.windows.state(USER).windows
        if (each.property_id, each.number) == (_school(district), number)
    ]
    assert window.due is not None
    _fetch(district, _school(district), number)
    assert last.uid not in {each.uid for each in district.entries()}


# what can no longer be asked for


def _add_running(district: Bridge, name: str, facility_id: str | None = None) -> None:
    """Add a booking that began two days ago and ends in two days; or one to come, elsewhere."""
    model = next(
        each
        for each in district.world.events.values()
        if each["property_id"] == _school(district)
        and str(each["status"]).lower() == "approved"
        and each["timeslots"]
        and each["timeslots"][0]["facility"]
    )
    slot = {**model["timeslots"][0], "status": "active"}
    if facility_id:
        slot["facility"] = {**slot["facility"], "_id": facility_id, "name": "Wing"}
        slot |= {"start_datetime": "2026-11-25T10:00:00", "end_datetime": "2026-11-25T12:00:00"}
    else:
        slot |= {"start_datetime": "2026-11-19T10:00:00", "end_datetime": "2026-11-23T12:00:00"}
    district.world.add_event({**model, "_id": name, "name": name, "timeslots": [slot]})


def _recheck_all(district: Bridge) -> None:
    while district.sync.recheck_event():
        district.clock.advance(seconds=2)


def test_running_booking_that_is_gone_is_withdrawn_by_its_id(district: Bridge) -> None:
    """No window may be asked for the day on which it began."""
    _add_running(district, "running-camp")
    _add_running(district, "running-fair")
    district.run()
    district.clock.advance(minutes=2)
    district.world.delete("running-camp")
    district.run()
    assert _named(district, "running-camp") == {"running-camp"}
    _recheck_all(district)
    assert _named(district, "running-camp") == set()
    assert _named(district, "running-fair") == {"running-fair"}
    sent = len(district.state.requests)
    district.clock.advance(minutes=50)
    _recheck_all(district)
    assert len(district.state.requests) == sent


def test_booking_in_a_virtual_facility_is_asked_for_where_days_are_too_heavy(
    district: Bridge,
) -> None:
    """Facility by facility nothing has it; by its id it is withdrawn, and followed."""
    _add_running(district, "virtual-one", "ffffffffffffffffffffffff")
    _add_running(district, "virtual-two", "ffffffffffffffffffffffff")
    district.run()
    _recheck_all(district)
    sent = len(district.state.requests)
    mine = windows.c.property_id == _school(district)
    with district.store.engine.begin() as connection:
        connection.execute(update(windows).where(mine, windows.c.number == 0).values(reach_days=0))
    district.world.delete("virtual-one")
    district.world.rename("virtual-two", "Renamed")
    _recheck_all(district)
    assert _named(district, "virtual-one") == set()
    assert _named(district, "virtual-two") == {"Renamed"}
    assert len(district.state.requests) > sent


def test_rechecks_are_bounded() -> None:
    """Each event once an hour at most; all together a hundred a day."""
    few = [UncoveredEvent(EventKey("reservation", str(number)), "p", NOW) for number in range(3)]
    assert next_recheck(few, NOW + timedelta(seconds=EVERY_SECONDS - 1)) is None
    assert next_recheck(few, NOW + timedelta(seconds=EVERY_SECONDS)) == few[0]
    new = few[2]._replace(checked=None)
    assert next_recheck([*few[:2], new], NOW) == new
    many = [UncoveredEvent(EventKey("r", str(number)), "p", NOW) for number in range(1000)]
    assert next_recheck(many, NOW + timedelta(days=1000 / MOST_A_DAY, seconds=-1)) is None
    assert next_recheck(many, NOW - timedelta(days=30)) is not None
