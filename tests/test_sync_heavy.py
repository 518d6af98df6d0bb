"""Windows that are too heavy, and a district's day: asked for as the vendor answers, remembered,
regrown with care.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from icalbridge.store import SpanLimit
from icalbridge.sync import schedule
from icalbridge.sync import windows as sync_windows
from tests.fixtures.bridges import Bridge, synced_bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fixtures.stores import Prepared

USER = "default"
HEAVY = "503:endpoint=property-events"


@pytest.fixture
def district(prepared: Prepared, database_url: str) -> Iterator[Bridge]:
    """A district of two schools, synced once."""
    with synced_bridge(prepared, database_url) as made:
        yield made


def _asked(district: Bridge, since: int = 0) -> list[tuple[str, int]]:
    """Return the status and days of each events request, in order; days are negative for a
    facility's.
    """
    found = []
    for _, path, query, status in district.state.requests[since:]:
        if path.endswith("/events"):
            told = parse_qs(query)
            start, end = (date.fromisoformat(told[name][0]) for name in ("start_date", "end_date"))
            days = (end - start).days + 1
            found.append(("F" if "/facility/" in path else "P", days if status == 200 else -days))
    return found


def _window(district: Bridge, number: int = 0) -> int:
    """Fetch one window of the first school; return where in the vendor's list of requests that
    began.
    """
    school = district.world.properties[1]["_id"]
    district.store.windows.make_due([school], now=district.clock())
    begun = len(district.state.requests)
    while claim := district.store.windows.claim(
        USER, "test", now=district.clock(), property_ids=[school]
    ):
        if claim.number == number:
            district.sync.window(claim)
            return begun
        district.store.windows.release(claim, due=district.clock() + timedelta(days=1))
    raise AssertionError("not due")


def _reach(district: Bridge, number: int = 0) -> SpanLimit:
    school = district.world.properties[1]["_id"]
    standings = district.store.windows.state(USER).windows
    return next(
        each.span_limit for each in standings if (each.property_id, each.number) == (school, number)
    )


def test_heavy_window_is_halved_until_it_is_answered(district: Bridge) -> None:
    """31 days and 16 time out, 8 are answered: four pieces bring the window, and the next time they
    come at once.
    """
    district.fail(f"{HEAVY},days=9")
    asked = _asked(district, _window(district))
    assert asked == [
        *[("P", -31)] * 3,
        ("P", 1),
        *[("P", -16)] * 3,
        ("P", 1),
        *[("P", 8)] * 3,
        ("P", 7),
    ]
    assert _reach(district) == SpanLimit(8)
    assert _asked(district, _window(district)) == [*[("P", 8)] * 3, ("P", 7)]
    assert district.told() == district.truth()


def test_pieces_follow_edits_like_a_whole_window(district: Bridge) -> None:
    """What is added, moved and deleted while windows come in pieces."""
    district.fail(f"{HEAVY},days=3")
    keys = sorted(district.world.events)[:6]
    for key in keys[:3]:
        district.world.delete(key)
    for key in keys[3:]:
        district.world.rename(key, "Renamed")
    district.clock.advance(hours=1)
    assert district.run().failures == []
    assert district.told() == district.truth()


def test_day_that_is_too_heavy_is_asked_facility_by_facility(district: Bridge) -> None:
    """No property is answered at all; one facility is, and so each is asked for each day."""
    district.fail(HEAVY)
    asked = _asked(district, _window(district, 2))
    days = sync_windows.window_days(2, date(2026, 11, 21)).days
    assert {kind for kind, span in asked if span > 0} == {"F"}
    assert [span for kind, span in asked if kind == "F"] == [1] * (days * 3 + 1)
    assert _reach(district, 2).days == 0
    assert district.told() == district.truth()


def test_facilities_alone_follow_a_deletion(district: Bridge) -> None:
    """An event that is gone from every facility is withdrawn in each."""
    district.fail(HEAVY)
    gone = _today(district, 1)[0]
    district.world.delete(gone)
    district.clock.advance(hours=1)
    _window(district)
    since, until = sync_windows.bounds(
        sync_windows.window_days(0, date(2026, 11, 21)), "America/Los_Angeles"
    )
    left = [
        each for each in district.entries() if each.event_id == gone and since <= each.start < until
    ]
    assert [each for each in left if each.end > district.clock()] == []


def test_outage_halves_nothing(district: Bridge) -> None:
    """When the vendor answers nothing else either, it is not the window: it fails whole and stays
    whole.
    """
    district.fail("503")
    before = district.told()
    with pytest.raises(Exception, match="503"):
        _window(district)
    assert _reach(district) == SpanLimit()
    assert district.told() == before


def test_span_regrows_when_the_vendor_recovers(district: Bridge) -> None:
    """After it held four times, twice as much is tried, until the window is whole again."""
    district.fail(f"{HEAVY},days=9")
    _window(district)
    district.heal()
    spans = []
    while _reach(district) != SpanLimit():
        spans.append(max(span for _, span in _asked(district, _window(district))))
    assert spans == [*[8] * 4, *[16] * 5, 31]


def test_growing_in_vain_costs_one_try(district: Bridge) -> None:
    """A span that still is all it answers: the longer one is tried, falls back in the same pass,
    and patience grows.
    """
    district.fail(f"{HEAVY},days=9")
    for _ in range(5):
        _window(district)
    asked = _asked(district, _window(district))
    assert asked == [*[("P", -16)] * 3, ("P", 1), *[("P", 8)] * 3, ("P", 7)]
    assert _reach(district) == SpanLimit(8, 0, 8)


# a district's day


def _day(district: Bridge) -> int:
    """Fetch the district's day; return how many entries it changed."""
    situation = district.store.windows.state(USER)
    ranked = [each for each in situation.windows if each.number == sync_windows.DAY]
    claim = district.store.windows.claim_planned(ranked, "test", now=district.clock())
    assert claim is not None
    return district.sync.window(claim)


def _today(district: Bridge, school: int) -> list[str]:
    """Return the ids of the school's events that are shown today."""
    owner = district.world.properties[school]
    since, until = sync_windows.bounds(
        sync_windows.window_days(
            sync_windows.DAY, sync_windows.today(district.clock(), owner["timezone"])
        ),
        owner["timezone"],
    )
    return sorted(
        {
            each.event_id
            for each in district.entries()
            if each.property_id == owner["_id"]
            and since <= each.start < until
            and each.end > district.clock()
        }
    )


def test_district_day_brings_every_school_in_one_request(district: Bridge) -> None:
    """One request for one day with all child events; edits of any school show."""
    for school in (1, 2):
        district.world.rename(_today(district, school)[0], f"New {school}")
    district.clock.advance(minutes=1)
    begun = len(district.state.requests)
    assert _day(district) > 0
    ((_, _, query, status),) = district.state.requests[begun:]
    assert (status, parse_qs(query)["include_child_events"]) == (200, ["true"])
    assert district.told() == district.truth()
    assert {"New 1", "New 2"} <= {each.name for each in district.entries()}


def test_district_day_withdraws_what_is_gone(district: Bridge) -> None:
    """A school that has other events today, and so is known to be covered."""
    gone, *others = _today(district, 1)
    assert others
    district.world.delete(gone)
    district.clock.advance(minutes=1)
    assert _day(district) > 0
    assert gone not in _today(district, 1)


def test_district_day_that_leaves_a_school_out_says_nothing_of_it(district: Bridge) -> None:
    """A key whose district request covers no schools must not empty them; their own windows tell."""
    before = district.told()
    listed = district.world.properties[0]["properties"]
    district.world.properties[0]["properties"] = []
    assert _day(district) == 0
    district.world.properties[0]["properties"] = listed
    assert district.told() == before


def test_school_that_falls_silent_is_asked_itself_once(district: Bridge) -> None:
    """All of a school's day is gone: the district's answer has nothing of it, so its own window is
    asked at once.
    """
    school = district.world.properties[1]["_id"]
    _day(district)
    for event_id, each in sorted(district.world.events.items()):
        days = {str(slot["start_datetime"])[:10] for slot in each["timeslots"] or ()}
        if each["property_id"] == school and "2026-11-21" in days:
            district.world.delete(event_id)
    district.clock.advance(minutes=1)
    _day(district)
    (told,) = [
        each
        for each in district.store.windows.state(USER).windows
        if (each.property_id, each.number) == (school, 0)
    ]
    assert told.due == district.clock()
    claim = district.store.windows.claim(USER, "test", now=district.clock(), property_ids=[school])
    assert claim is not None
    district.sync.window(claim)
    assert _today(district, 1) == []


@pytest.mark.parametrize("kind", ["400", "403", "404"])
def test_refused_district_day_is_left_alone_for_a_day(district: Bridge, kind: str) -> None:
    """The schools are then asked one by one. A date that is refused is refused to all districts."""
    district.fail(f"{kind}:children=1")
    with pytest.raises(Exception, match=kind):
        _day(district)
    (day,) = [
        each
        for each in district.store.windows.state(USER).windows
        if each.number == sync_windows.DAY
    ]
    assert day.due == district.clock() + timedelta(days=1)
    assert day.failures == (0 if kind == "400" else schedule.GIVEN_UP)
    reach = district.store.windows.state(USER).reach
    assert reach.days == (-1 if kind == "400" else 7)
