"""`icalbridge.feeds.selection`: what is shown now, and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.feeds import PLAIN, FeedQuery, Selection
from icalbridge.feeds.query import Cancelled, parse
from icalbridge.feeds.selection import BEGINNING, select
from icalbridge.models import EventKey
from tests.samples import GYM, NOW, POOL, entry

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.models import Entry

HISTORY, HORIZON = timedelta(days=60), timedelta(days=365)
SECOND = timedelta(seconds=1)


def _select(*entries: Entry, later: timedelta = timedelta(0)) -> Selection:
    return select(entries, now=NOW + later, history=HISTORY, horizon=HORIZON)


def test_select_keeps_what_ends_after_history() -> None:
    """An entry that ended exactly 60 days ago did not end after it."""
    just = entry(-2, start=NOW - HISTORY - timedelta(hours=1), end=NOW - HISTORY + SECOND)
    assert _select(just).entries == (just,)
    assert _select(just, later=SECOND).entries == ()


def test_select_keeps_what_starts_before_the_horizon() -> None:
    """An entry that starts exactly 365 days ahead does not start before it."""
    far = entry(0, start=NOW + HORIZON, end=NOW + HORIZON + timedelta(hours=1))
    assert _select(far).entries == ()
    assert _select(far, later=SECOND).entries == (far,)


@pytest.mark.parametrize(
    "hidden",
    [{"status": "pending"}, {"status": ""}, {"timeslot_status": "suspended"}, {"withdrawn": NOW}],
)
def test_select_hides_what_is_not_for_the_public(hidden: dict[str, Any]) -> None:
    """Only active timeslots of approved events that were not withdrawn."""
    assert _select(replace(entry(1), **hidden)).entries == ()


def test_select_orders_by_start_end_and_uid() -> None:
    """The order does not depend on where entries come from."""
    entries = [
        entry(2, uid="a"),
        entry(1, uid="c"),
        entry(1, uid="b"),
        entry(1, uid="a", end=NOW + timedelta(hours=9)),
    ]
    expected = [("b", 1), ("c", 1), ("a", 1), ("a", 2)]
    for some in (entries, entries[::-1]):
        told = [
            (each.uid[0], int((each.start - NOW) / timedelta(hours=1)))
            for each in _select(*some).entries
        ]
        assert told == expected


DAY = timedelta(days=1)
TOMBSTONES, MARKED = FeedQuery(cancelled=Cancelled.TOMBSTONE), FeedQuery(cancelled=Cancelled.MARK)
BOTH, PENDING = FeedQuery(status=("approved", "pending")), FeedQuery(status=("pending",))


def _statuses(
    *entries: Entry, query: FeedQuery, later: timedelta = timedelta(0)
) -> list[tuple[str, str]]:
    """Return the first letter of each UID that is shown, and its status."""
    selection = select(entries, now=NOW + later, history=HISTORY, horizon=HORIZON, query=query)
    return [(each.uid[0], status.value) for each, status in selection.shown]


KINDS = (
    entry(1, uid="approved"),
    entry(2, uid="pending", status="pending"),
    entry(3, uid="requested again", status="pending", cancelled=NOW - DAY),
    entry(4, uid="suspended request", status="pending", timeslot_status="suspended"),
    entry(5, uid="gone request", status="pending", withdrawn=NOW),
    entry(6, uid="cancelled", status="cancelled", cancelled=NOW - DAY),
    entry(7, uid="withdrawn", withdrawn=NOW - DAY, cancelled=NOW - DAY),
    entry(8, uid="taken back", timeslot_status="suspended", cancelled=NOW - DAY),
    entry(9, uid="never was", status="declined"),
)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        (PLAIN, "a"),
        (BOTH, "apr"),
        (PENDING, "pr"),
        (MARKED, "arcwt"),
        (TOMBSTONES, "arcwt"),
        (replace(TOMBSTONES, status=("approved", "pending")), "aprcwt"),
        (replace(TOMBSTONES, status=("pending",)), "pr"),
        (FeedQuery(occupancy=True), "arcwt"),
    ],
)
def test_select_tells_what_the_shape_asks_for(query: FeedQuery, shown: str) -> None:
    """Approved is CONFIRMED, pending TENTATIVE; what was on and is no more is as `cancelled` says,
    and what never was on is nothing.
    """
    off = "CONFIRMED" if query.cancelled is Cancelled.MARK else "CANCELLED"
    statuses = {"a": "CONFIRMED", "p": "TENTATIVE", "r": "TENTATIVE" if query.pending else off}
    assert _statuses(*KINDS, query=query) == [(uid, statuses.get(uid, off)) for uid in shown]


@pytest.mark.parametrize("query", [TOMBSTONES, FeedQuery(occupancy=True)])
def test_tombstone_stands_for_thirty_days(query: FeedQuery) -> None:
    """Then it is gone, though what it tells of is still to come; one of the past goes with the
    past.
    """
    coming, over = (
        entry(24 * 90, cancelled=NOW, withdrawn=NOW),
        entry(-24 * 50, cancelled=NOW, withdrawn=NOW),
    )
    assert _statuses(coming, query=query, later=30 * DAY - SECOND) == [("u", "CANCELLED")]
    assert _statuses(coming, query=query, later=30 * DAY) == []
    assert _statuses(over, query=query, later=10 * DAY) == [("u", "CANCELLED")]
    assert _statuses(over, query=query, later=10 * DAY + timedelta(hours=2)) == []


def test_mark_stays_as_long_as_any_entry() -> None:
    """It is told like every other, until it is long past."""
    off = entry(24 * 90, cancelled=NOW, withdrawn=NOW)
    assert _statuses(off, query=MARKED, later=off.end + HISTORY - NOW - SECOND) == [
        ("u", "CONFIRMED")
    ]
    assert _statuses(off, query=MARKED, later=off.end + HISTORY - NOW) == []


def test_past_and_ahead_narrow_and_never_widen() -> None:
    """Days before and after this moment, within what feeds reach anyway."""
    entries = [
        entry(24 * day - 2, uid=f"{day:+}") for day in (-61, -60, -7, -6, 0, 1, 7, 8, 300, 366)
    ]

    def shown(query: FeedQuery) -> list[str]:
        selection = select(entries, now=NOW, history=HISTORY, horizon=HORIZON, query=query)
        return [each.uid.split("@")[0] for each in selection.entries]

    assert shown(PLAIN) == ["-7", "-6", "+0", "+1", "+7", "+8", "+300"]
    assert shown(FeedQuery(past=1000, ahead=1000)) == shown(PLAIN)
    assert shown(FeedQuery(past=7)) == ["-6", "+0", "+1", "+7", "+8", "+300"]
    assert shown(FeedQuery(past=0, ahead=7)) == ["+1", "+7"]
    assert shown(FeedQuery(past=0, ahead=0)) == []


CHOIR = entry(1, uid="a", name="Ch\u0153ur d'été", activity="Répétition", event_type="reservation")
SWIM = entry(2, uid="b", facility=POOL, name="Open Swim", activity="", event_id="e2")
CATEGORIES = {CHOIR.key: "Non-Profit", EventKey("reservation", "e9"): "x"}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("facility=gym", "a"),
        ("facility=pool,gym", "ab"),
        ("facility=Gym", ""),
        ("type=pool", "b"),
        ("type=POOL,gymnasium", "ab"),
        ("type=reservation", "ab"),
        ("type=swim", ""),
        ("category=non-profit", "a"),
        ("category=non", ""),
        ("activity=repetition", "a"),
        ("activity=setup,R%C3%89P%C3%89TITION", "a"),
        ("name=open+SWIM,zumba", "b"),
        ("name=choeur+d'ete&name=Open+Swim", "b"),
        ("name=Open", ""),
        ("name=open+swim&activity=repetition", ""),
        ("q=swim", "b"),
        ("q=ete+repet", "a"),
        ("q=ete+swim", ""),
        ("q=main", "a"),
        ("q=gymnasium", "a"),
        ("q=lincoln", ""),
        ("not=swim", "a"),
        ("not=swim+zumba", "a"),
        ("not=p", "ab"),
        ("not=swi", "a"),
        ("q=open&not=pool", ""),
        ("facility=gym,pool&type=pool&q=open", "b"),
    ],
)
def test_filters_narrow_together(query: str, shown: str) -> None:
    """Any of the values of one filter, all of the filters; words are in name, activity, facility or
    type.
    """
    selection = select(
        [CHOIR, SWIM],
        now=NOW,
        history=HISTORY,
        horizon=HORIZON,
        query=parse(query),
        categories=CATEGORIES,
    )
    assert "".join(each.uid[0] for each in selection.entries) == shown


HOURS = st.integers(-24 * 65, 24 * 370)


@given(st.lists(HOURS, max_size=8), st.integers(0, 24 * 5))
def test_selection_lasts_until_it_says(starts: list[int], later: int) -> None:
    """`until` is the first later second at which another set is shown; `changed` the last one that
    brought this set.
    """
    entries = [entry(hour, uid=f"u{number}") for number, hour in enumerate(starts)]
    now = NOW + timedelta(hours=later)

    def shown(moment: datetime) -> tuple[Entry, ...]:
        return select(entries, now=moment, history=HISTORY, horizon=HORIZON).entries

    selection = select(entries, now=now, history=HISTORY, horizon=HORIZON)
    borders = sorted(
        {each.end + HISTORY for each in entries}
        | {each.start - HORIZON + SECOND for each in entries}
    )
    assert selection.until == next((each for each in borders if each > now), None)
    if selection.until:
        assert shown(selection.until - SECOND) == selection.entries != shown(selection.until)
    assert selection.changed == max((each for each in borders if each <= now), default=BEGINNING)


@given(st.lists(HOURS, max_size=8))
def test_changed_is_the_same_whichever_expired_entries_are_known(starts: list[int]) -> None:
    """A process that read only what has not left yet is told when the last of the others ended."""
    entries = [entry(hour, uid=f"u{number}") for number, hour in enumerate(starts)]
    left = [each.end for each in entries if each.end <= NOW - HISTORY]
    kept = [each for each in entries if each.end > NOW - HISTORY]
    every = select(entries, now=NOW, history=HISTORY, horizon=HORIZON)
    some = select(
        kept, now=NOW, history=HISTORY, horizon=HORIZON, moments=[end + HISTORY for end in left]
    )
    assert some == every


def _kinds(hour: int, number: int, kind: int) -> Entry:
    """Return an entry of one of the kinds that shapes tell apart, called off some days before its
    start or now.
    """
    off = NOW + timedelta(hours=min(hour, 0) - 5 * number)
    some: list[dict[str, Any]] = [
        {},
        {"status": "pending"},
        {"status": "cancelled", "cancelled": off},
        {"withdrawn": off, "cancelled": off},
        {"status": "declined"},
    ]
    return entry(hour, uid=f"u{number}", facility=POOL if number % 2 else GYM, **some[kind])


SHAPES = st.builds(
    FeedQuery,
    facility=st.sampled_from([(), ("gym",)]),
    past=st.sampled_from([None, 0, 7, 59]),
    ahead=st.sampled_from([None, 0, 30]),
    status=st.sampled_from([("approved",), ("pending",), ("approved", "pending")]),
    cancelled=st.sampled_from(Cancelled),
    occupancy=st.booleans(),
    before=st.sampled_from([0, 90]),
    after=st.sampled_from([0, 90]),
)


@given(st.lists(st.tuples(HOURS, st.integers(0, 4)), max_size=8), SHAPES, st.integers(0, 24 * 50))
def test_selection_of_any_shape_lasts_until_it_says(
    drawn: list[tuple[int, int]], query: FeedQuery, later: int
) -> None:
    """Just before `until` the same is shown; from `changed` on it was; neither is later or earlier
    than it must be.
    """
    entries = [_kinds(hour, number, kind) for number, (hour, kind) in enumerate(drawn)]
    now = NOW + timedelta(hours=later)

    def at(moment: datetime) -> Selection:
        return select(entries, now=moment, history=HISTORY, horizon=HORIZON, query=query)

    selection = at(now)
    if selection.until is not None:
        assert selection.until > now
        assert at(selection.until - SECOND).shown == selection.shown
        assert at(selection.until).changed == selection.until
    assert at(selection.changed).shown == selection.shown
    assert at(selection.changed).until == selection.until
    for moment in (now + DAY, now + 31 * DAY, now + 500 * DAY):
        if selection.until is None or moment < selection.until:
            assert at(moment).shown == selection.shown
