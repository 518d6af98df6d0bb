"""The vendor's read API over HTTP: every GET endpoint, typed, within the rate and the quota, patient with what passes.

The loop of attempts is our own and not urllib3's Retry: each attempt must be booked before it is sent, and all of them
share one deadline; Retry can do neither.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from icalbridge import __version__
from icalbridge.errors import (
    ConfigurationError,
    MalformedAnswer,
    RequestRefused,
    RetryableError,
    VendorError,
    VendorUnavailable,
)
from icalbridge.facilitron import wire
from icalbridge.facilitron.answers import error_of
from icalbridge.facilitron.wire import EventsAnswer
from icalbridge.model import utcnow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta
    from random import Random

    from icalbridge.facilitron.quota import Ledger
    from icalbridge.facilitron.wire import Answer
    from icalbridge.model import Event, EventKey, Facility, Property, Window

T = TypeVar("T")

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often one request is sent; a window that is too heavy answers 503 each time, so not more."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
SHORTEST_KEY = 8
CONNECT_SECONDS = 10.0
SHORTEST_NAP_SECONDS = 0.05
"""Least time between two questions to the ledger: on a clock of whole seconds it may often ask for next to nothing."""
CHUNK_OCTETS = 65_536

UNSENDABLE = (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, requests.exceptions.MissingSchema)


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
    """The vendor's clock less ours, as its last answer's Date told; None before the first, and when it had none."""

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
        rng: Random | None = None,
        on_request: Callable[[str, str], None] | None = None,
        waiting: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """`timeout`: seconds to wait for one answer, a little over the vendor's own 30. `deadline`: seconds for all
        attempts of one request, waiting for the ledger not counted. `on_request` hears each attempt's endpoint and
        outcome (a status, or `no answer`). `waiting` is entered while the vendor is being asked.

        Raises `ConfigurationError` for a key that no header can carry.
        """
        if not (key.isascii() and key.isprintable() and key.strip() == key != ""):
            raise ConfigurationError("The API key is not one that can be sent; use it as Facilitron gave it.")
        self._url = url.rstrip("/")
        self._key = key
        self._event_types = tuple(event_types)
        self._ledger = ledger
        self._timeout = timeout
        self._deadline = deadline
        self._clock = clock
        self._sleep = sleep
        self._rng = rng or SystemRandom()
        self._waiting = waiting
        self._on_request = on_request or (lambda _endpoint, _outcome: None)
        self._session = requests.Session()
        self._session.auth = _Bearer(key)
        self._session.headers.update({"User-Agent": f"icalbridge/{__version__}", "Accept": "application/json"})

    def properties(self) -> Answer[Property]:
        """Return every property that the key may see: `GET /properties`."""
        return self._read("properties", "/properties", {}, wire.read_properties)

    def property(self, property_id: str) -> Property:
        """Return one property: `GET /property/{property_id}`."""
        return self._read("property", _path("property", property_id), {}, wire.read_property)

    def facilities(self, property_id: str) -> Answer[Facility]:
        """Return the active facilities of a property: `GET /property/{property_id}/facilities`."""
        path = _path("property", property_id, "facilities")
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
        path = _path("property", property_id, "events")
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
        path = _path("facility", facility_id, "events")
        return self._events("facility-events", path, property_id, window, zones, known or {}, {})

    def event(self, event_type: str, event_id: str, *, property_id: str = "", zones: Mapping[str, str]) -> Event:
        """Return one event by the vendor's id or the external one: `GET /event/{event_type}/{event_id}`."""
        path = _path("event", event_type, event_id)
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
            if len(self._event_types) == 1 or refusal.status != 400:
                raise
            return _one_by_one(self._event_types, ask, refusal)

    def _read(self, endpoint: str, path: str, params: dict[str, str], read: Callable[[bytes], T]) -> T:
        body = self._get(endpoint, path, params)
        try:
            answer = read(body)
        except wire.Malformed as error:
            raise MalformedAnswer(f"GET {path}", str(error), 200, invocation_id=error.invocation_id) from None
        _tell_left_out(path, answer)
        return answer

    def _get(self, endpoint: str, path: str, params: dict[str, str]) -> bytes:
        """Send a request until it is answered, the attempts are spent, or the deadline has no room for another."""
        spent = 0.0
        for attempt in range(1, ATTEMPTS + 1):
            self._book()
            begun = time.monotonic()
            with self._waiting():
                outcome = self._attempt(endpoint, path, params, begun + self._deadline - spent)
            spent += time.monotonic() - begun
            if isinstance(outcome, bytes):
                return outcome
            pause = self._pause(attempt, outcome.retry_after)
            if not outcome.passing or attempt == ATTEMPTS or spent + pause >= self._deadline:
                raise outcome.error
            self._sleep(pause)
            spent += pause
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, endpoint: str, path: str, params: dict[str, str], until: float) -> bytes | _Failure:
        """Send a request once, take the answer up to `until` (monotonic seconds); return its body, or what failed."""
        request = f"GET {path}"
        begun = time.monotonic()
        timeout = min(self._timeout, until - begun)
        status = None
        try:
            with self._session.get(
                self._url + path,
                params=params,
                timeout=(min(CONNECT_SECONDS, timeout), timeout),
                allow_redirects=False,  # a redirect would carry the key elsewhere
                stream=True,
            ) as response:
                status = response.status_code
                self._note_clock(response)
                body = self._without_key(_body(response, until))
        except (requests.RequestException, HTTPError, OSError) as error:
            failure = _failure(request, status, error)
            self._note(endpoint, path, begun, "no answer", failure.error.message)
            return failure
        self._note(endpoint, path, begun, str(status), body)
        if status == 200:
            return body
        refusal = error_of(request, status, body, secret=self._key)
        return _Failure(refusal, isinstance(refusal, RetryableError), self._retry_after(response))

    def _without_key(self, body: bytes) -> bytes:
        """Return an answer, which may repeat the request's headers, without the key: it must get no further.

        A key so short that a name may hold it is none of the vendor's.
        """
        return body.replace(self._key.encode(), "…".encode()) if len(self._key) >= SHORTEST_KEY else body

    def _note(self, endpoint: str, path: str, begun: float, outcome: str, said: bytes | str) -> None:
        self._on_request(endpoint, outcome)
        if log.isEnabledFor(logging.DEBUG):
            told = wire.trace(said) if isinstance(said, bytes) else said
            log.debug("GET %s: %s after %.0f ms, %s", path, outcome, (time.monotonic() - begun) * 1000, told)

    def _book(self) -> None:
        while wait := self._ledger.take(self._clock()):
            self._sleep(max(wait, SHORTEST_NAP_SECONDS))

    def _pause(self, attempt: int, retry_after: float | None) -> float:
        """Return the seconds to the next attempt: exponential with full jitter, or what the vendor asks for."""
        if retry_after is not None:
            return retry_after
        return self._rng.uniform(0, min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))

    def _note_clock(self, response: requests.Response) -> None:
        moment = _moment(response.headers.get("Date", ""))
        self.clock_offset = moment - self._clock() if moment else None

    def _retry_after(self, response: requests.Response) -> float | None:
        """Return the seconds that the vendor asks us to wait (RFC 9110, section 10.2.3: seconds or a date)."""
        told = response.headers.get("Retry-After", "")
        if told.isascii() and told.isdigit():
            return float(told)
        moment = _moment(told)
        return max((moment - self._clock()).total_seconds(), 0.0) if moment else None


@dataclass(frozen=True, slots=True)
class _Failure:
    """An attempt that brought nothing."""

    error: VendorError
    passing: bool
    """Whether another attempt may do better."""
    retry_after: float | None = None
    """The seconds that the vendor asks us to wait."""


def _failure(request: str, status: int | None, error: Exception) -> _Failure:
    """Say what became of a request in our own words; the library's hold the request's headers, and so the key."""
    if isinstance(error, UNSENDABLE):
        return _Failure(
            RequestRefused(request, "the address cannot be used; check FACILITRON_API_URL and the proxy, if any"), False
        )
    if isinstance(error, requests.Timeout | TimeoutError | ReadTimeoutError):
        return _Failure(VendorUnavailable(request, "no answer in time", status), True)
    if status == 200:
        return _Failure(MalformedAnswer(request, "the answer was cut off", status), True)
    return _Failure(VendorUnavailable(request, "no connection, or it broke", status), True)


def _body(response: requests.Response, until: float) -> bytes:
    """Read a body as it comes; raises `TimeoutError` when that takes too long, however busily it drips."""
    parts = []
    while part := response.raw.read1(CHUNK_OCTETS, decode_content=True):
        parts.append(part)
        if time.monotonic() > until:
            raise TimeoutError
    return b"".join(parts)


def _moment(told: str) -> datetime | None:
    """Read an HTTP date; None for what is none."""
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        moment = parsedate_to_datetime(told)
        return moment if moment.tzinfo else None
    return None


def _path(*parts: str) -> str:
    """Return the path of an endpoint, each part escaped; the vendor's ids may be anything.

    Raises `RequestRefused` for what every HTTP library would take for a step up or down the path.
    """
    path = "/" + "/".join(quote(part, safe="", errors="replace") for part in parts)
    if not {"", ".", ".."}.isdisjoint(parts):
        raise RequestRefused(f"GET {path}", "no id that can be asked for")
    return path


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
    )


def _tell_left_out(path: str, answer: object) -> None:
    """Log one line about all that was left out of an answer, counted by reason."""
    left_out = (*getattr(answer, "skipped", ()), *getattr(answer, "ignored", ()))
    if left_out:
        reasons = ", ".join(
            f"{count} {reason}" for reason, count in sorted(Counter(x.reason for x in left_out).items())
        )
        log.warning("GET %s: left out: %s; invocation_id %s", path, reasons, getattr(answer, "invocation_id", ""))
