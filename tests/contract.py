"""The vendor's pages on writes as a table: each rule, a body that keeps or breaks it, and the
fields that are wrong.

One table for both sides: the sandbox must answer so over HTTP, and the client must refuse, unsent,
exactly what is refused here. The moment is `NOW` of the simulated vendor (20:00 UTC, noon in Los
Angeles on 2026-11-21).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.fixtures.writes import at


class Rule(NamedTuple):
    """A rule, and fields that differ from a good body; for a timeslot's fields see `slots` below."""

    said: str
    fields: dict[str, Any]
    wrong: tuple[str, ...] = ()
    """As the pages call them; none where the rule is kept."""


def _times(start: str, end: str) -> dict[str, str]:
    return {"start_datetime": start, "end_datetime": end}


_ID = "external_system_event_id"
_EMAIL = "renter_email"

ADDRESSES = (
    "coach+gym@school.example",
    "o'brien@school.example",
    "a.b-c_d@athletics.east.school.example",
    "coach@school.international",
    "coach@school",
    "coach@xn--schn-7qa.example",
    "coach@[192.0.2.1]",
    "coach@[IPv6:2001:db8::1]",
    "!#$%&'*+-/=?^_`{|}~@school.example",
    '"coach"@school.example',
    '"coach@home"@school.example',
    r'"a\"b\\"@school.example',
    '""@school.example',
    f"{'a' * 64}@school.example",
    f"coach@{'a' * 63}.example",
    f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 61}",
)
"""RFC 5322, section 3.4.1."""
NO_ADDRESSES = (
    "@school.example",
    "coach@",
    ".coach@school.example",
    "coach.@school.example",
    "co..ach@school.example",
    "coach@school..example",
    "coach@school.example.",
    "coach@.example",
    '"coach@school.example',
    '"co"ach"@school.example',
    r'"coach\"@school.example',
    '"co ach"@school.example',
    '"coach"gym@school.example',
    "coach(gym)@school.example",
    "coach@school.example(gym)",
    "<coach@school.example>",
    "coach@school.example,",
    "Coach <coach@school.example>",
    "côach@school.example",
    "coach@schön.example",
    "coach\t@school.example",
    "coach\x7f@school.example",
    "coach@[192.0.2.256]",
    "coach@[192.0.2.1",
    "coach@192.0.2.1]",
    "coach@[2001:db8::1]",
    "coach@[IPv6:192.0.2.1]",
    "coach@[IPv6:fe80::1%eth0]",
    "coach@[school]",
    "coach@[]",
    f"{'a' * 65}@school.example",
    f"coach@{'a' * 64}.example",
    f"{'a' * 64}@{'b' * 63}.{'c' * 63}.{'d' * 62}",
)

CREATE = [
    Rule("external id of 3 characters", {_ID: "abc"}),
    Rule("external id of 50 characters", {_ID: "a" * 50}),
    Rule("external id of letters, digits, dot, dash and underscore", {_ID: "aZ09._-"}),
    Rule("external id of 2 characters", {_ID: "ab"}, (_ID,)),
    Rule("external id of 51 characters", {_ID: "a" * 51}, (_ID,)),
    Rule("external id with a blank", {_ID: "a b"}, (_ID,)),
    Rule("external id with a slash", {_ID: "a/b"}, (_ID,)),
    Rule("external id with a letter beyond ASCII", {_ID: "abcé"}, (_ID,)),
    Rule("external id with a line feed at its end", {_ID: "abc\n"}, (_ID,)),
    Rule("unknown event type", {"event_type": "party"}, ("event_type",)),
    Rule("event type in capitals", {"event_type": "Reservation"}, ("event_type",)),
    Rule("name of 1 character", {"name": "a"}),
    Rule("name of 100 characters", {"name": "🎷" * 100}),
    Rule("empty name", {"name": ""}, ("name",)),
    Rule("name of 101 characters", {"name": "a" * 101}, ("name",)),
    *(Rule(f"e-mail {address}", {_EMAIL: address}) for address in ADDRESSES),
    *(Rule(f"e-mail {address!r}", {_EMAIL: address}, (_EMAIL,)) for address in NO_ADDRESSES),
    Rule("e-mail without a domain", {_EMAIL: "coach"}, (_EMAIL,)),
    Rule("e-mail with a blank", {_EMAIL: "co ach@school.example"}, (_EMAIL,)),
    Rule("e-mail with two at-signs", {_EMAIL: "coach@@school.example"}, (_EMAIL,)),
    Rule("e-mail with a line feed", {_EMAIL: "coach@school.example\n"}, (_EMAIL,)),
    Rule("e-mail of 255 octets", {_EMAIL: f"{'a' * 240}@school.example"}, (_EMAIL,)),
    Rule("empty e-mail", {_EMAIL: ""}, (_EMAIL,)),
    Rule("attendance of 0", {"attendance": 0}),
    Rule("attendance of 500,000", {"attendance": 500_000}),
    Rule("attendance below 0", {"attendance": -1}, ("attendance",)),
    Rule("attendance above 500,000", {"attendance": 500_001}, ("attendance",)),
    Rule("empty audit note", {"event_log_message": ""}),
    Rule("audit note of 250 characters", {"event_log_message": "a" * 250}),
    Rule("audit note of 251 characters", {"event_log_message": "a" * 251}, ("event_log_message",)),
    Rule("rate category of 3 characters", {"renter_rate_category_id": "abc"}),
    Rule("rate category of 50 characters", {"renter_rate_category_id": "a" * 50}),
    Rule(
        "rate category of 2 characters",
        {"renter_rate_category_id": "ab"},
        ("renter_rate_category_id",),
    ),
    Rule(
        "rate category of 51 characters",
        {"renter_rate_category_id": "a" * 51},
        ("renter_rate_category_id",),
    ),
    Rule("no timeslot", {"timeslots": []}, ("timeslots",)),
    Rule(
        "everything at once",
        {_ID: "", "name": "", _EMAIL: "", "timeslots": []},
        (_ID, "name", _EMAIL, "timeslots"),
    ),
]
"""Of a CreateEventDto."""

_SLOT_ID = "external_system_timeslot_id"
_PLACE = "facility_u_id"

SPANS = [
    Rule("a minute", _times(at("10:00:00"), at("10:01:00"))),
    Rule("a whole day", _times(at("00:00:00"), at("23:59:59"))),
    Rule("7 days back to the second", _times("2026-11-14T12:00:00", "2026-11-14T13:00:00")),
    Rule("2 years ahead to the second", _times("2028-11-21T11:00:00", "2028-11-21T12:00:00")),
    Rule("less than a minute", _times(at("10:00:00"), at("10:00:59")), ("end_datetime",)),
    Rule("no time at all", _times(at("10:00:00"), at("10:00:00")), ("end_datetime",)),
    Rule("end before start", _times(at("11:00:00"), at("10:00:00")), ("end_datetime",)),
]
"""Of a timeslot, new or moved; times are local."""

DAY_BOUNDS = [
    Rule("over midnight", _times("2026-12-01T22:00:00", "2026-12-02T00:00:00"), ("end_datetime",)),
    Rule("over days", _times("2026-12-01T22:00:00", "2026-12-05T02:00:00"), ("end_datetime",)),
    Rule(
        "over 7 days back",
        _times("2026-11-14T11:59:59", "2026-11-14T13:00:00"),
        ("start_datetime",),
    ),
    Rule(
        "over 2 years ahead",
        _times("2028-11-21T11:00:00", "2028-11-21T12:00:01"),
        ("end_datetime",),
    ),
]
"""Of a moved timeslot alone: the pages have them for changes, not for creations."""

SLOT = [
    *SPANS,
    *(rule._replace(wrong=()) for rule in DAY_BOUNDS),
    Rule("timeslot id of 3 characters", {_SLOT_ID: "a.b"}),
    Rule("timeslot id of 50 characters", {_SLOT_ID: "a" * 50}),
    Rule("timeslot id of 2 characters", {_SLOT_ID: "ab"}, (_SLOT_ID,)),
    Rule("timeslot id of 51 characters", {_SLOT_ID: "a" * 51}, (_SLOT_ID,)),
    Rule("timeslot id with a colon", {_SLOT_ID: "a:b"}, (_SLOT_ID,)),
    Rule("empty facility", {_PLACE: ""}, (_PLACE,)),
    Rule("facility of 51 characters", {_PLACE: "a" * 51}, (_PLACE,)),
    Rule("empty activity", {"activity_name": ""}),
    Rule("activity of 250 characters", {"activity_name": "a" * 250}),
    Rule("activity of 251 characters", {"activity_name": "a" * 251}, ("activity_name",)),
    Rule("two wrong fields", {_SLOT_ID: "", _PLACE: ""}, (_SLOT_ID, _PLACE)),
]
"""Of a CreateTimeslotDto."""

MOVE = [
    *SPANS,
    *DAY_BOUNDS,
    Rule("activity of 250 characters", {"activity_name": "a" * 250}),
    Rule("activity of null", {"activity_name": None}),
    Rule("activity of 251 characters", {"activity_name": "a" * 251}, ("activity_name",)),
    Rule("empty facility", {_PLACE: ""}, (_PLACE,)),
    Rule("facility of 51 characters", {_PLACE: "a" * 51}, (_PLACE,)),
    Rule("empty audit note", {"event_log_message": ""}),
    Rule("audit note of 251 characters", {"event_log_message": "a" * 251}, ("event_log_message",)),
]
"""Of an UpdateTimeslotDto."""

CANCEL = [
    Rule("audit note of 250 characters", {"event_log_message": "a" * 250}),
    Rule("empty audit note", {"event_log_message": ""}),
    Rule("audit note of 251 characters", {"event_log_message": "a" * 251}, ("event_log_message",)),
]
"""Of a CancelEventDto."""

UNTYPED_EVENT = [
    *(
        Rule(f"without {name}", {name: ...}, (name,))
        for name in (_ID, "event_type", "name", _EMAIL, "status")
    ),
    *(Rule(f"without {name}", {name: ...}, (name,)) for name in ("activity_type_id", "timeslots")),
    *(
        Rule(f"{name} of null", {name: None}, (name,))
        for name in (_ID, "name", "timeslots", "attendance")
    ),
    *(
        Rule(f"{name} of null", {name: None}, (name,))
        for name in ("event_log_message", "renter_owner")
    ),
    Rule("status in capitals", {"status": "Approved"}, ("status",)),
    Rule("another status", {"status": "pending"}, ("status",)),
    Rule("activity type as a text", {"activity_type_id": "12"}, ("activity_type_id",)),
    Rule("activity type of true", {"activity_type_id": True}, ("activity_type_id",)),
    Rule("attendance as a text", {"attendance": "5"}, ("attendance",)),
    Rule("name as a number", {"name": 5}, ("name",)),
    Rule("timeslots as an object", {"timeslots": {}}, ("timeslots",)),
    Rule("timeslot as a text", {"timeslots": ["10:00"]}, ("timeslots[0]",)),
    Rule("a field that nobody knows", {"colour": "red"}),
]
"""What a typed request cannot even say; `...` leaves a field out."""

UNTYPED_TIMES = [
    *(Rule(f"without {name}", {name: ...}, (name,)) for name in ("start_datetime", "end_datetime")),
    Rule("without seconds", _times(at("10:00"), at("11:00"))),
    *(
        Rule(f"start spelled {told}", {"start_datetime": told}, ("start_datetime",))
        for told in (
            at("10:00:00Z"),
            at("10:00:00-08:00"),
            at("10:00:00.000"),
            at("24:00:00"),
            at("10"),
            at("10:00:00").replace("T", " "),
            "2027-02-29T10:00:00",
            "tomorrow",
            "",
        )
    ),
    Rule("start as a number", {"start_datetime": 1}, ("start_datetime",)),
    Rule("facility of null", {_PLACE: None}, (_PLACE,)),
]
"""Of a timeslot, new or moved."""
