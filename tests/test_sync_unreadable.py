"""What cannot be read holds up its own event and nobody else, all the way from the vendor to the
feeds.
"""

from __future__ import annotations

import copy
from contextlib import ExitStack
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.sync import schedule
from tests.any_world import UNREADABLE
from tests.fixtures.bridges import START, Bridge, bridge
from tests.fixtures.workers import Agency

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from icalbridge.models import Entry
    from icalbridge.sandbox.world import Dto

HEAVY = "503:endpoint=property-events"
"""What makes a sync ask facility by facility."""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/calendar.db"


@pytest.fixture
def school(url: str) -> Iterator[Bridge]:
    """A school with its bookings, synced once: the vendor remembers on which days they were."""
    with bridge(url, schools=1, facilities=2, events_per_day=1, windows=2) as made:
        assert made.run().failures == []
        yield made


def _coming(school: Bridge) -> list[Dto]:
    """Return events with one timeslot, shown, to come within a month."""
    first, last = school.clock(), school.clock() + timedelta(days=20)
    found = sorted({each[0] for each in school.told() if first < each[2] < last})
    return [each for key in found if len((each := school.world.events[key])["timeslots"]) == 1]


def _entries(school: Bridge, event: Dto) -> list[Entry]:
    return [each for each in school.entries() if each.event_id == event["_id"]]


def _sync(school: Bridge) -> None:
    """Sync until an answer that seemed to lack much is believed."""
    for _ in range(2):
        school.clock.advance(seconds=schedule.DOUBT_SECONDS)
        school.run()


def _spoil(school: Bridge, event: Dto, **fields: Any) -> None:
    """Change an event by hand; the vendor goes on answering it for the days on which it was."""
    with school.world.lock:
        event.update(fields)


@pytest.mark.parametrize("value", UNREADABLE, ids=repr)
@pytest.mark.parametrize("name", ["start_datetime", "end_datetime"])
def test_unreadable_time_holds_up_its_own_event_only(
    school: Bridge, name: str, value: object
) -> None:
    """Another event that goes is withdrawn; its own entry stays, and what is added to the event is
    added.
    """
    bad, gone = _coming(school)[:2]
    before = _entries(school, bad)
    (slot,) = bad["timeslots"]
    other = copy.deepcopy(slot) | {"activity_name": "Added"}
    other |= {
        each: (slot[each][:11] + time)
        for each, time in (("start_datetime", "21:50"), ("end_datetime", "21:55"))
    }
    _spoil(school, bad, timeslots=[other, {**slot, name: value}])
    school.world.delete(gone["_id"])
    _sync(school)
    assert _entries(school, gone) == []
    after = _entries(school, bad)
    assert [each for each in after if each.activity != "Added"] == before
    assert len(after) == 2
    _spoil(school, bad, timeslots=[other, slot])
    _sync(school)
    assert _entries(school, bad) == after
    _spoil(school, bad, timeslots=[other])
    _sync(school)
    assert _entries(school, bad) == [each for each in after if each.activity == "Added"]


@pytest.mark.parametrize("fields", [{"timeslots": None}, {"timeslots": {}, "name": None}])
def test_unreadable_event_with_an_id_holds_up_itself_only(school: Bridge, fields: Dto) -> None:
    """It is still there: its entries stay, while another event's go."""
    bad, gone = _coming(school)[:2]
    before = _entries(school, bad)
    pristine = copy.deepcopy(bad)
    _spoil(school, bad, **fields)
    school.world.delete(gone["_id"])
    for _ in range(2):
        _sync(school)
        assert (_entries(school, gone), _entries(school, bad)) == ([], before)
        _spoil(school, bad, **pristine)  # healed, it is as it was


def test_unreadable_item_without_an_id_holds_up_everything(school: Bridge) -> None:
    """It could be the very event that seems to be missing."""
    bad, gone = _coming(school)[:2]
    before = _entries(school, gone)
    name = bad["_id"]
    with school.world.lock:
        bad["_id"] = None
        school.world.delete(gone["_id"])
    _sync(school)
    assert _entries(school, gone) == before
    with school.world.lock:
        bad["_id"] = name
    _sync(school)
    assert _entries(school, gone) == []


def _spoil_one_of_two(school: Bridge) -> tuple[Dto, Dto, list[Entry]]:
    """Let two events take place tonight; spoil one and delete the other. Return both, and the entry
    that must stay.
    """
    bad, gone = _coming(school)[:2]
    for event in (bad, gone):
        for name, time in (("start_datetime", "22:10:00"), ("end_datetime", "22:55:00")):
            event["timeslots"][0][name] = f"2026-11-21T{time}"
    school.world.edited()
    _sync(school)
    before = _entries(school, bad)
    assert [each.start.isoformat() for each in before] == ["2026-11-22T06:10:00+00:00"]
    _spoil(school, bad, timeslots=[{**bad["timeslots"][0], "end_datetime": "soon"}])
    school.world.delete(gone["_id"])
    return bad, gone, before


def test_unreadable_time_holds_up_its_own_event_only_in_a_districts_day(
    school: Bridge, url: str
) -> None:
    """The same in an answer for a district with its schools."""
    bad, gone, before = _spoil_one_of_two(school)
    with ExitStack() as open_stores:
        hired = Agency(school, url, open_stores).hire("w1")
        while _entries(school, gone) and school.clock() < START + timedelta(hours=1):
            school.clock.advance(seconds=schedule.DOUBT_SECONDS)
            hired.worker.step()
    assert (_entries(school, gone), _entries(school, bad)) == ([], before)


def test_unreadable_time_holds_up_its_own_event_only_facility_by_facility(school: Bridge) -> None:
    """The same where the vendor answers no more than a day of a facility at once."""
    bad, gone, before = _spoil_one_of_two(school)
    school.fail(HEAVY)
    windows, school_id = school.store.windows, bad["property_id"]
    windows.make_due([school_id], now=school.clock())
    claim = windows.claim("default", "test", now=school.clock(), property_ids=[school_id])
    assert claim is not None
    assert claim.number == 0
    school.sync.window(claim)
    assert (_entries(school, gone), _entries(school, bad)) == ([], before)


def test_midnight_at_the_end_of_a_day_is_read(school: Bridge) -> None:
    """`T24:00:00` is the next midnight (ISO 8601)."""
    event = _coming(school)[0]
    (before,) = _entries(school, event)
    (slot,) = event["timeslots"]
    _spoil(
        school,
        event,
        timeslots=[{**slot, "end_datetime": f" {slot['start_datetime'][:10]}t24:00:00,000 "}],
    )
    _sync(school)
    (after,) = _entries(school, event)
    zone = school.world.zone_of(event["property_id"])
    assert after.uid == before.uid
    assert after.end.astimezone(zone).isoformat()[10:19] == "T00:00:00"
    assert after.end.astimezone(zone).date() == before.start.astimezone(zone).date() + timedelta(
        days=1
    )
