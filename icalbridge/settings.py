"""Every setting, in one table: name, default, help, and how its text is read. The environment is read nowhere else.

A bad value stops start-up with a sentence that names the setting. The README's table is checked against this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from icalbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LIVE_API_URL = "https://api.external.facilitron.com/v1"


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return read


def _http_url(text: str) -> str:
    expected = "an address such as https://calendars.example.org, without a query, a fragment or a password"
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment or "@" in parts.netloc or not text.isprintable() or " " in text:
        raise ValueError(expected)
    return text.rstrip("/")


def _database_url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    dialect = {"sqlite": "sqlite", "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}.get(scheme)
    if not separator or dialect is None or not rest.strip("/"):
        raise ValueError("sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    return f"{dialect}://{rest}"


def _key(text: str) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text):
        raise ValueError("the key as Facilitron gave it, without blanks or line breaks")
    return text


def _event_types(text: str) -> tuple[str, ...]:
    types = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not types or not all(part.replace("-", "").isalnum() and part.isascii() for part in types):
        raise ValueError("names separated by commas, such as reservation,maintenance-block")
    return types


def _frame_ancestors(text: str) -> str:
    if not text.isascii() or not text.isprintable() or any(mark in text for mark in ";,"):
        raise ValueError("sources separated by blanks, such as https://www.example.org, or * for everyone")
    return text


def _log_format(text: str) -> str:
    if text not in {"text", "json"}:
        raise ValueError("text or json")
    return text


def _setting(name: str, default: str, help_text: str, read: Callable[[str], Any], *, secret: bool = False) -> Any:
    return field(
        default=read(default) if default else "",
        repr=not secret,
        metadata={"name": name, "default": default, "help": help_text, "read": read},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided. Lengths in days, sizes in octets, addresses without a trailing slash."""

    api_key: str = _setting(
        "FACILITRON_API_KEY",
        "",
        "The key that Facilitron gave you; required to sync. `FACILITRON_API_KEY_FILE` names a secret file instead.",
        _key,
        secret=True,
    )
    api_url: str = _setting("FACILITRON_API_URL", LIVE_API_URL, "Base address of the API, version included.", _http_url)
    rate_per_minute: int = _setting(
        "FACILITRON_RATE_PER_MINUTE", "120", "Requests a minute that Facilitron granted.", _whole(1, 100_000)
    )
    quota_per_day: int = _setting(
        "FACILITRON_QUOTA_PER_DAY", "15000", "Requests a UTC day that Facilitron granted.", _whole(1, 100_000_000)
    )
    event_types: tuple[str, ...] = _setting(
        "FACILITRON_EVENT_TYPES", "reservation", "Event types to show, separated by commas.", _event_types
    )
    database_url: str = _setting(
        "DATABASE_URL",
        "sqlite:///icalbridge.db",
        "Where everything is kept: `sqlite:///FILE` or `postgresql://…`.",
        _database_url,
        secret=True,
    )
    public_url: str = _setting(
        "ICALBRIDGE_PUBLIC_URL",
        "",
        "The address that subscribers use. Unset: feeds leave `URL` and `SOURCE` out, pages take it from the request.",
        _http_url,
    )
    history_days: int = _setting("ICALBRIDGE_HISTORY_DAYS", "60", "How far back feeds reach.", _whole(0, 3660))
    horizon_days: int = _setting("ICALBRIDGE_HORIZON_DAYS", "365", "How far ahead feeds reach.", _whole(1, 365))
    feed_max_bytes: int = _setting(
        "ICALBRIDGE_FEED_MAX_BYTES",
        "1000000",
        "The size past which calendar services drop events; the far future of a larger feed is left out.",
        _whole(10_000, 1_000_000_000),
    )
    frame_ancestors: str = _setting(
        "ICALBRIDGE_FRAME_ANCESTORS", "*", "Who may show the embed pages in a frame.", _frame_ancestors
    )
    log_format: str = _setting("ICALBRIDGE_LOG_FORMAT", "text", "`text`, or `json` for one object a line.", _log_format)

    def require_key(self) -> str:
        """Return the key, or raise `ConfigurationError` where a command cannot do without."""
        if not self.api_key:
            raise ConfigurationError(
                "FACILITRON_API_KEY is not set; set it to the key that Facilitron gave you, "
                "or FACILITRON_API_KEY_FILE to a file that holds it."
            )
        return self.api_key


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read every setting out of an environment; an empty text counts as unset.

    Raises `ConfigurationError` for the first value that cannot be used; the key and the database's password are never
    repeated in it, nor is a value that they were put into by mistake.
    """
    given = {**environ, **_key_from_file(environ)}
    key = given.get("FACILITRON_API_KEY", "").strip()
    values = {}
    for each in fields(Settings):
        name: str = each.metadata["name"]
        text = given.get(name, "").strip()
        if not text:
            continue
        try:
            values[each.name] = each.metadata["read"](text)
        except ValueError as error:
            hidden = not each.repr or "@" in text or (key and key in text)
            shown = "" if hidden else f" is {text[:80]!r} and"
            raise ConfigurationError(f"{name}{shown} cannot be used; it must be {error}.") from None
    return Settings(**values)


def _key_from_file(environ: Mapping[str, str]) -> dict[str, str]:
    path = environ.get("FACILITRON_API_KEY_FILE", "").strip()
    if not path:
        return {}
    if environ.get("FACILITRON_API_KEY", "").strip():
        raise ConfigurationError("FACILITRON_API_KEY and FACILITRON_API_KEY_FILE are both set; keep one of them.")
    try:
        key = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"FACILITRON_API_KEY_FILE is {path!r}, which cannot be read as text.") from None
    if not key:
        raise ConfigurationError(f"FACILITRON_API_KEY_FILE is {path!r}, which is empty; put the key into it.")
    return {"FACILITRON_API_KEY": key}


def table() -> list[tuple[str, str, str]]:
    """Return name, default and help of every setting, in the order of the README's table."""
    return [(each.metadata["name"], each.metadata["default"], each.metadata["help"]) for each in fields(Settings)]
