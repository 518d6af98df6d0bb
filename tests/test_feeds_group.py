"""`icalbridge.feeds.grouping`: one item for all the facilities that one event has at one time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from icalbridge.feeds.audience import Audience, Item, Status, admit, view
from icalbridge.feeds.grouping import grouped
from icalbridge.models import Entry, EventKey
from tests.samples import GYM, NOW, POOL, entry

PUBLIC = view(Audience.PUBLIC)
MARKS = {EventKey("reservation", "e1"): (7, NOW - timedelta(hours=1))}


def group(*entries: Entry, status: Status = Status.CONFIRMED, title: str = "") -> list[Item]:
    shown = replace(PUBLIC, title=title)
    return grouped([(each.key, admit(each, status, shown)) for each in entries], MARKS, title)


def test_facilities_of_one_time_are_one_item() -> None:
    """Told by the member with the smallest UID; it names all places, and is as new as the event."""
    gym, pool = (
        entry(1, uid="b", first_seen=NOW),
        entry(1, uid="a", facility=POOL, first_seen=NOW - timedelta(days=2)),
    )
    expected = admit(pool, Status.CONFIRMED, PUBLIC)._replace(
        sequence=7,
        modified=NOW - timedelta(hours=1),
        facility_ids=("gym", "pool"),
        facility="Main Gym, Pool",
        location="Main Gym, Pool, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087",
        first_seen=NOW - timedelta(days=2),
    )
    assert group(gym, pool) == group(pool, gym) == [expected]


def test_other_times_events_and_names_stay_apart() -> None:
    """Only what is one thing to go to is one item."""
    first = entry(1, uid="a")
    for other in (
        entry(2, uid="b", facility=POOL),
        entry(1, uid="b", facility=POOL, end=NOW + timedelta(hours=4)),
        entry(1, uid="b", facility=POOL, event_id="e2"),
        entry(1, uid="b", facility=POOL, activity="Setup"),
    ):
        assert [each.uid for each in group(first, other)] == ["a@icalbridge", "b@icalbridge"]


def test_title_that_names_the_facility_names_them_all() -> None:
    """One entry is promised, and one entry it is."""
    gym, pool = entry(1, uid="a"), entry(1, uid="b", facility=POOL)
    assert [each.title for each in group(gym, pool, title="{facility}: {name}")] == [
        "Main Gym, Pool: Practice"
    ]


def test_what_is_called_off_stays_apart() -> None:
    """A tournament that loses one of its gyms goes on in the others."""
    gym, pool = (
        entry(1, uid="a", cancelled=NOW, status="cancelled"),
        entry(1, uid="b", facility=POOL),
    )
    told = [
        (gym.key, admit(gym, Status.CANCELLED, PUBLIC)),
        (pool.key, admit(pool, Status.CONFIRMED, PUBLIC)),
    ]
    assert [(each.uid[0], each.status) for each in grouped(told, MARKS)] == [
        ("a", Status.CANCELLED),
        ("b", Status.CONFIRMED),
    ]


def test_locations_that_differ_are_all_said() -> None:
    """Where two schools have nothing in common but the event."""
    gym = entry(1, uid="a")
    other = entry(1, uid="b", facility=POOL, location="Pool, Harbor High, 9 Sea St")
    assert [each.location for each in group(gym, other)] == [
        "Main Gym, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087; Pool, Harbor High, 9 Sea St"
    ]


def test_one_place_said_twice_is_said_once() -> None:
    """Two timeslots of one event at one time in one facility."""
    (found,) = group(entry(1, uid="a"), entry(1, uid="b"))
    assert (found.facility, found.location) == ("Main Gym", entry(1).location)


def test_places_without_a_name_or_an_address_are_left_out() -> None:
    """Nothing stands where nothing is known."""
    nowhere = entry(1, uid="a", facility_id="", place="", location="")
    (found,) = group(nowhere, entry(1, uid="b"))
    assert (found.facility, found.location, found.facility_ids) == (
        "Main Gym",
        entry(1).location,
        ("gym",),
    )
    (found,) = group(nowhere, replace(nowhere, uid="b"))
    assert (found.facility, found.location, found.facility_ids) == ("", "", ())


def test_item_of_an_unknown_event_is_as_new_as_its_newest_member() -> None:
    """An event that went between two readings."""
    old, new = (
        entry(1, uid="a", event_id="e9"),
        entry(1, uid="b", event_id="e9", facility=POOL, modified=NOW),
    )
    (found,) = group(old, new)
    assert (found.sequence, found.modified) == (0, NOW)


DRAWN = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([GYM, POOL]), st.sampled_from(["e1", "e2"])),
    max_size=8,
)


@given(DRAWN)
def test_groups_tell_each_time_of_each_event_once(drawn: list[tuple[int, object, str]]) -> None:
    """Whatever there is and in whatever order it comes: the same items, in order, and nothing is
    lost.
    """
    entries = [
        entry(hours, uid=f"u{number}", facility=GYM if place is GYM else POOL, event_id=event_id)
        for number, (hours, place, event_id) in enumerate(drawn)
    ]
    found = group(*entries)
    assert (
        found
        == group(*entries[::-1])
        == sorted(found, key=lambda each: (each.start, each.end, each.uid))
    )
    assert len(found) == len({(each.event_id, each.start) for each in entries})
    for each in found:
        first = next(one for one in entries if one.uid == each.uid)
        members = [one for one in entries if (one.key, one.start) == (first.key, first.start)]
        assert each.uid == min(one.uid for one in members)
        assert each.facility_ids == tuple(sorted({one.facility_id for one in members}))
