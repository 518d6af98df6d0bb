"""`icalbridge.push` against the simulated vendor: what a calendar becomes, and becomes again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import IcalbridgeError, InvalidRequest
from icalbridge.push.apply import EventTerms
from tests.fixtures.pushing import Pusher, calendar, event, pusher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WEEKLY = event("weekly", "20261201", "RRULE:FREQ=WEEKLY;COUNT=5")
GAME = event("game", "20261204", name="Game")
EXDATE = "EXDATE;TZID=America/Los_Angeles:20261208T180000"


@pytest.fixture
def push(tmp_path: Path) -> Iterator[Pusher]:
    """A bridge and a vendor in which nothing is booked."""
    with pusher(f"sqlite:///{tmp_path}/bridge.db") as opened:
        yield opened


def test_calendar_becomes_events(push: Pusher) -> None:
    """One event a UID, one timeslot an instance, with the calendar's names and times."""
    outcomes = push.push(calendar(WEEKLY, GAME))
    assert [item.result for item in outcomes] == ["done", "done"]
    made = [item for item in push.bridge.world.events.values() if item["created_by_external_api"]]
    assert [(item["name"], len(item["timeslots"])) for item in made] == [
        ("Practice", 5),
        ("Game", 1),
    ]
    assert [item["start_datetime"] for item in made[0]["timeslots"]] == [
        "2026-12-01T18:00:00",
        "2026-12-08T18:00:00",
        "2026-12-15T18:00:00",
        "2026-12-22T18:00:00",
        "2026-12-29T18:00:00",
    ]
    assert push.booked() == push.expected()


def test_again_it_does_nothing(push: Pusher) -> None:
    """No step, and no write."""
    push.push(calendar(WEEKLY, GAME))
    before = push.writes()
    assert push.push(calendar(WEEKLY, GAME)) == []
    assert push.writes() == before


def test_store_follows_at_once(push: Pusher) -> None:
    """Feeds show it without a sync."""
    push.push(calendar(WEEKLY))
    assert [item.name for item in push.bridge.entries()] == ["Practice"] * 5


@pytest.mark.parametrize(
    ("edited", "steps"),
    [
        (
            [
                event("weekly", "20261201", "RRULE:FREQ=WEEKLY;COUNT=5"),
                event("game", "20261205", name="Game"),
            ],
            ["Move"],
        ),
        ([WEEKLY], ["Cancel"]),
        ([WEEKLY, GAME, event("other", "20261210")], ["Create"]),
        ([event("weekly", "20261201", "RRULE:FREQ=WEEKLY;COUNT=7"), GAME], ["Create"]),
        ([(*WEEKLY, EXDATE), GAME], ["Create", "Cancel"]),
        (
            [event("weekly", "20261201", "RRULE:FREQ=WEEKLY;COUNT=5", name="Training"), GAME],
            ["Create", "Cancel"],
        ),
    ],
    ids=["moved", "gone", "new", "longer", "exception", "renamed"],
)
def test_edit_is_the_difference(
    push: Pusher, edited: list[tuple[str, ...]], steps: list[str]
) -> None:
    """And nothing after it; what stands there is the calendar."""
    push.push(calendar(WEEKLY, GAME))
    outcomes = push.push(calendar(*edited))
    assert push.steps() == steps
    assert {item.result for item in outcomes} == {"done"}
    assert push.booked() == push.expected()
    assert push.push(calendar(*edited)) == []


def test_moved_instance_is_a_move(push: Pusher) -> None:
    """An exception with another time keeps its event and its timeslot."""
    push.push(calendar(WEEKLY))
    exception = event(
        "weekly", "20261209", "RECURRENCE-ID;TZID=America/Los_Angeles:20261208T180000"
    )
    push.push(calendar(WEEKLY, exception))
    assert push.steps() == ["Move"]
    assert (
        "Practice",
        push.facility(),
        "2026-12-09T18:00:00",
        "2026-12-09T19:30:00",
        "",
    ) in push.booked()
    assert push.booked() == push.expected()


def test_cancelled_uid_returns_under_another_id(push: Pusher) -> None:
    """An external id is taken for ever."""
    for content in ([GAME], [], [GAME], [], [GAME]):
        push.push(calendar(*content))
    made = [item for item in push.bridge.world.events.values() if item["created_by_external_api"]]
    assert [item["external_system_event_id"].rpartition("-")[2] for item in made] == ["0", "1", "2"]
    assert [item["status"] for item in made] == ["Cancelled", "Cancelled", "Approved"]


def test_lost_store_makes_nothing_twice(push: Pusher) -> None:
    """Ids are made of the calendar alone: what has one already is taken up, also what was
    cancelled.
    """
    push.push(calendar(WEEKLY, GAME))
    push.push(calendar(WEEKLY))
    push.push(calendar(WEEKLY, GAME))
    expected = push.booked()
    with push.bridge.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM pushed")
    push.push(calendar(WEEKLY, GAME))
    assert push.booked() == expected
    assert push.push(calendar(WEEKLY, GAME)) == []


def test_collision_is_told_with_what_it_collides_with(push: Pusher) -> None:
    """It is booked all the same, as the vendor does."""
    push.push(calendar(GAME))
    push.source = "other"
    outcomes = push.push(
        calendar(event("theirs", "20261204", name="Concert", begin="190000", end="210000"))
    )
    assert [(item.result, item.collisions) for item in outcomes] == [
        ("collides", ("'Game' on 2026-12-04 from 18:00 to 19:30 in Main Gym, Lincoln High School",))
    ]


def test_new_date_that_collides_with_what_nobody_here_knows_is_told(push: Pusher) -> None:
    """An older event of the same UID is no excuse, where it is on other days."""
    push.push(calendar(WEEKLY))
    push.source = "other"
    push.push(calendar(event("theirs", "20270105", name="Concert")))
    with push.bridge.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM entries WHERE name = 'Concert'")
    push.source = "season"
    outcomes = push.push(calendar(event("weekly", "20261201", "RRULE:FREQ=WEEKLY;COUNT=6")))
    assert push.steps() == ["Create"]
    assert [(item.result, item.collisions) for item in outcomes] == [("collides", ())]


def test_creation_with_an_answer_that_nobody_can_read_is_told_and_the_others_go_on(
    push: Pusher,
) -> None:
    """Whether it was made is for the next push to find out, which makes nothing twice."""
    push.bridge.fail("truncated:first=1000")
    outcomes = push.push(calendar(GAME, WEEKLY))
    assert [item.result for item in outcomes] == ["refused", "refused"]
    push.bridge.heal()
    push.push(calendar(GAME, WEEKLY))
    assert push.booked() == push.expected()
    assert push.push(calendar(GAME, WEEKLY)) == []


def test_same_refusal_again_and_again_ends_the_push(push: Pusher) -> None:
    """The quota is not spent on what the vendor refuses for all alike."""
    push.terms = EventTerms("nobody@school.example", 12)
    season = [event(f"game-{item}", f"202612{item:02}", name="Game") for item in range(1, 9)]
    with pytest.raises(IcalbridgeError) as caught:
        push.push(calendar(*season))
    assert str(caught.value) == (
        "Facilitron refuses one event after the other: the booking system says: User not found –"
        " the renter's e-mail address belongs to no known renter (404 US001)"
    )
    assert push.writes() == {"POST": 3}


def test_terms_that_are_wrong_are_found_before_anything_is_sent(push: Pusher) -> None:
    """Also where something is to be cancelled for it."""
    push.push(calendar(WEEKLY))
    before = push.writes()
    push.terms = EventTerms("nobody", 12)
    with pytest.raises(InvalidRequest):
        push.push(calendar((*WEEKLY, EXDATE)))
    assert push.writes() == before


def test_move_onto_a_booking_is_told(push: Pusher) -> None:
    """Nothing was changed, and the next push tries again."""
    push.push(calendar(GAME))
    push.source = "other"
    push.push(calendar(event("theirs", "20261205", name="Concert")))
    before = push.booked()
    for _ in range(2):
        outcomes = push.push(calendar(event("theirs", "20261204", name="Concert")))
        assert [(item.result, item.why, item.collisions) for item in outcomes] == [
            (
                "refused",
                "the booking system says: Conflict – The facility is booked at that time (409 EV004)",
                ("'Game' on 2026-12-04 from 18:00 to 19:30 in Main Gym, Lincoln High School",),
            )
        ]
        assert push.booked() == before


def test_moves_in_each_others_way_are_done_in_order(push: Pusher) -> None:
    """A goes where B is, B elsewhere: whichever is tried first."""
    first, second = event("a", "20261201"), event("b", "20261202")
    push.push(calendar(first, second))
    outcomes = push.push(calendar(event("a", "20261202"), event("b", "20261203")))
    assert [item.result for item in outcomes] == ["done", "done"]
    assert push.booked() == push.expected()


def test_what_somebody_cancelled_stays_so(push: Pusher) -> None:
    """The people at the vendor have the last word, unless `--again` takes it back."""
    push.push(calendar(GAME))
    made = next(
        key for key, item in push.bridge.world.events.items() if item["created_by_external_api"]
    )
    push.bridge.world.set_status(made, "Cancelled")
    assert push.push(calendar(GAME)) == []
    assert [item.why for item in push.decided.impossible] == [
        "somebody canceled it in Facilitron, and so it stays; --again makes it anew"
    ]
    push.again = True
    push.push(calendar(GAME))
    assert push.booked() == push.expected() != []


def test_place_moves_within_a_property_and_is_made_anew_in_another(push: Pusher) -> None:
    """A change of facility is a move; no event has facilities of two properties."""
    district = push.bridge.world.properties[2]["_id"]
    there = str(push.bridge.world.facilities_of(district)[0]["_id"])
    push.given = [f"Gym={push.facility(0)}", f"Pool={push.facility(1)}", f"Away={there}"]
    push.push(calendar((*GAME, "LOCATION:Gym")))
    push.push(calendar((*GAME, "LOCATION:Pool")))
    assert push.steps() == ["Move"]
    assert push.booked() == push.expected()
    push.push(calendar((*GAME, "LOCATION:Away")))
    assert push.steps() == ["Create", "Cancel"]
    assert [item[1] for item in push.booked()] == [there]


def test_what_is_over_is_left_alone(push: Pusher) -> None:
    """A calendar that forgets its past cancels nothing."""
    push.push(calendar(WEEKLY, GAME))
    before = push.booked()
    push.bridge.clock.advance(days=20)
    assert push.push(calendar(event("weekly", "20261215", "RRULE:FREQ=WEEKLY;COUNT=3"))) == []
    assert push.booked() == before


def test_recent_past_goes_along_when_an_event_is_made_anew(push: Pusher) -> None:
    """As far back as the vendor takes it."""
    push.push(calendar(WEEKLY))
    push.bridge.clock.advance(days=20)
    late = "EXDATE;TZID=America/Los_Angeles:20261229T180000"
    push.push(calendar((*WEEKLY, late)))
    assert push.steps() == ["Create", "Cancel"]
    assert [item[2] for item in push.booked()] == [
        "2026-12-08T18:00:00",
        "2026-12-15T18:00:00",
        "2026-12-22T18:00:00",
    ]
    assert push.push(calendar((*WEEKLY, late))) == []


def test_instance_that_cannot_be_is_left_as_it_was(push: Pusher) -> None:
    """Neither moved nor cancelled, and told."""
    push.given = [f"Gym={push.facility()}"]
    push.push(calendar((*WEEKLY, "LOCATION:Gym")))
    before = push.booked()
    moved = event(
        "weekly",
        "20261209",
        "RECURRENCE-ID;TZID=America/Los_Angeles:20261208T180000",
        "LOCATION:Nowhere",
    )
    assert push.push(calendar((*WEEKLY, "LOCATION:Gym"), moved)) == []
    assert [item.why for item in push.decided.impossible] == ["no facility is given for 'Nowhere'"]
    assert push.booked() == before


@pytest.mark.parametrize("bad", [1, 5], ids=["one", "all"])
def test_timeslot_that_cannot_be_read_is_not_taken_for_none(push: Pusher, bad: int) -> None:
    """Nothing is made beside it, and nothing is settled: once it can be read again, all is as
    before.
    """
    push.push(calendar(WEEKLY))
    made = next(
        item for item in push.bridge.world.events.values() if item["created_by_external_api"]
    )
    content = [item["start_datetime"] for item in made["timeslots"]]
    for item in made["timeslots"][:bad]:
        item["start_datetime"] = "next Tuesday"
    for edited in (WEEKLY, (*WEEKLY, EXDATE)):
        assert push.push(calendar(edited)) == []
        assert [item.why for item in push.decided.impossible] == [
            "what Facilitron has of it cannot be read, and so it stays as it is"
        ]
    for item, start in zip(made["timeslots"], content, strict=True):
        item["start_datetime"] = start
    assert push.push(calendar(WEEKLY)) == []
    assert (push.decided.impossible, len(push.decided.unchanged)) == ((), 1)
