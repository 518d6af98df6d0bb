"""`icalbridge.store.windows`: leases, due times, failures, doubts, the quota, and what health makes
of them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from icalbridge.models import Changes, Feed
from icalbridge.store import LeaseLost
from icalbridge.store.engine import writing
from icalbridge.store.entries import TimeRange
from icalbridge.store.tables import windows
from tests.fixtures.stores import SOON, USER, WINDOW, apply_changes
from tests.samples import NOW, entry, event, timeslot

if TYPE_CHECKING:
    from datetime import date

    from icalbridge.models import Event
    from icalbridge.store import Store


# windows and leases


def test_claim_prefers_near_windows_of_all_properties(school: Store) -> None:
    """Window 0 of each property comes before window 1 of any."""
    claims = []
    while claim := school.windows.claim(USER, "w", now=NOW):
        claims.append((claim.number, claim.property_id))
    assert claims == [(number, name) for number in range(3) for name in ("district", "school")]


def test_claim_is_exclusive_until_its_lease_runs_out(school: Store) -> None:
    """What one worker has, no other gets; a killed worker's lease runs out, and its late answer is
    thrown away.
    """
    mine = school.windows.claim(USER, "w1", now=NOW, property_ids=["school"])
    assert mine is not None
    others = [school.windows.claim(USER, "w2", now=NOW, property_ids=["school"]) for _ in range(3)]
    assert [each and each.number for each in others] == [1, 2, None]
    later = NOW + timedelta(seconds=300)
    again = school.windows.claim(USER, "w2", now=later, property_ids=["school"])
    assert again is not None
    assert (again.number, again.worker_id) == (0, "w2")
    before = school.read.feed_state(Feed("facility", "gym"))
    with pytest.raises(LeaseLost):
        school.windows.finish(
            mine, WINDOW, Changes(added=(entry(24),), parsed=(event(),)), now=later, due=SOON
        )
    assert school.read.feed_state(Feed("facility", "gym")) == before
    assert school.read.entries(Feed("facility", "gym"), TimeRange(NOW)) == []


def test_failed_window_keeps_what_is_known_and_says_why(school: Store) -> None:
    """A failure is kept with its invocation_id, waits, and is gone after a success."""
    apply_changes(school, Changes(added=(entry(24),), parsed=(event(),)))
    school.windows.make_due(["school"], now=NOW)
    claim = school.windows.claim(USER, "w", now=NOW, property_ids=["school"])
    assert claim is not None
    school.windows.fail(claim, "GET /x: 503", "abc", now=NOW, due=SOON)
    told = school.read.health(NOW).properties[1]
    assert (told.error, told.error_at, told.invocation_id, told.today_synced) == (
        "GET /x: 503",
        NOW,
        "abc",
        NOW,
    )
    assert school.read.entries(Feed("facility", "gym"), TimeRange(NOW)) == [entry(24)]
    claim = school.windows.claim(USER, "w", now=SOON, property_ids=["school"])
    assert claim is not None
    while claim.number:
        claim = school.windows.claim(USER, "w", now=SOON, property_ids=["school"])
        assert claim is not None
    assert claim.failures == 1
    school.windows.finish(claim, WINDOW, Changes(), now=SOON, due=SOON)
    assert school.read.health(NOW).properties[1].error == ""


def test_days_ahead_are_known_once_their_window_was_fetched_or_covered(school: Store) -> None:
    """By the school's own window, or by districts' days over all of it; others stay unknown."""
    ids = ["district", "school", "nowhere"]
    assert school.read.fetched_ahead(ids, 0) == set()
    apply_changes(school, Changes())
    for day in (0, 30):
        assert school.read.fetched_ahead(ids, day) == {"school"}
    assert [school.read.fetched_ahead(ids, day) for day in (31, 61, 62, 365)] == [set()] * 4
    own = (windows.c.property_id == "school", windows.c.number == 1)
    with writing(school.engine) as connection:
        connection.execute(update(windows).where(*own).values(spanned_at=NOW))
    assert [school.read.fetched_ahead(ids, day) for day in (31, 61, 62)] == [
        {"school"},
        {"school"},
        set(),
    ]


def test_doubted_window_remembers_since_when(school: Store) -> None:
    """The first doubt counts, until an answer is believed."""
    for moment in (NOW, SOON):
        school.windows.make_due(["school"], now=moment)
        claim = school.windows.claim(USER, "w", now=moment, property_ids=["school"])
        assert claim is not None
        assert claim.doubted == (None if moment == NOW else NOW)
        school.windows.doubt(claim, now=moment, due=moment)


def test_catalogue_is_claimed_once_a_day(school: Store) -> None:
    """The catalogue is leased like a window; at once means: though it is not due."""
    assert school.api_keys.claim_catalog(USER, "w1", now=NOW)
    assert not school.api_keys.claim_catalog(USER, "w2", now=NOW)
    school.api_keys.finish_catalog(USER, now=NOW, due=NOW + timedelta(days=1))
    assert not school.api_keys.claim_catalog(USER, "w2", now=SOON)
    assert school.api_keys.claim_catalog(USER, "w2", now=SOON, at_once=True)


def test_leaving_worker_frees_what_it_had(school: Store) -> None:
    """A worker that ends tidily leaves no lease behind."""
    assert school.api_keys.claim_catalog(USER, "w1", now=NOW)
    assert school.windows.claim(USER, "w1", now=NOW) is not None
    school.workers.beat("w1", now=NOW)
    assert school.read.health(NOW).workers_alive == 1
    school.workers.leave("w1")
    assert school.read.health(NOW).workers_alive == 0
    assert school.api_keys.claim_catalog(USER, "w2", now=NOW)
    claim = school.windows.claim(USER, "w2", now=NOW)
    assert claim is not None
    assert claim.number == 0


def test_silent_worker_is_taken_for_dead(school: Store) -> None:
    """A worker that gave no sign for five minutes does not count."""
    school.workers.beat("w1", now=NOW)
    assert school.read.health(NOW + timedelta(seconds=299)).workers_alive == 1
    assert school.read.health(NOW + timedelta(seconds=300)).workers_alive == 0


# the quota


def test_allowance_is_booked_one_at_a_time(store: Store) -> None:
    """Two connections that book at once never see the same state."""
    from concurrent.futures import ThreadPoolExecutor

    def book(
        day: date | None, used: int, next_at: float, _paused_until: float
    ) -> tuple[date, int, float, float]:
        return NOW.date(), used + 1, next_at + 0.5, float(used)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: store.api_keys.update_allowance(USER, book), range(40)))
    assert sorted(results) == [float(number) for number in range(40)]
    assert store.read.health(NOW).quota_used == 40
    assert store.read.health(NOW + timedelta(days=1)).quota_used == 0


# health


def test_health_is_ready_once_everything_that_holds_today_was_fetched(school: Store) -> None:
    """Catalogue and every listed property's window 0; the far windows may come later."""
    assert not school.read.health(NOW).ready
    school.api_keys.claim_catalog(USER, "w", now=NOW)
    school.api_keys.finish_catalog(USER, now=NOW, due=SOON)
    for name in ("school", "district"):
        assert not school.read.health(NOW).ready
        claim = school.windows.claim(USER, "w", now=NOW, property_ids=[name])
        assert claim is not None
        school.windows.finish(claim, WINDOW, Changes(), now=NOW, due=SOON)
    health = school.read.health(NOW)
    assert health.ready
    assert (
        health.catalogue_synced,
        health.properties[0].today_synced,
        health.properties[0].oldest_synced,
    ) == (NOW, NOW, None)


def test_health_counts_what_could_not_be_read(store: Store) -> None:
    """Things skipped are counted by reason, and summed up."""
    store.write.count({"skipped:no id": 2, "skipped:unreadable time": 1})
    store.write.count({"skipped:no id": 1})
    assert store.read.health(NOW).skipped == 4


def _statuses(school: Store, *told: Event) -> dict[str, int]:
    apply_changes(school, Changes(parsed=told))
    return school.read.health(NOW).unknown_statuses


def test_unknown_status_counts_when_an_event_comes_to_have_it(school: Store) -> None:
    """Not when it is read again, nor one that is known, nor one that the operator counts as
    approved.
    """
    assert _statuses(school, event(), event(event_id="e2", status="closed")) == {"closed": 1}
    assert _statuses(school, event(status="closed"), event(event_id="e2", status="closed")) == {
        "closed": 2
    }
    assert _statuses(school, event(status="declined")) == {"closed": 2}
    assert _statuses(school, event(status="closed", name="Match", digest="other")) == {"closed": 3}
    confirmed = event(event_id="e3", status="confirmed")
    assert _statuses(school, replace(confirmed, entry_status="approved")) == {"closed": 3}


def test_unknown_statuses_of_timeslots_count_when_their_event_is_new_or_changed(
    school: Store,
) -> None:
    """By their own counter."""
    odd = event(
        timeslot(24, status="done"),
        timeslot(48, status="done"),
        timeslot(72),
        timeslot(96, status=""),
    )
    for told in (odd, odd, replace(odd, timeslots=odd.timeslots[:1], digest="other")):
        apply_changes(school, Changes(parsed=(told,)))
    assert school.read.health(NOW).unknown_timeslot_statuses == {"done": 3, "(none)": 1}


def test_unknown_statuses_have_few_names(school: Store) -> None:
    """Twenty, clean and short; all others are one. Known names go on counting."""
    many = [event(event_id=f"e{number}", status=f"word {number:02}") for number in range(30)]
    found = _statuses(school, *many)
    assert found == {**{f"word {number:02}": 1 for number in range(20)}, "other": 10}
    found = _statuses(
        school, event(event_id="x", status="a" * 99), event(event_id="y", status="word 03")
    )
    assert (found["word 03"], found["other"], len(found)) == (2, 11, 21)


def test_name_of_an_unknown_status_is_clean(school: Store) -> None:
    """It stands in tables, JSON and metrics."""
    assert _statuses(
        school, event(status="\x1b[31m" + "é" * 50), event(event_id="e2", status="")
    ) == {"[31m" + "é" * 36: 1, "(none)": 1}
