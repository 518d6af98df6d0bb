"""`icalbridge.sandbox.rules`: every documented rule of a request for events, at its border, with
status and code.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from icalbridge.sandbox import rules

TODAY = date(2026, 11, 21)


def _day(ahead: int) -> str:
    return (TODAY + timedelta(days=ahead)).isoformat()


def _refusal(**args: str) -> tuple[int, str, str]:
    with pytest.raises(rules.Refusal) as caught:
        rules.read_query(args, TODAY, has_children=True)
    return caught.value.status, caught.value.code, str(caught.value)


def test_query_defaults_to_today() -> None:
    """Without dates a request is about today, and about the property alone."""
    read = rules.read_query({"event_types": "reservation"}, TODAY)
    assert read == rules.Query(TODAY, TODAY, frozenset({"reservation"}), include_child_events=False)


def test_query_may_span_31_days_after_its_start() -> None:
    """The widest window that any reading of the pages allows ends 31 days after its start."""
    read = rules.read_query(
        {"event_types": "reservation", "start_date": _day(3), "end_date": _day(34)}, TODAY
    )
    assert (read.start, read.end) == (TODAY + timedelta(days=3), TODAY + timedelta(days=34))


def test_query_may_reach_365_days_ahead() -> None:
    """The horizon's last day is today + 365."""
    read = rules.read_query(
        {"event_types": "reservation", "start_date": _day(365), "end_date": _day(365)}, TODAY
    )
    assert read.end == TODAY + timedelta(days=365)


def test_query_of_children_may_reach_90_days_ahead() -> None:
    """One day, at most 90 days from today."""
    args = {
        "event_types": "reservation",
        "start_date": _day(90),
        "end_date": _day(90),
        "include_child_events": "true",
    }
    assert rules.read_query(args, TODAY, has_children=True).include_child_events


@pytest.mark.parametrize("span", [(0, 31), (100, 100), (360, 365)])
def test_query_of_children_of_a_property_without_any_is_one_of_the_property(
    span: tuple[int, int],
) -> None:
    """Its dates are bounded as without the flag."""
    args = {
        "event_types": "reservation",
        "start_date": _day(span[0]),
        "end_date": _day(span[1]),
    }
    with_flag = rules.read_query({**args, "include_child_events": "true"}, TODAY)
    assert with_flag == rules.read_query(args, TODAY)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({}, "event_types is required"),
        ({"event_types": ""}, "event_types is required"),
        ({"event_types": " , "}, "event_types is required"),
        ({"event_types": "party"}, "event_types must be one of reservation, maintenance-block"),
        (
            {"event_types": "Reservation"},
            "event_types must be one of reservation, maintenance-block",
        ),
        (
            {"event_types": "reservation,maintenance-block"},
            "event type maintenance-block is coming soon",
        ),
        ({"start_date": "11/21/2026"}, "start_date must be a date in the form YYYY-MM-DD"),
        ({"start_date": "20261121"}, "start_date must be a date in the form YYYY-MM-DD"),
        ({"end_date": "2026-02-30"}, "end_date must be a date in the form YYYY-MM-DD"),
        ({"end_date": ""}, "end_date must be a date in the form YYYY-MM-DD"),
        ({"start_date": _day(-1)}, "start_date and end_date cannot be in the past"),
        ({"end_date": _day(-1)}, "start_date and end_date cannot be in the past"),
        ({"start_date": _day(1)}, "start_date cannot be after end_date"),
        ({"end_date": _day(32)}, "end_date must not be more than 31 days after start_date"),
        (
            {"start_date": _day(360), "end_date": _day(366)},
            "event data is only available for up to 1 year from today",
        ),
        ({"include_child_events": "yes"}, "include_child_events must be true or false"),
        (
            {"include_child_events": "true", "end_date": _day(1)},
            "with include_child_events start_date and end_date must be the same calendar day",
        ),
        (
            {"include_child_events": "true", "start_date": _day(91), "end_date": _day(91)},
            "with include_child_events the search can extend up to 90 days from today",
        ),
    ],
)
def test_query_that_breaks_a_rule_is_400_sy001(args: dict[str, str], reason: str) -> None:
    """One step past each border the request fails validation, and the message says why."""
    given = args if not args or "event_types" in args else {"event_types": "reservation", **args}
    assert _refusal(**given) == (400, "SY001", f"Validation failed – {reason}.")


def test_query_may_name_both_types_once_the_second_has_come() -> None:
    """maintenance-block is refused as coming soon until an option accepts it."""
    read = rules.read_query(
        {"event_types": "reservation, maintenance-block"}, TODAY, maintenance_blocks=True
    )
    assert read.types == {"reservation", "maintenance-block"}


@pytest.mark.parametrize("told", ["ab", "x" * 51])
def test_event_id_has_3_to_50_characters(told: str) -> None:
    """Outside of that an event's id fails validation; at the borders it passes."""
    rules.check_event_id("abc")
    rules.check_event_id("x" * 50)
    with pytest.raises(rules.Refusal, match="event_id must be 3 to 50 characters long"):
        rules.check_event_id(told)
