"""`PushRun` of what passes midnight: one booking where the vendor takes it, else one a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.push.apply import Outcome, PushRun
from icalbridge.push.diff import plan_push
from icalbridge.push.mapping import PushEvent, PushRequests, PushSlot
from icalbridge.push.steps import Create
from tests.fixtures.pushing import Pusher, at, calendar, pusher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Pusher]:
    with pusher(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


def _night(push: Pusher) -> tuple[datetime, datetime]:
    """Return 22:00 to 2:00 on the school's clock, in nine days."""
    day = push.bridge.clock().astimezone(push.bridge.world.zone_of(push.school_id))
    start = (day + timedelta(days=9)).replace(hour=22, minute=0, second=0, microsecond=0)
    return start, start + timedelta(hours=4)


def _push(push: Pusher, uid: str = "lock-in") -> list[Outcome]:
    """Push one event from 22:00 to 2:00, which the planner has not split."""
    places = push.places()
    slot = PushSlot("single", *_night(push), places.facilities[push.facility()])
    requests = PushRequests((PushEvent(uid, "Lock-in", (slot,)),))
    run = PushRun(push.session(), push.source, push.terms, places)
    return run.run(plan_push(requests, [], places, push.bridge.clock()), requests, [])


def _booked(push: Pusher) -> list[tuple[str, str]]:
    return [(start[11:], end[11:]) for _, _, start, end, _ in push.booked()]


def test_night_is_one_booking_where_the_vendor_takes_it(push: Pusher) -> None:
    (outcome,) = _push(push)
    assert (outcome.result, _booked(push)) == ("done", [("22:00:00", "02:00:00")])
    assert not push.bridge.store.api_keys.splits_nights("default")


def test_night_is_one_a_day_where_the_vendor_refuses_it(push: Pusher) -> None:
    """The outcome has what was sent, and the next creation is not tried in one."""
    push.bridge.state.strict_creations = True
    (outcome,) = _push(push)
    assert (outcome.result, _booked(push)) == (
        "done",
        [("22:00:00", "23:59:00"), ("00:00:00", "02:00:00")],
    )
    assert isinstance(outcome.step, Create)
    assert [slot.id for slot in outcome.step.slots] == ["single", "single.2"]
    assert push.bridge.store.api_keys.splits_nights("default")
    _push(push, "another")
    posts = [status for method, *_, status in push.bridge.state.requests if method == "POST"]
    assert posts == [400, 201, 201]


def _dance(end: str = "20261202T013000", begin: str = "20261201T200000") -> bytes:
    (day, clock), (last, finish) = begin.split("T"), end.split("T")
    times = (at(day, clock), at(last, finish, "DTEND"))
    return calendar(("UID:d", "SUMMARY:Dance", *times))


HOURS = ("01 19:00", "01 21:00", "02 00:00", "02 01:00", "02 01:30", "02 09:00")
"""Before, during and after the dance."""


def _at(push: Pusher, moment: str) -> None:
    """Advance the clock to a day and time of December at the school."""
    zone = push.bridge.world.zone_of(push.school_id)
    there = datetime.strptime(f"2026-12-{moment}", "%Y-%m-%d %H:%M").replace(tzinfo=zone)
    seconds = (there.astimezone(UTC) - push.bridge.clock()).total_seconds()
    push.bridge.clock.advance(seconds=seconds)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("remembers", [False, True])
def test_pushed_night_stays_as_it_was_pushed(push: Pusher, strict: bool, remembers: bool) -> None:
    """In one or one a day, whatever is known of the vendor later, and while it is on."""
    push.bridge.state.strict_creations, push.remembers = strict, remembers
    push.push(_dance())
    whole = [("20:00:00", "01:30:00")]
    parts = [("20:00:00", "23:59:00"), ("00:00:00", "01:30:00")]
    booked = _booked(push)
    assert booked == (parts if strict else whole)
    for hour in HOURS:
        _at(push, hour)
        assert push.push(_dance()) == [], hour
    assert _booked(push) == booked


def test_night_in_one_stays_when_the_vendor_is_found_to_split(push: Pusher) -> None:
    push.push(_dance())
    push.remember("default")
    assert push.push(_dance()) == []


def test_changed_night_in_one_is_made_anew(push: Pusher) -> None:
    """The vendor takes no change to times past midnight."""
    push.push(_dance())
    outcomes = push.push(_dance("20261202T023000"))
    assert (push.steps(), {outcome.result for outcome in outcomes}) == (
        ["Create", "Cancel"],
        {"done"},
    )
    assert _booked(push) == [("20:00:00", "02:30:00")]
    assert push.push(_dance("20261202T023000")) == []


def test_changed_night_in_one_becomes_one_a_day_where_that_is_known(push: Pusher) -> None:
    push.push(_dance())
    push.bridge.state.strict_creations = True
    push.remember("default")
    for times in (("20261202T023000",), ("20261203T013000", "20261202T200000")):
        push.push(_dance(*times))
        assert push.push(_dance(*times)) == []
        assert [start for start, _ in _booked(push)] == ["20:00:00", "00:00:00"]


def test_changed_night_of_one_a_day_is_moved(push: Pusher) -> None:
    push.bridge.state.strict_creations = True
    push.push(_dance())
    push.push(_dance("20261202T023000"))
    assert push.steps() == ["Move"]
    assert _booked(push) == [("20:00:00", "23:59:00"), ("00:00:00", "02:30:00")]


@pytest.mark.parametrize("strict", [False, True])
def test_evening_that_comes_to_pass_midnight(push: Pusher, strict: bool) -> None:
    """And the other way round; nothing is there twice."""
    push.bridge.state.strict_creations = strict
    evening = _dance("20261201T220000")
    for content in (evening, _dance(), evening):
        push.push(content)
        assert push.push(content) == []
    assert _booked(push) == [("20:00:00", "22:00:00")]


def test_what_has_begun_is_booked_from_today_on(push: Pusher) -> None:
    """Its first days are over; and so it stays until it ends."""
    _at(push, "02 12:00")
    camp = _dance("20261204T120000")
    push.push(camp)
    rest = [("00:00:00", "12:00:00"), ("00:00:00", "23:59:00"), ("00:00:00", "23:59:00")]
    assert sorted(_booked(push)) == rest
    for hour in ("02 20:00", "03 12:00", "04 11:00", "04 13:00"):
        _at(push, hour)
        assert push.push(camp) == [], hour


@pytest.mark.parametrize("strict", [False, True])
def test_night_that_somebody_cancelled_stays_so(push: Pusher, strict: bool) -> None:
    """Also when the vendor is found to take one a day only."""
    push.bridge.state.strict_creations = strict
    push.push(_dance())
    (made,) = (e for e in push.bridge.world.events.values() if e["created_by_external_api"])
    made["status"] = "Cancelled"
    push.bridge.world.edited()
    push.remember("default")
    assert push.push(_dance("20261202T023000")) == []
    assert push.decided.impossible
    assert _booked(push) == []
