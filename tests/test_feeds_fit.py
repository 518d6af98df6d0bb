"""`icalbridge.feeds.size_limit`: what stays of a feed whose first day alone is larger than the whole feed
may be.
"""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icalbridge.feeds.audience import Audience, Status, admit, view
from icalbridge.feeds.size_limit import fit
from tests.fixtures.rendering import render_ics
from tests.golden import GYM_FEED, STATE
from tests.samples import NOW, entry

if TYPE_CHECKING:
    from icalbridge.feeds import Rendered
    from icalbridge.feeds.audience import Item
    from icalbridge.models import Entry

SUFFIXES = ("ics", "json", "csv", "atom")
ZONES = st.sampled_from(["UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Apia"])
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PUBLIC = view(Audience.PUBLIC)


def item(start: datetime, hours: float, number: int) -> Item:
    made = replace(entry(0, uid=f"u{number:04}"), start=start, end=start + timedelta(hours=hours))
    return admit(made, Status.CONFIRMED, PUBLIC)


@st.composite
def feeds(draw: st.DrawFn) -> tuple[list[Item], list[int]]:
    """Items around now, many at the same moment, and their sizes."""
    drawn = draw(
        st.lists(
            st.tuples(st.integers(-200, 200), st.integers(1, 120), st.integers(1, 9)), max_size=30
        )
    )
    items = [
        item(NOW + hours * HOUR / 4, length / 4, number)
        for number, (hours, length, _) in enumerate(drawn)
    ]
    sizes = [size for _, _, size in drawn]
    order = sorted(
        range(len(items)),
        key=lambda index: (items[index].start, items[index].end, items[index].uid),
    )
    return [items[index] for index in order], [sizes[index] for index in order]


@settings(deadline=None)
@given(feeds(), ZONES, st.integers(0, 60), st.integers(0, 96))
def test_fit_is_never_empty_while_something_is_on_or_coming(
    feed: tuple[list[Item], list[int]], zone: str, room: int, quarters: int
) -> None:
    """What stays fits, and is all of what the feed says it holds; if anything that is not over can
    be in it, it is not empty; and nothing becomes another between the moments that are named.
    """
    items, sizes = feed
    now = NOW + quarters * HOUR / 4
    found = fit(items, sizes, ZoneInfo(zone), now, room)
    assert sum(sizes[index] for index in found.fitting) <= room
    if any(each.end > now and size <= room for each, size in zip(items, sizes, strict=True)):
        assert found.fitting
    left_out = [each for index, each in enumerate(items) if index not in found.fitting]
    begins = found.complete_from or datetime.min.replace(tzinfo=UTC)
    ends = found.complete_until or datetime.max.replace(tzinfo=UTC)
    assert [each for each in left_out if begins <= each.start < ends] == []
    assert found.since <= now < found.until
    assert fit(items, sizes, ZoneInfo(zone), found.since, room) == found
    assert fit(items, sizes, ZoneInfo(zone), found.until - timedelta(microseconds=1), room) == found


@settings(deadline=None)
@given(feeds(), ZONES, st.integers(1, 60))
def test_first_day_that_does_not_fit_keeps_what_comes_soonest(
    feed: tuple[list[Item], list[int]], zone: str, room: int
) -> None:
    """Where not even the first whole day fits, which is today if it has any: what is on, then what
    comes next, as many as fit, and the moment from which on some are left out is the start of the
    first of these.
    """
    items, sizes = feed
    today = NOW.astimezone(ZoneInfo(zone)).date()
    begun = datetime.combine(today, datetime.min.time(), ZoneInfo(zone))
    starts = [each.start.astimezone(ZoneInfo(zone)).date() for each in items if each.end > begun]
    first = max(min(starts, default=today), today)
    midnight = datetime.combine(first, datetime.min.time(), ZoneInfo(zone))
    whole_day = [
        size
        for each, size in zip(items, sizes, strict=True)
        if each.end > midnight and each.start < midnight + DAY
    ]
    coming = [index for index, each in enumerate(items) if each.end > NOW]
    if not coming or sum(whole_day) <= room or any(sizes[index] > room for index in coming):
        return
    found = fit(items, sizes, ZoneInfo(zone), NOW, room)
    count = len(found.fitting)
    assert found.fitting == coming[:count]
    assert found.left_out == len(coming) - count
    assert (count == len(coming)) == (found.complete_until is None)
    if count < len(coming):
        assert found.complete_until == items[coming[count]].start
        assert sum(sizes[index] for index in coming[: count + 1]) > room


def busy_day(count: int = 400) -> list[Entry]:
    """Return so many bookings today: a third over, a third on now or soon, a third in the evening;
    one tomorrow.
    """
    starts = sorted(-6 + 14 * number / count for number in range(count))
    today = [
        entry(hour, uid=f"u{number:04}", event_id=f"e{number}")
        for number, hour in enumerate(starts)
    ]
    return [*today, entry(24, uid="tomorrow", event_id="tomorrow")]


def rendered(suffix: str, entries: list[Entry], now: datetime, most: int = 20_000) -> Rendered:
    return render_ics(
        GYM_FEED,
        STATE,
        entries,
        now=now,
        public_url="https://c.example",
        max_bytes=most,
        suffix=suffix,
    )


def uids(suffix: str, body: bytes) -> list[str]:
    """Return which items a file has; Atom names its newest changes first, and says their UIDs in
    their ids.
    """
    text = body.decode("utf-8-sig")
    match suffix:
        case "ics":
            return re.findall(r"^UID:(\S+)\r$", text, re.MULTILINE)
        case "json":
            return [each["uid"] for each in json.loads(text)["entries"]]
        case "csv":
            return [each["UID"] for each in csv.DictReader(text.splitlines())]
        case _:
            return sorted(
                each.replace("%40", "@")
                for each in re.findall(r"<id>tag:icalbridge,2026:(.+)</id>", text)
            )


@pytest.mark.parametrize(
    ("suffix", "hours"),
    [
        (suffix, hours)
        if (row + column) % 4 == 0
        else pytest.param(suffix, hours, marks=pytest.mark.soak)
        for row, suffix in enumerate(SUFFIXES)
        for column, hours in enumerate((-5.0, 0.0, 3.0, 7.9))
    ],
)
def test_day_larger_than_a_feed_keeps_what_is_on_and_next(suffix: str, hours: float) -> None:
    """In every format, at any hour of the day, the first of the items that are not over are there."""
    now = NOW + timedelta(hours=hours)
    entries = busy_day()
    whole = rendered(suffix, entries, now, 10**9)
    most = 5_000 if suffix == "atom" else 20_000
    found = rendered(suffix, entries, now, most)
    listed = uids(suffix, found.body)
    coming = [each for each in entries if each.end > now and each.uid in uids(suffix, whole.body)]
    assert 0 < len(found.body) <= most
    assert listed == [each.uid for each in coming[: len(listed)]]
    assert listed
    if len(listed) < len(coming):
        assert found.complete_until == coming[len(listed)].start


def test_day_larger_than_a_feed_is_told_in_the_feed() -> None:
    """iCalendar and JSON name the moment from which on bookings are left out, and up to which past
    ones are.
    """
    entries = busy_day()
    found = rendered("ics", entries, NOW)
    told = json.loads(rendered("json", entries, NOW).body)
    next_one = entries[[each.uid for each in entries].index(uids("ics", found.body)[-1]) + 1]
    assert (
        f"\r\nX-ICALBRIDGE-COMPLETE-UNTIL:{next_one.start:%Y%m%dT%H%M%SZ}\r\n".encode()
        in found.body
    )
    over = max(each.end for each in entries if each.end <= NOW)
    assert f"\r\nX-ICALBRIDGE-COMPLETE-FROM:{over:%Y%m%dT%H%M%SZ}\r\n".encode() in found.body
    first_gone = entries[[each.uid for each in entries].index(told["entries"][-1]["uid"]) + 1]
    assert datetime.fromisoformat(told["complete_until"]) == first_gone.start


def test_hundred_bookings_at_one_moment_are_cut_truthfully() -> None:
    """Where all begin at once, as many as fit stay; the feed says that it is complete up to then,
    and no further.
    """
    entries = [entry(1, uid=f"u{number:04}", event_id=f"e{number}") for number in range(100)]
    found = rendered("ics", entries, NOW, 10_000)
    assert 0 < found.count < 100
    assert found.complete_until == entries[0].start


def test_one_booking_larger_than_a_feed_keeps_no_other_out() -> None:
    """It can be in no feed; what comes after it is, and the feed says that it is complete until
    then only.
    """
    entries = [entry(1, uid="huge", name="x" * 30_000), entry(2, uid="small", event_id="small")]
    found = rendered("ics", entries, NOW, 10_000)
    assert uids("ics", found.body) == ["small@icalbridge"]
    assert found.complete_until == entries[0].start


def test_what_is_over_makes_room() -> None:
    """As the day goes on, later bookings come in, at the very moment that the rendering before
    named.
    """
    entries = busy_day()
    now, last = NOW, ""
    for _ in range(20):
        found = rendered("ics", entries, now)
        assert found.until is not None
        assert found.since is not None
        assert found.since <= now < found.until
        assert rendered("ics", entries, found.until - timedelta(seconds=1)) == found
        newest = uids("ics", found.body)[-1]
        assert newest > last
        now, last = found.until, newest
