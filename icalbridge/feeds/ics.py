"""Entries as an iCalendar file (contract: "What a feed contains"; RFC 5545, RFC 7986).

VTIMEZONEs are icalendar's work. The calendar's head is put together here, since icalendar takes a U+FEFF that a text
begins with for a byte order mark; and so are VEVENTs, thousands of them in a feed: each is a fragment of bytes, and a
feed is its fragments joined.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from icalbridge import zones
from icalbridge.feeds.address import feed_path, page_path
from icalbridge.feeds.text import cut, display_text, escape, fold
from icalbridge.feeds.vtimezone import holds, vtimezone
from icalbridge.model import Feed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, tzinfo

    from icalbridge.model import Entry, FeedState

PRODID = "-//icalbridge//icalbridge//EN"
REFRESH = "PT1H"
UNNAMED = "Reserved"
END = b"END:VCALENDAR\r\n"
LIMITS_OCTETS = len("X-ICALBRIDGE-COMPLETE-FROM:20261121T080000Z\r\nX-ICALBRIDGE-COMPLETE-UNTIL:20261121T080000Z\r\n")
NEAR_DAYS = 31
"""Of a feed that is too large, the days to come that go only after the past has gone."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A feed as a file."""

    body: bytes
    count: int
    """How many VEVENTs are in it."""
    complete_from: datetime | None = None
    """Up to when entries were left out for size; None when none of the past were."""
    complete_until: datetime | None = None
    """From when on entries were left out for size; None when none of the future were."""
    since: datetime | None = None
    """When the day began by which what fits was chosen; None when all fits."""
    until: datetime | None = None
    """When that day ends, and something else may fit; None when all fits."""


@dataclass(frozen=True, slots=True)
class _Fragment:
    """One VEVENT, with what a feed must know of it."""

    body: bytes
    start: datetime
    end: datetime
    zones: frozenset[str]
    """The TZIDs it names."""


def render_ics(
    feed: Feed, state: FeedState, entries: Sequence[Entry], *, now: datetime, public_url: str, max_bytes: int
) -> Rendered:
    """Render a feed's selected entries, which are in order of their start.

    Without `public_url` (empty) there is no SOURCE and no URL. A feed is never larger than `max_bytes`: it leaves out
    whole days of its own zone, of the far future first, and says so in X-ICALBRIDGE-COMPLETE-UNTIL and, where that is
    not enough, of the past, in X-ICALBRIDGE-COMPLETE-FROM. Today is the last to go.
    """
    clocks: dict[str, _Clock] = {}
    fragments = [_vevent(entry, clocks.setdefault(entry.zone, _Clock(entry.zone)), public_url) for entry in entries]
    head = _head(feed, state, fragments, public_url)
    size = len(head) + len(END) + sum(len(each.body) for each in fragments)
    if size <= max_bytes:
        return Rendered(_joined(head, fragments), len(fragments))
    cut = _shortened(fragments, zones.zone(state.zone), now, max_bytes - len(END) - len(head) - LIMITS_OCTETS)
    head = _head(feed, state, cut.kept, public_url, cut.complete_from, cut.complete_until)
    body = _joined(head, cut.kept)
    return Rendered(body, len(cut.kept), cut.complete_from, cut.complete_until, cut.since, cut.until)


def _joined(head: bytes, fragments: Sequence[_Fragment]) -> bytes:
    return b"".join([head, *(each.body for each in fragments), END])


def summary(entry: Entry) -> str:
    """Return what an entry is called: the event's name, and the timeslot's activity after it where it has one."""
    name, activity = display_text(entry.name, missing=UNNAMED), display_text(entry.activity)
    return f"{name}: {activity}" if activity else name


class _Clock:
    """Writes the moments of one zone; the same moments come up again and again."""

    def __init__(self, zone: str) -> None:
        self._name = zone or "UTC"
        self._zone = zones.zone(self._name)
        self._utc = zones.posix_rule(self._name) == "UTC0"
        self._written: dict[datetime, tuple[str, bool]] = {}

    def write(self, moment: datetime) -> tuple[str, bool]:
        """Return a moment as the end of a property, from its parameters on, and whether it names the zone."""
        found = self._written.get(moment)
        if found is None:
            found = self._written[moment] = self._write(moment)
        return found

    def _write(self, moment: datetime) -> tuple[str, bool]:
        local = moment.astimezone(self._zone)
        if not self._utc and holds(self._name, local):
            return f";TZID={self._name}:{_digits(local)}", True
        return f":{_utc(moment)}", False


def _head(
    feed: Feed,
    state: FeedState,
    fragments: Sequence[_Fragment],
    public_url: str,
    complete_from: datetime | None = None,
    complete_until: datetime | None = None,
) -> bytes:
    title = escape(display_text(state.title, missing=UNNAMED))
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:{PRODID}",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"NAME:{title}",
        f"X-WR-CALNAME:{title}",
        f"X-WR-TIMEZONE:{state.zone}",
        f"REFRESH-INTERVAL;VALUE=DURATION:{REFRESH}",
        f"X-PUBLISHED-TTL:{REFRESH}",
    ]
    if public_url:
        lines.append(f"SOURCE:{public_url}{feed_path(feed)}")
        lines.append(f"URL:{public_url}{page_path(feed, property_id=state.property_id)}")
    if complete_from:
        lines.append(f"X-ICALBRIDGE-COMPLETE-FROM:{_utc(complete_from)}")
    if complete_until:
        lines.append(f"X-ICALBRIDGE-COMPLETE-UNTIL:{_utc(complete_until)}")
    used = sorted(frozenset().union(*(each.zones for each in fragments)))
    return b"".join([*map(fold, lines), *(vtimezone(name).to_ical(sorted=False) for name in used)])


def _vevent(entry: Entry, clock: _Clock, public_url: str) -> _Fragment:
    start, starts_local = clock.write(entry.start)
    end, ends_local = clock.write(entry.end)
    modified = _utc(entry.modified)
    title, more_title = cut(summary(entry))
    location, more_location = cut(display_text(entry.location))
    lines = [
        "BEGIN:VEVENT",
        f"UID:{entry.uid}",
        f"DTSTAMP:{modified}",
        f"LAST-MODIFIED:{modified}",
        f"SEQUENCE:{entry.sequence}",
        f"DTSTART{start}",
        f"DTEND{end}",
        f"SUMMARY:{escape(title)}",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
    ]
    if location:
        lines.append(f"LOCATION:{escape(location)}")
    if more := "\n".join(filter(None, (more_title, more_location))):
        lines.append(f"DESCRIPTION:{escape(more)}")
    if category := display_text(entry.category):
        lines.append(f"CATEGORIES:{escape(category)}")
    if public_url:
        lines.append(f"URL:{public_url}{_page_of(entry)}")
    lines.append("END:VEVENT")
    named = frozenset({entry.zone}) if starts_local or ends_local else frozenset[str]()
    return _Fragment(b"".join(map(fold, lines)), entry.start, entry.end, named)


def _page_of(entry: Entry) -> str:
    if entry.facility_id:
        return page_path(Feed("facility", entry.facility_id))
    return page_path(Feed("property", entry.property_id))


@dataclass(frozen=True, slots=True)
class _Cut:
    """What is left of a feed that was too large."""

    kept: Sequence[_Fragment]
    complete_from: datetime | None
    complete_until: datetime | None
    since: datetime
    until: datetime


def _shortened(fragments: Sequence[_Fragment], zone: tzinfo, now: datetime, room: int) -> _Cut:
    """Keep the days that fit: the next few weeks, then the past from yesterday back, then the future beyond.

    What is still on counts as today's.
    """
    today = now.astimezone(zone).date()
    dated = [(_day(each, zone, now, today), each) for each in fragments]
    sizes: Counter[date] = Counter()
    for day, each in dated:
        sizes[day] += len(each.body)
    kept: set[date] = set()
    for day in sorted(sizes, key=lambda day: _worth((day - today).days)):
        room -= sizes[day]
        if room < 0:
            break
        kept.add(day)
    gone = sizes.keys() - kept
    past, future = [day for day in gone if day < today], [day for day in gone if day >= today]
    return _Cut(
        [each for day, each in dated if day in kept],
        _midnight(max(past) + timedelta(days=1), zone) if past else None,
        _midnight(min(future), zone) if future else None,
        _midnight(today, zone),
        _midnight(today + timedelta(days=1), zone),
    )


def _day(each: _Fragment, zone: tzinfo, now: datetime, today: date) -> date:
    day = each.start.astimezone(zone).date()
    return max(day, today) if each.end > now else day


def _worth(ahead: int) -> tuple[int, int]:
    """Return the rank of a day that is so many days ahead, the first to keep before the others."""
    if ahead < 0:
        return 1, -ahead
    return (0 if ahead < NEAR_DAYS else 2), ahead


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _digits(moment: datetime) -> str:
    return f"{moment.year:04}{moment.month:02}{moment.day:02}T{moment.hour:02}{moment.minute:02}{moment.second:02}"


def _utc(moment: datetime) -> str:
    return f"{_digits(moment.astimezone(UTC))}Z"
