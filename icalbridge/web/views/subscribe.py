"""The links with which people subscribe to a feed: one for each kind of calendar, built from one
address.

The forms are those that work in practice; Outlook's work on computers only. The words beside them,
and how often each service updates, are in `templates/_subscribe.html`.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from icalbridge.feeds import page_path

if TYPE_CHECKING:
    from icalbridge.feeds import Address

GOOGLE = "https://calendar.google.com/calendar/u/0/r/settings/addbyurl"
"""A page to paste an address into, on computers only."""
GOOGLE_PHONE = "https://calendar.google.com/calendar/r?cid="
"""Before the `webcal:` address, encoded: with the `https:` one it fails on phones."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """Everything that the subscribe block shows of one feed."""

    address: str
    """Absolute address of the feed, as typed into a calendar."""
    webcal: str
    """The same for Apple's calendars; never `webcals`, which iOS does not know."""
    google: str
    google_phone: str
    outlook: str
    microsoft365: str
    only_here: bool
    """Whether only this computer can reach the address, so that no service on the Internet can."""
    qr: str = ""
    """Where the QR code of the calendar's page is, and the poster for the door; empty where it has
    none.
    """
    poster: str = ""


def subscription(address: str, title: str, *, qr: str = "", poster: str = "") -> Subscription:
    """Return the links for a feed's absolute address; `title` is what Outlook will call it."""
    subscribe_query = f"url={quote(address, safe='')}&name={quote(title, safe='')}"
    webcal = f"webcal://{address.partition('://')[2]}"
    return Subscription(
        address=address,
        webcal=webcal,
        google=GOOGLE,
        google_phone=GOOGLE_PHONE + quote(webcal, safe=""),
        outlook=f"https://outlook.live.com/calendar/0/addfromweb?{subscribe_query}",
        microsoft365=f"https://outlook.office.com/calendar/0/addfromweb?{subscribe_query}",
        only_here=_is_loopback(urlsplit(address).hostname or ""),
        qr=qr,
        poster=poster,
    )


def shown_at(address: Address) -> str:
    """Return the path of the page that shows a calendar with its query."""
    return page_path(address.feed) + _query(address)


def qr_path(address: Address) -> str:
    """Return where the QR code of that page is."""
    return f"/qr{page_path(address.feed)}.svg{_query(address)}"


def poster_path(address: Address) -> str:
    """Return where the poster is that leads to that page."""
    return f"/poster{page_path(address.feed)}{_query(address)}"


def display_path(address: Address, suffix: str = "") -> str:
    """Return the path of a calendar's display, or of its data."""
    feed = address.feed
    kind = "feed" if feed.kind == "saved" else feed.kind
    return f"/display/{kind}/{quote(feed.id, safe='')}{suffix}{_query(address)}"


def _query(address: Address) -> str:
    query = address.query.query_string
    return f"?{query}" if query else ""


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
