"""Shaped feeds read back by five calendars that people use: tombstones, requests, marks, groups,
UTC and blocks of use.

Beside them, how large a VEVENT of the simulated district is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.feeds import FeedQuery
from icalbridge.feeds.audience import Audience, Status, admit, view
from icalbridge.feeds.grouping import grouped
from icalbridge.feeds.metadata import cover
from icalbridge.feeds.occupancy import EPOCH, blocks
from icalbridge.feeds.query import Cancelled
from icalbridge.feeds.selection import select
from icalbridge.models import EventKey, Feed
from tests.any_entries import CHANGES, as_read_by, reading
from tests.fixtures.bridges import bridge
from tests.fixtures.rendering import render_items
from tests.golden import STATE
from tests.readers import READERS, Reading
from tests.samples import NOW, POOL, entry

if TYPE_CHECKING:
    from icalbridge.models import Entry

FEED = Feed("property", "school")
MARKS = {EventKey("reservation", "e1"): (9, NOW)}
MOST_OCTETS = 420
PUBLIC = "https://calendars.example.org"
SEQUENCE = int((STATE.changed - EPOCH).total_seconds())
HOUR = timedelta(hours=1)
CHANGE = CHANGES["America/Los_Angeles"][2] - timedelta(hours=3)
BOOKED = [
    entry(1, uid="a", name="Practice; old, new", activity="\\n"),
    entry(1, uid="b", name="Practice; old, new", activity="\\n", facility=POOL),
    entry(5, uid="c", status="pending", name="Été"),
    entry(6, uid="d", status="cancelled", cancelled=NOW, sequence=2),
    entry(7, uid="e", withdrawn=NOW, cancelled=NOW, sequence=1, facility=POOL),
    *(
        entry(0, uid=f"f{n}", start=CHANGE + n * HOUR, end=CHANGE + (n + 1) * HOUR)
        for n in range(6)
    ),
]


def feed(query: FeedQuery) -> bytes:
    """Return the shaped feed of a school, as the web makes it."""
    selection = select(
        BOOKED, now=NOW, history=timedelta(days=60), horizon=timedelta(days=800), query=query
    )
    said = cover(FEED, query, STATE, "https://calendars.example.org")
    shown = view(Audience.PUBLIC, busy=query.busy, title=query.title)
    items = [admit(each, status, shown) for each, status in selection.shown]
    if query.occupancy:
        items = blocks(selection.shown, query, said)
    elif query.grouped:
        items = grouped(zip((each.key for each in selection.entries), items, strict=True), MARKS)
    return render_items("ics", said, items, now=NOW, max_bytes=10**9).body


def of(uids: str, **fields: str) -> list[Reading]:
    """Return the readings of some entries, by the first letter of their UIDs."""
    found: list[Entry] = [each for each in BOOKED if each.uid[0] in uids]
    readings = [reading(each) for each in found]
    return [replace(each, status=fields.get("status", each.status)) for each in readings]


def marked(readings: list[Reading]) -> list[Reading]:
    return [replace(each, summary=f"CANCELLED: {each.summary}") for each in readings]


def group() -> list[Reading]:
    first, *_ = of("a")
    where = "Main Gym, Pool, Lincoln High, 1 Oak St, Sunnyvale, CA, 94087"
    return [
        replace(first, location=where, sequence=9),
        *(replace(each, sequence=9) for each in of("f")),
    ]


def used(
    uid: str, first: Entry, last: Entry, *, status: str = "CONFIRMED", summary: str = "In use"
) -> Reading:
    whole = replace(
        reading(first),
        uid=f"occupancy-{uid}@icalbridge",
        end=last.end,
        sequence=int((STATE.changed - EPOCH).total_seconds()),
    )
    return replace(whole, summary=summary, status=status, categories=())


def in_use() -> list[Reading]:
    a, b, _, d, e, *rest = BOOKED
    off = [
        used(each.uid[0], each, each, status="CANCELLED", summary="Not in use") for each in (d, e)
    ]
    return [used("a", a, a), used("b", b, b), *off, used("f0", rest[0], rest[-1])]


CASES: dict[str, tuple[FeedQuery, list[Reading]]] = {
    "tombstones": (
        FeedQuery(cancelled=Cancelled.TOMBSTONE),
        [*of("abf"), *of("de", status="CANCELLED")],
    ),
    "requests": (
        FeedQuery(status=("approved", "pending")),
        [*of("abf"), *of("c", status="TENTATIVE")],
    ),
    "marks": (FeedQuery(cancelled=Cancelled.MARK), [*of("abf"), *marked(of("de"))]),
    "utc": (FeedQuery(utc=True), of("abf")),
    "groups": (FeedQuery(grouped=True), group()),
    "use": (FeedQuery(occupancy=True), in_use()),
    "use in utc": (FeedQuery(occupancy=True, utc=True), in_use()),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reader", READERS)
def test_shaped_feed_is_read_as_it_is_meant(reader: str, case: str) -> None:
    """Each reader finds the times, texts, statuses and SEQUENCEs that the shape asks for, over a
    clock change too.
    """
    query, expected = CASES[case]
    assert READERS[reader](feed(query)) == sorted(as_read_by(reader, each) for each in expected)


def test_vevents_of_the_demo_are_small(tmp_path_factory: pytest.TempPathFactory) -> None:
    """At most 420 octets each on average; a public address adds a link to each, which is as long as
    it is.
    """
    with bridge(
        f"sqlite:///{tmp_path_factory.mktemp('demo')}/bridge.db", schools=3, facilities=6
    ) as made:
        made.run(full=True)
        for school in made.world.properties:
            feed = Feed("property", school["_id"])
            items = [
                admit(each, Status.CONFIRMED, view(Audience.PUBLIC)) for each in made.entries(feed)
            ]
            for url, most in (
                ("", MOST_OCTETS),
                (PUBLIC, MOST_OCTETS + len(f"URL:{PUBLIC}/facility/{'0' * 24}\r\n")),
            ):
                said = cover(feed, FeedQuery(), STATE, url)
                body = render_items("ics", said, items, now=made.clock(), max_bytes=10**9).body
                vevents = body[body.index(b"BEGIN:VEVENT") : body.rindex(b"END:VCALENDAR")]
                assert len(vevents) <= most * len(items)
