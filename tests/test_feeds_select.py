"""`icalbridge.feeds.select`: what is shown now, and for how long."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.feeds import Selection, select
from icalbridge.feeds.select import BEGINNING
from tests.samples import NOW, entry

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.model import Entry

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
    "hidden", [{"status": "pending"}, {"status": ""}, {"timeslot_status": "suspended"}, {"withdrawn": NOW}]
)
def test_select_hides_what_is_not_for_the_public(hidden: dict[str, Any]) -> None:
    """Only active timeslots of approved events that were not withdrawn."""
    assert _select(replace(entry(1), **hidden)).entries == ()


def test_select_orders_by_start_end_and_uid() -> None:
    """The order does not depend on where entries come from."""
    entries = [entry(2, uid="a"), entry(1, uid="c"), entry(1, uid="b"), entry(1, uid="a", end=NOW + timedelta(hours=9))]
    expected = [("b", 1), ("c", 1), ("a", 1), ("a", 2)]
    for some in (entries, entries[::-1]):
        told = [(each.uid[0], int((each.start - NOW) / timedelta(hours=1))) for each in _select(*some).entries]
        assert told == expected


HOURS = st.integers(-24 * 65, 24 * 370)


@given(st.lists(HOURS, max_size=8), st.integers(0, 24 * 5))
def test_selection_lasts_until_it_says(starts: list[int], later: int) -> None:
    """`until` is the first later second at which another set is shown; `changed` the last one that brought this set."""
    entries = [entry(hour, uid=f"u{number}") for number, hour in enumerate(starts)]
    now = NOW + timedelta(hours=later)

    def shown(moment: datetime) -> tuple[Entry, ...]:
        return select(entries, now=moment, history=HISTORY, horizon=HORIZON).entries

    selection = select(entries, now=now, history=HISTORY, horizon=HORIZON)
    borders = sorted({each.end + HISTORY for each in entries} | {each.start - HORIZON + SECOND for each in entries})
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
    some = select(kept, now=NOW, history=HISTORY, horizon=HORIZON, latest_expired=max(left, default=None))
    assert some == every
