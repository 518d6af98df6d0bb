"""Client of the vendor's API: six endpoints that read, three that write."""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from random import SystemRandom
from typing import TYPE_CHECKING, TypeVar

from icalbridge.errors import MalformedAnswer, RequestRefused
from icalbridge.facilitron import envelope, events, schemas
from icalbridge.facilitron.events import EventDefaults, EventsResponse
from icalbridge.facilitron.http import Call, Transport, path_of
from icalbridge.facilitron.write_client import WriteClient
from icalbridge.models import utcnow
from icalbridge.statuses import APPROVED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta
    from random import Random

    from icalbridge.facilitron.rate_limit import Ledger
    from icalbridge.facilitron.schemas import ListResponse
    from icalbridge.facilitron.write_requests import (
        CancelledEvent,
        Conflict,
        CreateOutcome,
        Moved,
        NewEvent,
        TimeslotChange,
    )
    from icalbridge.models import Event, EventKey, Facility, Property, RequestCost, Window

T = TypeVar("T")

log = logging.getLogger(__name__)


class Client:
    """Client with one key. Every method raises `VendorError`; see `icalbridge.errors` for which."""

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
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """`timeout`: seconds to wait for a response, a little over the vendor's own 30;
        `write_timeout` for a write, the longer of the two limits on its pages. `deadline`: seconds
        for all attempts of one request, waiting for the ledger not counted. `on_request` is called
        with each attempt's endpoint and outcome (a status, or `no answer`). `approved_statuses`
        are normalized and sorted. `waiting` is entered during each request. `timer` measures how
        long requests take.

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
            timer=timer,
        )
        self._writes = WriteClient(
            self._transport, self.event, clock=clock, sleep=sleep, write_timeout=write_timeout
        )

    @property
    def clock_offset(self) -> timedelta | None:
        """The vendor's clock less ours, by the last response's Date header; None without one."""
        return self._transport.clock_offset

    def take_costs(self) -> dict[str, RequestCost]:
        """Return what requests took since the last time, on average, by kind."""
        return self._transport.take_costs()

    def properties(self) -> ListResponse[Property]:
        """Return every property that the key may see: `GET /properties`."""
        return self._read(Call("properties", "GET", "/properties"), schemas.read_properties)

    def property(self, property_id: str) -> Property:
        """Return one property: `GET /property/{property_id}`."""
        return self._read(
            Call("property", "GET", path_of("property", property_id)), schemas.read_property
        )

    def facilities(self, property_id: str) -> ListResponse[Facility]:
        """Return the active facilities of a property: `GET /property/{property_id}/facilities`."""
        path = path_of("property", property_id, "facilities")
        return self._read(
            Call("facilities", "GET", path), lambda body: schemas.read_facilities(body, property_id)
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
    ) -> EventsResponse:
        """Return the events of a property in a window: `GET /property/{property_id}/events`.

        `zones` are IANA names by property id, guesses for the properties in `unsure` (see
        `EventDefaults`). Events whose bytes have a digest in `known` are not parsed again. With
        `include_child_events` the window of a district is one day, and has all its schools; on a
        property without children the flag has no effect, neither on events nor on the window.
        """
        path = path_of("property", property_id, "events")
        more = {"include_child_events": "true"} if include_child_events else {}
        call = Call("property-events", "GET", path, {**_window_params(window), **more})
        return self._read_events(call, self._defaults(property_id, zones, unsure), known or {})

    def facility_events(
        self,
        facility_id: str,
        property_id: str,
        window: Window,
        *,
        zones: Mapping[str, str],
        unsure: Collection[str] = (),
        known: Mapping[str, EventKey] | None = None,
    ) -> EventsResponse:
        """Return the events of a facility in a window: `GET /facility/{facility_id}/events`."""
        path = path_of("facility", facility_id, "events")
        call = Call("facility-events", "GET", path, _window_params(window))
        return self._read_events(call, self._defaults(property_id, zones, unsure), known or {})

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
        return self.event_response(
            event_type, event_id, property_id=property_id, zones=zones, unsure=unsure
        ).events[0]

    def event_response(
        self,
        event_type: str,
        event_id: str,
        *,
        property_id: str = "",
        zones: Mapping[str, str],
        unsure: Collection[str] = (),
    ) -> EventsResponse:
        """Return the same with its unreadable parts: a response with exactly one event."""
        path = path_of("event", event_type, event_id)
        defaults = EventDefaults(property_id, event_type, zones, unsure, self._approved)
        call = Call("event", "GET", path)
        response = self._read(call, lambda body: events.read_event(body, defaults))
        if not response.events:
            reason = f"the event cannot be read: {response.skipped[0].reason}"
            raise MalformedAnswer(str(call), reason, 200, "", response.invocation_id)
        return response

    def create_event(self, request: NewEvent) -> CreateOutcome:
        """Create an event: `POST /event`. Never retried if it may have been done.

        Without a usable response the external id is looked up: `Created` when it exists,
        `NotCreated` when it does not and the vendor's time limit is over, `Unknown` when the lookup
        failed. A 409 is a `Conflict`. Raises `InvalidRequest` before anything is sent, and
        `RefusedError` for any other refusal.
        """
        return self._writes.create(request)

    def cancel_event(
        self, event_type: str, event_id: str, log_message: str = ""
    ) -> CancelledEvent | Conflict:
        """Cancel an event by the vendor's id or the external one: `PATCH
        /event/{event_type}/{event_id}`.

        An event that was cancelled before is a `CancelledEvent` with `already`. Raises
        `InvalidRequest` before anything is sent.
        """
        return self._writes.cancel(event_type, event_id, log_message)

    def change_timeslot(
        self, event_type: str, event_id: str, timeslot_id: str, change: TimeslotChange
    ) -> Moved | Conflict:
        """Move a timeslot by its external id: `PATCH
        /event/{event_type}/{event_id}/timeslot/{timeslot_id}`.

        Raises `InvalidRequest` before anything is sent.
        """
        return self._writes.change(event_type, event_id, timeslot_id, change)

    def _defaults(
        self, property_id: str, zones: Mapping[str, str], unsure: Collection[str]
    ) -> EventDefaults:
        return EventDefaults(property_id, self._event_types[0], zones, unsure, self._approved)

    def _read_events(
        self, call: Call, defaults: EventDefaults, known: Mapping[str, EventKey]
    ) -> EventsResponse:
        """Request all event types at once; if that is refused, one by one, so that one refused type
        does not lose the others.
        """

        def request(types: Sequence[str]) -> EventsResponse:
            return self._read(
                replace(call, params={**call.params, "event_types": ",".join(types)}),
                lambda body: events.read_events(
                    body, replace(defaults, event_type=types[0]), known
                ),
            )

        try:
            return request(self._event_types)
        except RequestRefused as refusal:
            if len(self._event_types) == 1 or refusal.status != 400:
                raise
            return _request_by_type(self._event_types, request, refusal)

    def _read(self, call: Call, parse: Callable[[bytes], T]) -> T:
        body = self._transport.send(call)
        try:
            response = parse(body)
        except envelope.Malformed as error:
            malformed = MalformedAnswer(
                str(call), str(error), 200, error.message_code, error.invocation_id
            )
            malformed.null_list = isinstance(error, envelope.NullList)
            raise malformed from None
        _log_left_out(call, response)
        return response


def _window_params(window: Window) -> dict[str, str]:
    """Return the query of a window; `_read_events` fills in the event types."""
    return {"start_date": str(window.start), "end_date": str(window.end), "event_types": ""}


def _request_by_type(
    types: Sequence[str],
    request: Callable[[Sequence[str]], EventsResponse],
    refusal: RequestRefused,
) -> EventsResponse:
    responses, refused = [], set()
    for event_type in types:
        try:
            responses.append(request([event_type]))
        except RequestRefused as error:
            if error.status != 400:
                raise
            refused.add(event_type)
            log.warning("event type %s is refused: %s", event_type, error)
    if not responses:
        raise refusal
    parsed = {event.key: event for response in responses for event in response.events}
    return EventsResponse(
        tuple(parsed.values()),
        frozenset(key for response in responses for key in response.unchanged if key not in parsed),
        tuple(item for response in responses for item in response.skipped),
        tuple(item for response in responses for item in response.ignored),
        responses[0].invocation_id,
        frozenset(refused),
        {owner: zone for response in reversed(responses) for owner, zone in response.zones.items()},
    )


def _log_left_out(call: Call, response: object) -> None:
    """Log one line about everything that was left out of a response, counted by reason."""
    left_out = (*getattr(response, "skipped", ()), *getattr(response, "ignored", ()))
    if left_out:
        counts = Counter(item.reason for item in left_out)
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items()))
        invocation_id = getattr(response, "invocation_id", "")
        log.warning("%s: left out: %s; invocation_id %s", call, reasons, invocation_id)
