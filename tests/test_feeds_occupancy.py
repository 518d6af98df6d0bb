"""`icalbridge.feeds.occupancy`: when a space is in use, buffered and merged, and nothing of what
goes on there.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from icalbridge.feeds import FeedQuery
from icalbridge.feeds.audience import Item, Status
from icalbridge.feeds.metadata import FeedMetadata
from icalbridge.feeds.occupancy import EPOCH, FOREVER, blocks, present
from icalbridge.feeds.selection import select
from tests.samples import GYM, NOW, POOL, ZONE, entry

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.models import Entry

COVER = FeedMetadata(
    "Lincoln High (in use)", ZONE, NOW - timedelta(hours=3), "/ical/property/school"
)
SEQUENCE = int((COVER.changed - EPOCH).total_seconds())
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def in_use(
    *entries: Entry, before: int = 0, after: int = 0, status: Status = Status.CONFIRMED
) -> list[Item]:
    return blocks(
        [(each, status) for each in entries],
        FeedQuery(occupancy=True, before=before, after=after),
        COVER,
    )


def spans(items: list[Item]) -> list[tuple[str, float, float]]:
    """Return of each block the number of its UID, and the hours from NOW at which it begins and
    ends.
    """
    return [(each.uid[10:12], (each.start - NOW) / HOUR, (each.end - NOW) / HOUR) for each in items]


def test_block_says_that_and_where_and_nothing_else() -> None:
    """No name, no activity, no type; as new as the feed, since any change of its day may have made
    it.
    """
    booked = entry(1, name="Wedding of R. Privada", activity="Dance", sequence=3)
    told = Item(
        uid="occupancy-u1@icalbridge",
        start=booked.start,
        end=booked.end,
        zone=ZONE,
        title="In use",
        status=Status.CONFIRMED,
        sequence=SEQUENCE,
        modified=NOW - timedelta(hours=3),
        property_id="school",
        facility_ids=("gym",),
        facility="Main Gym",
        location="Main Gym, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087",
    )
    assert in_use(booked) == [told]
    assert {name for name, value in told._asdict().items() if not value} == {
        *("name", "activity", "type", "renter", "email", "attendance", "reservation", "category"),
        *("first_seen", "cancelled", "school"),
    }


def test_setup_and_teardown_widen_a_block() -> None:
    """Minutes, on either side."""
    assert spans(in_use(entry(1), before=30, after=15)) == [("u1", 0.5, 3.25)]


def test_blocks_that_overlap_or_touch_are_one() -> None:
    """It bears the UID of its first booking; one inside another changes nothing."""
    assert spans(in_use(entry(1), entry(2, uid="u2"))) == [("u1", 1, 4)]
    assert spans(in_use(entry(3, uid="u2"), entry(1))) == [("u1", 1, 5)]
    inner = entry(2, uid="u2", end=NOW + 2.5 * HOUR)
    assert spans(in_use(entry(1, end=NOW + 9 * HOUR), inner)) == [("u1", 1, 9)]
    assert spans(in_use(entry(1, uid="u2"), entry(1))) == [("u1", 1, 3)]


def test_blocks_a_second_apart_are_two() -> None:
    """Unless setup and teardown close the gap."""
    later = entry(1, uid="u2", start=NOW + 3 * HOUR + timedelta(seconds=1), end=NOW + 4 * HOUR)
    assert [uid for uid, *_ in spans(in_use(entry(1), later))] == ["u1", "u2"]
    assert spans(in_use(entry(1), later, before=1)) == [("u1", 1 - 1 / 60, 4)]
    assert spans(in_use(entry(1), later, after=1)) == [("u1", 1, 4 + 1 / 60)]


def test_facilities_never_merge() -> None:
    """Each is heated and opened by itself; what has no facility merges with nothing."""
    assert spans(in_use(entry(1), entry(1, uid="u2", facility=POOL))) == [
        ("u1", 1, 3),
        ("u2", 1, 3),
    ]
    nowhere = [entry(1, uid=uid, facility=replace(GYM, id="")) for uid in ("u1", "u2")]
    assert spans(in_use(*nowhere)) == [("u1", 1, 3), ("u2", 1, 3)]


def test_what_is_pending_merges_with_nothing_that_is_sure() -> None:
    """A block is either sure or not."""
    shown = [
        (entry(1, uid="u1", status="pending"), Status.TENTATIVE),
        (entry(2, uid="u2"), Status.CONFIRMED),
    ]
    found = blocks(shown, FeedQuery(occupancy=True), COVER)
    assert [(each.uid[10:12], each.status) for each in found] == [
        ("u1", Status.TENTATIVE),
        ("u2", Status.CONFIRMED),
    ]


def test_what_is_called_off_is_told_by_itself() -> None:
    """A cancelled block has the times that it had, and takes no part in others."""
    off = entry(2, uid="u2", status="cancelled", cancelled=NOW)
    shown = [
        (entry(1), Status.CONFIRMED),
        (off, Status.CANCELLED),
        (entry(3, uid="u3"), Status.CONFIRMED),
    ]
    found = blocks(shown, FeedQuery(occupancy=True, before=60), COVER)
    assert spans(found) == [("u1", 0, 5), ("u2", 1, 4)]
    assert [(each.title, each.status, each.cancelled) for each in found] == [
        ("In use", Status.CONFIRMED, None),
        ("Not in use", Status.CANCELLED, NOW),
    ]


def _told(*entries: Entry, now: datetime, query: FeedQuery) -> list[tuple[str, float, float]]:
    history, horizon = timedelta(days=60), timedelta(days=365)
    every = replace(query, past=None, ahead=None)
    selection = select(entries, now=now, history=history, horizon=FOREVER, query=every)
    shown = blocks(selection.shown, query, COVER)
    return spans(present(shown, query, now=now, history=history, horizon=horizon).items)


def test_block_does_not_grow_as_time_goes_by() -> None:
    """Back to back bookings are one block even where only one of them is within reach yet, or still
    is.
    """
    booked, whole = (entry(24), entry(26, uid="u2")), [("u1", 24, 28)]
    ahead, past = FeedQuery(occupancy=True, ahead=1), FeedQuery(occupancy=True, past=0)
    assert _told(*booked, now=NOW + MINUTE, query=ahead) == whole
    assert _told(*booked, now=NOW + 27 * HOUR, query=past) == whole


def test_cancelled_block_is_told_for_thirty_days() -> None:
    """Then it is forgotten, though its time is still to come."""
    off = entry(24 * 90, withdrawn=NOW, cancelled=NOW)
    days, query = timedelta(days=30), FeedQuery(occupancy=True)
    assert _told(off, now=NOW + days - timedelta(seconds=1), query=query) == [
        ("u1", 24 * 90, 24 * 90 + 2)
    ]
    assert _told(off, now=NOW + days, query=query) == []


def test_block_stays_while_it_is_wide() -> None:
    """A feed without a past keeps a booking that ended until its teardown is over too, and shows
    setup as it begins.
    """
    query = FeedQuery(occupancy=True, past=0, ahead=0, before=30, after=15)
    booked, wide = entry(1), [("u1", 0.5, 3.25)]
    assert _told(booked, now=NOW + 29 * MINUTE, query=query) == []
    assert _told(booked, now=NOW + 31 * MINUTE, query=query) == wide
    assert _told(booked, now=NOW + 194 * MINUTE, query=query) == wide
    assert _told(booked, now=NOW + 195 * MINUTE, query=query) == []


TIMES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 9), st.sampled_from([GYM, POOL])), max_size=12
)


@given(TIMES, st.integers(0, 3), st.integers(0, 3))
def test_minutes_in_use_are_those_of_any_booking(
    drawn: list[tuple[int, int, object]], before: int, after: int
) -> None:
    """Minute by minute, a space is in a block exactly when it is in a widened booking, and in one
    block at most.
    """
    entries = [
        entry(
            0,
            uid=f"u{n}",
            facility=GYM if place is GYM else POOL,
            start=NOW + begin * MINUTE,
            end=NOW + (begin + length) * MINUTE,
        )
        for n, (begin, length, place) in enumerate(drawn)
    ]
    found = in_use(*entries, before=before, after=after)
    assert found == sorted(found, key=lambda each: (each.start, each.end, each.uid))
    assert {each.uid.removeprefix("occupancy-") for each in found} <= {each.uid for each in entries}
    for place in (GYM, POOL):
        here = [each for each in found if each.facility_ids == (place.id,)]
        for minute in range(-5, 80):
            moment = NOW + (minute + 0.5) * MINUTE
            used = any(
                each.facility_id == place.id
                and each.start - before * MINUTE <= moment < each.end + after * MINUTE
                for each in entries
            )
            assert sum(each.start <= moment < each.end for each in here) == used
