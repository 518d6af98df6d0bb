"""`icalbridge.push` against the simulated vendor: what a calendar becomes, and becomes again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import InvalidRequest, QuotaSpent
from icalbridge.push.apply import EventTerms, RepeatedRefusal
from tests.fixtures.pushing import Deadly, Killed, Pusher, at, calendar, event, pusher

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


def _writes(push: Pusher) -> Counter[str]:
    """Count the requests that wrote so far."""
    return Counter(
        method for method, _path, _query, _status in push.bridge.state.requests if method != "GET"
    )


def _steps(push: Pusher) -> list[str]:
    return [type(each).__name__ for each in push.decided.steps]


def test_calendar_becomes_events(push: Pusher) -> None:
    """One event a UID, one timeslot an instance, with the calendar's names and times."""
    outcomes = push.push(calendar(WEEKLY, GAME))
    assert [each.result for each in outcomes] == ["done", "done"]
    made = [each for each in push.bridge.world.events.values() if each["created_by_external_api"]]
    assert [(each["name"], len(each["timeslots"])) for each in made] == [
        ("Practice", 5),
        ("Game", 1),
    ]
    assert [each["start_datetime"] for each in made[0]["timeslots"]] == [
        "2026-12-01T18:00:00",
        "2026-12-08T18:00:00",
        "2026-12-15T18:00:00",
        "2026-12-22T18:00:00",
        "2026-12-29T18:00:00",
    ]
    assert push.booked() == push.wished()


def test_again_it_does_nothing(push: Pusher) -> None:
    """No step, and no write."""
    push.push(calendar(WEEKLY, GAME))
    before = _writes(push)
    assert push.push(calendar(WEEKLY, GAME)) == []
    assert _writes(push) == before


def test_store_follows_at_once(push: Pusher) -> None:
    """Feeds show it without a sync."""
    push.push(calendar(WEEKLY))
    assert [each.name for each in push.bridge.entries()] == ["Practice"] * 5


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
    assert _steps(push) == steps
    assert {each.result for each in outcomes} == {"done"}
    assert push.booked() == push.wished()
    assert push.push(calendar(*edited)) == []


def test_moved_instance_is_a_move(push: Pusher) -> None:
    """An exception with another time keeps its event and its timeslot."""
    push.push(calendar(WEEKLY))
    exception = event(
        "weekly", "20261209", "RECURRENCE-ID;TZID=America/Los_Angeles:20261208T180000"
    )
    push.push(calendar(WEEKLY, exception))
    assert _steps(push) == ["Move"]
    assert (
        "Practice",
        push.facility(),
        "2026-12-09T18:00:00",
        "2026-12-09T19:30:00",
        "",
    ) in push.booked()
    assert push.booked() == push.wished()


def test_cancelled_uid_returns_under_another_id(push: Pusher) -> None:
    """An external id is taken for ever."""
    for told in ([GAME], [], [GAME], [], [GAME]):
        push.push(calendar(*told))
    made = [each for each in push.bridge.world.events.values() if each["created_by_external_api"]]
    assert [each["external_system_event_id"].rpartition("-")[2] for each in made] == ["0", "1", "2"]
    assert [each["status"] for each in made] == ["Cancelled", "Cancelled", "Approved"]


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
    assert [(each.result, each.collisions) for each in outcomes] == [
        ("collides", ("'Game' on 2026-12-04 from 18:00 to 19:30 in Main Gym",))
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
    assert _steps(push) == ["Create"]
    assert [(each.result, each.collisions) for each in outcomes] == [("collides", ())]


def test_creation_with_an_answer_that_nobody_can_read_is_told_and_the_others_go_on(
    push: Pusher,
) -> None:
    """Whether it was made is for the next push to find out, which makes nothing twice."""
    push.bridge.fail("truncated:first=1000")
    outcomes = push.push(calendar(GAME, WEEKLY))
    assert [each.result for each in outcomes] == ["refused", "refused"]
    push.bridge.heal()
    push.push(calendar(GAME, WEEKLY))
    assert push.booked() == push.wished()
    assert push.push(calendar(GAME, WEEKLY)) == []


def test_same_refusal_again_and_again_ends_the_push(push: Pusher) -> None:
    """The quota is not spent on what the vendor refuses for all alike."""
    push.terms = EventTerms("nobody@school.example", 12)
    season = [event(f"game-{each}", f"202612{each:02}", name="Game") for each in range(1, 9)]
    with pytest.raises(RepeatedRefusal) as caught:
        push.push(calendar(*season))
    assert str(caught.value) == "User not found – renter_email belongs to no known renter."
    assert _writes(push) == {"POST": 3}


def test_terms_that_are_wrong_are_found_before_anything_is_sent(push: Pusher) -> None:
    """Also where something is to be cancelled for it."""
    push.push(calendar(WEEKLY))
    before = _writes(push)
    push.terms = EventTerms("nobody", 12)
    with pytest.raises(InvalidRequest):
        push.push(calendar((*WEEKLY, EXDATE)))
    assert _writes(push) == before


def test_move_onto_a_booking_is_told(push: Pusher) -> None:
    """Nothing was changed, and the next push tries again."""
    push.push(calendar(GAME))
    push.source = "other"
    push.push(calendar(event("theirs", "20261205", name="Concert")))
    before = push.booked()
    for _ in range(2):
        outcomes = push.push(calendar(event("theirs", "20261204", name="Concert")))
        assert [(each.result, each.why, each.collisions) for each in outcomes] == [
            (
                "refused",
                "Conflict – The facility is booked at that time.",
                ("'Game' on 2026-12-04 from 18:00 to 19:30 in Main Gym",),
            )
        ]
        assert push.booked() == before


def test_moves_in_each_others_way_are_done_in_order(push: Pusher) -> None:
    """A goes where B is, B elsewhere: whichever is tried first."""
    first, second = event("a", "20261201"), event("b", "20261202")
    push.push(calendar(first, second))
    outcomes = push.push(calendar(event("a", "20261202"), event("b", "20261203")))
    assert [each.result for each in outcomes] == ["done", "done"]
    assert push.booked() == push.wished()


def test_what_somebody_cancelled_stays_so(push: Pusher) -> None:
    """The people at the vendor have the last word, unless `--again` takes it back."""
    push.push(calendar(GAME))
    made = next(
        key for key, each in push.bridge.world.events.items() if each["created_by_external_api"]
    )
    push.bridge.world.set_status(made, "Cancelled")
    assert push.push(calendar(GAME)) == []
    assert [each.why for each in push.decided.impossible] == [
        "somebody cancelled it in Facilitron, and so it stays; --again makes it anew"
    ]
    push.again = True
    push.push(calendar(GAME))
    assert push.booked() == push.wished() != []


def test_place_moves_within_a_property_and_is_made_anew_in_another(push: Pusher) -> None:
    """A change of facility is a move; no event has facilities of two properties."""
    district = push.bridge.world.properties[2]["_id"]
    there = str(push.bridge.world.facilities_of(district)[0]["_id"])
    push.given = [f"Gym={push.facility(0)}", f"Pool={push.facility(1)}", f"Away={there}"]
    push.push(calendar((*GAME, "LOCATION:Gym")))
    push.push(calendar((*GAME, "LOCATION:Pool")))
    assert _steps(push) == ["Move"]
    assert push.booked() == push.wished()
    push.push(calendar((*GAME, "LOCATION:Away")))
    assert _steps(push) == ["Create", "Cancel"]
    assert [each[1] for each in push.booked()] == [there]


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
    assert _steps(push) == ["Create", "Cancel"]
    assert [each[2] for each in push.booked()] == [
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
    assert [each.why for each in push.decided.impossible] == ["no facility is given for 'Nowhere'"]
    assert push.booked() == before


@pytest.mark.parametrize("bad", [1, 5], ids=["one", "all"])
def test_timeslot_that_cannot_be_read_is_not_taken_for_none(push: Pusher, bad: int) -> None:
    """Nothing is made beside it, and nothing is settled: once it can be read again, all is as
    before.
    """
    push.push(calendar(WEEKLY))
    made = next(
        each for each in push.bridge.world.events.values() if each["created_by_external_api"]
    )
    told = [each["start_datetime"] for each in made["timeslots"]]
    for each in made["timeslots"][:bad]:
        each["start_datetime"] = "next Tuesday"
    for edited in (WEEKLY, (*WEEKLY, EXDATE)):
        assert push.push(calendar(edited)) == []
        assert [each.why for each in push.decided.impossible] == [
            "what Facilitron has of it cannot be read, and so it stays as it is"
        ]
    for each, start in zip(made["timeslots"], told, strict=True):
        each["start_datetime"] = start
    assert push.push(calendar(WEEKLY)) == []
    assert (push.decided.impossible, len(push.decided.unchanged)) == ((), 1)


def test_refusal_at_one_property_keeps_nothing_up_at_another(push: Pusher) -> None:
    """What is made anew there is made, and the old one goes, at once and not only when all is well."""
    district = push.bridge.world.properties[2]["_id"]
    there = push.bridge.world.facilities_of(district)[0]
    push.given = [f"Gym={push.facility()}", f"Away={there['_id']}"]
    push.push(calendar((*WEEKLY, "LOCATION:Gym")))
    there["u_id"] = "another"
    away = event("weekly", "20270105", at("20270105", "180000", "RECURRENCE-ID"), "LOCATION:Away")
    edited = calendar((*WEEKLY, "LOCATION:Gym", EXDATE, at("20270105", "180000", "RDATE")), away)
    outcomes = push.push(edited)
    assert [(type(each.step).__name__, each.result) for each in outcomes] == [
        ("Create", "refused"),
        ("Create", "done"),
        ("Cancel", "done"),
    ]
    assert [(type(each.step).__name__, each.result) for each in push.push(edited)] == [
        ("Create", "refused")
    ]
    assert [each[2][:10] for each in push.booked()] == [
        "2026-12-01",
        "2026-12-15",
        "2026-12-22",
        "2026-12-29",
    ]


def test_renewal_is_written_before_it_is_followed(push: Pusher) -> None:
    """So that whatever ends the push leaves nothing there twice that could have been cancelled."""
    push.push(calendar(WEEKLY))
    push.bridge.clock.advance(minutes=1)
    before = len(push.bridge.state.requests)
    push.push(calendar((*WEEKLY, EXDATE)))
    methods = [method for method, _path, _query, _status in push.bridge.state.requests[before:]]
    assert methods == ["GET", "POST", "PATCH", "GET", "GET"]
    assert [each.start.day for each in push.bridge.entries()] == [2, 16, 23, 30]


def test_renewal_that_the_quota_would_break_off_is_not_begun(push: Pusher) -> None:
    """What only makes something is: that can be ended at any request."""
    push.push(calendar(WEEKLY))
    push.left = 1
    before = _writes(push)
    with pytest.raises(QuotaSpent):
        push.push(calendar((*WEEKLY, EXDATE)))
    assert _writes(push) == before
    push.push(calendar(WEEKLY, GAME))
    assert push.booked() == push.wished()
    push.left = 2
    push.push(calendar((*WEEKLY, EXDATE), GAME))
    assert push.booked() == push.wished()


def test_refused_cancellations_keep_nothing_from_being_made(push: Pusher) -> None:
    """However many there are, and whatever is said of them."""
    push.push(
        calendar(*(event(f"old-{each}", f"202612{each:02}", name="Old") for each in range(1, 5)))
    )
    for each in push.bridge.world.events.values():
        each["created_by_external_api"] = False
    outcomes = push.push(calendar(GAME))
    assert [(type(each.step).__name__, each.result) for each in outcomes] == [
        ("Cancel", "refused")
    ] * 4 + [("Create", "collides")]
    assert push.booked() == push.wished() != []


def test_cancellation_that_never_came_is_forgotten(push: Pusher) -> None:
    """Killed before it, and wanted again: if somebody in Facilitron cancels the event later, that
    is their word.
    """
    push.push(calendar(GAME))
    with pytest.raises(Killed):
        push.push(calendar(), Deadly(2))
    assert push.push(calendar(GAME)) == []
    made = next(
        key for key, each in push.bridge.world.events.items() if each["created_by_external_api"]
    )
    push.bridge.world.set_status(made, "Cancelled")
    assert push.push(calendar(GAME)) == []
    assert len(push.decided.impossible) == 1


def test_events_change_places(push: Pusher) -> None:
    """None can move first: one is made anew, and the others move after it; in one run."""
    push.push(calendar(*(event(each, f"2026120{day}") for day, each in enumerate("abc", 1))))
    swapped = calendar(event("a", "20261202"), event("b", "20261203"), event("c", "20261201"))
    outcomes = push.push(swapped)
    assert sorted(_steps(push)) == ["Cancel", "Create", "Move", "Move"]
    assert "refused" not in {each.result for each in outcomes}
    assert push.booked() == push.wished()
    assert push.push(swapped) == []
