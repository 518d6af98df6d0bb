"""`PushRun` of what passes midnight: one booking where the vendor takes it, else one a day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.facilitron import Client, MemoryLedger, OvernightCreator
from icalbridge.push.apply import Outcome, PushRun
from icalbridge.push.diff import plan_push
from icalbridge.push.mapping import PushEvent, PushRequests, PushSlot
from icalbridge.push.steps import Create
from tests.fixtures.bridges import KEY
from tests.fixtures.pushing import Pusher, pusher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
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
    places, clock, store = push.places(), push.bridge.clock, push.bridge.store
    slot = PushSlot("single", *_night(push), places.facilities[push.facility()])
    requests = PushRequests((PushEvent(uid, "Lock-in", (slot,)),))
    client = Client(
        push.bridge.url,
        KEY,
        ledger=MemoryLedger(10_000_000, 10_000_000),
        clock=clock,
        sleep=push.bridge.naps.append,
    )
    creator = OvernightCreator(
        client,
        store.api_keys.splits_nights("default"),
        lambda: store.api_keys.note_split_nights("default"),
    )
    run = PushRun(client, store, push.source, push.terms, places, clock, creator=creator)
    return run.run(plan_push(requests, [], places.facilities, clock()), requests, [])


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
