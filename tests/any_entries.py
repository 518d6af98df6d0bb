"""Entries as hypothesis draws them: hostile texts, five zones, moments crowded around their clock
changes.

Beside them stands the contract's rule for texts and local times, told a second time and in another
way than the product tells it, so that a test compares with the contract and not with the product.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from icalbridge.models import Entry, EventKey, Feed, FeedState, Timeslot
from icalbridge.sync.uids import new_uid
from tests.readers import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

ZONES = (
    "America/Los_Angeles",
    "America/New_York",
    "America/Phoenix",
    "Pacific/Honolulu",
    "America/St_Johns",
)
FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 12, 31, tzinfo=UTC)

PIECES = (
    "\r\nATTENDEE:mailto:x@renter.example",
    "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
    "\r\n ",
    "\\n",
    "\\",
    ";",
    ",",
    '"',
    "^n^^^'",
    "\x00",
    "\x07",
    "\t",
    "\x7f",
    "\x85",
    "\u2028",
    "\u00a0",
    "\u3000",
    "\ufeff",
    "\u202e",
    "\ud800",
    "\U0001f3c0",
    "👩‍👩‍👧‍👦",
    "e\u0301",
    "日本語",
    "x" * 80,
    "é" * 90,
    "🎷" * 130,
)
"""What breaks calendars when it comes through as it is."""

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=[]), max_size=30),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5)), max_size=8).map("".join),
)


IDS = TEXTS.map(lambda text: text.replace("\0", "").encode(errors="ignore").decode())
"""Opaque; the wire lets neither NUL nor half a surrogate pair into one."""


def change_moments(zone: str) -> list[datetime]:
    """Return the moments of 2026 and 2027 at which a zone's clocks change; the middles of the
    seasons where none do.
    """
    tz = ZoneInfo(zone)

    def offset(moment: datetime) -> timedelta | None:
        return moment.astimezone(tz).utcoffset()

    days = pairwise(FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1))
    changed = [before for before, after in days if offset(before) != offset(after)]
    hours = [[day + timedelta(hours=number) for number in range(25)] for day in changed]
    return [
        next(hour for hour in of_day if offset(hour) != offset(of_day[0])) for of_day in hours
    ] or seasons(zone)


def seasons(zone: str) -> list[datetime]:
    """Return a noon in the middle of each winter and summer of 2026 and 2027."""
    noons = [
        datetime(year, month, 15, 12, tzinfo=ZoneInfo(zone))
        for year in (2026, 2027)
        for month in (1, 7)
    ]
    return [noon.astimezone(UTC) for noon in noons]


CHANGES = {zone: change_moments(zone) for zone in ZONES}


@st.composite
def moments(draw: st.DrawFn, zone: str) -> datetime:
    """Draw a whole second of 2026 or 2027, often within hours of a clock change."""
    if draw(st.booleans()):
        return draw(st.sampled_from(CHANGES[zone])) + timedelta(
            minutes=draw(st.integers(-360, 360))
        )
    return FIRST + timedelta(seconds=draw(st.integers(0, int((LAST - FIRST).total_seconds()))))


@st.composite
def entries(draw: st.DrawFn, zones: tuple[str, ...] = ZONES) -> Entry:
    """Draw an entry that a feed shows; its UID is the one that the sync would give it."""
    zone = draw(st.sampled_from(zones))
    start = draw(moments(zone))
    length = draw(st.one_of(st.sampled_from([1, 30 * 60, 3600, 90_000]), st.integers(1, 400_000)))
    facility_id, external_id, event_id = draw(IDS), draw(IDS), draw(IDS)
    end = start + timedelta(seconds=length)
    slot = Timeslot(start, end, facility_id, external_id=external_id)
    return Entry(
        uid=new_uid(EventKey("reservation", event_id), slot, ()),
        event_type="reservation",
        event_id=event_id,
        property_id=draw(IDS),
        facility_id=facility_id,
        name=draw(TEXTS),
        activity=draw(TEXTS),
        place="",
        location=draw(TEXTS),
        type=draw(TEXTS),
        status="approved",
        timeslot_status="active",
        start=start,
        end=end,
        zone=zone,
        sequence=draw(st.integers(0, 2_000)),
        modified=draw(moments(zone)),
        external_id=external_id,
    )


def in_order(drawn: Iterable[Entry]) -> list[Entry]:
    """Return entries as a feed is given them: one for each UID, by start, end and UID."""
    unique = {each.uid: each for each in drawn}
    return sorted(unique.values(), key=lambda each: (each.start, each.end, each.uid))


MANY = st.lists(entries(), max_size=12).map(in_order)

FEEDS = st.one_of(
    st.builds(Feed, st.sampled_from(["facility", "property"]), IDS),
    st.builds(Feed, st.just("event"), IDS, IDS),
)

STATES = st.builds(
    FeedState,
    title=TEXTS,
    zone=st.sampled_from(ZONES),
    revision=st.just(1),
    changed=st.just(FIRST),
    property_id=IDS,
    synced=st.just(True),
)


def said(text: str) -> str:
    """Return a text as the contract says it: runs of line breaks are one space, controls but TAB
    go, ends are bare.
    """
    runs = groupby(text, key=lambda each: each in "\r\n\x85\u2028\u2029")
    lines = "".join(" " if breaks else "".join(run) for breaks, run in runs)
    return "".join(
        each for each in lines if each == "\t" or unicodedata.category(each) not in {"Cc", "Cs"}
    ).strip()


def title_said(name: str, activity: str) -> str:
    """Return what an event is called: its name, or `Reserved`; and the timeslot's activity after
    it.
    """
    return ": ".join(filter(None, (said(name) or "Reserved", said(activity))))


def parted(text: str) -> tuple[str, str]:
    """Return what of a text fits into 255 UTF-16 units, and what goes on in the description."""
    units = [len(each.encode("utf-16-le")) // 2 for each in text]
    if sum(units) <= 255:
        return text, ""
    fits = max(count for count in range(len(text)) if sum(units[:count]) <= 255)
    return text[:fits].rstrip(), text[fits:].strip()


def reading(entry: Entry) -> Reading:
    """Return what every reader must make of an entry's VEVENT."""
    title, more_title = parted(title_said(entry.name, entry.activity))
    place, more_place = parted(said(entry.location))
    return Reading(
        uid=entry.uid,
        start=entry.start,
        end=entry.end,
        summary=title,
        location=place,
        description="\n".join(filter(None, (more_title, more_place))),
        status="CONFIRMED",
        sequence=entry.sequence,
        categories=tuple(filter(None, [said(entry.type)])),
    )


def as_read_by(reader: str, told: Reading) -> Reading:
    """Return what one reader makes of a reading, with the three mistakes that two of them make.

    ical splits CATEGORIES at escaped commas too. node-ical takes a backslash and an n that stand in
    a text for a line break, and loses double quotes around a whole text and U+FEFF around a
    category. RFC 5545 has no other spelling.
    """
    if reader == "ical":
        found = [part for each in told.categories for part in _escaped(each).split(",")]
        return replace(told, categories=tuple(re.sub(r"\\([\\;,])", r"\1", each) for each in found))
    if reader == "node-ical":
        return replace(
            told,
            summary=_by_node_ical(told.summary),
            location=_by_node_ical(told.location),
            description=_by_node_ical(told.description),
            categories=tuple(_by_node_ical(each.strip("\ufeff")) for each in told.categories),
        )
    return told


def _escaped(text: str) -> str:
    return re.sub(r"([\\;,])", r"\\\1", text)


def _by_node_ical(text: str) -> str:
    return re.sub(r'\A"(.*)"\Z', r"\1", re.sub(r"\\[nN]", "\\\\\n", text))
