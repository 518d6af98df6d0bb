"""`icalbridge.feeds.formats.ics`: the octets of a feed, whatever is in it (contract: "What a feed
contains"; RFC 5545).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.any_entries import FEEDS, MANY, STATES, TEXTS, in_order, said
from tests.fixtures.rendering import render_ics
from tests.golden import CASES, GYM_FEED, STATE
from tests.samples import NOW, entry

if TYPE_CHECKING:
    from icalbridge.feeds import Rendered
    from icalbridge.models import Entry, Feed, FeedState

URL = "https://calendars.example.org"
UNLIMITED = 10**9
LIMITS = len(
    "X-ICALBRIDGE-COMPLETE-FROM:20261121T080000Z\r\nX-ICALBRIDGE-COMPLETE-UNTIL:20261121T080000Z\r\n"
)
NEAR = st.integers(-1, 12_000)

_CONTENT = re.compile(r"([A-Z0-9-]+)((?:;[A-Z0-9-]+=[^;:\",\x00-\x1f]+)*):(.*)", re.DOTALL)
"""RFC 5545, section 3.1: name, parameters, value."""


@dataclass(frozen=True)
class Line:
    """One content line, unfolded."""

    name: str
    parameters: str
    value: str


def render(
    entries: list[Entry],
    feed: Feed = GYM_FEED,
    state: FeedState = STATE,
    url: str = URL,
    most: int = UNLIMITED,
) -> Rendered:
    return render_ics(feed, state, entries, now=NOW, public_url=url, max_bytes=most)


def content(body: bytes) -> list[Line]:
    """Unfold a file by the letter of RFC 5545, section 3.1; a line that is none fails the test."""
    assert body.endswith(b"\r\n")
    unfolded: list[str] = []
    for octets in body[:-2].split(b"\r\n"):
        assert 0 < len(octets) <= 75
        assert not set(octets) & set(b"\r\n")
        physical = octets.decode("utf-8")
        if physical.startswith(" "):
            unfolded[-1] += physical[1:]
        else:
            unfolded.append(physical)
    found = [_CONTENT.fullmatch(each) for each in unfolded]
    assert all(found), [line for line, match in zip(unfolded, found, strict=True) if not match]
    return [Line(*match.groups()) for match in found if match]


def values(lines: list[Line], name: str) -> list[str]:
    return [line.value for line in lines if line.name == name]


def unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] in "nN" else found[1], value)


@given(FEEDS, STATES, MANY, st.sampled_from(["", URL]))
def test_every_line_is_folded_and_says_something(
    feed: Feed, state: FeedState, entries: list[Entry], url: str
) -> None:
    """75 octets and CRLF, folded between characters; no empty value, white space around one, or
    control character.
    """
    for line in content(render(entries, feed, state, url).body):
        text = unescaped(line.value)
        assert text
        assert text == text.strip()
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", line.value)


@given(FEEDS, STATES, MANY, st.sampled_from(["", URL]))
def test_the_frame_is_a_calendars(
    feed: Feed, state: FeedState, entries: list[Entry], url: str
) -> None:
    """Whatever the texts say, components are the writer's own: the head, the zones, then one VEVENT
    for each entry.
    """
    lines = content(render(entries, feed, state, url).body)
    frame = [f"{line.name}:{line.value}" for line in lines if line.name in {"BEGIN", "END"}]
    events = ["BEGIN:VEVENT", "END:VEVENT"] * len(entries)
    zones = frame[1 : len(frame) - 1 - len(events)]
    assert frame == ["BEGIN:VCALENDAR", *zones, *events, "END:VCALENDAR"]
    assert {each.partition(":")[2] for each in zones} <= {"VTIMEZONE", "STANDARD", "DAYLIGHT"}
    head = [
        "BEGIN",
        "VERSION",
        "PRODID",
        "CALSCALE",
        "METHOD",
        "NAME",
        "X-WR-CALNAME",
        "X-WR-TIMEZONE",
    ]
    head += [
        "REFRESH-INTERVAL",
        "X-PUBLISHED-TTL",
        *(["SOURCE", "URL"] if url else []),
        "BEGIN" if entries else "END",
    ]
    assert [line.name for line in lines[: len(head)]] == head


@given(TEXTS)
@example("\ufeffGym\ufeff")
def test_the_calendars_name_is_its_title(title: str) -> None:
    """NAME and X-WR-CALNAME are the feed's title, cleaned and otherwise whole; one that is empty is
    Reserved.
    """
    lines = content(render([], state=replace(STATE, title=title)).body)
    for name in ("NAME", "X-WR-CALNAME"):
        assert [unescaped(each) for each in values(lines, name)] == [said(title) or "Reserved"]


@given(STATES, MANY)
def test_vtimezones_are_those_used(state: FeedState, entries: list[Entry]) -> None:
    """One VTIMEZONE for each TZID that a VEVENT names, each with its rules, and none besides; never
    a floating time.
    """
    lines = content(render(entries, state=state).body)
    used = {
        line.parameters.removeprefix(";TZID=")
        for line in lines
        if line.parameters.startswith(";TZID=")
    }
    assert sorted(used) == values(lines, "TZID")
    moments = (
        [
            line
            for line in lines[lines.index(Line("BEGIN", "", "VEVENT")) :]
            if line.name in {"DTSTART", "DTEND"}
        ]
        if entries
        else []
    )
    assert [line.name for line in moments] == ["DTSTART", "DTEND"] * len(entries)
    assert all(bool(each.parameters) != each.value.endswith("Z") for each in moments)


@given(MANY)
def test_vevents_are_unique_and_short_enough(entries: list[Entry]) -> None:
    """A UID is one entry's alone, ends in @icalbridge and has at most 255 octets; Outlook cuts
    texts at 255 units.
    """
    lines = content(render(entries).body)
    uids = values(lines, "UID")
    assert uids == [each.uid for each in entries]
    assert len(set(uids)) == len(uids)
    assert all(each.endswith("@icalbridge") and len(each.encode()) <= 255 for each in uids)
    texts = [unescaped(each) for each in values(lines, "SUMMARY") + values(lines, "LOCATION")]
    assert all(len(each.encode("utf-16-le")) <= 2 * 255 for each in texts)


@given(STATES, MANY, NEAR)
def test_size_is_kept_by_leaving_out_whole_days(
    state: FeedState, entries: list[Entry], over: int
) -> None:
    """A feed that fits is whole. One that does not keeps whole days, as many as fit in this order:
    the next 31 days, then the past from yesterday back, then what is further ahead; and it says
    what of the ends is missing.
    """
    whole = render(entries, state=state)
    smallest = len(render([], state=state).body) + 2_000
    most = max(smallest, len(whole.body) - over)
    found = render(entries, state=state, most=most)
    assert len(found.body) <= most
    if len(whole.body) <= most:
        assert found == whole
        assert b"X-ICALBRIDGE-COMPLETE" not in whole.body
        return
    zone = ZoneInfo(state.zone)
    today = NOW.astimezone(zone).date()
    head = len(whole.body) - sum(map(size, entries))

    def ahead(each: Entry) -> int:
        """In how many days it is; what is on is today's."""
        days = (each.start.astimezone(zone).date() - today).days
        return max(days, 0) if each.end > NOW else days

    lines = content(found.body)
    shown = set(values(lines, "UID"))
    first_days = sorted(
        {ahead(each) for each in entries}, key=lambda day: (not 0 <= day < 31, day >= 0, abs(day))
    )
    first = sum(size(each) for each in entries if ahead(each) == first_days[0])
    if first > most - head - LIMITS and any(ahead(each) >= 0 for each in entries):
        return  # see tests/test_feeds_fit.py
    kept = {ahead(each) for each in entries if each.uid in shown}
    assert [each.uid for each in entries if ahead(each) in kept] == values(lines, "UID")
    assert found.count == len(shown) < len(entries)
    near = sorted({ahead(each) for each in entries if 0 <= ahead(each) < 31})
    past = sorted({ahead(each) for each in entries if ahead(each) < 0}, reverse=True)
    far = sorted({ahead(each) for each in entries if ahead(each) >= 31})
    order = [*near, *past, *far]
    assert kept == set(order[: len(kept)])
    next_day = order[len(kept)]
    assert (
        head + sum(size(each) for each in entries if ahead(each) in {*kept, next_day}) + LIMITS
        > most
    )
    gone = set(order[len(kept) :])
    future, gone_past = [day for day in gone if day >= 0], [day for day in gone if day < 0]
    assert found.complete_until == (midnight(today, min(future), zone) if future else None)
    assert found.complete_from == (midnight(today, max(gone_past) + 1, zone) if gone_past else None)
    for name, moment in (("UNTIL", found.complete_until), ("FROM", found.complete_from)):
        said = [f"{moment:%Y%m%dT%H%M%SZ}"] if moment else []
        assert values(lines, f"X-ICALBRIDGE-COMPLETE-{name}") == said


def midnight(today: date, days: int, zone: ZoneInfo) -> datetime:
    return datetime.combine(today + timedelta(days=days), time(), zone).astimezone(UTC)


def size(each: Entry) -> int:
    """Return how many octets an entry's VEVENT has."""
    body = render([each]).body
    return body.index(b"END:VCALENDAR\r\n") - body.index(b"BEGIN:VEVENT\r\n")


@pytest.mark.parametrize(("lacking", "days"), [(1, 3), (3, 3), (4, 2), (6, 2), (7, 1)])
def test_a_day_that_does_not_fit_whole_is_left_out_whole(lacking: int, days: int) -> None:
    """Three timeslots a day: lacking room for one of them leaves out all three of its day."""
    many = [entry(24 * day + hour, uid=f"u{day}{hour}") for day in range(4) for hour in (0, 1, 2)]
    found = render(many, most=len(render(many).body) + LIMITS - lacking * size(many[0]))
    assert found.count == 3 * days
    assert found.complete_until == datetime.combine(
        (NOW + timedelta(days=days)).date(), time(8), UTC
    )


def test_feed_that_is_too_large_never_loses_today_to_the_past() -> None:
    """Two months of history give way to what is on now and comes next."""
    history = [entry(-24 * day, uid=f"p{day}") for day in range(1, 61)]
    running = entry(-1, uid="on")
    coming = [entry(24 * day + 1, uid=f"f{day}") for day in range(31)]
    many = [*reversed(history), running, *coming]
    head = len(render([]).body)
    room = head + 1_200 + LIMITS + sum(map(size, [running, *coming]))
    found = render(many, most=room)
    uids = values(content(found.body), "UID")
    assert {"on@icalbridge", *(f"f{day}@icalbridge" for day in range(31))} <= set(uids)
    assert found.complete_until is None
    assert found.complete_from is not None
    assert NOW - timedelta(days=5) < found.complete_from < NOW
    tight = render(many, most=head + 1_200 + LIMITS + 5 * size(running))
    assert values(content(tight.body), "UID")[:2] == ["on@icalbridge", "f0@icalbridge"]
    assert tight.complete_until is not None
    assert tight.complete_until > NOW


@given(MANY)
def test_same_entries_give_the_same_bytes(entries: list[Entry]) -> None:
    """However often they are rendered, and in whatever order they were found before they were put
    in order.
    """
    assert render(entries) == render(in_order(reversed(entries)))


PRINT_CASES = """
import sys
from tests.golden import CASES

for name in CASES:
    sys.stdout.buffer.write(CASES[name]().body)
"""


@pytest.mark.parametrize(
    ("seed", "zone", "language"), [("1", "Asia/Tokyo", "C"), ("2", "America/St_Johns", "tr_TR")]
)
def test_another_process_gives_the_same_bytes(seed: str, zone: str, language: str) -> None:
    """Neither the hash seed, nor the machine's time zone or zone data, nor its language shows in a
    feed.
    """
    odd = {"PYTHONHASHSEED": seed, "TZ": zone, "LC_ALL": language, "PYTHONTZPATH": ""}
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", PRINT_CASES],
        cwd=root,
        env={**os.environ, **odd},
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"".join(CASES[each]().body for each in CASES)
