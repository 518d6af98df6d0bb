"""`icalbridge.feeds.as_jcal`: the calendar in JSON (RFC 7265), read back by another program as the calendar it is."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icalbridge.feeds.audience import Status
from tests.any_entries import FEEDS, MANY, STATES, reading
from tests.fixtures.items import CALLED_OFF, COVER, URL, admitted, written
from tests.fixtures.rendering import render_ics
from tests.readers import read_jcal
from tests.samples import NOW, ZONE, entry

if TYPE_CHECKING:
    from icalbridge.model import Entry, Feed, FeedState

HEAD = [
    ["version", {}, "text", "2.0"],
    ["prodid", {}, "text", "-//icalbridge//icalbridge//EN"],
    ["calscale", {}, "text", "GREGORIAN"],
    ["method", {}, "text", "PUBLISH"],
    ["name", {}, "text", "Main Gym, Lincoln High"],
    ["x-wr-calname", {}, "unknown", "Main Gym\\, Lincoln High"],
    ["x-wr-timezone", {}, "unknown", ZONE],
    ["refresh-interval", {}, "duration", "PT1H"],
    ["x-published-ttl", {}, "unknown", "PT1H"],
    ["source", {}, "uri", f"{URL}/ical/facility/gym.jcal"],
    ["url", {}, "uri", f"{URL}/facility/gym"],
]
VEVENT = [
    ["uid", {}, "text", "u1@icalbridge"],
    ["dtstamp", {}, "date-time", "2026-11-20T20:00:00Z"],
    ["last-modified", {}, "date-time", "2026-11-20T20:00:00Z"],
    ["sequence", {}, "integer", 3],
    ["dtstart", {"tzid": ZONE}, "date-time", "2026-11-22T12:00:00"],
    ["dtend", {"tzid": ZONE}, "date-time", "2026-11-22T14:00:00"],
    ["summary", {}, "text", "Jazz; \\n, <b>"],
    ["status", {}, "text", "CONFIRMED"],
    ["transp", {}, "text", "OPAQUE"],
    ["location", {}, "text", "Main Gym, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087"],
    ["categories", {}, "text", "Gymnasium"],
    ["url", {}, "uri", f"{URL}/facility/gym"],
]


def test_jcal_says_all_of_a_feed() -> None:
    """Every property with its type, in the order of the calendar; one time zone."""
    name, properties, components = json.loads(written("jcal", [admitted(entry(24, name="Jazz; \\n, <b>", sequence=3))]))
    assert (name, properties) == ("vcalendar", HEAD)
    assert [each[0] for each in components] == ["vtimezone", "vevent"]
    assert components[0][1] == [["tzid", {}, "text", ZONE]]
    assert components[1][1:] == [VEVENT, []]


def test_jcal_with_nothing_on_has_no_component() -> None:
    """An empty list."""
    assert json.loads(written("jcal", [])) == ["vcalendar", HEAD, []]


def test_jcal_in_utc_needs_no_zone() -> None:
    """Moments end in Z, and no time zone is there."""
    found = json.loads(written("jcal", [admitted(entry(24))], replace(COVER, utc=True)))[2]
    assert [each[0] for each in found] == ["vevent"]
    assert [each for each in found[0][1] if each[0] in ("dtstart", "dtend")] == [
        ["dtstart", {}, "date-time", "2026-11-22T20:00:00Z"],
        ["dtend", {}, "date-time", "2026-11-22T22:00:00Z"],
    ]


def test_jcal_tells_what_was_called_off() -> None:
    """The status of the calendar."""
    found = json.loads(written("jcal", [admitted(CALLED_OFF, Status.CANCELLED)]))[2][-1][1]
    assert ["status", {}, "text", "CANCELLED"] in found


@pytest.mark.parametrize("most", [2_500, 4_000, 8_000])
def test_jcal_too_large_says_what_is_left_out(most: int) -> None:
    """Whole days go, the feed says so, and is no larger than it may be."""
    body = written("jcal", [admitted(entry(hours, uid=f"u{hours}")) for hours in range(-72, 24 * 60, 24)], most=most)
    properties = {each[0]: each[3] for each in json.loads(body)[1]}
    assert most - 700 < len(body) <= most
    until = datetime.strptime(properties["x-icalbridge-complete-until"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert until > NOW + timedelta(hours=11)


@settings(deadline=None)  # the other program's time, not ours
@given(FEEDS, STATES, MANY, st.sampled_from(["", URL]))
def test_jcal_is_read_as_the_calendar_is(feed: Feed, state: FeedState, entries: list[Entry], url: str) -> None:
    """Whatever the texts say, what icalendar makes of it is what went in."""
    body = render_ics(feed, state, entries, now=NOW, public_url=url, max_bytes=10**9, suffix="jcal").body
    assert read_jcal(body) == sorted(reading(each) for each in entries)
