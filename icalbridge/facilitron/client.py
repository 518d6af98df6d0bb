"""The vendor's API, typed: six endpoints that read, three that write.

How a request is sent, and sent again, is `transport.py`'s; how an answer is read `wire.py`'s; what
may be written `writes.py`'s.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import nullcontext
from random import SystemRandom
from typing import TYPE_CHECKING, TypeVar

from icalbridge.errors import MalformedAnswer, RequestRefused
from icalbridge.facilitron import envelope, wire
from icalbridge.facilitron.transport import Call, Transport, path_of
from icalbridge.facilitron.wire import EventsAnswer
from icalbridge.facilitron.writing import Writing
from icalbridge.models import utcnow
from icalbridge.statuses import APPROVED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta
    from random import Random

    from icalbridge.facilitron.quota import Ledger
    from icalbridge.facilitron.wire import Answer
    from icalbridge.facilitron.writes import (
        Cancelled,
        Conflict,
        CreateOutcome,
        Moved,
        NewEvent,
        TimeslotChange,
    )
    from icalbridge.models import Event, EventKey, Facility, Property, Window

T = TypeVar("T")

log = logging.getLogger(__name__)


class Client:
    """One key's view of the vendor. Every method raises `VendorError`; see `icalbridge.errors` for
    which.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        event_types: Sequence[str] = ("reservation",),
        approved_statuses: Sequence[str] = (APPROVED,),
        ledger: Ledger,
        timeout: float = 32.0,
        write_timeout: float = 35.0,
        deadline: float = 90.0,
        clock: Callable[[], datetime] = utcnow,
        sleep: Callable[[float], None] = time.sleep,
        rng: Random | None = None,
        on_request: Callable[[str, str], None] | None = None,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`timeout`: seconds to wait for one answer, a little over the vendor's own 30;
        `write_timeout` for a write, the longer of the two limits on its pages. `deadline`: seconds
        for all attempts of one request, waiting for the ledger not counted. `on_request` hears each
        attempt's endpoint and outcome (a status, or `no answer`). `approved_statuses`: what counts
        as approved, normalized and sorted. `waiting` is entered while the vendor is being asked.

        Raises `ConfigurationError` for a key that no header can carry.
        """
        self._event_types = tuple(event_types)
        self._approved = tuple(approved_statuses)
        self._transport = Transport(
            url,
            key,
            ledger=ledger,
            timeout=timeout,
            write_timeout=write_timeout,
            deadline=deadline,
            clock=clock,
            sleep=sleep,
            rng=rng or SystemRandom(),
            on_request=on_request or (lambda _endpoint, _outcome: None),
            waiting=waiting,
        )
        self._writing = Writing(
            self._transport, self.event, clock=clock, sleep=sleep, write_timeout=write_timeout
        )

    @property
    def clock_offset(self) -> timedelta | None:
        """The vendor's clock less ours, as its last answer's Date told; None before the first, and
        when it had none.
        """
        return self._transport.clock_offset

    def properties(self) -> Answer[Property]:
        """Return every property that the key may see: `GET /properties`."""
        return self._read("properties", "/properties", {}, wire.read_properties)

    def property(self, property_id: str) -> Property:
        """Return one property: `GET /property/{property_id}`."""
        return self._read("property", path_of("property", property_id), {}, wire.read_property)

    def facilities(self, property_id: str) -> Answer[Facility]:
        """Return the active facilities of a property: `GET /property/{property_id}/facilities`."""
        path = path_of("property", property_id, "facilities")
        return self._read(
            "facilities", path, {}, lambda body: wire.read_facilities(body, property_id)
        )

    def property_events(
        self,
        property_id: str,
        window: Window,
        *,
        zones: Mapping[str, str],
        unsure: Collection[str] = (),
        known: Mapping[str, EventKey] | None = None,
        include_child_events: bool = False,
    ) -> EventsAnswer:
        """Return the events of a property in a window: `GET /property/{property_id}/events`.

        `zones` are IANA names by property id; for the properties in `unsure` these are guesses, and
        the zone that their events name comes before them (see `wire.Asked`). Events whose bytes
        have a digest in `known` are not read again. With `include_child_events` the window is one
        day, of a district with all its schools.
        """
        path = path_of("property", property_id, "events")
        more = {"include_child_events": "true"} if include_child_events else {}
        return self._events(
            "property-events", path, property_id, window, zones, unsure, known or {}, more
        )

    def facility_events(
        self,
        facility_id: str,
        property_id: str,
        window: Window,
        *,
        zones: Mapping[str, str],
        unsure: Collection[str] = (),
        known: Mapping[str, EventKey] | None = None,
    ) -> EventsAnswer:
        """Return the events of a facility in a window: `GET /facility/{facility_id}/events`."""
        path = path_of("facility", facility_id, "events")
        return self._events(
            "facility-events", path, property_id, window, zones, unsure, known or {}, {}
        )

    def event(
        self,
        event_type: str,
        event_id: str,
        *,
        property_id: str = "",
        zones: Mapping[str, str],
        unsure: Collection[str] = (),
    ) -> Event:
        """Return one event by the vendor's id or the external one: `GET
        /event/{event_type}/{event_id}`.
        """
        return self.event_answer(
            event_type, event_id, property_id=property_id, zones=zones, unsure=unsure
        ).events[0]

    def event_answer(
        self,
        event_type: str,
        event_id: str,
        *,
        property_id: str = "",
        zones: Mapping[str, str],
        unsure: Collection[str] = (),
    ) -> EventsAnswer:
        """Return the same with what of it could not be read: an answer with exactly one event."""
        path = path_of("event", event_type, event_id)
        asked = wire.Asked(property_id, event_type, zones, unsure, self._approved)
        answer = self._read("event", path, {}, lambda body: wire.read_event(body, asked))
        if not answer.events:
            reason = answer.skipped[0].reason
            raise MalformedAnswer(
                f"GET {path}", f"the event cannot be read: {reason}", 200, "", answer.invocation_id
            )
        return answer

    def create_event(self, request: NewEvent) -> CreateOutcome:
        """Create an event: `POST /event`. Never sent twice where it may have been done.

        Without an answer to go by, the external id is looked up: `Created` when it is there,
        `NotCreated` when it is not and the vendor's time for it is over, `Unknown` when that could
        not be found out. A 409 is a `Conflict`. Raises `InvalidRequest` before anything is sent,
        and `RefusedError` for any other refusal.
        """
        return self._writing.create(request)

    def cancel_event(
        self, event_type: str, event_id: str, log_message: str = ""
    ) -> Cancelled | Conflict:
        """Cancel an event by the vendor's id or the external one: `PATCH
        /event/{event_type}/{event_id}`.

        What was cancelled before is `Cancelled` with `already`. Raises `InvalidRequest` before
        anything is sent.
        """
        return self._writing.cancel(event_type, event_id, log_message)

    def change_timeslot(
        self, event_type: str, event_id: str, timeslot_id: str, change: TimeslotChange
    ) -> Moved | Conflict:
        """Move a timeslot by its external id: `PATCH
        /event/{event_type}/{event_id}/timeslot/{timeslot_id}`.

        Raises `InvalidRequest` before anything is sent.
        """
        return self._writing.change(event_type, event_id, timeslot_id, change)

    def _events(
        self,
        endpoint: str,
        path: str,
        property_id: str,
        window: Window,
        zones: Mapping[str, str],
        unsure: Collection[str],
        known: Mapping[str, EventKey],
        more: dict[str, str],
    ) -> EventsAnswer:
        """Ask for all event types at once; where that is refused, for each alone, so that none
        loses the others.
        """

        def ask(types: Sequence[str]) -> EventsAnswer:
            told = {
                "start_date": str(window.start),
                "end_date": str(window.end),
                "event_types": ",".join(types),
                **more,
            }
            asked = wire.Asked(property_id, types[0], zones, unsure, self._approved)
            return self._read(
                endpoint, path, told, lambda body: wire.read_events(body, asked, known)
            )

        try:
            return ask(self._event_types)
        except RequestRefused as refusal:
            if len(self._event_types) == 1 or refusal.status != 400:
                raise
            return _one_by_one(self._event_types, ask, refusal)

    def _read(
        self, endpoint: str, path: str, params: dict[str, str], read: Callable[[bytes], T]
    ) -> T:
        body = self._transport.send(Call(endpoint, "GET", path, params))
        try:
            answer = read(body)
        except envelope.Malformed as error:
            malformed = MalformedAnswer(
                f"GET {path}", str(error), 200, error.message_code, error.invocation_id
            )
            malformed.null_list = isinstance(error, envelope.NullList)
            raise malformed from None
        _tell_left_out(path, answer)
        return answer


def _one_by_one(
    types: Sequence[str], ask: Callable[[Sequence[str]], EventsAnswer], refusal: RequestRefused
) -> EventsAnswer:
    answers, refused = [], set()
    for each in types:
        try:
            answers.append(ask([each]))
        except RequestRefused as error:
            if error.status != 400:
                raise
            refused.add(each)
            log.warning("event type %s is refused: %s", each, error)
    if not answers:
        raise refusal
    events = {event.key: event for answer in answers for event in answer.events}
    return EventsAnswer(
        tuple(events.values()),
        frozenset(key for answer in answers for key in answer.unchanged if key not in events),
        tuple(each for answer in answers for each in answer.skipped),
        tuple(each for answer in answers for each in answer.ignored),
        answers[0].invocation_id,
        frozenset(refused),
        {each: name for answer in reversed(answers) for each, name in answer.zones.items()},
    )


def _tell_left_out(path: str, answer: object) -> None:
    """Log one line about all that was left out of an answer, counted by reason."""
    left_out = (*getattr(answer, "skipped", ()), *getattr(answer, "ignored", ()))
    if left_out:
        reasons = ", ".join(
            f"{count} {reason}"
            for reason, count in sorted(Counter(x.reason for x in left_out).items())
        )
        log.warning(
            "GET %s: left out: %s; invocation_id %s",
            path,
            reasons,
            getattr(answer, "invocation_id", ""),
        )
