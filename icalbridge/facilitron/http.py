"""HTTP transport: respects the rate and the quota, retries transient errors, and redacts secrets.

The retry loop is our own, not urllib3's Retry or stamina: each attempt must be booked before it is
sent without that wait counting toward the deadline, and tests inject sleep and random numbers.
"""

from __future__ import annotations

import logging
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import requests
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from icalbridge import __version__
from icalbridge.errors import (
    AnswerTooLarge,
    ConfigurationError,
    MalformedAnswer,
    RateLimited,
    RequestRefused,
    RetryableError,
    VendorError,
    VendorTimeout,
    VendorUnavailable,
)
from icalbridge.facilitron import envelope
from icalbridge.facilitron.http_errors import error_of
from icalbridge.models import RequestCost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta
    from random import Random

    from icalbridge.facilitron.rate_limit import Ledger

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""Attempts per request; not more, since a window that is too heavy is a 503 each time."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
SHORTEST_KEY = 8
"""Characters; what is shorter is not redacted, since any name may contain it."""
CONNECT_SECONDS = 10.0
SHORTEST_NAP_SECONDS = 0.05
"""Least time between two calls of the ledger, which may return next to nothing."""
CHUNK_OCTETS = 65_536
MOST_OCTETS = 64_000_000
"""The largest response that is read, in octets after decompression: 64 MB."""
MOST_ERROR_OCTETS = 1_000_000
"""The largest body of an error; of a larger one only the status counts."""

TOO_EARLY = 425
SUCCESSES = frozenset({200, 201})
"""The pages do not define whether a creation returns 200 or 201."""

JSON = {"Content-Type": "application/json"}
UNSENDABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class _Bearer(requests.auth.AuthBase):
    """Authentication with the key, so that no netrc file can replace it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers["Authorization"] = f"Bearer {self._key}"
        return prepared


class _Session(requests.Session):
    """A session without redirects, whose bodies requests would read, however large."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """Return None; the signature is that of requests."""
        return None


class _TooLargeError(HTTPError):
    """Raised for a response of more than `MOST_OCTETS`."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, sent once or several times."""

    endpoint: str
    """Its label in the metrics."""
    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    once: bool = False
    """Retry only if the vendor certainly did nothing: no connection was made, a 429 or a 425."""
    secrets: Sequence[str] = field(default=(), repr=False)
    """Texts to redact in errors, besides the key."""

    @property
    def kind(self) -> str:
        """What its cost is averaged with: its endpoint, or a district's day."""
        return "district-day" if "include_child_events" in self.params else self.endpoint

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Transport:
    """Connections with one key."""

    clock_offset: timedelta | None = None
    """The vendor's clock less ours, by the last response's Date header; None without one."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        ledger: Ledger,
        timeout: float,
        write_timeout: float,
        deadline: float,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        rng: Random,
        on_request: Callable[[str, str], None],
        waiting: Callable[[], AbstractContextManager[None]],
        timer: Callable[[], float],
    ) -> None:
        """The arguments are `Client`'s. Raises `ConfigurationError` for a key that no header can
        carry.
        """
        if not (key.isascii() and key.isprintable() and key.strip() == key != ""):
            raise ConfigurationError(
                "The API key is not one that can be sent; use it as Facilitron gave it."
            )
        self._url = url.rstrip("/")
        self._key = key
        self._ledger = ledger
        self._timeouts = {"GET": timeout}
        self._write_timeout = write_timeout
        self._deadline = deadline
        self._clock = clock
        self._sleep = sleep
        self._rng = rng
        self._waiting = waiting
        self._on_request = on_request
        self._timer = timer
        self._costs: dict[str, RequestCost] = {}
        self._session = _Session()
        self._session.auth = _Bearer(key)
        self._session.headers.update(
            {"User-Agent": f"icalbridge/{__version__}", "Accept": "application/json"}
        )
        self._session.headers["Accept-Encoding"] = (
            "gzip, deflate"  # the codings that are decompressed piece by piece
        )

    def send(self, call: Call) -> bytes:
        """Return the body of a success; raises `VendorError`."""
        outcome = self.deliver(call)
        if isinstance(outcome, Failure):
            raise outcome.error
        return outcome

    def deliver(self, call: Call) -> bytes | Failure:
        """Send a request until it succeeds, may not be retried, or time or attempts are used up.

        Return the body of a success, or the last failure; raises `QuotaSpent`.
        """
        spent = 0.0
        for attempt in range(1, ATTEMPTS + 1):
            self._book()
            begun = time.monotonic()
            with self._waiting():
                outcome = self._attempt(call, begun + self._deadline - spent)
            spent += time.monotonic() - begun
            if isinstance(outcome, bytes):
                return outcome
            if outcome.retryable and outcome.retry_after:
                self._ledger.pause(self._clock(), outcome.retry_after)
            pause = self._pause(attempt, outcome.retry_after)
            retry = outcome.retryable and (outcome.not_done or not call.once)
            if not retry or attempt == ATTEMPTS or spent + pause >= self._deadline:
                return outcome
            self._sleep(pause)
            spent += pause
        raise AssertionError("the last attempt returns")

    def _attempt(self, call: Call, until: float) -> bytes | Failure:
        """Send a request once and read the response up to `until` (monotonic seconds)."""
        begun, started = time.monotonic(), self._timer()
        timeout = min(self._timeouts.get(call.method, self._write_timeout), until - begun)
        status = None
        try:
            with self._session.request(
                call.method,
                self._url + call.path,
                params=call.params,
                data=call.body,
                headers=JSON if call.body is not None else None,
                timeout=(min(CONNECT_SECONDS, timeout), timeout),
                allow_redirects=False,  # a redirect would carry the key elsewhere
                stream=True,
            ) as response:
                status = response.status_code
                self._note_clock(response)
                body = _redact(call.secrets, self._redact_key(_body(response, until)))
        except (requests.RequestException, HTTPError, OSError) as error:
            failure = _failure(str(call), status, error, time.monotonic() - begun)
            self._report(call, begun, "no answer", failure.error.message)
            self._add_cost(call, RequestCost(1, 1, 0, self._timer() - started))
            return failure
        self._report(call, begun, str(status), body)
        failed, octets = status not in SUCCESSES, len(body)
        self._add_cost(call, RequestCost(1, failed, octets, self._timer() - started))
        if not failed:
            return body
        refusal = error_of(str(call), status, body, secrets=(self._key, *call.secrets))
        return Failure(
            refusal,
            retryable=isinstance(refusal, RetryableError),
            seconds=time.monotonic() - begun,
            retry_after=self._retry_after(response),
            not_done=isinstance(refusal, RateLimited) or status == TOO_EARLY,
        )

    def take_costs(self) -> dict[str, RequestCost]:
        """Return what requests took since the last time, on average, by kind."""
        costs, self._costs = self._costs, {}
        return costs

    def _add_cost(self, call: Call, cost: RequestCost) -> None:
        before = self._costs.get(call.kind, RequestCost())
        requests = before.requests + 1
        self._costs[call.kind] = RequestCost(
            requests,
            before.failures + cost.failures,
            before.octets + (cost.octets - before.octets) / requests,
            before.seconds + (cost.seconds - before.seconds) / requests,
        )

    def _redact_key(self, body: bytes) -> bytes:
        """Redact the key in a response, which may repeat the request's headers."""
        return (
            body.replace(self._key.encode(), "…".encode())
            if len(self._key) >= SHORTEST_KEY
            else body
        )

    def _report(self, call: Call, begun: float, outcome: str, detail: bytes | str) -> None:
        self._on_request(call.endpoint, outcome)
        if log.isEnabledFor(logging.DEBUG):
            text = envelope.invocation_id_of(detail) if isinstance(detail, bytes) else detail
            milliseconds = (time.monotonic() - begun) * 1000
            log.debug("%s: %s after %.0f ms, %s", call, outcome, milliseconds, text)

    def _book(self) -> None:
        while wait := self._ledger.take(self._clock()):
            self._sleep(max(wait, SHORTEST_NAP_SECONDS))

    def _pause(self, attempt: int, retry_after: float | None) -> float:
        """Return the seconds to wait: `Retry-After`, or exponential with full jitter."""
        if retry_after is not None:
            return retry_after
        return self._rng.uniform(0, min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))

    def _note_clock(self, response: requests.Response) -> None:
        moment = _parse_http_date(response.headers.get("Date", ""))
        self.clock_offset = moment - self._clock() if moment else None

    def _retry_after(self, response: requests.Response) -> float | None:
        """Return the seconds in `Retry-After` (RFC 9110, section 10.2.3: seconds or a date)."""
        header = response.headers.get("Retry-After", "")
        if header.isascii() and header.isdigit():
            return float(header)
        moment = _parse_http_date(header)
        return max((moment - self._clock()).total_seconds(), 0.0) if moment else None


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt."""

    error: VendorError
    retryable: bool
    """Whether another attempt may succeed."""
    seconds: float = 0.0
    """How long the attempt took."""
    retry_after: float | None = None
    """Seconds to wait, as the vendor asks."""
    not_done: bool = False
    """Whether the vendor certainly did nothing: the request never reached its function."""


def _failure(request: str, status: int | None, error: Exception, seconds: float) -> Failure:
    """Return the failure in our own words; the library's messages include the key."""
    if isinstance(error, UNSENDABLE):
        why = "the address cannot be used; check FACILITRON_API_URL and the proxy, if any"
        return Failure(RequestRefused(request, why), retryable=False, not_done=True)
    if isinstance(error, _TooLargeError):
        too_large = (
            f"the answer is larger than {MOST_OCTETS // 1_000_000} MB; the rest of it was not read"
        )
        return Failure(AnswerTooLarge(request, too_large, status), retryable=False)
    not_done = _never_connected(error)
    if isinstance(error, requests.Timeout | TimeoutError | ReadTimeoutError):
        return Failure(
            VendorTimeout(request, "no answer in time", status), True, seconds, not_done=not_done
        )
    if status in SUCCESSES:
        return Failure(MalformedAnswer(request, "the answer was cut off", status), True, seconds)
    return Failure(
        VendorUnavailable(request, "no connection, or it broke", status),
        True,
        seconds,
        not_done=not_done,
    )


def _never_connected(error: Exception) -> bool:
    """Return whether no connection was made, so that nothing can have been sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _body(response: requests.Response, until: float) -> bytes:
    """Read a body in chunks; an error's body that is too large counts as empty.

    Raises `TimeoutError` after `until`, even while data arrives, and `_TooLargeError`. urllib3
    decompresses no more than is read, so that a small body cannot become a large one at once.
    """
    success = response.status_code in SUCCESSES
    parts, size, most = [], 0, MOST_OCTETS if success else MOST_ERROR_OCTETS
    while part := response.raw.read1(CHUNK_OCTETS, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > most:
            if success:
                raise _TooLargeError
            return b""
        if time.monotonic() > until:
            raise TimeoutError
    return b"".join(parts)


def _redact(secrets: Sequence[str], body: bytes) -> bytes:
    """Redact texts in a response, whatever the case of their letters."""
    if not secrets:
        return body
    return re.sub(
        b"|".join(re.escape(secret.encode()) for secret in secrets),
        "…".encode(),
        body,
        flags=re.IGNORECASE,
    )


def _parse_http_date(text: str) -> datetime | None:
    """Parse an HTTP date; None if invalid."""
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        moment = parsedate_to_datetime(text)
        return moment if moment.tzinfo else None
    return None


def path_of(*parts: str) -> str:
    """Return the path of an endpoint with its parts escaped; the vendor's ids may be anything.

    Raises `RequestRefused` for parts that HTTP libraries resolve as steps up or down the path.
    """
    path = "/" + "/".join(quote(part, safe="", errors="replace") for part in parts)
    if not {"", ".", ".."}.isdisjoint(parts):
        raise RequestRefused(f"GET {path}", "no id that can be asked for")
    return path
