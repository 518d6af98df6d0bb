"""`icalbridge.sync.matching`, `identity` and `reconcile` with twins, large moves and timeslots that
cannot be read.
"""

from __future__ import annotations

import sys
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.models import (
    Changes,
    Entry,
    Event,
    EventKey,
    Facility,
    Timeslot,
    UnreadableTimeslot,
)
from icalbridge.sync.matching import Candidate, Traits, match_nearest
from icalbridge.sync.reconcile import KnownCatalog, SpanResponse, reconcile
from icalbridge.sync.uids import pair
from tests.samples import GYM, NOW, POOL, SCHOOL, entry, event, timeslot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from random import Random
    from types import FrameType

PLACES = KnownCatalog({"school": SCHOOL}, {"gym": GYM, "pool": POOL})
HORIZON = NOW + timedelta(days=9999)
KEY = EventKey("reservation", "e1")
NOWHERE = Facility("", "school", "")


def _changes(told: Event, known: Sequence[Entry] = (), *, now: datetime = NOW) -> Changes:
    return reconcile(
        SpanResponse((told,), frozenset(), True, NOW, NOW + timedelta(days=31)),
        present=frozenset(),
        known={KEY: known},
        catalog=PLACES,
        now=now,
        horizon=HORIZON,
    )


TWINS = {
    "activities": [timeslot(24, activity="Boys"), timeslot(24, activity="Girls")],
    "statuses": [timeslot(24), timeslot(24, status="suspended")],
    "unknown statuses": [timeslot(24, status=""), timeslot(24, status="tentative")],
    "external ids": [timeslot(24, external_id="x"), timeslot(24)],
    "one external id": [
        timeslot(24, external_id="x"),
        timeslot(26, external_id="x", activity="Boys"),
    ],
    "places": [timeslot(24, facility=replace(NOWHERE, name=name)) for name in ("A", "B", "")],
    "types": [timeslot(24, facility=replace(NOWHERE, type=name)) for name in ("A", "B")],
    "nulls": [timeslot(24, facility=NOWHERE), timeslot(24, facility=NOWHERE, activity="Boys")],
    "lengths": [timeslot(24, length=length) for length in (1, 2, 3)],
    "four": [
        timeslot(24, activity=name, status=status)
        for name in "AB"
        for status in ("active", "suspended")
    ],
    "alike": [timeslot(24), timeslot(24), timeslot(24, activity="Boys"), timeslot(24)],
}


@pytest.mark.parametrize("case", TWINS)
def test_twins_keep_their_uids_in_any_order(case: str) -> None:
    """Neither a first answer's order tells in the UIDs nor a later one's in anything."""
    twins = TWINS[case]
    first = _changes(event(*twins)).added
    assert len({each.uid for each in first}) == len(twins)
    for slots in (twins[::-1], twins[1:] + twins[:1]):
        assert _changes(event(*slots)).added == first
        assert _changes(event(*slots), first[::-1]).count == 0


TEXTS = st.sampled_from(["", "Boys", "Girls\u2028", " Girls "])
SLOTS = st.builds(
    timeslot,
    st.sampled_from([-30, 24, 25, 48, 24 * 40]),
    facility=st.sampled_from(
        [GYM, POOL, NOWHERE, replace(NOWHERE, name="Hall"), replace(GYM, id="x", name="X")]
    ),
    length=st.sampled_from([1, 2]),
    activity=TEXTS,
    status=st.sampled_from(["active", "suspended", ""]),
    external_id=st.sampled_from(["", "", "", "x", "y"]),
)


@given(st.lists(SLOTS, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_any_order_of_timeslots_is_the_same_answer(slots: list[Timeslot], random: Random) -> None:
    """The same UIDs at first, and no change later."""
    known = _changes(event(*slots)).added
    shuffled = random.sample(slots, len(slots))
    assert _changes(event(*shuffled)).added == known
    assert _changes(event(*shuffled), random.sample(known, len(known))).count == 0


@given(
    st.lists(SLOTS, min_size=1, max_size=6),
    st.lists(SLOTS, max_size=6),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_any_order_of_timeslots_means_the_same_change(
    before: list[Timeslot], after: list[Timeslot], stay: int, random: Random
) -> None:
    """Whatever was edited meanwhile."""
    known = _changes(event(*before)).added
    slots, now = before[:stay] + after, NOW + timedelta(hours=1)
    shuffled = random.sample(slots, len(slots))
    one = _changes(event(*slots), known, now=now)
    other = _changes(event(*shuffled), random.sample(known, len(known)), now=now)
    assert replace(other, parsed=()) == replace(one, parsed=())


EDITS: dict[str, Callable[[Timeslot], Timeslot]] = {
    "suspended": lambda each: replace(each, status="suspended"),
    "renamed": lambda each: replace(each, activity="Final"),
    "moved an hour": lambda each: replace(each, start=each.start + timedelta(hours=1)),
    "moved a month": lambda each: replace(
        each, start=each.start + timedelta(days=30), end=each.end + timedelta(days=30)
    ),
    "moved to the pool": lambda each: replace(
        each, facility_id="pool", facility_name="Pool", facility_type="Pool"
    ),
    "named": lambda each: replace(each, external_id="z"),
}
DIFFERING = [name for name in TWINS if name != "alike"]


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("case", DIFFERING)
def test_edit_of_one_twin_leaves_the_others_alone(case: str, edit: str) -> None:
    """Which of them, and in what order they come, does not matter."""
    twins = TWINS[case]
    first = _changes(event(*twins)).added
    uids = {
        slot: found.uid
        for slot, found in pair(event(*twins), first, now=NOW, horizon=HORIZON).matched
        if found
    }
    for index, one in enumerate(twins):
        slots = [*twins[:index], EDITS[edit](one), *twins[index + 1 :]]
        for told in (slots, slots[::-1]):
            changes = _changes(event(*told), first)
            assert (changes.added, changes.withdrawn) == ((), ())
            assert {each.uid for each in changes.changed} <= {uids[one]}


def test_moved_twins_go_by_their_activity() -> None:
    """Among equals the activity decides, then the status, wherever they moved."""
    boys, girls = entry(24, uid="boys", activity="Boys"), entry(24, uid="girls", activity="Girls")
    for facility, hours in ((POOL, 24), (POOL, 26), (GYM, 26), (POOL, 24 * 9)):
        slots = [timeslot(hours, facility=facility, activity=name) for name in ("Girls", "Boys")]
        changes = _changes(event(*slots), (boys, girls))
        assert {each.activity: each.uid for each in changes.changed} == {
            "Boys": boys.uid,
            "Girls": girls.uid,
        }


# the nearest start

PLACED = st.tuples(
    st.integers(0, 12), st.sampled_from(["gym", "pool"]), st.sampled_from(["a", "b"])
)


def _candidate(hours: int, facility_id: str, activity: str) -> Candidate:
    start = NOW + timedelta(hours=hours)
    return Candidate(Traits(start, start, facility_id, activity, "", "", "", ""), period=None)


def _by_trying_all(slots: list[Candidate], entries: list[Candidate]) -> dict[Candidate, Candidate]:
    """Take the nearest of all pairs again and again."""
    found: dict[Candidate, Candidate] = {}
    while free := [
        (
            abs(slot.traits.start - each.traits.start),
            slot.traits.facility_id != each.traits.facility_id,
            slot.traits.start,
            each.traits.start,
            slot.traits.activity != each.traits.activity,
            number,
            other,
        )
        for number, slot in enumerate(slots)
        for other, each in enumerate(entries)
        if slot not in found and each not in found.values()
    ]:
        *_, number, other = min(free)
        found[slots[number]] = entries[other]
    return found


@given(st.lists(PLACED, max_size=9), st.lists(PLACED, max_size=9))
def test_match_nearest_is_what_trying_all_pairs_finds(
    some: list[tuple[int, str, str]], others: list[tuple[int, str, str]]
) -> None:
    """Nearest first, the same facility before another, then the earlier, then the same activity."""
    slots, entries = ([_candidate(*each) for each in sorted(places)] for places in (some, others))
    expected = _by_trying_all(slots, entries)
    left = match_nearest(slots, entries)
    assert {each: each.match for each in slots if each.match} == expected
    assert left == [each for each in slots if each not in expected]


# an event that cannot be read in full


def test_unreadable_timeslot_keeps_its_entry() -> None:
    """None of its event is withdrawn, what can be read is added, and no guess takes the entry that
    may be its own.
    """
    known = (entry(24, uid="bad"), entry(48, uid="good"))
    start, end = NOW + timedelta(hours=24), NOW + timedelta(hours=26)
    for unreadable in (
        UnreadableTimeslot(start, None, "gym"),
        UnreadableTimeslot(None, end, "gym"),
        UnreadableTimeslot(),
    ):
        changes = _changes(event(timeslot(48), timeslot(25), unreadable=(unreadable,)), known)
        assert (changes.changed, changes.withdrawn) == ((), ())
        assert [each.start for each in changes.added] == [NOW + timedelta(hours=25)]
        assert [each.digest for each in changes.parsed] == [""]


def test_unreadable_timeslot_with_an_external_id_keeps_its_entry() -> None:
    """The id is sign enough."""
    known = (entry(24, uid="bad", external_id="x"),)
    changes = _changes(
        event(timeslot(25), unreadable=(UnreadableTimeslot(external_id="x"),)), known
    )
    assert (len(changes.added), changes.changed, changes.withdrawn) == (1, (), ())


def test_unreadable_timeslot_does_not_hold_up_its_neighbors() -> None:
    """One that moves beside it keeps its UID."""
    known = (entry(24, uid="bad"), entry(48, uid="good"))
    unreadable = UnreadableTimeslot(NOW + timedelta(hours=24), None, "gym")
    changes = _changes(event(timeslot(50), unreadable=(unreadable,)), known)
    assert [(each.uid, each.start) for each in changes.changed] == [
        ("good@icalbridge", NOW + timedelta(hours=50))
    ]
    assert (changes.added, changes.withdrawn) == ((), ())


def test_name_and_status_of_an_event_reach_its_unreadable_timeslots() -> None:
    """What is cancelled is not shown because its times cannot be read; what is past stays as it
    was.
    """
    known = (entry(24, uid="bad"), entry(-9, uid="past"))
    told = event(status="cancelled", name="Match", unreadable=(UnreadableTimeslot(),))
    (changed,) = _changes(told, known).changed
    assert (changed.uid, changed.name, changed.status, changed.cancelled) == (
        "bad@icalbridge",
        "Match",
        "cancelled",
        NOW,
    )


# large moves


def _rooms(number: int) -> Facility:
    return replace(GYM, id=f"room-{number}")


Move = tuple[list[Timeslot], list[Entry]]
MOVES: dict[str, Callable[[int], Move]] = {
    "to another room": lambda size: (
        [timeslot(24 + each, facility=POOL) for each in range(size)],
        [entry(24 + each, uid=f"u{each}") for each in range(size)],
    ),
    "to another room, half an hour later": lambda size: (
        [timeslot(24.5 + each, facility=POOL) for each in range(size)],
        [entry(24 + each, uid=f"u{each}") for each in range(size)],
    ),
    "to another year": lambda size: (
        [timeslot(24 * 400 + each, facility=POOL) for each in range(size)],
        [entry(24 + each, uid=f"u{each}") for each in range(size)],
    ),
    "from as many rooms at one time": lambda size: (
        [timeslot(26, facility=_rooms(each)) for each in range(size)],
        [entry(24, uid=f"u{each}", facility=_rooms(-1 - each)) for each in range(size)],
    ),
    "from one time to as many": lambda size: (
        [timeslot(24 + each / 60, facility=POOL) for each in range(size)],
        [entry(26, uid=f"u{each}", facility=_rooms(each)) for each in range(size)],
    ),
    "as so many twins": lambda size: (
        [timeslot(26, facility=POOL)] * size,
        [entry(24, uid=f"u{each}") for each in range(size)],
    ),
    "beside as many new twins": lambda size: (
        [timeslot(24)] * size * 2,
        [entry(24, uid=f"u{each}") for each in range(size)],
    ),
    "as half of them go": lambda size: (
        [timeslot(24.5 + each * 2, facility=POOL) for each in range(size // 2)],
        [entry(24 + each, uid=f"u{each}") for each in range(size)],
    ),
}


def _lines(slots: Sequence[Timeslot], known: Sequence[Entry]) -> int:
    """Count the lines of Python that run, each turn of a loop anew."""
    count, told = 0, event(*slots)

    def trace(_frame: FrameType, kind: str, _more: Any) -> Any:
        nonlocal count
        count += kind == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        _changes(told, known)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("case", MOVES)
def test_large_move_costs_little_more_than_its_size(case: str) -> None:
    """Four times as many take about four times the work; a square of it would be sixteen times."""
    small, large = (_lines(*MOVES[case](size)) for size in (100, 400))
    assert large < 6 * small


@pytest.mark.parametrize(
    "case", ["to another room, half an hour later", "from one time to as many"]
)
def test_large_move_needs_little_memory(case: str) -> None:
    """1,000 timeslots: some megabytes."""
    slots, known = MOVES[case](1000)
    told = event(*slots)
    tracemalloc.start()
    try:
        pairs = pair(told, known, now=NOW, horizon=HORIZON)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert all(found for _, found in pairs.matched)
    assert peak < 15_000_000
