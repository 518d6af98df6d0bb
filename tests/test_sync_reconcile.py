"""`icalbridge.sync.reconcile`: what an answer means."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.models import Changes, Entry, Event, EventKey
from icalbridge.sync.reconcile import KnownCatalog, SpanResponse, reconcile, relocate
from tests.samples import GYM, NOW, POOL, SCHOOL, ZONE, entry, event, timeslot

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.models import Timeslot

PLACES = KnownCatalog({"school": SCHOOL}, {"gym": GYM, "pool": POOL})
SINCE, UNTIL = NOW - timedelta(hours=12), NOW + timedelta(days=31)
HORIZON = NOW + timedelta(days=366)
KEY = EventKey("reservation", "e1")


def _reconcile(
    *events: Event,
    known: tuple[Entry, ...] = (),
    complete: bool = True,
    unchanged: tuple[EventKey, ...] = (),
) -> Changes:
    grouped: dict[EventKey, list[Entry]] = {}
    for each in known:
        grouped.setdefault(each.key, []).append(each)
    present = {each.key for each in known if each.withdrawn is None and SINCE <= each.start < UNTIL}
    return reconcile(
        SpanResponse(events, frozenset(unchanged), complete, SINCE, UNTIL),
        present=frozenset(present),
        known=grouped,
        catalog=PLACES,
        now=NOW,
        horizon=HORIZON,
    )


def _same(*, uid: str = "u1", **fields: object) -> Entry:
    """What `timeslot(24)` of `event()` is, once known."""
    return replace(entry(24, uid=uid), **fields)  # type: ignore[arg-type]  # any field may be another


def test_new_timeslot_is_added_with_all_that_a_feed_shows() -> None:
    """Name, place, location, type, zone and statuses; SEQUENCE 0; modified now."""
    (added,) = _reconcile(event(timeslot(24, activity="Warm-up"))).added
    assert added == _same(
        uid=added.uid.removesuffix("@icalbridge"), activity="Warm-up", modified=NOW
    )


def test_unchanged_event_changes_nothing() -> None:
    """The same again is no change, whether it was read anew or known by its bytes."""
    assert _reconcile(event(timeslot(24)), known=(_same(),)).count == 0
    assert _reconcile(known=(_same(),), unchanged=(KEY,)) == Changes()


@pytest.mark.parametrize(
    ("told", "raised"),
    [
        (event(timeslot(24, length=3)), 1),
        (event(timeslot(25)), 1),
        (event(timeslot(24, facility=POOL)), 1),
        (event(timeslot(24), status="cancelled"), 1),
        (event(timeslot(24, status="suspended")), 1),
        (event(timeslot(24), name="Match"), 0),
        (event(timeslot(24, activity="Final")), 0),
    ],
)
def test_change_keeps_the_uid_and_raises_the_sequence_for_time_place_and_status(
    told: Event, raised: int
) -> None:
    """LAST-MODIFIED moves at every change; SEQUENCE at one of time, place or status (RFC 5545,
    3.8.7.4).
    """
    changes = _reconcile(told, known=(_same(sequence=4),))
    (changed,) = changes.changed
    assert (changed.uid, changed.sequence, changed.modified) == ("u1@icalbridge", 4 + raised, NOW)
    assert (changes.added, changes.withdrawn) == ((), ())


ONCE = NOW - timedelta(days=3)
PENDING = _same(status="pending")
SUSPENDED = _same(timeslot_status="suspended")
CANCELLED = _same(status="cancelled", cancelled=ONCE)
WITHDRAWN = _same(withdrawn=ONCE, cancelled=ONCE)


@pytest.mark.parametrize(
    ("before", "told", "after"),
    [
        (_same(), event(timeslot(24), status="cancelled"), NOW),
        (_same(), event(timeslot(24), status="pending"), NOW),
        (_same(), event(timeslot(24, status="suspended")), NOW),
        (_same(), event(timeslot(25), status="cancelled"), NOW),
        (_same(), event(timeslot(25)), None),
        (_same(), event(timeslot(24), name="Match"), None),
        (PENDING, event(timeslot(24)), None),
        (PENDING, event(timeslot(24), status="declined"), None),
        (PENDING, event(timeslot(25), status="pending"), None),
        (CANCELLED, event(timeslot(24)), None),
        (CANCELLED, event(timeslot(25), status="cancelled"), ONCE),
        (CANCELLED, event(timeslot(24), status="declined"), ONCE),
        (replace(SUSPENDED, cancelled=ONCE), event(timeslot(24)), None),
        (WITHDRAWN, event(timeslot(24)), None),
        (WITHDRAWN, event(timeslot(24), status="cancelled"), ONCE),
        (replace(PENDING, withdrawn=ONCE), event(timeslot(24), status="pending"), None),
    ],
)
def test_cancelled_is_when_it_ceased_to_be_on(
    before: Entry, told: Event, after: datetime | None
) -> None:
    """From on to off: now; from off to on: no longer; off as before: as before, and never for what
    never was on.
    """
    (changed,) = _reconcile(told, known=(before,)).changed
    assert (changed.cancelled, changed.shown) == (
        after,
        after is None and changed.status == "approved",
    )


@pytest.mark.parametrize(
    ("before", "after"), [(_same(), NOW), (PENDING, None), (SUSPENDED, None), (CANCELLED, ONCE)]
)
def test_withdrawn_is_cancelled_if_it_was_on(before: Entry, after: datetime | None) -> None:
    """A booking that goes while it is pending was never on."""
    (gone,) = _reconcile(known=(before,)).withdrawn
    assert (gone.withdrawn, gone.cancelled) == (NOW, after)


OVER = entry(-5)


@pytest.mark.parametrize(
    "status", ["completed", "closed", "", "approved - pending payment", "pending", "ünbekannt"]
)
@pytest.mark.parametrize("timeslot_status", ["active", "suspended", "", "done"])
def test_shown_past_stays_whatever_its_status_is_called_later(
    status: str, timeslot_status: str
) -> None:
    """What took place is history: only cancelled or declined takes it off; the rest of the event
    follows its status.
    """
    told = event(
        timeslot(-5, status=timeslot_status), timeslot(24, status=timeslot_status), status=status
    )
    changes = _reconcile(told, known=(OVER, entry(24, uid="u2")))
    assert [(each.uid, each.status, each.cancelled) for each in changes.changed] == [
        ("u2@icalbridge", status, NOW)
    ]
    assert (changes.added, changes.withdrawn) == ((), ())


@pytest.mark.parametrize(
    ("status", "timeslot_status"),
    [
        ("cancelled", "active"),
        ("declined", "active"),
        ("cancelled - weather", "active"),
        ("declined by owner", "active"),
        ("approved", "cancelled"),
    ],
)
def test_past_that_is_called_off_later_is_taken_off(status: str, timeslot_status: str) -> None:
    """The vendor says then that it did not take place."""
    (off,) = _reconcile(
        event(timeslot(-5, status=timeslot_status), status=status), known=(OVER,)
    ).changed
    assert (off.shown, off.cancelled, off.sequence) == (False, NOW, 1)


@pytest.mark.parametrize(
    ("start", "length", "shown"), [(-2, 2, True), (-1, 2, False), (-2, 2.001, False)]
)
def test_past_begins_when_a_timeslot_has_ended(start: float, length: float, shown: bool) -> None:
    """At its end it is over; what still goes on follows its status."""
    known = entry(start, end=NOW + timedelta(hours=start + length))
    changed = _reconcile(
        event(timeslot(start, length=length), status="closed"), known=(known,)
    ).changed
    assert [each.shown for each in changed] == ([] if shown else [False])


@pytest.mark.parametrize(
    ("before", "told", "shown"),
    [
        (entry(-5), timeslot(-5, length=1), True),  # its end is corrected
        (entry(-1), timeslot(-1, length=0.5), True),  # it ended early
        (entry(-5), timeslot(-5, length=9), False),  # it goes on
        (entry(-5, external_id="x"), timeslot(-9, external_id="x"), True),
        (entry(-5, external_id="x"), timeslot(48, external_id="x"), False),
    ],
)
def test_moved_past_stays_shown_while_it_is_past(
    before: Entry, told: Timeslot, shown: bool
) -> None:
    """New times are taken over; what has not ended by them follows the new status."""
    (changed,) = _reconcile(event(told, status="completed"), known=(before,)).changed
    assert (changed.start, changed.end, changed.shown) == (told.start, told.end, shown)


@pytest.mark.parametrize(
    "before",
    [
        entry(-5, status="pending"),
        entry(-5, timeslot_status="suspended"),
        entry(-5, status="cancelled", cancelled=ONCE),
        entry(-5, withdrawn=ONCE, cancelled=ONCE),
    ],
)
def test_past_that_was_not_shown_follows_its_status(before: Entry) -> None:
    """It is what the vendor says; approved afterwards, it is shown, and then it stays."""
    (closed,) = _reconcile(event(timeslot(-5), status="closed"), known=(before,)).changed
    assert (closed.status, closed.shown) == ("closed", False)
    (approved,) = _reconcile(event(timeslot(-5)), known=(before,)).changed
    assert approved.shown
    assert _reconcile(event(timeslot(-5), status="closed"), known=(approved,)).count == 0


def test_past_first_met_when_it_is_over_is_what_it_says() -> None:
    """Nobody knows what it was."""
    (added,) = _reconcile(event(timeslot(-5), status="completed")).added
    assert (added.status, added.shown) == ("completed", False)


def test_status_of_an_entry_is_what_the_operator_counts_it_as() -> None:
    """The event keeps the vendor's word."""
    changes = _reconcile(replace(event(timeslot(24), status="confirmed"), entry_status="approved"))
    assert [each.status for each in changes.added] == ["approved"]
    assert [each.status for each in changes.parsed] == ["confirmed"]


def test_first_seen_stays_and_is_no_change() -> None:
    """What the store wrote down is kept through a change, and alone makes none."""
    known = _same(first_seen=ONCE)
    assert _reconcile(event(timeslot(24)), known=(known,)).count == 0
    (changed,) = _reconcile(event(timeslot(25)), known=(known,)).changed
    (gone,) = _reconcile(known=(known,)).withdrawn
    (renamed,) = relocate(
        [known], KnownCatalog({"school": replace(SCHOOL, name="Roosevelt High")}, {}), NOW
    ).changed
    assert [each.first_seen for each in (changed, gone, renamed)] == [ONCE, ONCE, ONCE]


def test_added_entry_is_neither_cancelled_nor_seen_before() -> None:
    """An event that is first heard of when it is cancelled was never on, as far as anybody was
    told.
    """
    (added,) = _reconcile(event(timeslot(24), status="cancelled")).added
    assert (added.cancelled, added.first_seen) == (None, None)


def test_renamed_facility_of_a_timeslot_reaches_the_location() -> None:
    """The catalogue's name stands before the timeslot's; a facility it never listed is called as
    the timeslot says.
    """
    hidden = replace(GYM, id="annex", name="Annex", type="Room")
    (added,) = _reconcile(event(timeslot(24, facility=hidden))).added
    assert (added.place, added.location, added.type) == (
        "Annex",
        "Annex, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087",
        "Room",
    )
    (added,) = _reconcile(event(timeslot(24, facility=replace(GYM, name="Old Gym")))).added
    assert added.place == "Main Gym"


def test_timeslot_without_facility_is_at_its_school() -> None:
    """Empty parts of a location are left out; the type is the event's type then."""
    nowhere = replace(GYM, id="", name=" ", type="")
    (added,) = _reconcile(event(timeslot(24, facility=nowhere))).added
    assert (added.place, added.location, added.type) == (
        "",
        "Lincoln High, 1 Oak St, Sunnyvale, CA, 94087",
        "reservation",
    )


def test_absent_event_is_withdrawn_in_the_window_only() -> None:
    """An answer speaks for its window: what the event has elsewhere stays, and so does what is
    past.
    """
    known = (entry(-5, uid="past"), entry(24, uid="here"), entry(24 * 40, uid="elsewhere"))
    changes = _reconcile(known=known)
    assert changes.withdrawn == (
        entry(24, uid="here", sequence=1, withdrawn=NOW, cancelled=NOW, modified=NOW),
    )
    assert (changes.added, changes.changed, changes.reparse) == ((), (), frozenset({KEY}))


def test_present_event_covers_its_window_only() -> None:
    """What an event no longer has is withdrawn where the answer has its day; elsewhere it is left to
    other windows, and the event is read again there.
    """
    known = (
        entry(-5, uid="past"),
        entry(24, uid="kept"),
        entry(48, uid="gone"),
        entry(24 * 40, uid="elsewhere"),
        entry(24 * 370, uid="beyond"),
    )
    changes = _reconcile(event(timeslot(24)), known=known)
    assert [each.uid for each in changes.withdrawn] == ["gone@icalbridge"]
    assert [each.uid for each in changes.elsewhere] == ["elsewhere@icalbridge"]
    assert (changes.added, changes.changed) == ((), ())
    assert [each.digest for each in changes.parsed] == [""]


def test_event_with_something_left_is_read_again() -> None:
    """An event of which an entry stays, though its answer does not have it, must not be known by
    its bytes.
    """
    settled = _reconcile(event(timeslot(24)), known=(entry(24), entry(48, uid="gone")))
    assert [each.digest for each in settled.parsed] == ["digest-e1"]
    unsettled = _reconcile(event(timeslot(24)), known=(entry(24), entry(24 * 370, uid="beyond")))
    assert [each.digest for each in unsettled.parsed] == [""]


def test_incomplete_answer_withdraws_nothing() -> None:
    """It may add and change; the unreadable item could be the very event that seems to be missing."""
    known = (entry(24), entry(48, uid="b", event_id="absent"), entry(72, uid="c"))
    changes = _reconcile(
        event(timeslot(25), timeslot(99), timeslot(199)), known=known, complete=False
    )
    assert changes.withdrawn == ()
    assert changes.reparse == frozenset()
    assert [each.uid for each in changes.changed] == ["u1@icalbridge", "c@icalbridge"]
    assert len(changes.added) == 1


def test_moved_event_keeps_its_uid_from_window_to_window() -> None:
    """Missed in the first window, met in the second: withdrawn, then itself again, SEQUENCE risen
    twice.
    """
    (gone,) = _reconcile(known=(_same(),)).withdrawn
    (back,) = _reconcile(event(timeslot(24 * 9)), known=(gone,)).changed
    assert (back.uid, back.sequence, back.withdrawn) == ("u1@icalbridge", 2, None)


def test_past_timeslots_are_taken_up_once() -> None:
    """What an answer tells of the past becomes history when it was not known, and is not told
    twice.
    """
    (added,) = _reconcile(event(timeslot(-50), timeslot(24)), known=(_same(),)).added
    assert added.start == NOW - timedelta(hours=50)
    again = _reconcile(event(timeslot(-50), timeslot(24)), known=(_same(), added))
    assert again.count == 0


def test_texts_are_cleaned_once() -> None:
    """Control characters and line breaks of the vendor's texts do not reach the store."""
    (added,) = _reconcile(
        event(timeslot(24, activity=" a\r\nb\x07 "), name="\u2028Tōhoku\t⚽")
    ).added
    assert (added.name, added.activity) == ("Tōhoku\t⚽", "a b")


def test_relocate_follows_a_renamed_school() -> None:
    """A place's new name is a change of place in every entry there; others stay as they are."""
    places = KnownCatalog({"school": replace(SCHOOL, name="Roosevelt High")}, PLACES.facilities)
    elsewhere = entry(24, uid="u2", property_id="other", location="Main Gym")
    changes = relocate([_same(), elsewhere], places, NOW)
    location = "Main Gym, Roosevelt High, 1 Oak St, Sunnyvale, CA, 94087"
    assert changes == Changes(changed=(_same(location=location, sequence=1, modified=NOW),))


def test_reconcile_gives_an_empty_database_the_same_uids() -> None:
    """UIDs follow from the answer alone, however often it is read, and differ for timeslots that
    are alike.
    """
    told = event(timeslot(24), timeslot(24), timeslot(24, facility=POOL), timeslot(48))
    first, second = (_reconcile(told).added for _ in range(2))
    assert first == second
    assert len({each.uid for each in first}) == 4
    assert {each.zone for each in first} == {ZONE}
