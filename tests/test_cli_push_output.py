"""`icalbridge.cli.push_output`: a plan in rows, and what did not go as planned in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icalbridge.cli.push_output import PlanRow, plan_rows, sentences, summary
from icalbridge.push.session import load_pushed
from tests.fixtures.pushing import Pusher, at, calendar, event, pusher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOM = "Main Gym, Lincoln High School"
GAME = event("game", "20261204", name="Game")


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Pusher]:
    """A bridge and a vendor in which nothing is booked."""
    with pusher(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


def _rows(push: Pusher) -> list[PlanRow]:
    """Return the rows of the last plan, as the store stands now."""
    bridge, known = push.bridge, push.places()
    there = load_pushed(push.session(), push.source, known.zones)
    return plan_rows(push.decided, known, bridge.store, there)


def test_plan_says_what_it_collides_with(push: Pusher) -> None:
    """Before anything is booked; three by name, the rest counted."""
    for number in range(5):
        push.source = f"other-{number}"
        push.push(calendar(event(f"o{number}", "20261204", name=f"Other {number}")))
    push.source = "season"
    push.push(calendar(GAME))
    assert _rows(push)[0].collides_with == (
        *(f"'Other {number}' on 2026-12-04 from 18:00 to 19:30 in {ROOM}" for number in range(3)),
        "2 more",
    )


def test_what_stays_says_what_it_collides_with(push: Pusher) -> None:
    """Whenever the plan is looked at: the push that booked it may have been broken off before it
    said so.
    """
    push.push(calendar(GAME, event("alone", "20261205", name="Alone")))
    push.source = "other"
    push.push(calendar(event("o", "20261204", name="Other")))
    push.source = "season"
    assert push.push(calendar(GAME, event("alone", "20261205", name="Alone"))) == []
    assert [(item.what, item.name, item.collides_with) for item in _rows(push)] == [
        ("unchanged", "Game", (f"'Other' on 2026-12-04 from 18:00 to 19:30 in {ROOM}",)),
        ("unchanged", "Alone", ()),
    ]


def test_event_does_not_collide_with_itself(push: Pusher) -> None:
    """Nor with what is cancelled for it."""
    push.push(calendar(GAME))
    push.push(calendar(event("game", "20261204", name="Match")))
    assert [(item.what, item.why, item.collides_with) for item in _rows(push)] == [
        ("create", "", ()),
        ("cancel", "it has another name, and the vendor can rename no event", ()),
    ]


def test_swap_of_two_events_collides_with_nothing(push: Pusher) -> None:
    """Each leaves the place of the other: neither plan nor outcomes name a collision."""
    first, second = ("100000", "110000"), ("120000", "130000")

    def day(*times: tuple[str, str]) -> bytes:
        return calendar(
            *(
                event(uid, "20261204", name=uid.title(), begin=begin, end=end)
                for uid, (begin, end) in zip(("a", "b"), times, strict=True)
            )
        )

    push.push(day(first, second))
    rows: list[PlanRow] = []
    outcomes = push.push(day(second, first), on_plan=lambda: rows.extend(_rows(push)))
    assert sorted(item.what for item in rows) == ["cancel", "create", "move"]
    assert [item.collides_with for item in rows] == [(), (), ()]
    assert list(sentences(outcomes, push.places())) == []
    assert push.push(day(second, first)) == []


def test_span_to_another_day_names_it(push: Pusher) -> None:
    night = ("UID:n", "SUMMARY:Dance", at("20261204", "200000"), at("20261205", "013000", "DTEND"))
    push.push(calendar(night), on_plan=lambda: None)
    push.push(calendar())
    assert _rows(push)[0].when == "Fri 2026-12-04 20:00–Sat 2026-12-05 01:30"


def test_move_says_what_changes(push: Pusher) -> None:
    """Time, place and text."""
    weekly = event("w", "20261201", "RRULE:FREQ=WEEKLY;COUNT=2", "LOCATION:Gym")
    push.given = [f"Gym={push.facility(0)}", f"Court={push.facility(1)}"]
    push.push(calendar(weekly))
    moved = event(
        "w", "20261209", at("20261208", "180000", "RECURRENCE-ID"), "LOCATION:Court", name="Final"
    )
    push.push(calendar(weekly, moved))
    court = push.places().facilities[push.facility(1)].name
    shown = _rows(push)
    assert [(item.what, item.when, item.where, item.why) for item in shown] == [
        (
            "move",
            "Wed 2026-12-09 18:00–19:30",
            f"{court}, Lincoln High School",
            "it is at Tue 2026-12-08 18:00–19:30 now; it is in Main Gym now; its text has changed",
        ),
        ("unchanged", "from 2026-12-01", "", ""),
    ]
    assert (
        summary(shown) == "0 to create, 1 to move, 0 to cancel, 1 timeslot unchanged, 0 impossible."
    )


def test_what_is_impossible_for_one_reason_is_one_row(push: Pusher) -> None:
    """With how often, and until when."""
    push.given = [f"Gym={push.facility()}"]
    push.push(calendar(event("w", "20261201", "RRULE:FREQ=WEEKLY;COUNT=3", "LOCATION:Nowhere")))
    assert _rows(push) == [
        PlanRow(
            "impossible",
            "Practice",
            "w",
            "2026-12-01, 3 times to 2026-12-15",
            "",
            3,
            "no facility is given for 'Nowhere'",
        )
    ]


def test_refusal_and_collision_have_their_sentence(push: Pusher) -> None:
    """With the other booking's name and time."""
    push.push(calendar(GAME))
    push.source = "other"
    made = push.push(
        calendar(event("o", "20261204", name="Concert"), event("p", "20261210", name="Play"))
    )
    moved = push.push(
        calendar(event("o", "20261204", name="Concert"), event("p", "20261204", name="Play"))
    )
    concert, play = (list(sentences(outcomes, push.places())) for outcomes in (made, moved))
    assert concert == [
        (
            "'Concert' (2026-12-04) is booked, and collides with 'Game' on 2026-12-04 from 18:00 to"
            f" 19:30 in {ROOM}."
        )
    ]
    others = " and with ".join(
        f"'{item}' on 2026-12-04 from 18:00 to 19:30 in {ROOM}," for item in ("Concert", "Game")
    )
    said = (
        "'Play' (2026-12-04) could not be moved: the booking system says: Conflict – The facility"
        " is booked at that time (409 EV004); it collides with"
    )
    assert play == [f"{said} {others.removesuffix(',')}."]
