"""`icalbridge.store.saved_feeds`: saved feeds and tokens on both databases; a saved feed is as new as all
that it selects.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from icalbridge.models import Changes, EventKey, Feed, FeedState, FeedToken, SavedFeed, StaffDetails
from icalbridge.store.entries import TimeRange
from icalbridge.store.saved_feeds import Written
from icalbridge.store.tables import feed_tokens
from tests.fixtures.stores import DISTRICT, USER, apply_changes, list_catalogue
from tests.samples import GYM, NOW, POOL, SCHOOL, ZONE, entry, event, timeslot

if TYPE_CHECKING:
    from icalbridge.store import Store

LATER = NOW + timedelta(minutes=5)
SPEC = "slug = 'gyms'\n"
GYMS = SavedFeed("gyms", "All gyms", SPEC, facility_ids=("gym",))
SCHOOLS = SavedFeed("schools", "Schools", SPEC, property_ids=("district",))
SINGLE = SavedFeed("single", "Single", SPEC, event_keys=(EventKey("reservation", "e1"),))
LONG_AGO = NOW - timedelta(days=365)


def _state(store: Store, slug: str) -> FeedState:
    state = store.read.feed_state(Feed("saved", slug))
    assert state is not None
    return state


def _uids(store: Store, slug: str) -> list[str]:
    return [each.uid for each in store.read.entries(Feed("saved", slug), TimeRange(LONG_AGO))]


def _fill(school: Store) -> None:
    """Let the gym and the pool have one booking each."""
    gym, pool = entry(1, uid="gym"), entry(2, uid="pool", facility=POOL, event_id="e2")
    heard = event(timeslot(1)), event(timeslot(2, facility=POOL), event_id="e2")
    apply_changes(school, Changes(added=(gym, pool), parsed=heard))


def test_feed_is_kept_as_it_was_written(store: Store) -> None:
    """Every part of it; several come back by slug."""
    full = SavedFeed(
        "a-ä", "Tïtle", SPEC * 100, ("p", "q"), ("f",), (EventKey("reservation", "e/1"),)
    )
    assert store.saved.add(GYMS, now=NOW)
    assert store.saved.add(full, now=NOW)
    assert store.saved.feed("a-ä") == full
    assert store.saved.feeds() == [full, GYMS]
    assert store.saved.feed("other") is None


def test_feed_is_added_once(store: Store) -> None:
    """A slug that is taken stays what it is."""
    assert store.saved.add(GYMS, now=NOW)
    assert not store.saved.add(replace(GYMS, title="Other"), now=NOW)
    assert store.saved.feeds() == [GYMS]


def test_writing_says_what_became_of_each(school: Store) -> None:
    """Added, changed, left alone; what is left alone keeps its revision."""
    store = school
    assert store.saved.put([GYMS, SCHOOLS], now=NOW) == {
        "gyms": Written.ADDED,
        "schools": Written.ADDED,
    }
    before = _state(store, "gyms")
    changed = replace(SCHOOLS, title="All schools")
    assert store.saved.put([GYMS, changed], now=LATER) == {
        "gyms": Written.UNCHANGED,
        "schools": Written.CHANGED,
    }
    assert _state(store, "gyms") == before
    state = _state(store, "schools")
    assert (state.title, state.changed) == ("All schools", LATER)
    assert state.revision > before.revision


def test_feed_that_is_removed_takes_its_tokens_along(store: Store) -> None:
    """And those of no other."""
    store.saved.put([GYMS, SCHOOLS], now=NOW)
    store.saved.add_token("gyms", "a", "digest a", now=NOW)
    kept = store.saved.add_token("schools", "b", "digest b", now=NOW)
    assert store.saved.remove("gyms")
    assert not store.saved.remove("gyms")
    assert [each.id for each in store.saved.tokens()] == [kept]
    assert store.read.feed_state(Feed("saved", "gyms")) is None
    assert _uids(store, "gyms") == []


def test_state_bears_name_and_place(school: Store) -> None:
    """The zone and the property are those of the first place that it names; of nowhere it is empty,
    in UTC.
    """
    _fill(school)
    nowhere = SavedFeed(
        "nowhere", "Nowhere", SPEC, event_keys=(EventKey("reservation", "unknown"),)
    )
    school.saved.put([GYMS, SCHOOLS, SINGLE, nowhere], now=LATER)
    found = {slug: _state(school, slug) for slug in ("gyms", "schools", "single", "nowhere")}
    assert {
        slug: (each.title, each.zone, each.property_id, each.synced) for slug, each in found.items()
    } == {
        "gyms": ("All gyms", ZONE, "school", True),
        "schools": ("Schools", ZONE, "district", False),
        "single": ("Single", ZONE, "school", True),
        "nowhere": ("Nowhere", "UTC", "", True),
    }
    assert {each.changed for each in found.values()} == {LATER}


def test_feed_selects_places_and_single_events(school: Store) -> None:
    """Properties with their schools, facilities, events; each entry once."""
    _fill(school)
    both = SavedFeed(
        "both", "Both", SPEC, ("district",), ("gym", "pool"), (EventKey("reservation", "e1"),)
    )
    school.saved.put([GYMS, SCHOOLS, SINGLE, both], now=NOW)
    assert {
        slug: _uids(school, slug) for slug in ("gyms", "schools", "single", "both", "unknown")
    } == {
        "gyms": ["gym@icalbridge"],
        "schools": ["gym@icalbridge", "pool@icalbridge"],
        "single": ["gym@icalbridge"],
        "both": ["gym@icalbridge", "pool@icalbridge"],
        "unknown": [],
    }


def test_latest_end_is_of_what_is_selected(school: Store) -> None:
    """As of any feed."""
    _fill(school)
    school.saved.put([GYMS], now=NOW)
    feed = Feed("saved", "gyms")
    assert school.read.latest_end(feed, NOW + timedelta(days=1)) == NOW + timedelta(hours=3)
    assert school.read.latest_end(feed, NOW) is None


def test_places_that_were_never_fetched_are_not_synced(school: Store) -> None:
    """Once all of today was asked for, it is."""
    school.saved.put([GYMS], now=NOW)
    assert not _state(school, "gyms").synced
    _fill(school)
    assert _state(school, "gyms").synced


@pytest.mark.parametrize(
    ("slug", "raised"),
    [("gyms", False), ("schools", True), ("single", True), ("pools", True), ("nowhere", False)],
)
def test_change_of_what_is_selected_raises_the_revision(
    school: Store, slug: str, raised: bool
) -> None:
    """A booking of the pool moves: the feeds that show the pool or its school are new, others are
    not.
    """
    _fill(school)
    pools = SavedFeed("pools", "Pools", SPEC, facility_ids=("pool",))
    nowhere = SavedFeed("nowhere", "Nowhere", SPEC, property_ids=("elsewhere",))
    school.saved.put([GYMS, SCHOOLS, SINGLE, pools, nowhere], now=NOW)
    before = _state(school, slug)
    moved = entry(5, uid="pool", facility=POOL, event_id="e2", sequence=1)
    apply_changes(school, Changes(changed=(moved,)))
    assert (_state(school, slug).revision > before.revision) is raised


@pytest.mark.parametrize("slug", ["gyms", "schools", "single"])
def test_change_of_what_is_for_staff_raises_the_revision(school: Store, slug: str) -> None:
    """A staff feed must tell the new renter, whether it selects the school, the gym or the event."""
    _fill(school)
    school.saved.put([GYMS, SCHOOLS, SINGLE], now=NOW)
    before = _state(school, slug)
    told = replace(event(timeslot(1), digest="other"), particulars=StaffDetails(renter="Renata"))
    apply_changes(school, Changes(parsed=(told,)))
    assert _state(school, slug).revision > before.revision


def test_renamed_school_raises_the_revision_of_its_facilities(school: Store) -> None:
    """A title may name the school."""
    school.saved.put([GYMS], now=NOW)
    before = _state(school, "gyms")
    list_catalogue(school, school=replace(SCHOOL, name="Washington High"))
    assert _state(school, "gyms").revision > before.revision


def test_district_that_gains_a_school_shows_it(school: Store) -> None:
    """The feed names the district, not its schools."""
    _fill(school)
    district = replace(DISTRICT, child_ids=())
    school.write.apply_catalog(
        USER, [district, SCHOOL], {"school": [GYM, POOL]}, Changes(), now=NOW
    )
    school.saved.put([SCHOOLS], now=NOW)
    before = _state(school, "schools")
    assert _uids(school, "schools") == []
    list_catalogue(school)
    assert _uids(school, "schools") == ["gym@icalbridge", "pool@icalbridge"]
    assert _state(school, "schools").revision > before.revision


def test_token_is_found_by_its_digest(store: Store) -> None:
    """With the digest as it is kept, so that it can be compared in constant time."""
    store.saved.add(GYMS, now=NOW)
    token_id = store.saved.add_token("gyms", "Coach Ä", "digest", now=NOW)
    assert token_id is not None
    assert store.saved.token("digest") == (FeedToken(token_id, "gyms", "Coach Ä", NOW), "digest")
    assert store.saved.token("other") is None


def test_token_of_no_feed_is_not_made(store: Store) -> None:
    """Nothing is written."""
    assert store.saved.add_token("gyms", "a", "digest", now=NOW) is None
    assert store.saved.tokens() == []


def test_revoked_token_means_nothing_and_others_go_on(store: Store) -> None:
    """It is kept with the moment, and cannot be revoked twice."""
    store.saved.put([GYMS, SCHOOLS], now=NOW)
    first = store.saved.add_token("gyms", "a", "digest a", now=NOW)
    store.saved.add_token("gyms", "b", "digest b", now=NOW)
    store.saved.add_token("schools", "c", "digest c", now=NOW)
    assert first is not None
    assert store.saved.revoke_token(first, now=LATER)
    assert not store.saved.revoke_token(first, now=LATER)
    assert not store.saved.revoke_token(12345, now=LATER)
    assert [store.saved.token(f"digest {each}") is not None for each in "abc"] == [
        False,
        True,
        True,
    ]
    assert [(each.name, each.revoked) for each in store.saved.tokens("gyms")] == [
        ("a", LATER),
        ("b", None),
    ]
    assert [each.name for each in store.saved.tokens()] == ["a", "b", "c"]


def test_number_of_a_token_is_never_used_again(store: Store) -> None:
    """Who revokes by number must not hit a later one."""
    store.saved.add(GYMS, now=NOW)
    gone = store.saved.add_token("gyms", "a", "digest a", now=NOW)
    store.saved.remove("gyms")
    store.saved.add(GYMS, now=NOW)
    assert store.saved.add_token("gyms", "b", "digest b", now=NOW) != gone


def test_last_use_only_goes_forward(store: Store) -> None:
    """Several processes write it, each when it comes to it."""
    store.saved.add(GYMS, now=NOW)
    used = store.saved.add_token("gyms", "a", "digest a", now=NOW)
    store.saved.add_token("gyms", "b", "digest b", now=NOW)
    assert used is not None
    for moment in (LATER, NOW):
        store.saved.note_used([used], now=moment)
    assert [each.last_used for each in store.saved.tokens()] == [LATER, None]


def test_token_itself_is_nowhere(store: Store) -> None:
    """The columns of its row hold a digest, and no more of it."""
    store.saved.add(GYMS, now=NOW)
    store.saved.add_token("gyms", "a", "digest", now=NOW)
    with store.engine.connect() as connection:
        row = connection.execute(select(feed_tokens)).mappings().one()
    assert dict(row) | {"id": 1} == {
        "id": 1,
        "slug": "gyms",
        "name": "a",
        "digest": "digest",
        "created_at": NOW,
        "last_used_at": None,
        "revoked_at": None,
    }
