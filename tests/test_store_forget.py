"""`store.write.forget`: what ended long ago goes when the operator wants it gone, and nothing else
does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from icalbridge.models import Changes, Feed
from icalbridge.store.tables import events
from tests.fixtures.stores import SOON, apply_changes
from tests.samples import NOW, POOL, entry, event

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.models import Entry
    from icalbridge.store import Store

GYM_FEED, POOL_FEED, SCHOOL_FEED = (
    Feed("facility", "gym"),
    Feed("facility", "pool"),
    Feed("property", "school"),
)
LONG_AGO = -24.0 * 90
KEPT_SINCE = NOW - timedelta(days=60)


def _keep(store: Store, *entries: Entry) -> None:
    heard = tuple({each.event_id: event(event_id=each.event_id) for each in entries}.values())
    apply_changes(store, Changes(added=entries, parsed=heard))


def _kept(store: Store) -> tuple[set[str], set[str]]:
    """Return the UIDs, without their end, and the events that are left."""
    uids = {each.uid.partition("@")[0] for each in store.sync_reads.entries_of(["school"], [])}
    with store.engine.connect() as connection:
        return uids, set(connection.scalars(select(events.c.event_id)))


def _revision(store: Store, feed: Feed) -> tuple[int, datetime]:
    state = store.read.feed_state(feed)
    assert state is not None
    return state.revision, state.changed


def test_forget_goes_by_the_end(school: Store) -> None:
    """What ended before the moment goes; what ended at it, or goes on, stays; an event stays while
    it has an entry.
    """
    at_the_moment = entry(
        0, uid="edge", event_id="e2", start=KEPT_SINCE - timedelta(hours=2), end=KEPT_SINCE
    )
    before = entry(
        0, uid="before", event_id="e3", start=KEPT_SINCE, end=KEPT_SINCE - timedelta(seconds=1)
    )
    _keep(school, entry(LONG_AGO, uid="old"), entry(24, uid="coming"), at_the_moment, before)
    assert school.write.forget(KEPT_SINCE, now=SOON) == 2
    assert _kept(school) == ({"coming", "edge"}, {"e1", "e2"})


def test_forget_takes_what_was_withdrawn_too(school: Store) -> None:
    """It is past like everything else."""
    _keep(school, entry(LONG_AGO, uid="old", withdrawn=NOW - timedelta(days=91)))
    assert school.write.forget(KEPT_SINCE, now=SOON) == 1
    assert _kept(school) == (set(), set())


def test_forget_leaves_events_that_never_had_an_entry(school: Store) -> None:
    """Their bytes need not be read again."""
    apply_changes(school, Changes(parsed=(event(event_id="e9"),)))
    _keep(school, entry(LONG_AGO, uid="old"))
    assert school.write.forget(KEPT_SINCE, now=SOON) == 1
    assert _kept(school) == (set(), {"e9"})


def test_forget_raises_the_revisions_of_what_showed_it(school: Store) -> None:
    """Last-Modified of a feed is in part when its latest entry left; it must not fall when that is
    forgotten.
    """
    _keep(school, entry(LONG_AGO, uid="old"), entry(24, uid="pool", facility=POOL, event_id="e2"))
    pool, gym = _revision(school, POOL_FEED), _revision(school, GYM_FEED)
    assert school.write.forget(KEPT_SINCE, now=SOON) == 1
    assert _revision(school, POOL_FEED) == pool
    assert _revision(school, GYM_FEED) == (gym[0] + 1, SOON)
    assert _revision(school, SCHOOL_FEED) == (gym[0] + 1, SOON)


def test_forget_of_nothing_raises_nothing(school: Store) -> None:
    """The rule on most days."""
    _keep(school, entry(-24, uid="yesterday"))
    before = [_revision(school, feed) for feed in (GYM_FEED, SCHOOL_FEED)]
    assert school.write.forget(KEPT_SINCE, now=SOON) == 0
    assert [_revision(school, feed) for feed in (GYM_FEED, SCHOOL_FEED)] == before


def test_forget_takes_any_number(school: Store) -> None:
    """More than one statement may name."""
    many = [entry(LONG_AGO, uid=f"u{number}", event_id=f"e{number}") for number in range(1001)]
    _keep(school, *many, entry(24, uid="coming", event_id="e1000"))
    assert school.write.forget(KEPT_SINCE, now=SOON) == 1001
    assert _kept(school) == ({"coming"}, {"e1000"})
