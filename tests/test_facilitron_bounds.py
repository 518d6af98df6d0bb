"""`icalbridge.facilitron.write_requests`: what is refused unsent; exactly what the sandbox, by itself,
answers with 400.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from icalbridge.errors import ConfigurationError, IcalbridgeError, InvalidRequest
from icalbridge.facilitron import NewEvent, NewTimeslot, TimeslotChange
from icalbridge.facilitron.write_requests import checked_cancellation, checked_change, checked_event
from tests import contract
from tests.fixtures.vendor import NOW, Vendor, vendor
from tests.fixtures.writes import RENTER, create, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.contract import Rule

ZONE = "America/Los_Angeles"
SLOT = NewTimeslot("slot-1", NOW + timedelta(days=9), NOW + timedelta(days=9, hours=1), "gym")
EVENT = NewEvent("event-1", "Recital", RENTER, 12, (SLOT,), ZONE)
MOVE = TimeslotChange(SLOT.start, SLOT.end, ZONE)
LOCAL = {"start_datetime": "start", "end_datetime": "end"}
NAMES = {"external_system_event_id": "external_id", "external_system_timeslot_id": "external_id"}
NAMES |= {"event_log_message": "log_message"}


def _typed(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same fields as a typed request calls them, times as moments."""
    zone = ZoneInfo(ZONE)
    moments = {
        LOCAL[name]: datetime.fromisoformat(fields[name]).replace(tzinfo=zone)
        for name in LOCAL
        if name in fields
    }
    return {
        **{NAMES.get(name, name): value for name, value in fields.items() if name not in LOCAL},
        **moments,
    }


def _rules(rules: list[Rule]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rule", [pytest.param(each, id=each.said) for each in rules])


def _wrong_of(refusal: InvalidRequest | None) -> list[str]:
    return sorted(name for name, _ in refusal.wrong) if refusal else []


def _refusal(request: NewEvent) -> InvalidRequest | None:
    try:
        checked_event(request)
    except InvalidRequest as error:
        return error
    return None


@_rules(contract.CREATE)
def test_event_keeps_to_the_contract(rule: Rule) -> None:
    """CreateEventDto: the fields that the contract calls wrong, and no others."""
    fields = _typed(rule.fields)
    if "timeslots" in fields:
        fields["timeslots"] = tuple(fields["timeslots"])
    assert _wrong_of(_refusal(replace(EVENT, **fields))) == sorted(rule.wrong)


@_rules(contract.SLOT)
def test_timeslot_keeps_to_the_contract(rule: Rule) -> None:
    """CreateTimeslotDto: called by its number."""
    slots = (replace(SLOT, external_id="slot-0"), replace(SLOT, **_typed(rule.fields)))
    told = [f"timeslots[1].{each}" for each in sorted(rule.wrong)]
    assert _wrong_of(_refusal(replace(EVENT, timeslots=slots))) == told


@_rules(contract.MOVE)
def test_change_keeps_to_the_contract(rule: Rule) -> None:
    """UpdateTimeslotDto."""
    change = replace(MOVE, **_typed(rule.fields))
    if not rule.wrong:
        body = checked_change("reservation", "event-1", "slot-1", change, NOW)
        assert {name: body[name] for name in rule.fields} == rule.fields
        return
    with pytest.raises(InvalidRequest) as caught:
        checked_change("reservation", "event-1", "slot-1", change, NOW)
    assert _wrong_of(caught.value) == sorted(rule.wrong)


@_rules(contract.CANCEL)
def test_cancellation_keeps_to_the_contract(rule: Rule) -> None:
    """CancelEventDto: always with the one status; an empty note is none."""
    note = rule.fields["event_log_message"]
    if not rule.wrong:
        body = checked_cancellation("reservation", "event-1", note)
        assert body == {"status": "cancelled", **({"event_log_message": note} if note else {})}
        return
    with pytest.raises(InvalidRequest) as caught:
        checked_cancellation("reservation", "event-1", note)
    assert _wrong_of(caught.value) == list(rule.wrong)


def test_addresses_keep_to_the_contract() -> None:
    """Type, id and timeslot id, all wrong ones at once."""
    with pytest.raises(InvalidRequest) as caught:
        checked_change("party", "ab", "a:b", MOVE, NOW)
    assert [name for name, _ in caught.value.wrong] == ["event_type", "event_id", "timeslot_id"]
    with pytest.raises(InvalidRequest) as caught:
        checked_cancellation("party", "a" * 51, "")
    assert [name for name, _ in caught.value.wrong] == ["event_type", "event_id"]


def test_body_has_what_was_given_and_nothing_else() -> None:
    """Local times to the second, the one status; a field left out is not sent, so that the vendor's
    default holds.
    """
    assert checked_event(EVENT) == {
        "external_system_event_id": "event-1",
        "event_type": "reservation",
        "name": "Recital",
        "renter_email": RENTER,
        "status": "approved",
        "activity_type_id": 12,
        "timeslots": [
            {
                "external_system_timeslot_id": "slot-1",
                "start_datetime": "2026-11-30T12:00:00",
                "end_datetime": "2026-11-30T13:00:00",
                "facility_u_id": "gym",
            }
        ],
    }
    more = replace(
        EVENT,
        attendance=0,
        renter_rate_category_id="internal",
        renter_owner="district",
        log_message="",
        timeslots=(replace(SLOT, activity_name=""),),
    )
    told = checked_event(more)
    assert {
        name: told[name] for name in ("attendance", "renter_rate_category_id", "renter_owner")
    } == {"attendance": 0, "renter_rate_category_id": "internal", "renter_owner": "district"}
    assert (told["event_log_message"], told["timeslots"][0]["activity_name"]) == ("", "")


@pytest.mark.parametrize(
    ("told", "sent"),
    [
        (UNSET, {}),
        (None, {"activity_name": None}),
        ("", {"activity_name": ""}),
        ("x", {"activity_name": "x"}),
    ],
)
def test_activity_name_is_left_cleared_or_replaced(told: Any, sent: dict[str, Any]) -> None:
    """Unset is not sent; null and empty both clear it."""
    body = checked_change(
        "reservation", "event-1", "slot-1", replace(MOVE, activity_name=told), NOW
    )
    assert {name: body[name] for name in body if name not in LOCAL} == sent


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (
            datetime(2027, 11, 7, 9, 30, tzinfo=UTC),
            "is in the hour that the clock repeats, which cannot be told",
        ),
        (datetime(2026, 11, 30, 12), "must have a time zone"),  # noqa: DTZ001  # what is refused
        (datetime(2026, 11, 30, 12, 0, 0, 1, tzinfo=UTC), "must be a whole second"),
        (datetime.min.replace(tzinfo=UTC), "is out of range"),
    ],
)
def test_moment_that_cannot_be_told_is_refused(start: datetime, why: str) -> None:
    """Rather than told as another moment."""
    refusal = _refusal(replace(EVENT, timeslots=(replace(SLOT, start=start),)))
    assert refusal is not None
    assert refusal.wrong == (("timeslots[0].start_datetime", why),)


def test_first_of_two_equal_hours_is_told() -> None:
    """It is what the vendor's time means."""
    first = datetime(2027, 11, 7, 8, 30, tzinfo=UTC)
    body = checked_event(
        replace(EVENT, timeslots=(replace(SLOT, start=first, end=first + timedelta(minutes=20)),))
    )
    assert body["timeslots"][0]["start_datetime"] == "2027-11-07T01:30:00"


def test_unknown_zone_is_refused() -> None:
    """Once for each timeslot that it would be for."""
    refusal = _refusal(replace(EVENT, zone="Mars/Olympus"))
    assert refusal is not None
    assert refusal.wrong == (("zone", "must be an IANA time zone"),)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), True])
def test_number_that_is_none_is_refused(number: float) -> None:
    """JSON has no word for it."""
    assert _wrong_of(_refusal(replace(EVENT, attendance=number, activity_type_id=number))) == [
        "activity_type_id",
        "attendance",
    ]


def test_half_a_character_is_refused() -> None:
    """No JSON can carry it."""
    assert _wrong_of(_refusal(replace(EVENT, name="\ud83c", log_message="\udfb7"))) == [
        "event_log_message",
        "name",
    ]


def test_refusal_names_fields_and_no_values() -> None:
    """One sentence with every wrong field; a ValueError, and one of ours; what was given is not in
    it.
    """
    refusal = _refusal(replace(EVENT, name="", renter_email="secret renter"))
    assert isinstance(refusal, ValueError)
    assert isinstance(refusal, IcalbridgeError)
    assert not isinstance(refusal, ConfigurationError)
    assert (
        str(refusal)
        == "Nothing was sent: the name must be 1 to 100 characters long; the renter's e-mail address"
        " may hold no spaces, no control characters and no letters beyond ASCII."
    )


# Against the sandbox, which imports nothing of ours


@pytest.fixture(scope="module")
def api() -> Iterator[Vendor]:
    """A vendor that knows every renter and activity type that is drawn below."""
    with vendor(maintenance_blocks=True) as opened:
        yield opened


ODD = st.sampled_from("aZ9._-é 🎷/:@\n\0")
TEXT = st.one_of(st.text(ODD, max_size=8), st.integers(0, 300).map("x".__mul__))
EMAILS = st.one_of(st.emails(), TEXT, st.builds("{}@{}".format, TEXT, TEXT), st.just(RENTER))
MINUTES = st.one_of(
    st.integers(-8 * 1440, -6 * 1440), st.integers(729 * 1440, 732 * 1440), st.integers(0, 3000)
)
STAYS = st.one_of(st.integers(-5, 5), st.integers(0, 3000))


@st.composite
def _slots(draw: st.DrawFn) -> NewTimeslot:
    start = NOW + timedelta(minutes=draw(MINUTES))
    name = draw(st.one_of(st.none(), TEXT))
    return NewTimeslot(
        draw(st.one_of(TEXT, st.just("abc"))),
        start,
        start + timedelta(minutes=draw(STAYS)),
        "gym",
        name,
    )


@st.composite
def _events(draw: st.DrawFn) -> NewEvent:
    """Draw an event in which few fields differ from a good one: what is all wrong tells little."""
    wild: dict[str, st.SearchStrategy[Any]] = {
        "external_id": TEXT,
        "name": TEXT,
        "renter_email": EMAILS,
        "event_type": st.sampled_from(["reservation", "maintenance-block", "party", ""]),
        "attendance": st.one_of(st.none(), st.integers(-2, 500_002), st.floats(-1, 500_001)),
        "renter_rate_category_id": st.one_of(st.none(), TEXT),
        "log_message": st.one_of(st.none(), TEXT),
        "timeslots": st.lists(_slots(), max_size=3).map(tuple),
    }
    chosen = draw(st.sets(st.sampled_from(sorted(wild)), min_size=1, max_size=2))
    return replace(EVENT, **{name: draw(wild[name]) for name in sorted(chosen)})


def _told(request: NewEvent, facility: str) -> dict[str, Any]:
    """Return the body as the pages have it, whatever is wrong with it."""
    zone = ZoneInfo(ZONE)
    optional = {
        "attendance": request.attendance,
        "renter_rate_category_id": request.renter_rate_category_id,
        "event_log_message": request.log_message,
    }
    slots = [
        {
            "external_system_timeslot_id": each.external_id,
            "start_datetime": each.start.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
            "end_datetime": each.end.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"),
            "facility_u_id": facility,
            **({} if each.activity_name is None else {"activity_name": each.activity_name}),
        }
        for each in request.timeslots
    ]
    return {
        "external_system_event_id": request.external_id,
        "event_type": request.event_type,
        "name": request.name,
        "renter_email": request.renter_email,
        "status": "approved",
        "activity_type_id": request.activity_type_id,
        "timeslots": slots,
        **{name: value for name, value in optional.items() if value is not None},
    }


@settings(database=None)
@given(request=_events())
@example(request=replace(EVENT, timeslots=(SLOT, SLOT)))
@example(request=EVENT)
def test_client_refuses_exactly_what_the_sandbox_refuses(api: Vendor, request: NewEvent) -> None:
    """Each reads the vendor's pages by itself: what one refuses the other refuses, and for no field
    less.
    """
    api.world.renters.add(request.renter_email.lower())
    answer = create(api, _told(request, place(api)))
    if answer.status_code == 201:
        api.world.delete(answer.json()["event"]["_id"])
    refusal = _refusal(request)
    assert (answer.status_code == 400) == (refusal is not None)
    assert answer.status_code in {201, 400}
    if refusal:
        told = answer.json()["message"].partition(" – ")[2]
        named = {each.split()[0] for each in told.split("; ")}
        assert named <= set(_wrong_of(refusal))


def test_good_event_of_these_tests_is_good(api: Vendor) -> None:
    """Or the test above would prove nothing."""
    answer = create(api, _told(EVENT, place(api)))
    assert answer.status_code == 201
    api.world.delete(answer.json()["event"]["_id"])
