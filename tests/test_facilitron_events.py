"""`icalbridge.facilitron.events`, `lenient_json` and `times`: every surprise of the vendor's pages, and
what is made of it.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from icalbridge.facilitron import Skipped
from icalbridge.facilitron.events import EventDefaults, EventsResponse, read_events
from icalbridge.models import UNTOLD, Event, EventKey, StaffDetails, Timeslot, UnreadableTimeslot

LA = "America/Los_Angeles"
ASKED = EventDefaults(
    "p1", "reservation", {"p1": LA, "p2": "America/Phoenix", "odd": "Mars/Olympus"}
)
GYM = {"_id": "f1", "u_id": "u", "name": "Gym", "capacity": 300, "type": "Gymnasium"}
SLOT = {
    "external_system_timeslot_id": "x-1",
    "activity_name": "Practice",
    "facility": GYM,
    "start_datetime": "2026-11-24T18:00",
    "end_datetime": "2026-11-24T20:00",
    "status": "active",
}
EVENT = {
    "_id": "e1",
    "short_id": "s1",
    "rate_category": "External",
    "status": "Approved",
    "external_system_event_id": "X1",
    "created_by_external_api": False,
    "name": "League",
    "activity_type": {"id": 3},
    "attendance": 20,
    "property_id": "p1",
    "timeslots": [SLOT],
    "submit_date": "2026-01-01",
    "type": "reservation",
    "property_timezone": LA,
    "renter": {"email": "someone"},
}
START, END = datetime(2026, 11, 25, 2, tzinfo=UTC), datetime(2026, 11, 25, 4, tzinfo=UTC)
READ_SLOT = Timeslot(START, END, "f1", "Gym", "Gymnasium", "Practice", "active", "x-1")
NULLS: dict[str, object] = {name: None for name in EVENT if name not in {"_id", "timeslots"}}


def _body(*events: object) -> bytes:
    return json.dumps(
        {"message": "ok", "message_code": "A1", "invocation_id": "i-1", "events": events}
    ).encode()


def _read(*events: object) -> EventsResponse:
    return read_events(_body(*events), ASKED, {})


def _one(**fields: object) -> Event:
    """Return what an event reads as that has these fields instead of its own."""
    answer = _read({**EVENT, **fields})
    assert (answer.skipped, answer.ignored, len(answer.events)) == ((), (), 1)
    return answer.events[0]


def _slot(**fields: object) -> Timeslot:
    return _one(timeslots=[{**SLOT, **fields}]).timeslots[0]


def test_event_is_read() -> None:
    """Every field that we keep, and the times in UTC."""
    event = _one()
    private = StaffDetails("", "someone", 20, "s1", "External")
    assert event == Event(
        "e1", "reservation", "p1", LA, "League", "approved", "X1", (READ_SLOT,), event.digest, private
    )  # fmt: skip
    assert len(event.digest) == 32


def test_nulls_are_read() -> None:
    """Any field may be null: what was asked for stands in for type and property, all else is empty."""
    slot = {
        **dict.fromkeys(SLOT),
        "start_datetime": SLOT["start_datetime"],
        "end_datetime": SLOT["end_datetime"],
    }
    event = _one(**NULLS, timeslots=[slot])
    assert event == Event(
        "e1", "reservation", "p1", LA, timeslots=(Timeslot(START, END),), digest=event.digest
    )


@pytest.mark.parametrize(
    "name", ["renter", "activity_type", "attendance", "short_id", "rate_category", "new_field"]
)
@pytest.mark.parametrize(
    "value", ["text", 1, 1.5, None, True, [], [{"a": [1]}], {"a": {"b": None}}, 10**40]
)
def test_fields_without_a_shape_change_nothing(name: str, value: object) -> None:
    """They may be anything, and nobody but staff is told another word."""
    event = replace(_one(**{name: value}), particulars=UNTOLD)
    assert event == Event(
        "e1", "reservation", "p1", LA, "League", "approved", "X1", (READ_SLOT,), event.digest
    )


ODD = [17, 1.5, True, [], {}, ["a"], {"a": 1}]


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize(
    "name",
    ["name", "status", "type", "property_id", "property_timezone", "external_system_event_id"],
)
def test_event_field_of_a_wrong_type_loses_nothing_else(name: str, value: object) -> None:
    """A whole number is a text, anything else is as good as null; all other fields are read."""
    odd, without = _one(**{name: value}), _one(**{name: "17" if value == 17 else None})
    if name == "property_id" and value == 17:
        assert odd.property_id == "17"
    assert odd == replace(without, digest=odd.digest)


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize(
    "name", ["activity_name", "status", "external_system_timeslot_id", "facility"]
)
def test_timeslot_field_of_a_wrong_type_loses_nothing_else(name: str, value: object) -> None:
    """A timeslot's texts likewise; a facility that is no object is none."""
    stand_in = None if name == "facility" or value != 17 else "17"
    assert _slot(**{name: value}) == _slot(**{name: stand_in})


def test_ids_are_kept_exactly() -> None:
    """Numbers become texts; blanks, capitals, slashes and other scripts stay as they are."""
    assert _one(_id=67).id == "67"
    assert _one(_id=10**30).id == "1" + "0" * 30
    assert _one(_id=12.0).id == "12"
    odd = " A/b?#%2F é\u202e "
    assert (_one(_id=odd).id, _slot(facility={"_id": odd}).facility_id, _slot(facility={"_id": 5}).facility_id) == (
        odd, odd, "5",
    )  # fmt: skip


@pytest.mark.parametrize("status", ["Approved", "APPROVED", " approved\n", "approved"])
def test_status_is_compared_in_lower_case(status: str) -> None:
    """The pages spell it in two ways."""
    assert (_one(status=status).status, _slot(status=status).status) == ("approved", "approved")


DROPPED: dict[str, tuple[object, str]] = {
    "no id": ({**EVENT, "_id": None}, "no id"),
    "empty id": ({**EVENT, "_id": ""}, "no id"),
    "id with NUL": ({**EVENT, "_id": "a\0b"}, "no id"),
    "id of a wrong type": ({**EVENT, "_id": {"$oid": "1"}}, "no id"),
    "null timeslots": ({**EVENT, "timeslots": None}, "no timeslots"),
    "timeslots no list": ({**EVENT, "timeslots": {"0": SLOT}}, "no timeslots"),
    "no timeslots": ({"_id": "e1"}, "no timeslots"),
    "null": (None, "no object"),
    "list": ([EVENT], "no object"),
    "text": ("e1", "no object"),
    "number": (10**60, "no object"),
    "unknown zone": (
        {**EVENT, "property_id": "p9", "property_timezone": "Mars/Olympus"},
        "unknown zone",
    ),
}


@pytest.mark.parametrize("case", DROPPED)
def test_unreadable_event_is_dropped_alone(case: str) -> None:
    """It is told in `skipped`, its neighbours stay, and the answer may withdraw nothing."""
    odd, reason = DROPPED[case]
    asked = EventDefaults("p3", "reservation", {"p1": LA})
    answer = read_events(_body(EVENT, odd, {**EVENT, "_id": "e2"}), asked, {})
    assert [each.id for each in answer.events] == ["e1", "e2"]
    assert (answer.skipped, answer.complete) == ((Skipped(reason, "events[1]"),), False)


@pytest.mark.parametrize("case", DROPPED)
def test_unreadable_event_withdraws_nothing_unless_its_id_can_be_read(case: str) -> None:
    """With an id it is known to be there still; without one it could be any event that seems to be
    missing.
    """
    odd, _reason = DROPPED[case]
    answer = read_events(_body(odd), EventDefaults("p3", "reservation", {}), {})
    named = case in {"null timeslots", "timeslots no list", "no timeslots", "unknown zone"}
    assert (answer.withdraws, answer.unreadable_ids) == (named, frozenset({"e1"} if named else ()))


NO_TIMES: list[object] = [None, 17, "", "soon", [], {"a": 1}]


@pytest.mark.parametrize(
    "odd",
    [None, "slot", [], {}, *({**SLOT, "start_datetime": value} for value in NO_TIMES)],
    ids=repr,
)
def test_unreadable_timeslot_is_left_out_alone(odd: object) -> None:
    """Its neighbours stay, and only its own event is not complete."""
    answer = _read({**EVENT, "timeslots": [SLOT, odd, SLOT]})
    assert answer.events[0].timeslots == (READ_SLOT, READ_SLOT)
    assert len(answer.events[0].unreadable) == 1
    assert (answer.skipped, answer.complete) == ((Skipped("unreadable time", "event e1"),), False)
    assert (answer.withdraws, answer.unreadable_ids) == (True, frozenset({"e1"}))


@pytest.mark.parametrize(
    ("odd", "read"),
    [
        ({**SLOT, "end_datetime": "soon"}, UnreadableTimeslot(START, None, "f1", "x-1")),
        (
            {**SLOT, "start_datetime": None, "facility": None},
            UnreadableTimeslot(None, END, "", "x-1"),
        ),
        (
            {"start_datetime": 7, "external_system_timeslot_id": 8},
            UnreadableTimeslot(None, None, "", "8"),
        ),
        (None, UnreadableTimeslot()),
    ],
)
def test_unreadable_timeslot_is_read_as_far_as_it_goes(
    odd: object, read: UnreadableTimeslot
) -> None:
    """What can be read of it tells which entry it may be."""
    assert _read({**EVENT, "timeslots": [odd]}).events[0].unreadable == (read,)


@pytest.mark.parametrize("end", ["2026-11-24T18:00", "2026-11-24T17:59", "2025-11-24T20:00"])
def test_timeslot_that_ends_before_it_starts_is_ignored(end: str) -> None:
    """It was read and is nothing: the answer stays complete."""
    answer = _read({**EVENT, "timeslots": [SLOT, {**SLOT, "end_datetime": end}]})
    assert answer.events[0].timeslots == (READ_SLOT,)
    assert (answer.skipped, answer.ignored) == ((), (Skipped("ends before it starts", "event e1"),))
    assert answer.complete


@pytest.mark.parametrize(
    ("property_id", "named", "zone"),
    [
        ("p1", "America/New_York", LA),
        ("p2", LA, "America/Phoenix"),
        (None, "America/New_York", LA),
        ("p9", " America/New_York ", "America/New_York"),
        ("p9", "Mars/Olympus", LA),
        ("p9", None, LA),
        ("odd", "America/Denver", "America/Denver"),
    ],
)
def test_zone_is_the_propertys(property_id: str | None, named: str | None, zone: str) -> None:
    """The catalogue's for the event's property, else the one the event names, else that of the
    property asked for.
    """
    assert _one(property_id=property_id, property_timezone=named).zone == zone


def test_known_bytes_are_not_read_again() -> None:
    """The same bytes have the same digest and are only named; one changed letter is read anew."""
    first = _one()
    known = {first.digest: first.key}
    same = read_events(_body(EVENT), ASKED, known)
    assert (same.events, same.unchanged) == ((), frozenset({first.key}))
    other = read_events(_body({**EVENT, "name": "league"}), ASKED, known)
    assert ([each.name for each in other.events], other.unchanged) == (["league"], frozenset())


def test_known_bytes_are_read_again_where_other_statuses_count_as_approved() -> None:
    """The setting is part of the digest, and the default one is not; the vendor's word stays beside
    it.
    """
    confirmed = replace(ASKED, approved=("approved", "confirmed"))
    body = _body({**EVENT, "status": " CONFIRMED"})
    (plain,) = read_events(body, ASKED, {}).events
    (named,) = read_events(body, confirmed, {plain.digest: plain.key}).events
    assert [(each.status, each.entry_status) for each in (plain, named)] == [
        ("confirmed", ""),
        ("confirmed", "approved"),
    ]
    assert read_events(body, confirmed, {named.digest: named.key}).unchanged == frozenset(
        {named.key}
    )
    assert (
        read_events(body, replace(ASKED, approved=("approved",)), {plain.digest: plain.key}).events
        == ()
    )


def test_event_told_twice_is_what_it_is_told_last() -> None:
    """Also when one of the two is known already."""
    other = {**EVENT, "name": "Other"}
    known = {_one().digest: EventKey("reservation", "e1")}
    assert [each.name for each in _read(EVENT, other).events] == ["Other"]
    answers = [
        read_events(_body(*events), ASKED, known) for events in ([EVENT, other], [other, EVENT])
    ]
    assert [([each.name for each in answer.events], len(answer.unchanged)) for answer in answers] == [
        (["Other"], 0), ([], 1),
    ]  # fmt: skip


def _events_of(
    *named: object, unsure: tuple[str, ...] = ("p1",), zones: dict[str, str] | None = None
) -> EventsResponse:
    """Read one event of p1 for each zone that it names, of which p1's is a guess."""
    asked = EventDefaults("p1", "reservation", {"p1": LA} if zones is None else zones, unsure)
    bodies = [
        {**EVENT, "_id": f"e{index}", "property_timezone": each} for index, each in enumerate(named)
    ]
    return read_events(_body(*bodies), asked, {})


NEW_YORK, CHICAGO = "America/New_York", "America/Chicago"
VOTES: list[tuple[list[object], str | None]] = [
    ([NEW_YORK], NEW_YORK),
    (["Eastern Standard Time", None], NEW_YORK),
    ([NEW_YORK, CHICAGO, " america/new york "], NEW_YORK),
    ([NEW_YORK, CHICAGO], CHICAGO),
    ([CHICAGO, NEW_YORK], CHICAGO),
    ([None, "", 17, "Mars/Olympus", "UTC-5"], None),
]


@pytest.mark.parametrize(("named", "zone"), VOTES)
def test_zone_that_most_events_name_comes_before_a_guess(
    named: list[object], zone: str | None
) -> None:
    """For all events of the property in the answer, in whatever order; without any, the guess
    holds.
    """
    answer = _events_of(*named)
    assert answer.zones == ({"p1": zone} if zone else {})
    assert {each.zone for each in answer.events} == {zone or LA}
    assert _events_of(*named, unsure=()).zones == {}
    assert {each.zone for each in _events_of(*named, unsure=()).events} == {LA}


def test_named_zone_gives_a_property_without_any_its_own() -> None:
    """Also events that name none are read in it."""
    answer = _events_of(None, NEW_YORK, zones={})
    assert [each.zone for each in answer.events] == [NEW_YORK, NEW_YORK]


def test_known_bytes_are_read_again_when_their_zone_changes() -> None:
    """The same bytes mean other moments; once the zone is known they need not be read."""
    asked = EventDefaults("p1", "reservation", {"p1": LA}, ["p1"])
    body = _body({**EVENT, "property_timezone": NEW_YORK})
    (first,) = read_events(body, asked, {}).events
    known = {first.digest: first.key}
    assert read_events(body, asked, known).events == (first,)
    same = EventDefaults("p1", "reservation", {"p1": NEW_YORK}, ["p1"])
    assert read_events(body, same, known).unchanged == {first.key}
