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
from icalbridge.push.network import PrivateAddress, session

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_OCTETS = 5_000_000
CHUNK_OCTETS = 65_536
DEADLINE_SECONDS = 60.0
SILENCE_SECONDS = 15.0
AGAIN_SECONDS = 0.5
"""After the deadline, how long until it is said once more, should anything have swallowed it."""
REDIRECTS = 5
OK = 200
NOT_MODIFIED = 304
SCHEMES = {"webcal": "https", "webcals": "https", "http": "http", "https": "https"}
MOVED = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class CalendarSource:
    """Where a calendar is."""

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
        """Return what a push from here is called when nobody gave it a name: it tells no secret
        part of an address.
        """
        if not self.url:
            file = Path(self.where).absolute()
            return f"{file.stem}-{_digest(str(file.resolve()))}"
        return f"{urlsplit(self.url).hostname}-{_digest(self.url)}"

    @property
    def shown(self) -> str:
        return (
            f"The calendar at {urlsplit(self.url).hostname}"
            if self.url
            else f"The file {self.where}"
        )


@dataclass(frozen=True, slots=True)
class FetchedCalendar:
    """A calendar as it came."""

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
                return _fetched(source, before)
        except TimeoutError as error:
            raise _unreachable(error, source) from None
    if "://" in source.where:
        raise BadCalendar(
            f"{source.where.partition('://')[0]}:// is no address that can be read; use https or"
            " webcal."
        )
    fetched = FetchedCalendar(_file(source.where))
    return None if before and before.content == fetched.content else fetched


def _file(where: str) -> bytes:
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
    """Break into a block after so many seconds, whatever it waits for: a name, a handshake, a
    header that drips.
    """

    def strike(_number: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, strike)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _fetched(source: CalendarSource, before: FetchedCalendar | None) -> FetchedCalendar | None:
    url = source.url
    with session(allow_private=source.allow_private) as opened:
        for _ in range(REDIRECTS + 1):
            _check(url, source)
            answer = _ask(opened, url, source, before.validators if before else {})
            if isinstance(answer, str):
                url = urljoin(url, answer)
                continue
            return None if before and answer.content in (b"", before.content) else answer
    raise CalendarUnreachable(
        f"{source.shown} leads from one address to the next, and never to a calendar."
    )


def _check(url: str, source: CalendarSource) -> None:
    """Refuse an address that is none, or that a redirect must not lead to."""
    try:
        parts = urlsplit(url)
        usable = (
            parts.scheme in {"http", "https"}
            and parts.hostname
            and parts.port != 0
            and url.isprintable()
        )
    except ValueError:
        usable = False
    if not usable:
        raise BadCalendar("The address of the calendar is none; write it as https://HOST/PATH.")
    if source.url.startswith("https:") and parts.scheme == "http":
        raise CalendarUnreachable(
            f"{source.shown} leads to an address without encryption, which is not followed."
        )


def _ask(
    opened: requests.Session, url: str, source: CalendarSource, validators: Mapping[str, str]
) -> FetchedCalendar | str:
    """Return what an address answers: a calendar, empty when it was not modified; or the address
    that it leads to.
    """
    try:
        with opened.get(
            url,
            headers={
                "Accept": "text/calendar, */*;q=0.1",
                "User-Agent": "icalbridge",
                **validators,
            },
            timeout=SILENCE_SECONDS,
            allow_redirects=False,
            stream=True,
        ) as response:
            if response.status_code == NOT_MODIFIED and validators:
                return FetchedCalendar(b"", validators)
            if response.status_code in MOVED and response.headers.get("Location"):
                return response.headers["Location"]
            if response.status_code != OK:
                raise CalendarUnreachable(
                    f"{source.shown} cannot be fetched: its server answers {response.status_code}."
                )
            return FetchedCalendar(
                _body(response, source), _validators(response), _charset(response)
            )
    except (requests.RequestException, HTTPError, OSError) as error:
        raise _unreachable(error, source) from None
    except ValueError:  # an address that requests takes, and something below it does not
        raise BadCalendar(
            "The address of the calendar is none; write it as https://HOST/PATH."
        ) from None


def _body(response: requests.Response, source: CalendarSource) -> bytes:
    """Read a body as it comes, unpacked: no more of it than may be, however small it was packed."""
    parts, size = [], 0
    while part := response.raw.read1(CHUNK_OCTETS, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > MOST_OCTETS:
            raise _too_large(source.shown)
    return b"".join(parts)


def _validators(response: requests.Response) -> dict[str, str]:
    conditions = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
    return {
        header: response.headers[name]
        for name, header in conditions.items()
        if name in response.headers
    }


def _charset(response: requests.Response) -> str:
    message = Message()
    message["Content-Type"] = response.headers.get("Content-Type", "")
    return message.get_content_charset("")


def _unreachable(error: Exception, source: CalendarSource) -> BadCalendar | CalendarUnreachable:
    """Say in our own words why there is no answer; the library's would repeat the address."""
    causes: list[BaseException | None] = [error]
    while causes[-1] is not None and len(causes) < 10:
        last = causes[-1]
        reason = getattr(last.args[0], "reason", None) if last.args else None
        causes.append(
            reason if isinstance(reason, BaseException) else last.__cause__ or last.__context__
        )
    if any(isinstance(cause, PrivateAddress) for cause in causes):
        return BadCalendar(
            f"{source.shown} is in a private network, where a push does not go by itself; give"
            " --allow-private-address if that is meant."
        )
    if any(isinstance(cause, requests.Timeout | TimeoutError) for cause in causes):
        return CalendarUnreachable(f"{source.shown} cannot be fetched: there is no answer in time.")
    return CalendarUnreachable(
        f"{source.shown} cannot be fetched: there is no connection, or it broke."
    )


def _too_large(what: str) -> BadCalendar:
    return BadCalendar(
        f"{what} is larger than {MOST_OCTETS // 1_000_000} MB; no calendar that can be pushed is."
    )
