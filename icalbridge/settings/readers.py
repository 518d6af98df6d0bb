"""How the text of a setting becomes its value: each function raises `ValueError` with what the text must be."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable


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
    expected = "an address such as https://calendars.example.org, without a query, a fragment or a password"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or "@" in parts.netloc or not text.isprintable() or " " in text:
        raise ValueError(expected)
    return text.rstrip("/")


def database_url(text: str) -> str:
    """Read a `DATABASE_URL` into what SQLAlchemy takes."""
    scheme, separator, rest = text.partition("://")
    dialect = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}.get(scheme)
    usable = bool(separator and dialect and rest.strip("/"))
    if usable and scheme == "sqlite":  # web and worker are processes of their own: a file is what they share
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


def frame_ancestors(text: str) -> str:
    """Read the sources of a `frame-ancestors` directive."""
    if not text.isascii() or not text.isprintable() or any(mark in text for mark in ";,"):
        raise ValueError("sources separated by blanks, such as https://www.example.org, or * for everyone")
    return text


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
