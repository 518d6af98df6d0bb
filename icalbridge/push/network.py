"""Connections that go to the public Internet only: an address is looked up once, judged, and
connected to as it is.

Whoever may name a calendar's address could otherwise have this machine ask its own network:
routers, databases, the address at which clouds hand out keys. A name that changes its address in
between gains nothing, since what was judged is what is called. No proxy is used, which would
connect for us to whatever it likes.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from time import monotonic
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.connection import create_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_ADDRESSES = 6
"""Of one name, how many are tried."""
DEFAULT_SECONDS = 15.0
LEAST_SECONDS = 0.1
NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as networks without IPv4 call them (RFC 6052, section 2.1)."""

NOT_PUBLIC = (
    IPv6Network("64:ff9b:1::/48"),  # NAT64 within a network (RFC 8215)
    IPv6Network("fec0::/10"),  # site-local, until RFC 3879
    IPv6Network("::/96"),  # IPv4-compatible, until RFC 4291
)
"""What Python 3.11 takes for public all the same."""


class PrivateAddress(OSError):
    """Raised where a name leads to no public address."""


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public Internet, in whatever form it wraps an IPv4
    one.
    """
    parsed = ip_address(address.partition("%")[0])
    named = any(parsed in network for network in NOT_PUBLIC)
    return not named and all(item.is_global and not item.is_multicast for item in _wrapped(parsed))


def _wrapped(address: IPv4Address | IPv6Address) -> Iterator[IPv4Address | IPv6Address]:
    """Yield the address that a packet would reach, and any that would be reached by way of it."""
    if isinstance(address, IPv4Address):
        yield address
        return
    inner = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    inner += [IPv4Address(int(address) & 0xFFFFFFFF)] if address in NAT64 else []
    wrapped = [item for item in inner if item is not None]
    if address.ipv4_mapped is None and address not in NAT64:
        yield address
    yield from wrapped


def _connect(connection: HTTPConnection) -> socket.socket:
    """Open a connection to the first public address of a name that answers.

    All of them together have the time that a connection is given, each an equal share of what is
    left.
    """
    answers = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
    addresses = [str(answer[4][0]) for answer in answers]
    if not addresses or not all(map(is_public, addresses)):
        raise PrivateAddress(connection.host)
    last: OSError = OSError(connection.host)
    addresses = addresses[:MOST_ADDRESSES]
    given = connection.timeout if isinstance(connection.timeout, int | float) else DEFAULT_SECONDS
    until = monotonic() + given
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        share = max((until - monotonic()) / left, LEAST_SECONDS)
        try:
            opened = create_connection(
                (address, connection.port), share, None, connection.socket_options
            )
        except OSError as error:
            last = error
            continue
        opened.settimeout(given)
        return opened
    raise last


class _PublicHTTP(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _PublicHTTPS(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self)


class _PublicHTTPPool(HTTPConnectionPool):
    ConnectionCls = _PublicHTTP


class _PublicHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPS


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Have every connection opened as above."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": _PublicHTTPPool,
            "https": _PublicHTTPSPool,
        }


def session(*, allow_private: bool) -> requests.Session:
    """Return a session without proxies and passwords of the environment; to public addresses only,
    unless allowed.
    """
    opened = requests.Session()
    opened.trust_env = False
    if not allow_private:
        for scheme in ("http://", "https://"):
            opened.mount(scheme, _PublicAdapter())
    return opened
