"""Connections that go to the public Internet only: an address is looked up once, judged, and
connected to as it is.

Whoever may name a calendar's address could otherwise have this machine ask its own network:
routers, databases, the address at which clouds hand out keys. A name that changes its address in
between gains nothing, since what was judged is what is called. No proxy is used, which would
connect for us to whatever it likes.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Network, ip_address
from time import monotonic
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util.connection import create_connection

MOST_ADDRESSES = 6
"""Of one name, how many are tried."""
DEFAULT_SECONDS = 15.0
LEAST_SECONDS = 0.1
NAT64 = IPv6Network("64:ff9b::/96")
"""IPv4 addresses as networks without IPv4 call them (RFC 6052, section 2.1)."""
NOT_PUBLIC = (
    IPv6Network("64:ff9b:1::/48"),  # NAT64 within a network (RFC 8215)
    IPv6Network("2002::/16"),  # 6to4, until RFC 7526
    IPv6Network("fec0::/10"),  # site-local, until RFC 3879
    IPv6Network("::/96"),  # IPv4-compatible, until RFC 4291
)
"""What Python 3.11 takes for public all the same."""


class PrivateAddress(OSError):
    """Raised where a name leads to no public address."""


def is_public(address: str) -> bool:
    parsed = ip_address(address.partition("%")[0])
    if parsed in NAT64:
        parsed = IPv4Address(int(parsed) & 0xFFFFFFFF)
    is_named = any(parsed in network for network in NOT_PUBLIC)
    return parsed.is_global and not parsed.is_multicast and not is_named


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
    for number, address in enumerate(addresses):
        share = max((until - monotonic()) / (len(addresses) - number), LEAST_SECONDS)
        target, options = (address, connection.port), connection.socket_options
        try:
            opened = create_connection(target, share, None, options)
        except OSError as error:
            last = error
            continue
        opened.settimeout(given)
        return opened
    raise last


class _PublicHTTP(HTTPConnection):
    _new_conn = _connect


class _PublicHTTPS(HTTPSConnection):
    _new_conn = _connect


class _PublicAdapter(HTTPAdapter):
    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """Return a pool whose connections are opened as above."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _PublicHTTPS if pool.scheme == "https" else _PublicHTTP
        return pool


def open_session(*, allow_private: bool) -> requests.Session:
    """Return a session to public addresses, unless allowed, without the environment's proxies."""
    opened = requests.Session()
    opened.trust_env = False
    if not allow_private:
        for scheme in ("http://", "https://"):
            opened.mount(scheme, _PublicAdapter())
    return opened
