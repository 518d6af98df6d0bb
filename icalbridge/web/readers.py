"""Readers of calendars: distinct clients a day, by family, for `icalbridge status --readers`.

A request costs a look into a set. Addresses and user agents are in memory for some seconds, until
`store.readers` has hashed them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.store.readers import MAX_READERS, Reader
from icalbridge.web.usage import WriteBehind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIEnvironment

    from icalbridge.feeds import Address
    from icalbridge.store import Store

FAMILIES = {
    "google": re.compile(r"google-calendar|google-apps-script|googlecalendar", re.IGNORECASE),
    "home assistant": re.compile(r"home-?assistant", re.IGNORECASE),
    "thunderbird": re.compile(r"thunderbird|lightning/|betterbird", re.IGNORECASE),
    "outlook": re.compile(r"outlook|exchange|microsoft office|ms-?office", re.IGNORECASE),
    "apple": re.compile(
        r"dataaccessd|calendaragent|coredav|davkit|calendarstore|remindd"
        r"|\A(?:ios|ipados|macos|mac[ +]os[ +]x|watchos|visionos|ical)/",
        re.IGNORECASE,
    ),
}
"""What a user agent has, by client family; the first that fits counts."""
OTHER = "other"
MAX_WAITING = 10_000
"""How many clients wait to be written at most; others are noted when they come again."""
MAX_AGENT, MAX_ADDRESS = 300, 64
"""How much is read of a user agent and an address."""
CACHED_ADDRESSES = 1024


class ClientRequest(NamedTuple):
    """What tells one client of a calendar from others."""

    feed: str
    address: str
    agent: str


def client_family(agent: str) -> str:
    """Return which program a user agent is."""
    return next((name for name, words in FAMILIES.items() if words.search(agent)), OTHER)


def feed_name(address: Address) -> str:
    """Return what is counted: a calendar with any filters and format, a private one by its slug,
    all single bookings together.
    """
    feed = address.feed
    match feed.kind:
        case "event" | "booking":
            return feed.kind
        case "saved":
            return f"{'private' if address.private else 'feed'}/{feed.id}"
        case kind:
            return f"{kind}/{feed.id}"


class CalendarReaders(WriteBehind[ClientRequest]):
    """Which clients this process has seen on the current day."""

    def __init__(
        self, store: Store, clock: Callable[[], datetime], trusted_proxies: tuple[str, ...]
    ) -> None:
        super().__init__(clock)
        self._store = store
        networks = [ip_network(text) for text in trusted_proxies]

        @lru_cache(CACHED_ADDRESSES)
        def is_proxy(address: str) -> bool:
            try:
                return any(ip_address(address) in network for network in networks)
            except ValueError:
                return address == ""  # a Unix socket

        self._is_proxy = is_proxy
        self.counts = True
        """Whether anybody is counted; not by an export, which asks for everything itself."""
        self._seen: set[int] = set()
        self._day_start = self._day_end = datetime.min.replace(tzinfo=UTC)

    def note(self, address: Address, environ: WSGIEnvironment, now: datetime) -> None:
        """Note that a request for a calendar was answered."""
        if not self.counts:
            return
        client: str = environ.get("REMOTE_ADDR", "")
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        if forwarded and self._is_proxy(client):
            client = forwarded.rpartition(",")[2].strip()
        agent = environ.get("HTTP_USER_AGENT", "")
        request = ClientRequest(feed_name(address), client[:MAX_ADDRESS], agent[:MAX_AGENT])
        key = hash(request)
        if not self._day_start <= now < self._day_end:
            self._begin_day(now)
        if key in self._seen or len(self._seen) >= MAX_READERS:
            return
        if len(self._waiting) < MAX_WAITING:
            self._seen.add(key)
            self._collect(request)

    def _begin_day(self, now: datetime) -> None:
        self._day_start = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
        self._day_end = self._day_start + timedelta(days=1)
        self._seen = set()

    def _put(self, keys: Iterable[ClientRequest], now: datetime) -> None:
        try:
            self._store.readers.add(map(_reader, keys), now=now)
        except BaseException:
            self._seen = set()  # each is noted again when it comes again
            raise


def _reader(request: ClientRequest) -> Reader:
    """Return a client: of Google there is one, which fetches for all its users from many
    addresses.
    """
    family = client_family(request.agent)
    client = "" if family == "google" else f"{request.address}\0{request.agent}"
    return Reader(request.feed, family, client)
