"""How long it takes to decode and normalise the vendor's answers, beside doing it by hand with
`json`.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from icalbridge.facilitron.events import EventDefaults, read_events
from icalbridge.models import Event, Timeslot

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 500
SLOTS = 20
RUNS = 9
LIMIT_MICROSECONDS = 10.0
ZONE = "America/Los_Angeles"
ASKED = EventDefaults("67ca78934e4730d41310bd91", "reservation", {"67ca78934e4730d41310bd91": ZONE})


def _slot(event: int, week: int) -> dict[str, object]:
    start = datetime(2026, 1, 5, 17, tzinfo=UTC) + timedelta(
        days=7 * week + event % 5, minutes=30 * (event % 6)
    )
    return {
        "external_system_timeslot_id": None,
        "activity_name": "Varsity practice" if week % 3 else None,
        "facility": {
            "_id": f"67cb01934e4730d4131{event % 60:05}",
            "u_id": f"139d71e8662595{event % 60:06}",
            "name": f"Gymnasium {event % 60}",
            "capacity": 400,
            "type": "Gymnasium",
        },
        "start_datetime": f"{start:%Y-%m-%dT%H:%M}",
        "end_datetime": f"{start + timedelta(hours=2):%Y-%m-%dT%H:%M}",
        "status": "active",
    }


def _event(number: int) -> dict[str, object]:
    return {
        "_id": f"68aa00934e4730d41{number:07}",
        "short_id": f"R{number}",
        "rate_category": "Internal",
        "status": "Approved",
        "external_system_event_id": None,
        "created_by_external_api": False,
        "name": f"Ligue juvénile de basketball {number}",
        "activity_type": {"_id": 4, "name": "Athletics"},
        "attendance": 120,
        "property_id": ASKED.property_id,
        "timeslots": [_slot(number, week) for week in range(SLOTS)],
        "submit_date": "2025-11-02T09:14:33",
        "type": "reservation",
        "property_timezone": ZONE,
        "renter": {"name": "A renter", "email": "renter@example.org", "phone": "555-0100"},
    }


def _by_hand(body: bytes) -> list[Event]:
    """What one writes without a second thought; tolerates nothing."""
    zone = ZoneInfo(ZONE)
    return [
        Event(
            each["_id"],
            each["type"],
            each["property_id"],
            ZONE,
            each["name"],
            each["status"].lower(),
            each["external_system_event_id"] or "",
            tuple(
                Timeslot(
                    datetime.fromisoformat(slot["start_datetime"])
                    .replace(tzinfo=zone)
                    .astimezone(UTC),
                    datetime.fromisoformat(slot["end_datetime"])
                    .replace(tzinfo=zone)
                    .astimezone(UTC),
                    slot["facility"]["_id"],
                    slot["facility"]["name"],
                    slot["facility"]["type"],
                    slot["activity_name"] or "",
                    slot["status"].lower(),
                    slot["external_system_timeslot_id"] or "",
                )
                for slot in each["timeslots"]
            ),
        )
        for each in json.loads(body)["events"]
    ]


def _seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def test_decoding_and_normalising_a_timeslot() -> None:
    """At most 10 µs for each of 10,000; what is known already costs its digest."""
    events = [_event(number) for number in range(EVENTS)]
    body = json.dumps({"invocation_id": "i-1", "events": events}, ensure_ascii=False).encode()
    read = read_events(body, ASKED, {})
    assert [each.timeslots for each in read.events] == [each.timeslots for each in _by_hand(body)]
    known = {each.digest: each.key for each in read.events}
    odd = json.dumps(
        {"events": [{**each, "_id": number} for number, each in enumerate(events)]}
    ).encode()
    works = {
        "ours": lambda: read_events(body, ASKED, {}),
        "ours, every id a number": lambda: read_events(odd, ASKED, {}),
        "ours, all known already": lambda: read_events(body, ASKED, known),
        "json.loads and data classes by hand": lambda: _by_hand(body),
    }
    spent: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(RUNS):
        for name, work in works.items():
            spent[name].append(_seconds(work) / (EVENTS * SLOTS) * 1e6)
    print(f"\ndecode and normalise {EVENTS * SLOTS} timeslots, {len(body) / 1e6:.1f} MB")
    for name, each in spent.items():
        print(f"  {name:<36} {median(each):6.2f} µs per timeslot")
    assert median(spent["ours"]) <= LIMIT_MICROSECONDS
