"""`icalbridge.sync.uids`: timeslots have no ids, yet a moved practice keeps its UID."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from icalbridge.models import Entry, Event, EventKey
from icalbridge.sync.uids import Pairs, new_uid, pair
from tests.samples import GYM, NOW, POOL, entry, event, timeslot

HORIZON = NOW + timedelta(days=365)


def _pair(told: Event, *known: Entry) -> Pairs:
    return pair(told, known, now=NOW, horizon=HORIZON)


def _uids(pairs: Pairs) -> list[str | None]:
    return [found.uid.removesuffix("@icalbridge") if found else None for _, found in pairs.matched]


def test_pair_goes_by_facility_and_times() -> None:
    """What did not change is itself."""
    told = event(timeslot(1), timeslot(24), timeslot(24, facility=POOL))
    known = (entry(24, uid="b"), entry(1, uid="a"), entry(24, uid="c", facility=POOL))
    assert _uids(_pair(told, *known)) == ["a", "b", "c"]


def test_pair_trusts_the_external_id_most() -> None:
    """The vendor's external id names a timeslot, wherever it went."""
    told = event(timeslot(1, external_id="x"), timeslot(24, external_id="y"))
    known = (entry(1, uid="a", external_id="y"), entry(24, uid="b", external_id="x"))
    assert _uids(_pair(told, *known)) == ["b", "a"]


def test_pair_follows_a_longer_practice() -> None:
    """The same facility and start is the same timeslot, however long."""
    told = event(timeslot(24, length=3), timeslot(25))
    assert _uids(_pair(told, entry(24, uid="a"))) == ["a", None]


def test_pair_follows_a_move_within_the_day() -> None:
    """The same facility on the same day, before a nearer start on another day."""
    told = event(timeslot(20 + 1), timeslot(20 + 30))
    known = (entry(20 + 8, uid="evening"), entry(20 + 31, uid="next"))
    assert _uids(_pair(told, *known)) == ["evening", "next"]


def test_pair_follows_a_move_to_another_room() -> None:
    """Nothing else left: the nearest start, the same facility first."""
    told = event(timeslot(24, facility=POOL), timeslot(48))
    known = (entry(24, uid="a"), entry(48, uid="b"))
    assert _uids(_pair(told, *known)) == ["a", "b"]


def test_pair_leaves_over_what_went() -> None:
    """An entry that no timeslot took is left over, and a timeslot that no entry fits is new."""
    pairs = _pair(event(timeslot(24)), entry(24, uid="a"), entry(48, uid="b"))
    assert [each.uid for each in pairs.left] == ["b@icalbridge"]
    assert _uids(_pair(event(timeslot(24), timeslot(48)), entry(24, uid="a"))) == ["a", None]


def test_pair_never_moves_the_past_into_the_future() -> None:
    """A past entry that the vendor forgot stays; a new timeslot is new."""
    pairs = _pair(event(timeslot(5)), entry(-6, uid="morning"))
    assert _uids(pairs) == [None]
    assert [each.uid for each in pairs.left] == ["morning@icalbridge"]


def test_pair_never_brings_near_what_lies_beyond_the_horizon() -> None:
    """An answer says nothing of what lies beyond the vendor's year."""
    assert _uids(_pair(event(timeslot(5)), entry(24 * 370, uid="far"))) == [None]


def test_pair_revives_what_was_just_withdrawn() -> None:
    """An event that moved between windows is missed in one before it is met in the other, and keeps
    its UID.
    """
    just = entry(24, uid="a", withdrawn=NOW - timedelta(hours=5))
    assert _uids(_pair(event(timeslot(24 * 40)), just)) == ["a"]
    long_ago = entry(24, uid="a", withdrawn=NOW - timedelta(hours=25))
    assert _uids(_pair(event(timeslot(24 * 40)), long_ago)) == [None]


def test_pair_revives_the_very_same_however_long_ago() -> None:
    """A timeslot that comes back as it was is itself again."""
    long_ago = entry(24, uid="a", withdrawn=NOW - timedelta(days=30))
    assert _uids(_pair(event(timeslot(24)), long_ago)) == ["a"]


def test_pair_prefers_what_was_there_to_what_was_withdrawn() -> None:
    """A withdrawn entry takes a timeslot only when no other wants it."""
    known = (entry(24, uid="gone", withdrawn=NOW), entry(24, uid="there"))
    assert _uids(_pair(event(timeslot(24)), *known)) == ["there"]


def test_pair_does_not_depend_on_order() -> None:
    """The same timeslots and entries in any order give the same pairs."""
    slots = [timeslot(24), timeslot(26), timeslot(24, facility=POOL)]
    known = [entry(25, uid="a"), entry(27, uid="b"), entry(50, uid="c", facility=POOL)]
    seen = set()
    for some in permutations(slots):
        for others in permutations(known):
            pairs = _pair(event(*some), *others)
            seen.add(
                frozenset(
                    (slot.start, slot.facility_id, found and found.uid)
                    for slot, found in pairs.matched
                )
            )
    assert len(seen) == 1


@given(
    st.lists(st.tuples(st.integers(1, 60), st.booleans()), unique=True, max_size=12), st.randoms()
)
def test_pair_takes_each_entry_once(places: list[tuple[int, bool]], random: object) -> None:
    """No entry is given to two timeslots, and none is both taken and left."""
    known = [
        entry(hour, uid=f"k{hour}{pool}", facility=POOL if pool else GYM) for hour, pool in places
    ]
    told = event(
        *(
            timeslot(hour + 1, facility=POOL) if pool else timeslot(hour)
            for hour, pool in places[::2]
        )
    )
    pairs = _pair(told, *known)
    taken = [found.uid for _, found in pairs.matched if found]
    assert sorted(taken + [each.uid for each in pairs.left]) == sorted(each.uid for each in known)


def test_new_uid_is_the_same_everywhere() -> None:
    """The UID of a timeslot never seen before is a pure function of it: pinned, since subscribers
    keep it.
    """
    key = EventKey("reservation", "e1")
    assert new_uid(key, timeslot(24), ()) == "d468115da1e2165a35503a2e@icalbridge"


def test_new_uid_avoids_those_taken() -> None:
    """Two alike timeslots of an event, or a new one where another moved away, get different UIDs,
    in order.
    """
    key = EventKey("reservation", "e1")
    first = new_uid(key, timeslot(24), ())
    second = new_uid(key, timeslot(24), {first})
    assert len({first, second, new_uid(key, timeslot(24), {first, second})}) == 3
    assert new_uid(key, timeslot(24, external_id="x"), ()) != first
    assert new_uid(EventKey("reservation", "e2"), timeslot(24), ()) != first
