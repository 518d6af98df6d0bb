"""What is for staff alone, in the store: written where it differs, and never felt in a public feed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from icalbridge.models import UNTOLD, Changes, Event, EventKey, Feed, FeedState, StaffDetails
from icalbridge.store.entries import TimeRange
from icalbridge.store.tables import particulars
from tests.fixtures.stores import SOON, USER, WINDOW, apply_changes
from tests.samples import NOW, POOL, entry, event

if TYPE_CHECKING:
    from icalbridge.store import Store

KEY, OTHER = EventKey("reservation", "e1"), EventKey("reservation", "e2")
RENATA = StaffDetails("Renata Privada", "renata@renter.example", 120, "R-1", "External")
FEEDS = {
    "district": Feed("property", "district"),
    "school": Feed("property", "school"),
    "gym": Feed("facility", "gym"),
    "pool": Feed("facility", "pool"),
    "e1": Feed("event", "e1", "reservation"),
}


def _heard(told: StaffDetails, *, event_id: str = "e1", digest: str = "d") -> Event:
    return event(event_id=event_id, digest=digest, particulars=told)


def _apply(store: Store, changes: Changes, *, hours: int = 0) -> None:
    now = NOW + timedelta(hours=hours)
    store.windows.make_due(["school"], now=now)
    claim = store.windows.claim(USER, "w", now=now, property_ids=["school"])
    assert claim is not None
    store.windows.finish(claim, WINDOW, changes, now=now, due=now)


def _states(store: Store) -> dict[str, FeedState | None]:
    return {name: store.read.feed_state(feed) for name, feed in FEEDS.items()}


def _without_revision(states: dict[str, FeedState | None]) -> list[FeedState | None]:
    return [state and replace(state, revision=0) for state in states.values()]


@pytest.fixture
def rented(school: Store) -> Store:
    """A practice in the gym of which everything is told, and one in the pool of which nothing is."""
    added = (entry(24), entry(24, uid="u2", facility=POOL, event_id="e2"))
    _apply(school, Changes(added=added, parsed=(_heard(RENATA), _heard(UNTOLD, event_id="e2"))))
    return school


def test_particulars_are_read_back(rented: Store) -> None:
    """With the moment they last changed; an event of which nothing was told is left out, and so is
    an unknown one.
    """
    keys = [KEY, OTHER, EventKey("reservation", "unknown")]
    assert rented.read.particulars(keys) == {KEY: (RENATA, NOW)}
    assert rented.read.categories(keys) == {KEY: ("External", NOW)}
    assert (rented.read.particulars([]), rented.read.categories([])) == ({}, {})


@pytest.mark.parametrize("attendance", [None, 0, 2**31 - 1])
def test_particulars_keep_any_text_and_number(attendance: int | None, school: Store) -> None:
    """Other scripts, quotes, and every number that is told."""
    told = StaffDetails("Renée O'Hara 東京 ⚽", "r@x", attendance, "R;1", '"District", External')
    _apply(school, Changes(parsed=(_heard(told),)))
    assert school.read.particulars([KEY]) == {KEY: (told, NOW)}


def test_particulars_of_any_number_of_events(school: Store) -> None:
    """More events than one statement can name."""
    keys = [EventKey("reservation", f"e{number}") for number in range(1000)]
    heard = tuple(_heard(StaffDetails(renter=key.event_id), event_id=key.event_id) for key in keys)
    _apply(school, Changes(parsed=heard))
    assert school.read.particulars(keys) == {
        key: (StaffDetails(renter=key.event_id), NOW) for key in keys
    }
    assert school.read.categories(keys) == dict.fromkeys(keys, ("", NOW))


@pytest.mark.parametrize(
    "told",
    [
        replace(RENATA, renter="Other"),
        replace(RENATA, email=""),
        replace(RENATA, attendance=None),
        replace(RENATA, reservation="R-2"),
        replace(RENATA, category="Internal"),
        UNTOLD,
    ],
    ids=["renter", "email", "attendance", "reservation", "category", "all"],
)
def test_changed_particulars_raise_the_feeds_of_their_places_only(
    told: StaffDetails, rented: Store
) -> None:
    """Gym, school and district are rendered anew; when they and what they show changed is as it
    was, for everybody.
    """
    before, entries = _states(rented), rented.read.entries(FEEDS["district"], TimeRange(NOW))
    marks = rented.read.event_marks([KEY, OTHER])
    _apply(rented, Changes(parsed=(_heard(told, digest="new"),)), hours=1)
    after = _states(rented)
    assert {name for name in after if after[name] != before[name]} == {
        "gym",
        "school",
        "district",
        "e1",
    }
    assert _without_revision(after) == _without_revision(before)
    assert rented.read.event_marks([KEY, OTHER]) == marks
    read = rented.read.entries(FEEDS["district"], TimeRange(NOW))
    assert [(each, each.sequence, each.modified) for each in read] == [
        (each, each.sequence, each.modified) for each in entries
    ]
    assert rented.read.particulars([KEY]) == {KEY: (told, NOW + timedelta(hours=1))}


def test_same_particulars_change_nothing(rented: Store) -> None:
    """An event read anew of which nothing for staff changed: neither a revision nor a moment."""
    before = _states(rented)
    _apply(
        rented,
        Changes(parsed=(_heard(RENATA, digest="new"), _heard(UNTOLD, event_id="e2"))),
        hours=1,
    )
    assert _states(rented) == before
    assert rented.read.particulars([KEY, OTHER]) == {KEY: (RENATA, NOW)}


def test_particulars_told_later_reach_staff(rented: Store) -> None:
    """Of an event known without them, as after an upgrade, the first ones are a change like any
    other.
    """
    before = _states(rented)
    _apply(rented, Changes(parsed=(_heard(RENATA, event_id="e2", digest="new"),)), hours=1)
    after = _states(rented)
    assert {name for name in after if after[name] != before[name]} == {
        "pool",
        "school",
        "district",
        "e1",
    }


def test_first_particulars_raise_nothing_of_their_own(school: Store) -> None:
    """A new event's feeds are raised once, with its entries, by one and the same number."""
    apply_changes(school, Changes(added=(entry(24),), parsed=(_heard(RENATA),)))
    states = _states(school)
    assert len({state.revision for name, state in states.items() if state and name != "pool"}) == 1
    _apply(school, Changes(parsed=(_heard(RENATA, event_id="e9"),)))
    assert _states(school) == states


def test_particulars_are_forgotten_with_their_event(rented: Store) -> None:
    """Nothing of a renter outlives the last entry of the event."""
    past = entry(-24 * 90, uid="past", event_id="e3")
    _apply(rented, Changes(added=(past,), parsed=(_heard(RENATA, event_id="e3"),)))
    assert rented.write.forget(NOW - timedelta(days=60), now=SOON) == 1
    with rented.engine.connect() as connection:
        assert list(connection.scalars(select(particulars.c.event_id))) == ["e1"]
