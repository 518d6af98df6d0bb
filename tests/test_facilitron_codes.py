"""A 200 with the code of an error to a write: it is no success, and what became of it is found out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import MalformedAnswer
from icalbridge.facilitron import Created, NewEvent, NewTimeslot, NotCreated, TimeslotChange
from tests.fixtures.scripted import NOW, Reply, client_of, scripted, told

if TYPE_CHECKING:
    from collections.abc import Callable

    from icalbridge.facilitron import Client

ZONE = "America/Los_Angeles"
START = NOW + timedelta(days=100)
HOUR = timedelta(hours=1)
MOVE = TimeslotChange(START, START + HOUR, ZONE)
EVENT = NewEvent(
    "event-1",
    "Recital",
    "coach@school.example",
    12,
    (NewTimeslot("slot-1", START, START + HOUR, "gym"),),
    ZONE,
)


@pytest.mark.parametrize("found", [True, False])
def test_creation_with_an_error_code_is_looked_up(*, found: bool) -> None:
    """A 200 with the code of an error is no success: whether the event is there says the lookup."""
    made = {"_id": "e1", "external_system_event_id": "event-1"}
    answer = told({"event": made, "message_code": "SY002", "invocation_id": "i-3"})
    slots = [
        {
            "external_system_timeslot_id": "slot-1",
            "start_datetime": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end_datetime": (START + HOUR).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
    ]
    there = told({"event": {**made, "name": EVENT.name, "timeslots": slots}})
    naps: list[float] = []
    with scripted(answer, there if found else Reply(404)) as script:
        outcome = client_of(script, naps).create_event(EVENT)
    if found:
        assert outcome == Created("e1", "event-1", None, "i-3", looked_up=True)
    else:
        assert isinstance(outcome, NotCreated)
        assert (type(outcome.error), outcome.error.message_code, len(naps)) == (
            MalformedAnswer,
            "SY002",
            1,
        )


@pytest.mark.parametrize("call", ["cancel", "change"])
def test_write_with_an_error_code_is_no_success(call: str) -> None:
    """Nobody knows what became of it; it is not taken for done."""
    calls: dict[str, Callable[[Client], object]] = {
        "cancel": lambda client: client.cancel_event("reservation", "event-1"),
        "change": lambda client: client.change_timeslot("reservation", "event-1", "slot-1", MOVE),
    }
    answer = told(
        {"event": {"_id": "e1"}, "timeslot": {}, "message_code": "SY002", "invocation_id": "i-3"}
    )
    with scripted(answer) as script, pytest.raises(MalformedAnswer) as caught:
        calls[call](client_of(script))
    assert (caught.value.message_code, caught.value.invocation_id) == ("SY002", "i-3")
