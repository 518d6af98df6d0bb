"""`icalbridge.push.diff`: from what is there to what is wanted, without any vendor; orders of edits
by hypothesis.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from icalbridge.models import Event, Timeslot
from icalbridge.push import instances
from icalbridge.push.diff import plan_push
from icalbridge.push.mapping import Impossible, PushEvent, PushRequests, PushSlot
from icalbridge.push.places import PlaceTable
from icalbridge.push.steps import Cancel, Create, Move, PushedState, PushPlan
from tests.samples import GYM, NOW, POOL, SCHOOL, ZONE

FIELD = replace(GYM, id="field", property_id="away")
FACILITIES = {item.id: replace(item, u_id=f"u-{item.id}") for item in (GYM, POOL, FIELD)}
PLACES = PlaceTable(FACILITIES, {SCHOOL.id: ZONE, "away": ZONE})
HOUR = timedelta(hours=1)


def _slot(number: int, hour: int = 0, facility: str = "gym") -> PushSlot:
    start = NOW + timedelta(days=number, hours=hour)
    return PushSlot(f"slot-{number}", start, start + HOUR, FACILITIES[facility])


def _wish(
    *slots: PushSlot,
    name: str = "Practice",
    uid: str = "a",
    impossible: tuple[Impossible, ...] = (),
) -> PushRequests:
    return PushRequests((PushEvent(uid, name, slots),) if slots else (), impossible)


def _held(
    *slots: PushSlot,
    number: int = 0,
    status: str = "approved",
    name: str = "Practice",
    uid: str = "a",
) -> PushedState:
    content = tuple(
        Timeslot(item.start, item.end, item.facility.id, external_id=item.id, status="active")
        for item in slots
    )
    event = Event(f"e{number}", "reservation", SCHOOL.id, ZONE, name, status, timeslots=content)
    return PushedState(instances.event_id("s", uid, number), uid, event)


def _steps(decided: PushPlan) -> list[tuple[str, int]]:
    """Return each step's kind, and the number of the event that it makes or changes."""
    return [
        (
            type(item).__name__,
            item.number
            if isinstance(item, Create)
            else instances.number_of(item.pushed.external_id),
        )
        for item in decided.steps
    ]


def _plan(wish: PushRequests, *held: PushedState) -> PushPlan:
    return plan_push(wish, held, PLACES, NOW)


def test_nothing_is_there_and_all_is_made() -> None:
    """One event for a UID."""
    assert _plan(_wish(_slot(1), _slot(2))).steps == (
        Create("a", "Practice", 0, (_slot(1), _slot(2))),
    )


def test_id_that_was_chosen_is_used_first() -> None:
    """What is on its way to the vendor must not stand there beside another."""
    chosen = PushedState(instances.event_id("s", "a", 3), "a")
    assert _steps(_plan(_wish(_slot(1)), chosen)) == [("Create", 3)]
    settled = replace(chosen, settled=True)
    assert _steps(_plan(_wish(_slot(1)), settled)) == [("Create", 4)]
    dropped = replace(chosen, dropped=True)
    assert _steps(_plan(_wish(_slot(1)), dropped)) == [("Create", 4)]


def test_what_frees_a_place_comes_first() -> None:
    """Cancellations, then moves, then what is made."""
    wish = PushRequests((PushEvent("b", "B", (_slot(1),)), PushEvent("c", "C", (_slot(2, 5),))))
    gone, moved = _held(_slot(1), uid="a", name="A"), _held(_slot(2), uid="c", name="C")
    assert [type(item) for item in _plan(wish, gone, moved).steps] == [Cancel, Move, Create]


def test_half_done_renewal_is_ended() -> None:
    """The new event is there, the old one still: it goes, and nothing else is done."""
    old, new = _held(_slot(1), _slot(2)), _held(_slot(2), number=1)
    assert _steps(_plan(_wish(_slot(2)), old, new)) == [("Cancel", 0)]


def test_half_done_renewal_that_is_no_longer_wanted_is_undone() -> None:
    """The old event is right again: the new one goes."""
    old, new = _held(_slot(1), _slot(2)), _held(_slot(2), number=1)
    decided = _plan(_wish(_slot(1), _slot(2)), old, new)
    assert _steps(decided) == [("Cancel", 1)]
    assert [item.why for item in decided.cancels] == ["its instances stand there twice"]


def test_cancellation_waits_for_what_carries_its_timeslots_alone() -> None:
    """One that has its new event already is not kept up by what is made elsewhere, at another
    property.
    """
    there, away = (_slot(1), _slot(2)), _slot(9, facility="field")
    old, new = _held(*there), _held(_slot(2), number=1)
    decided = _plan(_wish(_slot(2), away), old, new)
    assert [instances.number_of(item.pushed.external_id) for item in decided.cancels] == [0]
    assert [(len(item.creates), item.cancels) for item in decided.renewals] == [(1, ())]
    first = _plan(_wish(_slot(2), away), old)
    assert [
        ([slot.id for create in item.creates for slot in create.slots], len(item.cancels))
        for item in first.renewals
    ] == [(["slot-9"], 0), (["slot-2"], 1)]


def test_timeslot_of_no_push_is_left_alone() -> None:
    """Somebody added it in Facilitron: it has no external id."""
    added = replace(_slot(5), id="")
    assert _plan(_wish(_slot(1)), _held(_slot(1), added)).steps == ()


def test_uid_that_cannot_be_read_is_left_alone() -> None:
    """All of it, until it can be read again or is gone."""
    content = _wish(impossible=(Impossible("a", "Practice", "it cannot be read"),))
    assert _plan(content, _held(_slot(1))).steps == ()


def test_most_is_implausible() -> None:
    """More than half, and more than one; not what is made anew."""
    held = [_held(_slot(1), uid=uid, name=uid) for uid in "abcd"]
    left = PushRequests(tuple(PushEvent(uid, uid, (_slot(1),)) for uid in "ab"))
    assert not _plan(left, *held).implausible
    assert _plan(PushRequests(left.events[:1]), *held).implausible
    assert not _plan(PushRequests(()), held[0]).implausible
    renamed = PushRequests(tuple(PushEvent(uid, f"{uid}!", (_slot(1),)) for uid in "abcd"))
    assert not _plan(renamed, *held).implausible


def test_most_of_a_series_is_implausible() -> None:
    """Timeslots count, not events: another series in its stead, or a series that shrank; not one at
    other times.
    """
    season = tuple(_slot(number) for number in range(1, 9))
    other = _wish(*season, uid="b", name="Other")
    assert _plan(other, _held(*season)).implausible
    shrunk = _plan(_wish(season[0]), _held(*season))
    assert (shrunk.implausible, shrunk.ending, shrunk.coming) == (True, 7, 8)
    assert not _plan(_wish(*season[:4]), _held(*season)).implausible
    later = tuple(
        replace(item, id=f"{item.id}-later", start=item.start + HOUR, end=item.end + HOUR)
        for item in season
    )
    assert not _plan(_wish(*later), _held(*season)).implausible


WISHES = st.lists(
    st.tuples(
        st.sampled_from(["Practice", "Training"]),
        st.dictionaries(
            st.integers(1, 5),
            st.tuples(st.integers(0, 3), st.sampled_from(["gym", "pool"])),
            max_size=5,
        ),
    ),
    min_size=1,
    max_size=6,
)


def _done(decided: PushPlan, held: dict[str, PushedState], count: int) -> None:
    """Do the first steps of a plan, as the vendor would."""
    for step in decided.steps[:count]:
        if isinstance(step, Create):
            made = _held(*step.slots, number=step.number, name=step.name)
            assert (
                made.external_id not in held or held[made.external_id].unmade
            )  # an id is taken for ever
            held[made.external_id] = made
            continue
        before = held[step.pushed.external_id]
        assert before.event
        if isinstance(step, Cancel):
            event = replace(before.event, status="cancelled")
            held[before.external_id] = replace(before, event=event, dropped=True)
        else:
            after = step.after
            moved = replace(
                step.before, start=after.start, end=after.end, facility_id=after.facility.id
            )
            slots = tuple(moved if item == step.before else item for item in before.event.timeslots)
            held[before.external_id] = replace(before, event=replace(before.event, timeslots=slots))


@given(WISHES, st.data())
def test_whatever_is_edited_and_broken_off_it_ends_in_the_wish(
    wishes: list[tuple[str, dict[int, tuple[int, str]]]], data: st.DataObject
) -> None:
    """Plans that are done in part, one after the other; the last one to the end; then there is
    nothing to do.
    """
    held: dict[str, PushedState] = {}
    content = _wish()
    for name, numbers in wishes:
        content = _wish(
            *(_slot(number, *how) for number, how in sorted(numbers.items())), name=name
        )
        decided = _plan(content, *held.values())
        _done(decided, held, data.draw(st.integers(0, len(decided.steps))))
    _done(_plan(content, *held.values()), held, 1000)
    there = [
        (item.event.name, slot.external_id, slot.start, slot.end, slot.facility_id)
        for item in held.values()
        if item.live and item.event
        for slot in item.event.timeslots
    ]
    requested = [
        (item.name, slot.id, slot.start, slot.end, slot.facility.id)
        for item in content.events
        for slot in item.slots
    ]
    assert sorted(there) == sorted(requested)
    assert _plan(content, *held.values()).steps == ()


def test_move_that_the_vendor_takes_for_no_change_is_a_renewal() -> None:
    """It publishes bounds of changes: one day, 7 days back, 2 years ahead."""
    there = _held(_slot(1))
    night = replace(_slot(1), end=_slot(2).end)
    assert _steps(_plan(_wish(night), there)) == [("Create", 1), ("Cancel", 0)]
    far = replace(_slot(800), id="slot-1")
    assert _steps(_plan(_wish(far), there)) == [("Create", 1), ("Cancel", 0)]
    begun = replace(_slot(1), start=_slot(-8).start)
    assert _steps(_plan(_wish(begun), there)) == [("Create", 1), ("Cancel", 0)]
    assert _steps(_plan(_wish(replace(_slot(700), id="slot-1")), there)) == [("Move", 0)]
