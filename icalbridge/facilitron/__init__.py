"""Client of the vendor's API (Facilitron): the only package that calls it.

client.py          every endpoint: six that read, three that write
http.py            requests over HTTP, with retries, limits and errors
http_errors.py     maps error responses to our errors
rate_limit.py      requests a minute and a day
envelope.py        list or item, invocation_id and message_code of a response
schemas.py         properties, facilities and timeslots: JSON → model
events.py          events: JSON → model
staff_details.py   renter and the other fields that are for staff alone
lenient_json.py    decoder for broken JSON
times.py           local times → moments
write_requests.py  requests that write, their outcomes and their bounds
email_address.py   e-mail addresses (RFC 5322)
write_client.py    sends them, and looks up what became of them
overnight.py       bookings past midnight: whole, or one a day
"""

from icalbridge.facilitron.client import Client
from icalbridge.facilitron.events import EventsResponse
from icalbridge.facilitron.overnight import (
    LAST_MINUTE,
    MOST_DAYS,
    OvernightCreator,
    part_id,
    split_by_day,
    split_local_times,
)
from icalbridge.facilitron.rate_limit import (
    LONGEST_PAUSE_SECONDS,
    Allowance,
    Ledger,
    MemoryLedger,
    book,
    pause_end,
)
from icalbridge.facilitron.schemas import ListResponse, Skipped
from icalbridge.facilitron.write_requests import (
    CancelledEvent,
    Conflict,
    Created,
    CreateOutcome,
    Moved,
    NewEvent,
    NewTimeslot,
    NotCreated,
    TimeslotChange,
    Unknown,
    change_doubts,
    check_event,
    creation_doubts,
    time_errors,
)

__all__ = [
    "LAST_MINUTE",
    "LONGEST_PAUSE_SECONDS",
    "MOST_DAYS",
    "Allowance",
    "CancelledEvent",
    "Client",
    "Conflict",
    "CreateOutcome",
    "Created",
    "EventsResponse",
    "Ledger",
    "ListResponse",
    "MemoryLedger",
    "Moved",
    "NewEvent",
    "NewTimeslot",
    "NotCreated",
    "OvernightCreator",
    "Skipped",
    "TimeslotChange",
    "Unknown",
    "book",
    "change_doubts",
    "check_event",
    "creation_doubts",
    "part_id",
    "pause_end",
    "split_by_day",
    "split_local_times",
    "time_errors",
]
