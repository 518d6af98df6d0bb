"""`icalbridge.cli.event_request`: what is typed for `event`, and a sentence for all that cannot be
meant.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from icalbridge.cli import event_request
from icalbridge.cli.event_request import CreateOptions, SlotInput
from icalbridge.errors import ConfigurationError
from icalbridge.models import Changes, Facility
from icalbridge.settings import Settings
from tests.fixtures.stores import DISTRICT, USER
from tests.samples import GYM, NOW, POOL, SCHOOL, ZONE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from icalbridge.cli.event_request import CreatePlan
    from icalbridge.store import Store

HALL = Facility("hall", "district", "Hall", u_id="u-hall")
BARE = Facility("bare", "school", "Bare")


@pytest.fixture
def listed(store: Store) -> Store:
    """A catalogue that knows what writes name most facilities by."""
    gyms = [replace(GYM, u_id="u-gym"), replace(POOL, u_id="u-pool"), BARE]
    store.write.apply_catalog(
        USER, [DISTRICT, SCHOOL], {"school": gyms, "district": [HALL]}, Changes(), now=NOW
    )
    return store


EVENING = SlotInput("2026-12-01T18:00", "2026-12-01T19:00")


def _options(**typed: Any) -> CreateOptions:
    """Return the options of a good creation but for those that are given."""
    return CreateOptions(**{"name": "Recital", "facility": "gym", "activity_type": 12.0, **typed})


def _plan(store: Store, *slots: SlotInput, **typed: Any) -> CreatePlan:
    slots = slots or (EVENING,)
    return event_request.plan_create(store, _options(**typed), slots, "coach@school.example")


def _refusal(ask: Callable[[], object]) -> str:
    with pytest.raises(ConfigurationError) as caught:
        ask()
    return str(caught.value)


def test_moment_is_a_local_time_of_the_zone() -> None:
    """With seconds or without, with a T or a blank; in winter and in summer."""
    typed = ("2026-12-01T18:00", "2026-12-01 18:00:30", "2026-07-01T18:00")
    assert [event_request.parse_local_time(item, ZONE, "--start", []) for item in typed] == [
        datetime(2026, 12, 2, 2, tzinfo=UTC),
        datetime(2026, 12, 2, 2, 0, 30, tzinfo=UTC),
        datetime(2026, 7, 2, 1, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "noon",
            "2026-12-01",
            "18:00",
            "2026-13-01T18:00",
            "2026-02-29T18:00",
            "2026-12-01T24:00",
        ),
        *(
            "2026-12-01T18:60",
            "2026-12-01T18:00Z",
            "2026-12-01T18:00-08:00",
            "2026-12-01T18:00:00.5",
        ),
        *("0001-01-01T00:00 ", "9999-12-31T23:59", "２０２６-12-01T18:00", "2026-12-01T18:00\n"),
    ],
)
def test_moment_refuses_what_is_no_local_time(text: str) -> None:
    """The sentence shows how it is written."""
    assert (
        _refusal(lambda: event_request.parse_local_time(text, ZONE, "--start", []))
        == f"--start is {text!r}, which is no local time; write it as 2026-12-01T18:00."
    )


def test_moment_refuses_what_the_clocks_skip() -> None:
    """Nobody can be there at that time."""
    assert (
        _refusal(lambda: event_request.parse_local_time("2027-03-14T02:30", ZONE, "--end", []))
        == "--end is '2027-03-14T02:30', a time that the clocks of America/Los_Angeles skip on that"
        " day."
    )


def test_moment_that_comes_twice_is_the_first() -> None:
    """And that is said."""
    notes: list[str] = []
    first = event_request.parse_local_time("2026-11-01T01:30", ZONE, "--start", notes)
    assert first == datetime(2026, 11, 1, 8, 30, tzinfo=UTC)
    assert notes == [
        (
            "--start: 2026-11-01T01:30 comes twice in America/Los_Angeles on that day; the first is"
            " meant."
        )
    ]


def test_slots_are_those_of_the_options_first() -> None:
    """Then each --timeslot, in its order."""
    specs = ("c/d", "e / f;facility=pool; activity=A=B ;id=x-1")
    typed = _options(start="a", end="b", specs=specs, timeslot_id="own")
    assert event_request.parse_slots(typed) == (
        SlotInput("a", "b", external_id="own"),
        SlotInput("c", "d"),
        SlotInput("e", "f", "pool", "A=B", "x-1"),
    )


@pytest.mark.parametrize("spec", ["", "a", "a;b", "a/b;where=x", "a/b;id=1;id=2", "a/b;"])
def test_slots_refuse_what_cannot_be_read(spec: str) -> None:
    """The sentence shows how it is written."""
    assert (
        _refusal(lambda: event_request.parse_slots(_options(specs=(spec,))))
        == f"--timeslot is {spec!r}, which cannot be read; write it as"
        " START/END[;facility=ID][;activity=NAME][;id=ID]."
    )


def test_slots_refuse_half_a_time_and_none() -> None:
    """Both ends, or a --timeslot."""
    half = "--start and --end belong together; give both, or neither and --timeslot."
    assert [
        _refusal(lambda: event_request.parse_slots(_options(start="a", specs=("a/b",)))),
        _refusal(lambda: event_request.parse_slots(_options(end="b"))),
    ] == [half, half]
    assert (
        _refusal(lambda: event_request.parse_slots(_options()))
        == "When? Give --start and --end, or --timeslot for each of several timeslots."
    )


def test_plan_takes_facility_and_zone_from_the_catalogue(listed: Store) -> None:
    """Ids that were not given are made up, and that is said."""
    later = SlotInput("2026-12-02T18:00", "2026-12-02T19:00", "pool", "Swim", "own")
    plan = _plan(listed, EVENING, later)
    slots = [
        (item.external_id, item.start, item.facility_u_id, item.activity_name)
        for item in plan.request.timeslots
    ]
    assert slots == [
        ("slot-1", datetime(2026, 12, 2, 2, tzinfo=UTC), "u-gym", None),
        ("own", datetime(2026, 12, 3, 2, tzinfo=UTC), "u-pool", "Swim"),
    ]
    assert (plan.request.zone, plan.owner, plan.places) == (ZONE, SCHOOL, (GYM, POOL))
    assert plan.notes == ("Its external id was made from its type, name, facilities and times.",)
    assert "coach" not in repr(plan)


def test_made_external_id_is_the_same_for_the_same_event_only(listed: Store) -> None:
    """So that it cannot be booked twice; whatever its name is made of."""
    typed = [{}, {}, {"name": "Concert"}, {"facility": "pool"}, {"name": "\ud800"}]
    made = [_plan(listed, **item).request.external_id for item in typed]
    assert [made[0] == item for item in made] == [True, True, False, False, False]
    assert {len(item) for item in made} == {35}


def test_plan_says_what_the_catalogue_lacks(listed: Store) -> None:
    """An unknown facility, one that no write can name, and facilities of two schools."""
    hall = SlotInput("2026-12-02T18:00", "2026-12-02T19:00", "hall")
    refused = [
        partial(_plan, listed, facility="nowhere"),
        partial(_plan, listed, facility="bare"),
        partial(_plan, listed, EVENING, hall),
    ]
    assert [_refusal(item) for item in refused] == [
        (
            "There is no facility 'nowhere' here; look it up with `icalbridge places`, or run"
            " `icalbridge sync` first."
        ),
        (
            "The catalog does not say yet by what a write names the facility 'bare'; run"
            " `icalbridge sync`."
        ),
        (
            "All facilities of one event belong to one school; Lincoln High and Sunny District are"
            " several."
        ),
    ]


def test_plan_needs_a_time_zone(listed: Store) -> None:
    """Without one nobody knows what a local time means."""
    listed.write.apply_catalog(USER, [replace(SCHOOL, timezone="")], {}, Changes(), now=NOW)
    assert (
        _refusal(lambda: _plan(listed))
        == "The catalog has no time zone for the facility 'gym'; run `icalbridge sync`."
    )


def test_renter_is_given_in_a_file_or_set(tmp_path: Path) -> None:
    """The nearer wins; two at once, none, and a file that is none are refused without repeating
    anything.
    """
    file = tmp_path / "renter"
    file.write_text("\ufefffile@school.example\n", "utf-8")
    settings = Settings(renter_email="set@school.example")
    parsed = [
        event_request.read_renter(settings, *item)
        for item in ((None, None), ("me@here.example", None), (None, str(file)))
    ]
    assert parsed == ["set@school.example", "me@here.example", "file@school.example"]
    assert (
        _refusal(lambda: event_request.read_renter(settings, "a@b.example", "x"))
        == "--renter-email and --renter-email-file exclude each other; give one of them."
    )
    assert (
        _refusal(lambda: event_request.read_renter(settings, None, "me@school.example"))
        == "--renter-email-file names a file that cannot be read as text."
    )
    file.write_bytes(b"")
    for email, name in ((None, str(file)), ("", None)):
        assert (
            _refusal(partial(event_request.read_renter, settings, email, name))
            == "For whom? Set ICALBRIDGE_RENTER_EMAIL, or give --renter-email-file, to the e-mail"
            " address of a renter whom Facilitron knows."
        )
