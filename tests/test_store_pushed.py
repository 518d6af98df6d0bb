"""`store.pushed`: which of the vendor's events were made out of a calendar, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge.store import Pushed
from tests.samples import NOW

if TYPE_CHECKING:
    from icalbridge.store import Store

FIRST, SECOND = Pushed("ib-1-0", "season", "a@x"), Pushed("ib-2-0", "season", "ü\n🎭")


def test_what_was_pushed_is_kept_by_source(store: Store) -> None:
    """In the order of the ids; another calendar's is not among it."""
    for each in (SECOND, FIRST, Pushed("ib-3-0", "other", "a@x")):
        store.pushed.intend(each, now=NOW)
    assert store.pushed.of("season") == [FIRST, SECOND]
    assert store.pushed.of("nothing") == []


def test_intention_is_noted_once(store: Store) -> None:
    """What became of it meanwhile stays."""
    store.pushed.intend(FIRST, now=NOW)
    store.pushed.drop(FIRST.external_id, now=NOW)
    store.pushed.intend(FIRST, now=NOW + timedelta(hours=1))
    assert store.pushed.of("season") == [Pushed("ib-1-0", "season", "a@x", dropped=True)]


def test_what_is_over_is_settled(store: Store) -> None:
    """Several at once, and none."""
    for each in (FIRST, SECOND):
        store.pushed.intend(each, now=NOW)
    store.pushed.settle([])
    store.pushed.settle([FIRST.external_id])
    assert [each.settled for each in store.pushed.of("season")] == [True, False]


def test_what_was_not_cancelled_is_kept(store: Store) -> None:
    """It is as if nobody had been going to."""
    for each in (FIRST, SECOND):
        store.pushed.intend(each, now=NOW)
        store.pushed.drop(each.external_id, now=NOW)
    store.pushed.keep([])
    store.pushed.keep([FIRST.external_id])
    assert [each.dropped for each in store.pushed.of("season")] == [False, True]
