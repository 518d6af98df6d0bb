"""How the text of a setting becomes its value: each function raises `ValueError` with what the text
must be.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from icalbridge.statuses import normalize_status

if TYPE_CHECKING:
    from collections.abc import Callable

LOGO_BYTES = 200_000
LOGO_SUFFIXES = (".png", ".jpg", ".jpeg", ".svg")
NAME_LENGTH = 80

_COLOUR = re.compile(r"#[0-9a-f]{6}", re.ASCII)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Return the reader of a whole number between two, both included."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def switch(text: str) -> bool:
    """Read what is either on or off."""
    if text not in {"0", "1"}:
        raise ValueError("0 or 1")
    return text == "1"


def http_url(text: str) -> str:
    """Read an address that others can be joined to; without its last slash."""
    expected = (
        "an address such as https://calendars.example.org, without a query, a fragment or a"
        " password"
    )
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if (
        not usable
        or parts.query
        or parts.fragment
        or "@" in parts.netloc
        or not text.isprintable()
        or " " in text
    ):
        raise ValueError(expected)
    return text.rstrip("/")


def networks(text: str) -> tuple[str, ...]:
    """Read addresses and networks, separated by commas."""
    try:
        return tuple(str(ip_network(part.strip())) for part in text.split(",") if part.strip())
    except ValueError:
        raise ValueError(
            "addresses or networks separated by commas, such as 127.0.0.1,10.0.0.0/8"
        ) from None


def booking_url(text: str) -> str:
    """Read the address of the page where people ask for a booking, with places for ids."""
    rest = re.sub(r"\{(property|facility)_id\}", "0", text)
    try:
        parts = urlsplit(rest)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "{" in urlsplit(text).netloc or re.search(r'[\s{}"<>]', rest):
        raise ValueError(
            "an address such as https://www.example.org/book?facility={facility_id}, in which"
            " {property_id} and {facility_id} stand for ids"
        )
    return text


def database_url(text: str) -> str:
    """Read a `DATABASE_URL` into what SQLAlchemy takes."""
    scheme, separator, rest = text.partition("://")
    dialect = {
        "sqlite": "sqlite",
        "postgres": "postgresql+psycopg",
        "postgresql": "postgresql+psycopg",
    }.get(scheme)
    usable = bool(separator and dialect and rest.strip("/"))
    if (
        usable and scheme == "sqlite"
    ):  # web and worker are processes of their own: a file is what they share
        usable = rest.startswith("/") and not {":memory:", "?"} & {rest[1:], *rest}
    elif usable:
        usable = _has_usable_port(text)
    if not usable:
        raise ValueError("sqlite:///FILE, without options, or postgresql://USER:PASSWORD@HOST/NAME")
    return f"{dialect}://{rest}"


def _has_usable_port(text: str) -> bool:
    try:
        return urlsplit(text).port != 0
    except ValueError:
        return False


def key(text: str) -> str:
    """Read an API key."""
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("the key as Facilitron gave it, without blanks or line breaks")
    return text


def event_types(text: str) -> tuple[str, ...]:
    """Read event types, separated by commas."""
    types = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not types or not all(part.replace("-", "").isalnum() and part.isascii() for part in types):
        raise ValueError("names separated by commas, such as reservation,maintenance-block")
    return types


def statuses(text: str) -> tuple[str, ...]:
    """Read vendor statuses, separated by commas; normalized and sorted, so that their order makes
    no difference.
    """
    names = {normalize_status(part) for part in text.split(",")} - {""}
    if not names or not text.isprintable():
        raise ValueError("statuses separated by commas, such as approved, confirmed")
    return tuple(sorted(names))


def frame_ancestors(text: str) -> str:
    """Read the sources of a `frame-ancestors` directive."""
    if not text.isascii() or not text.isprintable() or any(mark in text for mark in ";,"):
        raise ValueError(
            "sources separated by blanks, such as https://www.example.org, or * for everyone"
        )
    return text


def site_name(text: str) -> str:
    """Read a name as it stands at the top of pages."""
    if not text.isprintable() or len(text) > NAME_LENGTH:
        raise ValueError(f"a name of up to {NAME_LENGTH} characters on one line")
    return text


def logo(text: str) -> str:
    """Read the path of a picture that is there and small enough; what is in it is served as its
    suffix says.
    """
    path = Path(text)
    try:
        usable = (
            path.suffix.lower() in LOGO_SUFFIXES
            and path.is_file()
            and 0 < path.stat().st_size <= LOGO_BYTES
        )
    except OSError:  # no file system allows so long a name
        usable = False
    if not usable:
        raise ValueError(f"the path of a PNG, JPEG or SVG file of up to {LOGO_BYTES // 1000} KB")
    return text


def colour(text: str) -> str:
    """Read a colour; in small letters. Nothing else gets into a style sheet."""
    if not _COLOUR.fullmatch(text.lower()):
        raise ValueError("a color such as #1a5fb4")
    return text.lower()


def email(text: str) -> str:
    """Read an e-mail address; whether a write takes it is for its own check to say."""
    name, at, domain = text.partition("@")
    if not (name and at and domain and text.isprintable()) or " " in text:
        raise ValueError("an e-mail address")
    return text


def log_format(text: str) -> str:
    """Read the name of a log format."""
    if text not in {"text", "json"}:
        raise ValueError("text or json")
    return text
