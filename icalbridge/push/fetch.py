"""A file or an address → the bytes of a calendar: so many and no more, in so much time and no more.

Which addresses may be called is `network`'s; redirects are followed here, one by one, so that each
is judged like the first. What is content of an address is its host: the rest of it may be a secret.
"""

from __future__ import annotations

import signal
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError

from icalbridge.errors import BadCalendar, CalendarUnreachable
from icalbridge.push.network import PrivateAddress, open_session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_OCTETS = 5_000_000
CHUNK_OCTETS = 65_536
DEADLINE_SECONDS = 60.0
SILENCE_SECONDS = 15.0
AGAIN_SECONDS = 0.5
"""How often the deadline strikes again, should anything have swallowed it."""
REDIRECTS = 5
OK = 200
NOT_MODIFIED = 304
SCHEMES = {"webcal": "https", "webcals": "https", "http": "http", "https": "https"}
MOVED = {301, 302, 303, 307, 308}
CONDITIONS = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
"""Headers of the next request by those of the last answer (RFC 9110, section 13.1)."""
NO_ADDRESS = "The address of the calendar is none; write it as https://HOST/PATH."


@dataclass(frozen=True, slots=True)
class CalendarSource:
    where: str = field(repr=False)
    """A path, or an http(s) or webcal address."""
    allow_private: bool = False
    """Whether the address may be in a private network, or this machine's."""

    @property
    def url(self) -> str:
        """Return the address as it is asked for; "" for a file."""
        scheme, separator, rest = self.where.partition("://")
        known = SCHEMES.get(scheme.lower(), "") if separator else ""
        return f"{known}://{rest}" if known else ""

    @property
    def name(self) -> str:
        """Return the name of a push that was given none: it has no secret part of an address."""
        if self.url:
            return f"{urlsplit(self.url).hostname}-{_digest(self.url)}"
        file = Path(self.where).absolute()
        return f"{file.stem}-{_digest(str(file.resolve()))}"

    @property
    def shown(self) -> str:
        host = urlsplit(self.url).hostname
        return f"The calendar at {host}" if self.url else f"The file {self.where}"


@dataclass(frozen=True, slots=True)
class FetchedCalendar:
    content: bytes
    validators: Mapping[str, str] = field(default_factory=dict)
    """What the next request says, so that it is answered only if something changed."""
    charset: str = ""
    """The one that the Content-Type names."""


def _digest(content: str) -> str:
    return sha256(content.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def fetch_calendar(
    source: CalendarSource,
    before: FetchedCalendar | None = None,
    *,
    deadline: float = DEADLINE_SECONDS,
) -> FetchedCalendar | None:
    """Return what a source holds; None where it is as it was `before`. At most `deadline` seconds.

    In a main thread only, whose alarm is what ends a fetch. Raises `BadCalendar` for a source that
    cannot be one, `CalendarUnreachable` where it may work later.
    """
    if source.url:
        try:
            with _at_most(deadline):
                return _fetch_address(source, before)
        except TimeoutError as error:
            raise _unreachable(error, source) from None
    if "://" in source.where:
        scheme = source.where.partition("://")[0]
        raise BadCalendar(f"{scheme}:// is no address that can be read; use https or webcal.")
    fetched = FetchedCalendar(_read_file(source.where))
    return None if before and before.content == fetched.content else fetched


def _read_file(where: str) -> bytes:
    path = Path(where)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadCalendar(f"{where} is no file.")
        with path.open("rb") as opened:
            content = opened.read(MOST_OCTETS + 1)
    except (OSError, ValueError) as error:
        reason = (getattr(error, "strerror", "") or "it cannot be read").lower()
        raise BadCalendar(f"{where} cannot be read: {reason}.") from None
    if len(content) > MOST_OCTETS:
        raise _too_large(f"The file {where}")
    return content


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Break into a block after so many seconds, whatever it waits for."""

    def strike(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _fetch_address(
    source: CalendarSource, before: FetchedCalendar | None
) -> FetchedCalendar | None:
    url, validators = source.url, before.validators if before else {}
    with open_session(allow_private=source.allow_private) as session:
        for _ in range(REDIRECTS + 1):
            _check_address(url, source)
            try:
                answer = _request(session, url, source, validators)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise _unreachable(error, source) from None
            except ValueError:  # an address that requests takes, and something below it does not
                raise BadCalendar(NO_ADDRESS) from None
            if isinstance(answer, str):
                url = urljoin(url, answer)
                continue
            cached = (before.content, before.charset) if before else None
            is_same = cached and (not answer.content or cached == (answer.content, answer.charset))
            return None if is_same else answer
    raise CalendarUnreachable(
        f"{source.shown} leads from one address to the next, and never to a calendar."
    )


def _check_address(url: str, source: CalendarSource) -> None:
    """Refuse an address that is none, or that a redirect must not lead to."""
    try:
        parts = urlsplit(url)
        usable = parts.hostname and parts.port != 0 and url.isprintable()
    except ValueError:
        usable = False
    if not usable or parts.scheme not in {"http", "https"}:
        raise BadCalendar(NO_ADDRESS)
    if source.url.startswith("https:") and parts.scheme == "http":
        raise CalendarUnreachable(
            f"{source.shown} leads to an address without encryption, which is not followed."
        )


def _request(
    session: requests.Session, url: str, source: CalendarSource, validators: Mapping[str, str]
) -> FetchedCalendar | str:
    """Return the answer of an address: a calendar, empty when not modified; or a redirect's URL."""
    headers = {"Accept": "text/calendar, */*;q=0.1", "User-Agent": "icalbridge", **validators}
    with session.get(
        url, headers=headers, timeout=SILENCE_SECONDS, allow_redirects=False, stream=True
    ) as response:
        status = response.status_code
        if status == NOT_MODIFIED and validators:
            return FetchedCalendar(b"", validators)
        if status in MOVED and response.headers.get("Location"):
            return response.headers["Location"]
        if status != OK:
            raise CalendarUnreachable(
                f"{source.shown} cannot be fetched: its server answers {status}."
            )
        sent, message = response.headers, Message()
        message["Content-Type"] = sent.get("Content-Type", "")
        known = {CONDITIONS[name]: sent[name] for name in CONDITIONS if name in sent}
        charset = message.get_content_charset("")
        return FetchedCalendar(_read_body(response, source), known, charset)


def _read_body(response: requests.Response, source: CalendarSource) -> bytes:
    """Read a body as it comes, unpacked: no more of it than may be, however small it was packed."""
    parts, size = [], 0
    while part := response.raw.read1(CHUNK_OCTETS, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > MOST_OCTETS:
            raise _too_large(source.shown)
    return b"".join(parts)


def _unreachable(error: Exception, source: CalendarSource) -> BadCalendar | CalendarUnreachable:
    """Say in our own words why there is no answer; the library's would repeat the address."""
    causes: list[BaseException] = [error]
    while cause := causes[-1].__cause__ or causes[-1].__context__:
        causes.append(cause)
    if any(isinstance(cause, PrivateAddress) for cause in causes):
        return BadCalendar(
            f"{source.shown} is in a private network, where a push does not go by itself; give"
            " --allow-private-address if that is meant."
        )
    is_late = any(isinstance(cause, requests.Timeout | TimeoutError) for cause in causes)
    why = "there is no answer in time" if is_late else "there is no connection, or it broke"
    return CalendarUnreachable(f"{source.shown} cannot be fetched: {why}.")


def _too_large(what: str) -> BadCalendar:
    most = MOST_OCTETS // 1_000_000
    return BadCalendar(f"{what} is larger than {most} MB; no calendar that can be pushed is.")
