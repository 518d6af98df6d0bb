"""`icalbridge.feeds.formats.atom`: what changed lately, for feed readers (RFC 4287)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from icalbridge.feeds.audience import Audience, Status
from tests.any_entries import FEEDS, MANY, STATES, said, title_said
from tests.fixtures.items import CALLED_OFF, COVER, URL, admitted, cover_for, written
from tests.fixtures.rendering import render_ics
from tests.samples import NOW, ZONE, entry

if TYPE_CHECKING:
    from icalbridge.feeds.audience import Item
    from icalbridge.models import Entry, Feed, FeedState

ATOM = "{http://www.w3.org/2005/Atom}"
SEEN = NOW - timedelta(days=7)


def read(body: bytes) -> ET.Element:
    """Read a feed, and check what RFC 4287 asks of any: sections 4.1.1, 4.1.2, 4.2.6, 4.2.7.1."""
    root = ET.fromstring(body)
    assert root.tag == f"{ATOM}feed"
    ids = [text(each, "id") for each in root.iter() if each.find(f"{ATOM}id") is not None]
    assert len(set(ids)) == len(ids)
    assert all(each.startswith(("urn:uuid:", "tag:icalbridge,2026:")) for each in ids)
    assert text(root.find(f"{ATOM}author"), "name")
    for each in [root, *root.findall(f"{ATOM}entry")]:
        assert len(each.findall(f"{ATOM}title")) == 1
        assert datetime.fromisoformat(text(each, "updated")).tzinfo is not None
        alternates = [
            link.get("href")
            for link in each.findall(f"{ATOM}link")
            if link.get("rel") == "alternate"
        ]
        assert len(alternates) <= 1
    return root


def text(element: ET.Element | None, name: str) -> str:
    found = None if element is None else element.findtext(f"{ATOM}{name}")
    assert found is not None
    return found


def told(item: Item) -> ET.Element:
    """Return the entry of one item."""
    found = read(written("atom", [item])).find(f"{ATOM}entry")
    assert found is not None
    return found


def test_atom_is_these_octets() -> None:
    """The feed's own elements, then an entry: when and where in words, in the item's zone."""
    each = entry(
        24, activity="Girls & Boys", modified=NOW - timedelta(days=1), first_seen=SEEN, sequence=1
    )
    feed_id = read(written("atom", [])).findtext(f"{ATOM}id")
    assert written("atom", [admitted(each)]).decode() == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<id>{feed_id}</id>\n"
        "<title>Main Gym, Lincoln High: changes</title>\n"
        "<updated>2026-11-21T20:00:00Z</updated>\n"
        "<author><name>Main Gym, Lincoln High</name></author>\n"
        "<generator>icalbridge</generator>\n"
        f'<link rel="self" type="application/atom+xml" href="{URL}/ical/facility/gym.atom"/>\n'
        f'<link rel="alternate" type="text/html" href="{URL}/facility/gym"/>\n'
        "<entry>\n"
        "<id>tag:icalbridge,2026:u1@icalbridge</id>\n"
        "<title>Moved: Practice: Girls &amp; Boys</title>\n"
        "<updated>2026-11-20T20:00:00Z</updated>\n"
        "<published>2026-11-14T20:00:00Z</published>\n"
        f'<link rel="alternate" type="text/html" href="{URL}/booking/u1"/>\n'
        '<content type="text">When: Sunday 2026-11-22, 12:00 to 14:00 (America/Los_Angeles)\n'
        "Where: Main Gym, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087</content>\n"
        "</entry>\n"
        "</feed>\n"
    )


@pytest.mark.parametrize(
    ("sequence", "modified", "first_seen", "fate"),
    [
        (0, SEEN, SEEN, "Added"),
        (0, SEEN, None, "Added"),
        (7, SEEN, SEEN, "Added"),
        (0, NOW, SEEN, "Changed"),
        (7, SEEN, None, "Changed"),
        (1, NOW, SEEN, "Moved"),
    ],
)
def test_atom_says_what_became_of_an_entry(
    sequence: int, modified: datetime, first_seen: datetime | None, fate: str
) -> None:
    """As new as when it was first seen, moved, or changed in another way."""
    each = entry(24, sequence=sequence, modified=modified, first_seen=first_seen)
    assert text(told(admitted(each)), "title") == f"{fate}: Practice"


@pytest.mark.parametrize("status", [Status.CONFIRMED, Status.CANCELLED])
def test_atom_says_what_was_called_off(status: Status) -> None:
    """Once, also where the feed marks titles itself."""
    assert text(told(admitted(CALLED_OFF, status)), "title") == "Cancelled: Practice"


def test_atom_has_the_newest_hundred() -> None:
    """Of many the hundred that changed last, the newest first, and by UID what changed at one
    moment.
    """
    items = [
        admitted(entry(number, uid=f"u{number:03}", modified=NOW - timedelta(hours=number // 2)))
        for number in range(130)
    ]
    found = [text(each, "id") for each in read(written("atom", items)).findall(f"{ATOM}entry")]
    assert found == [f"tag:icalbridge,2026:u{number:03}@icalbridge" for number in range(100)]
    assert [
        text(each, "id") for each in read(written("atom", items[::-1])).findall(f"{ATOM}entry")
    ] == found


def test_atom_id_is_the_feeds_own() -> None:
    """Another address is another feed; a new title is not; one that nobody knows the address of has
    one too.
    """
    plain, renamed, shaped, nowhere, elsewhere = (
        read(written("atom", [], each)).findtext(f"{ATOM}id")
        for each in (
            COVER,
            replace(COVER, title="Gym"),
            replace(COVER, query="q=jazz"),
            replace(COVER, source="", page="", site=""),
            replace(COVER, source="", page="", site="", query="q=jazz"),
        )
    )
    assert plain == renamed
    assert len({plain, shaped, nowhere, elsewhere}) == 4


def test_atom_without_public_address_links_nowhere() -> None:
    """No link at all, rather than a wrong one."""
    body = written("atom", [admitted(entry(24))], replace(COVER, source="", page="", site=""))
    assert list(read(body).iter(f"{ATOM}link")) == []


def test_atom_is_as_new_as_what_is_in_it() -> None:
    """An entry may have changed for staff alone, after the feed did for everybody; the description
    is its subtitle.
    """
    root = read(written("atom", [], replace(COVER, description="For <parents>")))
    assert (text(root, "updated"), text(root, "subtitle")) == (
        "2026-11-21T20:00:00Z",
        "For <parents>",
    )
    later = entry(24, modified=NOW + timedelta(hours=1))
    assert text(read(written("atom", [admitted(later)])), "updated") == "2026-11-21T21:00:00Z"


@pytest.mark.parametrize(
    ("audience", "lines"),
    [
        (Audience.PUBLIC, []),
        (Audience.OPERATIONS, ["Attendance: 120", "Reservation: R-1"]),
        (
            Audience.STAFF,
            [
                "Renter: Renata",
                "E-mail: renata@renter.example",
                "Attendance: 120",
                "Reservation: R-1",
                "Rate category: Youth",
            ],
        ),
    ],
)
def test_atom_tells_its_audience_more(audience: Audience, lines: list[str]) -> None:
    """What only private feeds tell stands below when and where."""
    each = read(
        written("atom", [admitted(entry(24), audience=audience)], cover_for(audience))
    ).find(f"{ATOM}entry")
    assert text(each, "content").split("\n")[2:] == lines


@pytest.mark.parametrize(
    ("utc", "when"),
    [
        (False, f"Saturday 2026-11-21, 22:00 to Sunday 2026-11-22, 02:00 ({ZONE})"),
        (True, "Sunday 2026-11-22, 06:00 to 10:00 (UTC)"),
    ],
)
def test_atom_tells_a_night_with_both_days(utc: bool, when: str) -> None:
    """The second day only where it is another one, in the zone that is said."""
    night = entry(
        0, start=NOW + timedelta(hours=10), end=NOW + timedelta(hours=14), place="", location=""
    )
    each = read(written("atom", [admitted(night)], replace(COVER, utc=utc))).find(f"{ATOM}entry")
    assert text(each, "content") == f"When: {when}"


@settings(deadline=None)
@given(FEEDS, STATES, MANY, st.sampled_from(["", URL]))
def test_atom_is_well_formed(feed: Feed, state: FeedState, entries: list[Entry], url: str) -> None:
    """Whatever the texts say; what XML cannot hold is gone, all else is there."""
    root = read(
        render_ics(
            feed, state, entries, now=NOW, public_url=url, max_bytes=10**9, suffix="atom"
        ).body
    )
    assert text(root, "title") == _held(f"{said(state.title) or 'Reserved'}: changes")
    newest = sorted(entries, key=lambda each: (-each.modified.timestamp(), each.uid))
    found = root.findall(f"{ATOM}entry")
    assert [text(each, "title").partition(": ")[2] for each in found] == [
        _held(title_said(each.name, each.activity)) for each in newest
    ]
    assert [text(each, "content").partition("\n")[2] for each in found] == [
        f"Where: {_held(place)}" if (place := said(each.location)) else "" for each in newest
    ]


def _held(told: str) -> str:
    """Return what XML 1.0 can hold of a text."""
    return told.replace("\ufffe", "").replace("\uffff", "")
