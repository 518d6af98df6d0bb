"""Requests to the vendor over HTTP: within the rate and the quota, patient with what passes, and
silent about secrets.

The loop of attempts is our own and not urllib3's Retry: each attempt must be booked before it is
sent, and all of them share one deadline; Retry can do neither. What is asked, and what is made of
the answers, is `client.py`'s.
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
from icalbridge.facilitron.answers import error_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta
    from random import Random

    from icalbridge.facilitron.quota import Ledger

log = logging.getLogger(__name__)

ATTEMPTS = 3
"""How often one request is sent; a window that is too heavy answers 503 each time, so not more."""
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
SHORTEST_KEY = 8
CONNECT_SECONDS = 10.0
SHORTEST_NAP_SECONDS = 0.05
"""Least time between two questions to the ledger: on a clock of whole seconds it may often ask for
next to nothing.
"""
CHUNK_OCTETS = 65_536
MOST_OCTETS = 64_000_000
"""The largest answer that is read, in octets after decompression: 64 MB."""
MOST_ERROR_OCTETS = 1_000_000
"""The largest body of an answer that is no success; of a larger one only the status counts."""

SUCCESSES = frozenset({200, 201})
"""The pages do not say whether what is created is answered with 200 or 201."""

JSON = {"Content-Type": "application/json"}
UNSENDABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class _Bearer(requests.auth.AuthBase):
    """The key, as an authentication of requests' own, so that no netrc file can put another in its
    place.
    """

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers["Authorization"] = f"Bearer {self._key}"
        return prepared


class _Session(requests.Session):
    """A session that takes no answer for a redirect: requests would read its body, however large,
    even unfollowed.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002  # the signature is requests'
        return None


class _TooLargeError(HTTPError):
    """Raised for an answer of more octets than are read."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, however often it is sent."""

    endpoint: str
    """What it is counted as."""
    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    once: bool = False
    """Send it again only where it is sure that nothing was done: no connection came about, or a
    429.
    """
    secrets: Sequence[str] = field(default=(), repr=False)
    """What no error may repeat, beside the key."""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Transport:
    """One key's connections to the vendor."""

    clock_offset: timedelta | None = None
    """The vendor's clock less ours, as its last answer's Date told; None before the first, and when
    it had none.
    """

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
        """Send a request until it is answered, the attempts are spent, or the deadline has no room
        for another.

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
            pause = self._pause(attempt, outcome.retry_after)
            again = outcome.passing and (outcome.undone or not call.once)
            if not again or attempt == ATTEMPTS or spent + pause >= self._deadline:
                return outcome
            self._sleep(pause)
            spent += pause
        raise AssertionError("the last attempt returns")

    def _attempt(self, call: Call, until: float) -> bytes | Failure:
        """Send a request once, take the answer up to `until` (monotonic seconds); return its body,
        or what failed.
        """
        begun = time.monotonic()
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
                body = _without(call.secrets, self._without_key(_body(response, until)))
        except (requests.RequestException, HTTPError, OSError) as error:
            failure = _failure(str(call), status, error, time.monotonic() - begun)
            self._note(call, begun, "no answer", failure.error.message)
            return failure
        self._note(call, begun, str(status), body)
        if status in SUCCESSES:
            return body
        refusal = error_of(str(call), status, body, secrets=(self._key, *call.secrets))
        return Failure(
            refusal,
            passing=isinstance(refusal, RetryableError),
            seconds=time.monotonic() - begun,
            retry_after=self._retry_after(response),
            undone=isinstance(refusal, RateLimited),
        )

    def _without_key(self, body: bytes) -> bytes:
        """Return an answer, which may repeat the request's headers, without the key: it must get no
        further.

        A key so short that a name may hold it is none of the vendor's.
        """
        return (
            body.replace(self._key.encode(), "…".encode())
            if len(self._key) >= SHORTEST_KEY
            else body
        )

    def _note(self, call: Call, begun: float, outcome: str, said: bytes | str) -> None:
        self._on_request(call.endpoint, outcome)
        if log.isEnabledFor(logging.DEBUG):
            told = envelope.invocation_id_of(said) if isinstance(said, bytes) else said
            log.debug(
                "%s: %s after %.0f ms, %s", call, outcome, (time.monotonic() - begun) * 1000, told
            )

    def _book(self) -> None:
        while wait := self._ledger.take(self._clock()):
            self._sleep(max(wait, SHORTEST_NAP_SECONDS))

    def _pause(self, attempt: int, retry_after: float | None) -> float:
        """Return the seconds to the next attempt: exponential with full jitter, or what the vendor
        asks for.
        """
        if retry_after is not None:
            return retry_after
        return self._rng.uniform(0, min(FIRST_PAUSE_SECONDS * 2**attempt, LONGEST_PAUSE_SECONDS))

    def _note_clock(self, response: requests.Response) -> None:
        moment = _moment(response.headers.get("Date", ""))
        self.clock_offset = moment - self._clock() if moment else None

    def _retry_after(self, response: requests.Response) -> float | None:
        """Return the seconds that the vendor asks us to wait (RFC 9110, section 10.2.3: seconds or
        a date).
        """
        told = response.headers.get("Retry-After", "")
        if told.isascii() and told.isdigit():
            return float(told)
        moment = _moment(told)
        return max((moment - self._clock()).total_seconds(), 0.0) if moment else None


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt that brought nothing."""

    error: VendorError
    passing: bool
    """Whether another attempt may do better."""
    seconds: float = 0.0
    """How long the attempt took."""
    retry_after: float | None = None
    """The seconds that the vendor asks us to wait."""
    undone: bool = False
    """Whether it is sure that the vendor did nothing: the request never reached what does it."""


def _failure(request: str, status: int | None, error: Exception, seconds: float) -> Failure:
    """Say what became of a request in our own words; the library's hold the request's headers, and
    so the key.
    """
    if isinstance(error, UNSENDABLE):
        why = "the address cannot be used; check FACILITRON_API_URL and the proxy, if any"
        return Failure(RequestRefused(request, why), passing=False, undone=True)
    if isinstance(error, _TooLargeError):
        too_large = (
            f"the answer is larger than {MOST_OCTETS // 1_000_000} MB; the rest of it was not read"
        )
        return Failure(MalformedAnswer(request, too_large, status), passing=False)
    undone = _never_connected(error)
    if isinstance(error, requests.Timeout | TimeoutError | ReadTimeoutError):
        return Failure(
            VendorTimeout(request, "no answer in time", status), True, seconds, undone=undone
        )
    if status in SUCCESSES:
        return Failure(MalformedAnswer(request, "the answer was cut off", status), True, seconds)
    return Failure(
        VendorUnavailable(request, "no connection, or it broke", status),
        True,
        seconds,
        undone=undone,
    )


def _never_connected(error: Exception) -> bool:
    """Say whether no connection came about, so that nothing can have been sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError)


def _body(response: requests.Response, until: float) -> bytes:
    """Read a body as it comes; an error's that is too large counts as empty.

    Raises `TimeoutError` when that takes too long, however busily it drips, and `_TooLargeError`.
    urllib3 decompresses no more than is read, so that a small body cannot become a large one at
    once; what is left unread is closed.
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


def _without(secrets: Sequence[str], body: bytes) -> bytes:
    """Return an answer without what it may repeat of the request, however its letters are cased."""
    if not secrets:
        return body
    return re.sub(
        b"|".join(re.escape(each.encode()) for each in secrets),
        "…".encode(),
        body,
        flags=re.IGNORECASE,
    )


def _moment(told: str) -> datetime | None:
    """Read an HTTP date; None for what is none."""
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        moment = parsedate_to_datetime(told)
        return moment if moment.tzinfo else None
    return None


def path_of(*parts: str) -> str:
    """Return the path of an endpoint, each part escaped; the vendor's ids may be anything.

    Raises `RequestRefused` for what every HTTP library would take for a step up or down the path.
    """
    path = "/" + "/".join(quote(part, safe="", errors="replace") for part in parts)
    if not {"", ".", ".."}.isdisjoint(parts):
        raise RequestRefused(f"GET {path}", "no id that can be asked for")
    return path
