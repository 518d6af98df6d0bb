"""Calendars as Google, Outlook, Apple and league software write them, pushed to the simulated
vendor on 2026-12-01: what `tests/data/push_cases/expected.json` says is what is booked.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.pushing import Pusher, calendar, event, pusher

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "data" / "push_cases"
EXPECTED: dict[str, dict[str, Any]] = {
    name: case
    for name, case in json.loads((FOLDER / "expected.json").read_text()).items()
    if name != "README"
}
NOW = datetime(2026, 12, 1, 20, tzinfo=UTC)
WORDS = {
    "a06-start-date-end-datetime": "its start is a day and its end a time with a zone",
    "b04-latin1": "Line 7: not UTF-8; read as Windows-1252.",
    "s01-created-year-0-google": "Line 10: CREATED cannot be read; left out.",
    "s05-trigger-bad": "Line 12: TRIGGER cannot be read; left out.",
    "s27-ends-after-midnight-same-date": "its end is before its start",
    "s49-vtimezone-bad-rrule-unused": "Line 4: this VTIMEZONE cannot be read; left out.",
}
"""What a person is shown of some of them."""


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Pusher]:
    """A vendor in which nothing is booked, on the day on which the cases are seen."""
    with pusher(f"sqlite:///{tmp_path}/bridge.db") as opened:
        opened.bridge.clock.advance(seconds=(NOW - opened.bridge.clock()).total_seconds())
        yield opened


def _starts(push: Pusher) -> list[str]:
    return [start[:16] for _name, _facility, start, _end, _activity in push.booked()]


def test_every_case_has_its_file() -> None:
    assert sorted(EXPECTED) == sorted(file.stem for file in FOLDER.glob("*.ics"))


@pytest.mark.parametrize("name", EXPECTED)
def test_case_comes_to_what_it_should(push: Pusher, name: str) -> None:
    """What is booked, impossible and noted; the next push finds it all there."""
    case, content = EXPECTED[name], (FOLDER / f"{name}.ics").read_bytes()
    push.push(content)
    assert sorted(_starts(push)) == case["starts"]
    assert len(push.decided.impossible) == case.get("impossible", 0)
    shown = [*push.requested.notes, *(item.why for item in push.decided.impossible)]
    assert "None" not in " ".join(shown)
    if name in WORDS:
        assert WORDS[name] in shown
    if "name" in case:
        assert {booked[0] for booked in push.booked()} == {case["name"]}
    assert push.push(content) == []


def test_cancel_method_cancels_what_it_names(push: Pusher) -> None:
    """The whole event; what was pushed under other UIDs stays."""
    push.push(calendar(event("a1@x", "20270112"), event("b", "20270113")))
    push.push((FOLDER / "m01-method-cancel.ics").read_bytes())
    assert _starts(push) == ["2027-01-13T18:00"]
    assert push.steps() == ["Cancel"]
    assert push.push((FOLDER / "m01-method-cancel.ics").read_bytes()) == []


@pytest.mark.parametrize(
    "recurrence",
    [
        "RECURRENCE-ID;TZID=America/Los_Angeles:20270112T180000",
        "RECURRENCE-ID:20270113T020000Z",
        "RECURRENCE-ID;VALUE=DATE:20270112",
    ],
)
def test_cancel_method_cancels_one_instance(push: Pusher, recurrence: str) -> None:
    """Whatever form its RECURRENCE-ID has; the rest of the series is booked still."""
    push.push(calendar(event("a", "20270105", "RRULE:FREQ=WEEKLY;COUNT=3")))
    cancel = calendar(("UID:a", recurrence), head=("METHOD:CANCEL",))
    push.push(cancel)
    assert _starts(push) == ["2027-01-05T18:00", "2027-01-19T18:00"]
    assert push.push(cancel) == []


def test_cancel_method_for_what_was_not_pushed_is_noted(push: Pusher) -> None:
    """And nothing is done."""
    push.push(calendar(event("b", "20270113")))
    assert push.push(calendar(event("a", "20270112"), head=("METHOD:CANCEL",))) == []
    assert push.requested.notes[1] == (
        "Nothing to come was pushed from this calendar for 'Practice', which it cancels."
    )


def test_several_events_of_one_uid_change_one_by_one(push: Pusher) -> None:
    """What stays is not written again: what is added, moved away or renamed is."""
    showings = [event("show", f"202702{day}", name=f"Play {day}") for day in (11, 12, 13)]
    push.push(calendar(*showings))
    before = push.writes()
    push.push(calendar(*showings, event("show", "20270214", name="Play 14")))
    assert push.steps() == ["Create"]
    push.push(calendar(*showings[1:]))
    assert push.steps() == ["Cancel", "Cancel"]
    assert push.writes() - before == {"POST": 1, "PATCH": 2}
    assert [booked[0] for booked in push.booked()] == ["Play 12", "Play 13"]


def test_event_keeps_its_booking_when_others_of_its_uid_come_and_go(push: Pusher) -> None:
    """Whether it is alone under its UID or one of several."""
    first, second = (
        event("team", day, name=f"Game {day[-2:]}") for day in ("20270112", "20270113")
    )
    push.push(calendar(first))
    push.push(calendar(first, second))
    assert push.steps() == ["Create"]
    assert push.push(calendar(first, second)) == []
    push.push(calendar(second))
    assert push.steps() == ["Cancel"]
    assert push.push(calendar(second)) == []
    assert [booked[0] for booked in push.booked()] == ["Game 13"]


def test_event_that_cannot_be_read_any_more_keeps_its_booking(push: Pusher) -> None:
    """Alone or beside others of its UID."""
    first, second = event("team", "20270112"), event("team", "20270113")
    push.push(calendar(first, second))
    broken = (*second[:3], "DTEND:later")
    assert push.push(calendar(first, broken)) == []
    assert push.push(calendar(first, ("UID:team", "DTSTART:soon"))) == []
    assert len(push.booked()) == 2
