"""The vendor's read API over HTTP: every GET endpoint, typed, within the rate and the quota, patient with what passes.

The loop of attempts is our own and not urllib3's Retry: each attempt must be booked before it is sent, and all of them
share one deadline; Retry can do neither.
"""

from __future__ import annotations

import logging
import random
import time
from contextlib import suppress
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import requests

from icalbridge import __version__
from icalbridge.errors import MalformedAnswer, RequestRefused, RetryableError, VendorError, VendorUnavailable
from icalbridge.facilitron import wire
from icalbridge.facilitron.answers import error_of
from icalbridge.model import utcnow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime, timedelta

    from icalbridge.facilitron.quota import Ledger
    from icalbridge.facilitron.wire import Answer, EventsAnswer
    from icalbridge.model import Event, EventKey, Facility, Property, Window

T = TypeVar("T")

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often one request is sent; a window that is too heavy answers 503 each time, so not more."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
CONNECT_SECONDS = 10.0


class _Bearer(requests.auth.AuthBase):
    """The key, as an authentication of requests' own, so that no netrc file can put another in its place."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers["Authorization"] = f"Bearer {self._key}"
        return prepared


class Client:
    """One key's view of the vendor. Every method raises `VendorError`; see `icalbridge.errors` for which."""

    clock_offset: timedelta | None = None
    """The vendor's clock less ours, as its last answer's Date told; None before the first."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        event_types: Sequence[str] = ("reservation",),
        ledger: Ledger,
        timeout: float = 32.0,
        deadline: float = 90.0,
        clock: Callable[[], datetime] = utcnow,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
        on_request: Callable[[str, str], None] | None = None,
    ) -> None:
        """`timeout`: seconds to wait for one answer, a little over the vendor's own 30. `deadline`: seconds for all
        attempts of one request, waiting for the ledger not counted. `on_request` hears each attempt's endpoint and
        outcome (a status, or `no answer`).
        """
        self._url = url.rstrip("/")
        self._key = key
        self._event_types = tuple(event_types)
        self._ledger = ledger
        self._timeout = timeout
        self._deadline = deadline
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._on_request = on_request or (lambda _endpoint, _outcome: None)
        self._session = requests.Session()
        self._session.auth = _Bearer(key)
        self._session.headers.update({"User-Agent": f"icalbridge/{__version__}", "Accept": "application/json"})

    def properties(self) -> Answer[Property]:
        """Return every property that the key may see: `GET /properties`."""
        return self._read("properties", "/properties", {}, wire.read_properties)

    def property(self, property_id: str) -> Property:
        """Return one property: `GET /property/{property_id}`."""
        return self._read("property", f"/property/{quote(property_id, safe='')}", {}, wire.read_property)

    def facilities(self, property_id: str) -> Answer[Facility]:
        """Return the active facilities of a property: `GET /property/{property_id}/facilities`."""
        path = f"/property/{quote(property_id, safe='')}/facilities"
        return self._read("facilities", path, {}, lambda body: wire.read_facilities(body, property_id))

    def property_events(
        self,
        property_id: str,
        window: Window,
        *,
        zones: Mapping[str, str],
        known: Mapping[str, EventKey] | None = None,
        include_child_events: bool = False,
    ) -> EventsAnswer:
        """Return the events of a property in a window: `GET /property/{property_id}/events`.

        `zones` are IANA names by property id. Events whose bytes have a digest in `known` are not read again. With
        `include_child_events` the window is one day, of a district with all its schools.
        """
        path = f"/property/{quote(property_id, safe='')}/events"
        more = {"include_child_events": "true"} if include_child_events else {}
        return self._events("property-events", path, property_id, window, zones, known or {}, more)

    def facility_events(
        self,
        facility_id: str,
        property_id: str,
        window: Window,
        *,
        zones: Mapping[str, str],
        known: Mapping[str, EventKey] | None = None,
    ) -> EventsAnswer:
        """Return the events of a facility in a window: `GET /facility/{facility_id}/events`."""
        path = f"/facility/{quote(facility_id, safe='')}/events"
        return self._events("facility-events", path, property_id, window, zones, known or {}, {})

    def event(self, event_type: str, event_id: str, *, property_id: str = "", zones: Mapping[str, str]) -> Event:
        """Return one event by the vendor's id or the external one: `GET /event/{event_type}/{event_id}`."""
        path = f"/event/{quote(event_type, safe='')}/{quote(event_id, safe='')}"
        asked = wire.Asked(property_id, event_type, zones)
        answer = self._read("event", path, {}, lambda body: wire.read_event(body, asked))
        if not answer.events:
            reason = answer.skipped[0].reason
            raise MalformedAnswer(f"GET {path}", f"the event cannot be read: {reason}", 200, "", answer.invocation_id)
        return answer.events[0]

    def _events(
        self,
        endpoint: str,
        path: str,
        property_id: str,
        window: Window,
        zones: Mapping[str, str],
        known: Mapping[str, EventKey],
        more: dict[str, str],
    ) -> EventsAnswer:
        """Ask for all event types at once; where that is refused, for each alone, so that none loses the others."""

        def ask(types: Sequence[str]) -> EventsAnswer:
            told = {
                "start_date": str(window.start),
                "end_date": str(window.end),
                "event_types": ",".join(types),
                **more,
            }
            asked = wire.Asked(property_id, types[0], zones)
            return self._read(endpoint, path, told, lambda body: wire.read_events(body, asked, known))

        try:
            return ask(self._event_types)
        except RequestRefused as refusal:
            if len(self._event_types) == 1:
                raise
            return _one_by_one(self._event_types, ask, refusal)

    def _read(self, endpoint: str, path: str, params: dict[str, str], read: Callable[[bytes], T]) -> T:
        response = self._get(endpoint, path, params)
        try:
            answer = read(response.content)
        except wire.Malformed as error:
            raise MalformedAnswer(f"GET {path}", str(error), response.status_code) from None
        _tell_skipped(path, answer)
        return answer

    def _get(self, endpoint: str, path: str, params: dict[str, str]) -> requests.Response:
        """Send a request until it is answered, the attempts are spent, or the deadline has no room for another."""
        spent = 0.0
        for attempt in range(1, ATTEMPTS + 1):
            self._book()
            begun = time.monotonic()
            outcome = self._attempt(endpoint, path, params)
            spent += time.monotonic() - begun
            if isinstance(outcome, requests.Response):
                return outcome
            error, retry_after = outcome
            pause = self._pause(attempt, retry_after)
            if not isinstance(error, RetryableError) or attempt == ATTEMPTS or spent + pause >= self._deadline:
                raise error
            self._sleep(pause)
            spent += pause
        raise AssertionError("the last attempt returns or raises")

    def _attempt(
        self, endpoint: str, path: str, params: dict[str, str]
    ) -> requests.Response | tuple[VendorError, float | None]:
        """Send a request once; return the answer, or the error it means and how long the vendor asks us to wait."""
        request = f"GET {path}"
        begun = time.monotonic()
        try:
            response = self._session.get(
                self._url + path,
                params=params,
                timeout=(min(CONNECT_SECONDS, self._timeout), self._timeout),
                allow_redirects=False,  # a redirect would carry the key elsewhere
            )
        except requests.RequestException as error:
            self._on_request(endpoint, "no answer")
            return VendorUnavailable(request, _said(error)), None
        self._on_request(endpoint, str(response.status_code))
        self._note_clock(response)
        log.debug("%s: %d after %.0f ms", request, response.status_code, (time.monotonic() - begun) * 1000)
        if response.status_code == 200:
            return response
        return error_of(request, response, secret=self._key), _retry_after(response)

    def _book(self) -> None:
        while wait := self._ledger.take(self._clock()):
            self._sleep(wait)

    def _pause(self, attempt: int, retry_after: float | None) -> float:
        """Return the seconds to the next attempt: exponential with full jitter, or what the vendor asks for."""
        if retry_after is not None:
            return retry_after
        longest: float = min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS)
        return self._jitter() * longest

    def _note_clock(self, response: requests.Response) -> None:
        with suppress(ValueError, TypeError, KeyError):
            self.clock_offset = parsedate_to_datetime(response.headers["Date"]) - self._clock()


def _one_by_one(
    types: Sequence[str], ask: Callable[[Sequence[str]], EventsAnswer], refusal: RequestRefused
) -> EventsAnswer:
    answers, refused = [], set()
    for each in types:
        try:
            answers.append(ask([each]))
        except RequestRefused as error:
            refused.add(each)
            log.warning("event type %s is refused: %s", each, error)
    if not answers:
        raise refusal
    first, *others = answers
    for other in others:
        first = replace(
            first,
            events=first.events + other.events,
            unchanged=first.unchanged | other.unchanged,
            skipped=first.skipped + other.skipped,
            ignored=first.ignored + other.ignored,
        )
    return replace(first, refused_types=frozenset(refused))


def _said(error: requests.RequestException) -> str:
    """Say what became of a request; the library's own words hold its headers, and so the key."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "the answer was cut off"
    return "no connection, or it broke"


def _retry_after(response: requests.Response) -> float | None:
    told = response.headers.get("Retry-After", "")
    return float(told) if told.isascii() and told.isdigit() else None


def _tell_skipped(path: str, answer: object) -> None:
    skipped = getattr(answer, "skipped", ())
    if skipped:
        reasons = sorted({each.reason for each in skipped})
        called = getattr(answer, "invocation_id", "")
        log.warning("GET %s: %d things left out (%s), invocation_id %s", path, len(skipped), ", ".join(reasons), called)
