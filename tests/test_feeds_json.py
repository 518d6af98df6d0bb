"""`icalbridge.feeds.formats.json_format`: what programs read, by the schema that is shipped beside it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icalbridge.feeds.audience import Audience, Status
from icalbridge.feeds.formats.datetimes import iso_local
from tests.any_entries import FEEDS, MANY, STATES, said, title_said
from tests.fixtures.items import CALLED_OFF, COVER, URL, admitted, cover_for, written
from tests.fixtures.rendering import render_ics
from tests.json_schema import SCHEMA, faults
from tests.samples import NOW, ZONE, entry

if TYPE_CHECKING:
    from icalbridge.models import Entry, Feed, FeedState

PLAIN_ENTRY = {
    "uid": "u1@icalbridge",
    "title": "Practice: Varsity",
    "start": "2026-11-22T12:00:00-08:00",
    "end": "2026-11-22T14:00:00-08:00",
    "zone": ZONE,
    "status": "confirmed",
    "cancelled": None,
    "facility_ids": ["gym"],
    "facility": "Main Gym",
    "location": "Main Gym, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087",
    "type": "Gymnasium",
    "name": "Practice",
    "activity": "Varsity",
    "property_id": "school",
    "sequence": 2,
    "modified": "2026-11-20T20:00:00Z",
    "first_seen": "2026-11-14T20:00:00Z",
    "page": f"{URL}/booking/u1",
}
VARSITY = entry(24, activity="Varsity", sequence=2, first_seen=NOW - timedelta(days=7))


def read(body: bytes) -> Any:
    """Read a file; the same key twice fails the test."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    return json.loads(body, object_pairs_hook=unique)


def test_json_says_all_of_a_public_feed() -> None:
    """Every key and value of the feed and of an entry, in their order."""
    told = read(written("json", [admitted(VARSITY)]))
    assert list(told.items()) == [
        ("version", 1),
        ("title", "Main Gym, Lincoln High"),
        ("zone", ZONE),
        ("updated", "2026-11-21T20:00:00Z"),
        ("url", f"{URL}/ical/facility/gym.json"),
        ("page", f"{URL}/facility/gym"),
        ("complete_from", None),
        ("complete_until", None),
        ("entries", [PLAIN_ENTRY]),
    ]
    assert list(told["entries"][0]) == list(PLAIN_ENTRY)


def test_json_says_what_a_feed_is_for() -> None:
    """A description stands behind the title, where there is one."""
    told = read(written("json", [], replace(COVER, description="For parents")))
    assert list(told)[:4] == ["version", "title", "description", "zone"]
    assert told["description"] == "For parents"


def test_json_without_public_address_has_none() -> None:
    """Where nobody knows the public address, both addresses are null."""
    told = read(written("json", [], replace(COVER, source="", page="", site="")))
    assert (told["url"], told["page"], told["entries"]) == (None, None, [])


@pytest.mark.parametrize(
    ("audience", "more"),
    [
        (Audience.PUBLIC, {}),
        (Audience.OPERATIONS, {"attendance": 120, "reservation": "R-1"}),
        (
            Audience.STAFF,
            {
                "renter": "Renata",
                "email": "renata@renter.example",
                "attendance": 120,
                "reservation": "R-1",
                "category": "Youth",
            },
        ),
    ],
)
def test_json_has_the_keys_of_its_audience(audience: Audience, more: dict[str, object]) -> None:
    """What only private feeds tell stands behind the rest; a public feed has not even the keys."""
    told = read(written("json", [admitted(VARSITY, audience=audience)], cover_for(audience)))
    modified = "2026-11-21T20:00:00Z" if more else PLAIN_ENTRY["modified"]
    assert told["entries"] == [{**PLAIN_ENTRY, "modified": modified, **more}]
    assert faults(told) == []


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (Status.CONFIRMED, ("confirmed", "CANCELLED: Practice")),
        (Status.CANCELLED, ("cancelled", "Practice")),
    ],
)
def test_json_tells_since_when_an_entry_is_called_off(
    status: Status, told: tuple[str, str]
) -> None:
    """Marked or a tombstone: the moment is there."""
    found = read(written("json", [admitted(CALLED_OFF, status)]))["entries"][0]
    assert (found["status"], found["title"], found["cancelled"]) == (*told, "2026-11-21T19:00:00Z")


def test_json_in_utc_keeps_the_zone() -> None:
    """Moments in UTC, for whom offsets are trouble; the zone is still said."""
    found = read(written("json", [admitted(VARSITY)], replace(COVER, utc=True)))["entries"][0]
    assert (found["start"], found["end"], found["zone"]) == (
        "2026-11-22T20:00:00Z",
        "2026-11-22T22:00:00Z",
        ZONE,
    )


def test_json_tells_the_hour_that_comes_twice() -> None:
    """Both half past one of the night when clocks go back, by their offsets."""
    first = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    twice = entry(0, start=first, end=first + timedelta(hours=1))
    found = read(written("json", [admitted(twice)]))["entries"][0]
    assert (found["start"], found["end"]) == (
        "2026-11-01T01:30:00-07:00",
        "2026-11-01T01:30:00-08:00",
    )


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "1850-01-01T00:00:00Z"),
        ("America/Los_Angeles", "1850-01-01T00:00:00Z"),
        ("Europe/London", "1850-01-01T00:00:00Z"),
        ("Asia/Kolkata", "1850-01-01T00:00:00Z"),
    ],
)
def test_moment_whose_offset_has_seconds_is_utc(zone: str, told: str) -> None:
    """RFC 3339 knows no offset with seconds, as clocks had before there were zones."""
    assert iso_local(datetime(1850, 1, 1, tzinfo=UTC), zone) == told


def test_json_too_large_says_what_is_left_out() -> None:
    """Whole days go, the feed says from when on, and is no larger than it may be."""
    items = [admitted(entry(hours, uid=f"u{hours}")) for hours in range(24, 24 * 60, 24)]
    body = written("json", items, most=10_000)
    told = read(body)
    assert faults(told) == []
    assert 9_000 < len(body) <= 10_000
    kept = len(told["entries"])
    assert [each["uid"] for each in told["entries"]] == [item.uid for item in items[:kept]]
    gone = items[kept].start.astimezone(ZoneInfo(ZONE)).replace(hour=0).astimezone(UTC)
    assert datetime.fromisoformat(told["complete_until"]) == gone
    assert told["complete_from"] is None


def test_json_is_never_larger_than_it_may_be() -> None:
    """Nor ever no JSON: at any limit that its head fits into."""
    items = [admitted(entry(hours, uid=f"u{hours}")) for hours in (-48, 24, 48, 72)]
    for most in range(400, 2_500, 37):
        body = written("json", items, most=most)
        assert len(body) <= most
        assert faults(read(body)) == []


@settings(deadline=None)
@given(FEEDS, STATES, MANY, st.sampled_from(["", URL]), st.integers(1_000, 20_000))
def test_json_is_what_the_schema_says(
    feed: Feed, state: FeedState, entries: list[Entry], url: str, most: int
) -> None:
    """Whatever the texts say; and no octet of it could end a script."""
    body = render_ics(
        feed, state, entries, now=NOW, public_url=url, max_bytes=most, suffix="json"
    ).body
    assert faults(read(body)) == []
    assert not re.search("[<>&\u2028\u2029\x00-\x09\x0b-\x1f]", body.decode())


@settings(deadline=None)
@given(FEEDS, STATES, MANY)
def test_json_holds_the_entries_as_they_are(
    feed: Feed, state: FeedState, entries: list[Entry]
) -> None:
    """Read back by another reader: the texts as the contract says them, and the very moments."""
    told = read(
        render_ics(
            feed, state, entries, now=NOW, public_url="", max_bytes=10**9, suffix="json"
        ).body
    )
    assert told["title"] == (said(state.title) or "Reserved")
    assert [_seen(each) for each in told["entries"]] == [_expected(each) for each in entries]


def _seen(told: dict[str, Any]) -> tuple[object, ...]:
    start, end = datetime.fromisoformat(told["start"]), datetime.fromisoformat(told["end"])
    texts = (
        told[name]
        for name in ("uid", "title", "zone", "location", "type", "name", "activity", "property_id")
    )
    return start, end, start.utcoffset(), told["sequence"], told["facility_ids"], *texts


def _expected(each: Entry) -> tuple[object, ...]:
    offset = each.start.astimezone(ZoneInfo(each.zone)).utcoffset()
    texts = (said(text) for text in (each.location, each.type, each.name, each.activity))
    ids = [each.facility_id] if each.facility_id else []
    title = title_said(each.name, each.activity)
    return (
        each.start,
        each.end,
        offset,
        each.sequence,
        ids,
        each.uid,
        title,
        each.zone,
        *texts,
        each.property_id,
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"version": 2}, "$.version: const"),
        ({"title": ""}, "$.title: minLength"),
        ({"renter": "x"}, "$: additionalProperties"),
        ({"updated": "yesterday"}, "$.updated: pattern"),
        ({"entries": [{**PLAIN_ENTRY, "sequence": -1}]}, "$.entries[0].sequence: minimum"),
        ({"entries": [{**PLAIN_ENTRY, "status": "CONFIRMED"}]}, "$.entries[0].status: enum"),
        ({"entries": [{"uid": "x"}]}, "$.entries[0]: required"),
    ],
)
def test_schema_refuses_what_is_wrong(change: dict[str, object], fault: str) -> None:
    """The schema can fail."""
    told = read(written("json", [admitted(VARSITY)])) | change
    assert faults(told) == [fault]


def test_schema_names_every_key_of_every_audience() -> None:
    """No key is in the schema that no feed has."""
    staff = read(
        written("json", [admitted(VARSITY, audience=Audience.STAFF)], cover_for(Audience.STAFF))
    )
    assert set(SCHEMA["properties"]) == {*staff, "description"}
    assert set(SCHEMA["$defs"]["entry"]["properties"]) == set(staff["entries"][0])
