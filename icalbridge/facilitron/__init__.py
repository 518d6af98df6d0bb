"""The vendor's API: the one room that speaks to it.

client.py     every endpoint, typed: six that read, three that write
transport.py  requests over HTTP, with retries, limits and errors
answers.py    what an answer that is no success means
envelope.py   what an answer is wrapped in, and whether its code is one of success
wire.py       JSON → model, tolerant of every surprise
timeslots.py  one timeslot of an event
listed.py     items of the catalogue → model
event_zones.py  the time zones that events name
lenient.py    JSON as it ought not to be
times.py      local times → moments
quota.py      the minute's rate and the day's quota
writes.py     what may be written, and what comes of it
bounds.py     the rules for it, checked before a request is spent
writing.py    sends it, and finds out what became of it
"""

from icalbridge.facilitron.bounds import check_event, wrong_times
from icalbridge.facilitron.client import Client
from icalbridge.facilitron.quota import Allowance, Ledger, MemoryLedger, book
from icalbridge.facilitron.wire import Answer, EventsAnswer, Skipped
from icalbridge.facilitron.writes import (
    Cancelled,
    Conflict,
    Created,
    CreateOutcome,
    Moved,
    NewEvent,
    NewTimeslot,
    NotCreated,
    TimeslotChange,
    Unknown,
)

__all__ = [
    "Allowance",
    "Answer",
    "Cancelled",
    "Client",
    "Conflict",
    "CreateOutcome",
    "Created",
    "EventsAnswer",
    "Ledger",
    "MemoryLedger",
    "Moved",
    "NewEvent",
    "NewTimeslot",
    "NotCreated",
    "Skipped",
    "TimeslotChange",
    "Unknown",
    "book",
    "check_event",
    "wrong_times",
]
