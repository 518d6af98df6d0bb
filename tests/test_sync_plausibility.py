"""`icalbridge.sync.plausibility`: what a short answer may withdraw at once, and what waits for a
second one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.sync.plausibility import NO_DOUBT, Doubt, Loss, Verdict, judge, together
from icalbridge.sync.schedule import DOUBT_SECONDS

NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
LATER = NOW + timedelta(seconds=DOUBT_SECONDS)


def _loss(missing: int, known: int, *, empty: bool = False, first: int = 0) -> Loss:
    uids = frozenset(map(str, range(first, first + missing)))
    return Loss(uids, known, uids, known, empty=empty)


@pytest.mark.parametrize(
    ("missing", "known", "implausible"),
    [
        (199, 200, True),
        (101, 200, True),
        (100, 200, False),
        (4, 7, True),
        (4, 8, False),
        (3, 3, False),
        (0, 0, False),
    ],
)
def test_most_and_more_than_a_handful_is_implausible(
    missing: int, known: int, *, implausible: bool
) -> None:
    """More than half of what is known, and more than three."""
    assert _loss(missing, known).is_implausible() is implausible
    assert judge(_loss(missing, known), NO_DOUBT, NOW) == (
        Verdict(frozenset(), Doubt(NOW, _loss(missing, known).missing))
        if implausible
        else Verdict(_loss(missing, known).missing)
    )


def test_empty_answer_is_implausible_whatever_it_lacks() -> None:
    """Unless it lacks nothing."""
    assert _loss(1, 50, empty=True).is_implausible()
    assert not _loss(0, 0, empty=True).is_implausible()


def test_window_is_not_lost_bit_by_bit() -> None:
    """Pieces of a window share one handful."""
    assert not _loss(3, 4).is_implausible()
    assert _loss(3, 4).is_implausible(before=1)
    assert not _loss(2, 4).is_implausible(before=50)


def test_event_without_most_of_its_timeslots_is_implausible() -> None:
    """Though most of them are on other days than those that were asked for."""
    uids = frozenset(map(str, range(199)))
    assert Loss(uids, 220, frozenset({"1"}), 21).is_implausible()
    assert Loss(frozenset("1234"), 500, frozenset("1234"), 5).is_implausible()


def test_second_later_answer_settles_it() -> None:
    """Not one second sooner."""
    loss = _loss(9, 10)
    doubt = judge(loss, NO_DOUBT, NOW).doubt
    assert doubt is not None
    assert judge(loss, doubt, LATER - timedelta(seconds=1)) == Verdict(frozenset(), doubt)
    assert judge(loss, doubt, LATER) == Verdict(loss.missing)


def test_only_what_both_lack_is_withdrawn() -> None:
    """What the first had and the second has not is doubted anew; a handful of it is not worth a
    doubt.
    """
    doubt = Doubt(NOW, _loss(10, 20).missing)
    both = frozenset(map(str, range(5, 10)))
    assert judge(_loss(13, 20, first=5), doubt, LATER) == Verdict(
        both, Doubt(LATER, _loss(8, 8, first=10).missing)
    )
    assert judge(_loss(10, 15, first=2), doubt, LATER) == Verdict(_loss(10, 15, first=2).missing)


def test_answers_that_lack_different_things_settle_nothing() -> None:
    """Neither does a doubt from the future, which a clock that was set back leaves."""
    loss = _loss(9, 10)
    for doubt in (Doubt(NOW, frozenset({"other"})), Doubt(LATER + timedelta(days=9), loss.missing)):
        assert judge(loss, doubt, LATER) == Verdict(frozenset(), Doubt(LATER, loss.missing))


def test_pieces_doubt_together() -> None:
    """As late as the last of them."""
    assert together([Doubt(NOW, frozenset("a")), Doubt(LATER, frozenset("b"))]) == Doubt(
        LATER, frozenset("ab")
    )
    assert together([]) == NO_DOUBT


ANSWERS = st.lists(
    st.tuples(st.frozensets(st.integers(0, 19).map(str)), st.integers(0, 200)), max_size=12
)


@given(ANSWERS)
def test_nothing_goes_that_one_answer_alone_lacks(
    answers: list[tuple[frozenset[str], int]],
) -> None:
    """Whatever order answers come in: all but a handful that goes was lacked twice, two minutes
    apart, and never seen in between.
    """
    known = frozenset(map(str, range(20)))
    now, doubt = NOW, NO_DOUBT
    lacked: dict[str, datetime] = {}
    for answered, seconds in answers:
        now += timedelta(seconds=seconds)
        missing = known - answered
        for uid in answered:
            lacked.pop(uid, None)
        loss = Loss(missing, len(known), missing, len(known), empty=not answered)
        verdict = judge(loss, doubt, now)
        early = [
            uid
            for uid in verdict.believed
            if now - lacked.setdefault(uid, now) < timedelta(seconds=DOUBT_SECONDS)
        ]
        assert len(early) <= 3 or len(early) * 2 <= len(known)
        for uid in missing:
            lacked.setdefault(uid, now)
        known -= verdict.believed
        doubt = verdict.doubt or NO_DOUBT
