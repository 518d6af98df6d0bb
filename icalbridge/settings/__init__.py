"""Every setting, in one table: name, default, help, and how its text is read. The environment is
read nowhere else.

A bad value stops start-up with a sentence that names the setting. The table of docs/operate.md is
checked against this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icalbridge.errors import ConfigurationError
from icalbridge.settings import readers, state_directory
from icalbridge.settings.keys import ApiUser, keys_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["ApiUser", "Settings", "from_environment", "table"]

LIVE_API_URL = "https://api.external.facilitron.com/v1"


def _setting(
    name: str,
    default: str,
    help_text: str,
    read: Callable[[str], Any],
    *,
    secret: bool = False,
    empty: Any = "",
) -> Any:
    return field(
        default=read(default) if default else empty,
        repr=not secret,
        metadata={"name": name, "default": default, "help": help_text, "read": read},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decided. Lengths in days, sizes in octets, addresses without a trailing
    slash.
    """

    api_key: str = _setting(
        "FACILITRON_API_KEY",
        "",
        "The key that Facilitron gave you; required to sync. `FACILITRON_API_KEY_FILE` names a"
        " secret file instead.",
        readers.key,
        secret=True,
    )
    api_url: str = _setting(
        "FACILITRON_API_URL",
        LIVE_API_URL,
        "Base address of the API, version included.",
        readers.http_url,
    )
    rate_per_minute: int = _setting(
        "FACILITRON_RATE_PER_MINUTE",
        "120",
        "Requests a minute that Facilitron granted.",
        readers.whole(1, 100_000),
    )
    quota_per_day: int = _setting(
        "FACILITRON_QUOTA_PER_DAY",
        "15000",
        "Requests a UTC day that Facilitron granted.",
        readers.whole(1, 100_000_000),
    )
    event_types: tuple[str, ...] = _setting(
        "FACILITRON_EVENT_TYPES",
        "reservation",
        "Event types to show, separated by commas.",
        readers.event_types,
    )
    api_keys: tuple[ApiUser, ...] = _setting(
        "FACILITRON_API_KEYS_FILE",
        "",
        "A TOML file with several keys, one table each, in place of `FACILITRON_API_KEY`; see"
        " below.",
        keys_file,
        empty=(),
    )
    database_url: str = _setting(
        "DATABASE_URL",
        "",
        "Where everything is kept: `sqlite:////FILE` or `postgresql://…`. Unset: `icalbridge.db` in"
        " `~/.local/state/icalbridge`, or where systemd keeps state; `doctor` names it.",
        readers.database_url,
        secret=True,
    )
    database_connect_seconds: int = _setting(
        "ICALBRIDGE_DATABASE_CONNECT_SECONDS",
        "5",
        "How long commands and workers wait for a connection to PostgreSQL, in seconds.",
        readers.whole(1, 60),
    )
    database_statement_seconds: int = _setting(
        "ICALBRIDGE_DATABASE_STATEMENT_SECONDS",
        "30",
        "How long one statement may take in PostgreSQL, migrations excepted.",
        readers.whole(1, 3600),
    )
    database_web_seconds: int = _setting(
        "ICALBRIDGE_DATABASE_WEB_SECONDS",
        "1",
        "How long feeds and pages wait for a PostgreSQL that sends nothing; then they answer from"
        " memory at once.",
        readers.whole(1, 60),
    )
    public_url: str = _setting(
        "ICALBRIDGE_PUBLIC_URL",
        "",
        "The address that subscribers use. Unset: feeds leave `URL` and `SOURCE` out, pages take it"
        " from the request.",
        readers.http_url,
    )
    trusted_proxies: tuple[str, ...] = _setting(
        "ICALBRIDGE_TRUSTED_PROXIES",
        "127.0.0.1,::1",
        "Proxies whose `X-Forwarded-For` tells readers apart in `status --readers`: addresses or"
        " networks, separated by commas. Nothing else follows that header.",
        readers.networks,
    )
    history_days: int = _setting(
        "ICALBRIDGE_HISTORY_DAYS", "60", "How far back feeds reach.", readers.whole(0, 3660)
    )
    horizon_days: int = _setting(
        "ICALBRIDGE_HORIZON_DAYS", "365", "How far ahead feeds reach.", readers.whole(1, 365)
    )
    today_seconds: int = _setting(
        "ICALBRIDGE_TODAY_SECONDS",
        "60",
        "How often today is asked for, in seconds, as far as the quota goes.",
        readers.whole(10, 86_400),
    )
    week_seconds: int = _setting(
        "ICALBRIDGE_WEEK_SECONDS",
        "180",
        "How often the next 7 days are asked for.",
        readers.whole(10, 86_400),
    )
    month_seconds: int = _setting(
        "ICALBRIDGE_MONTH_SECONDS",
        "600",
        "How often the rest of the first 31 days is asked for.",
        readers.whole(10, 86_400),
    )
    quarter_seconds: int = _setting(
        "ICALBRIDGE_QUARTER_SECONDS",
        "2400",
        "How often the days after these up to the 90th are asked for.",
        readers.whole(10, 604_800),
    )
    year_seconds: int = _setting(
        "ICALBRIDGE_YEAR_SECONDS",
        "14400",
        "How often the rest of the year is asked for.",
        readers.whole(60, 604_800),
    )
    unread_seconds: int = _setting(
        "ICALBRIDGE_UNREAD_SECONDS",
        "86400",
        "How often a property is asked for whose calendars and pages nobody has read for a week.",
        readers.whole(60, 604_800),
    )
    keep_days: int = _setting(
        "ICALBRIDGE_KEEP_DAYS",
        "0",
        "How long past bookings stay in the database, in days; 0: for good.",
        readers.whole(0, 36_600),
    )
    feed_max_bytes: int = _setting(
        "ICALBRIDGE_FEED_MAX_BYTES",
        "1000000",
        "The size past which calendar services drop events; the far future of a larger feed is left"
        " out.",
        readers.whole(10_000, 1_000_000_000),
    )
    public_pending: bool = _setting(
        "ICALBRIDGE_PUBLIC_PENDING",
        "0",
        "`1`: feeds that anybody can read may be asked for bookings that are still pending, with"
        " `status=`.",
        readers.switch,
    )
    public_category: bool = _setting(
        "ICALBRIDGE_PUBLIC_CATEGORY",
        "0",
        "`1`: public feeds may be filtered by rate category, which shows anybody what category a"
        " booking has.",
        readers.switch,
    )
    approved_statuses: tuple[str, ...] = _setting(
        "ICALBRIDGE_APPROVED_STATUSES",
        "approved",
        "Statuses at Facilitron that count as approved, separated by commas; whatever else is not"
        " shown.",
        readers.statuses,
    )
    frame_ancestors: str = _setting(
        "ICALBRIDGE_FRAME_ANCESTORS",
        "*",
        "Who may show embed pages and displays in a frame, separated by blanks; `'none'`: nobody"
        " but this site.",
        readers.frame_ancestors,
    )
    site_name: str = _setting(
        "ICALBRIDGE_SITE_NAME",
        "",
        "What the pages call this site; unset: Facility calendars.",
        readers.site_name,
    )
    site_logo: str = _setting(
        "ICALBRIDGE_SITE_LOGO",
        "",
        "A PNG, JPEG or SVG file of up to 200 KB, shown at the top of every page.",
        readers.logo,
    )
    site_accent: str = _setting(
        "ICALBRIDGE_SITE_ACCENT",
        "",
        "The color of links and buttons, such as `#1a5fb4`; darkened or lightened as far as reading"
        " it asks.",
        readers.colour,
    )
    policy_file: str = _setting(
        "ICALBRIDGE_POLICY_FILE",
        "",
        "A TOML file: [what the public may see](policy.md) of schools, facilities and bookings."
        " Unset: everything.",
        str,
    )
    booking_url: str = _setting(
        "ICALBRIDGE_BOOKING_URL",
        "",
        "The page where people ask for a booking; `{property_id}` and `{facility_id}` in it are"
        " filled in. Unset: no page leads there.",
        readers.booking_url,
    )
    enable_writes: bool = _setting(
        "ICALBRIDGE_ENABLE_WRITES",
        "0",
        "`1`: commands may create, move and cancel bookings at Facilitron, which calls these"
        " endpoints internal.",
        readers.switch,
    )
    renter_email: str = _setting(
        "ICALBRIDGE_RENTER_EMAIL",
        "",
        "For whom bookings are created, where a command is told nobody else: the e-mail address of"
        " a known renter.",
        readers.email,
        secret=True,
    )
    log_format: str = _setting(
        "ICALBRIDGE_LOG_FORMAT",
        "text",
        "`text`, or `json` for one object a line.",
        readers.log_format,
    )

    def api_users(self) -> tuple[ApiUser, ...]:
        """Return every key with what was granted to it; one that was given alone is called
        `default`.
        """
        given = self.api_keys or ((ApiUser("default", self.api_key),) if self.api_key else ())
        return tuple(
            replace(
                user,
                url=user.url or self.api_url,
                rate_per_minute=user.rate_per_minute or self.rate_per_minute,
                quota_per_day=user.quota_per_day or self.quota_per_day,
                event_types=user.event_types or self.event_types,
                approved_statuses=self.approved_statuses,
            )
            for user in given
        )

    def require_keys(self) -> tuple[ApiUser, ...]:
        """Return every key, or raise `ConfigurationError` where a command cannot do without one."""
        users = self.api_users()
        if not users:
            raise ConfigurationError(
                "FACILITRON_API_KEY is not set; set it to the key that Facilitron gave you, "
                "or FACILITRON_API_KEY_FILE to a file that holds it."
            )
        return users


def from_environment(environ: Mapping[str, str]) -> Settings:
    """Read every setting out of an environment; an empty text counts as unset.

    Raises `ConfigurationError` for the first value that cannot be used; the key and the database's
    password are never repeated in it, nor is a value that they were put into by mistake.
    """
    given = {**environ, **_key_from_file(environ)}
    if state_directory.uses_default(environ):
        given["DATABASE_URL"] = f"sqlite:///{state_directory.default_file(environ)}"
    key = given.get("FACILITRON_API_KEY", "").strip()
    values = {}
    for field_ in fields(Settings):
        name: str = field_.metadata["name"]
        text = given.get(name, "").strip()
        if not text:
            continue
        try:
            values[field_.name] = field_.metadata["read"](text)
        except ValueError as error:
            hidden = not field_.repr or "@" in text or (key and key in text) or _no_file(name, text)
            shown = "" if hidden else f" is {text[:80]!r} and"
            raise ConfigurationError(f"{name}{shown} cannot be used; it must be {error}.") from None
    settings = Settings(**values)
    if settings.api_key and settings.api_keys:
        raise ConfigurationError(
            "FACILITRON_API_KEYS_FILE and FACILITRON_API_KEY are both set; keep one of them."
        )
    if 0 < settings.keep_days < settings.history_days:
        raise ConfigurationError(
            f"ICALBRIDGE_KEEP_DAYS is {settings.keep_days}, less than ICALBRIDGE_HISTORY_DAYS, the"
            f" {settings.history_days} days that feeds reach back; make it more, or 0 to keep"
            " everything."
        )
    return settings


def _no_file(name: str, text: str) -> bool:
    """Say whether a setting that names a file names none: it may well be the key, put there by
    mistake.
    """
    try:
        return name.endswith("_FILE") and not Path(text).exists()
    except OSError:  # no file system allows so long a name
        return True


def _key_from_file(environ: Mapping[str, str]) -> dict[str, str]:
    path = environ.get("FACILITRON_API_KEY_FILE", "").strip()
    if not path:
        return {}
    if environ.get("FACILITRON_API_KEY", "").strip():
        raise ConfigurationError(
            "FACILITRON_API_KEY and FACILITRON_API_KEY_FILE are both set; keep one of them."
        )
    try:
        key = Path(path).read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        shown = (
            "names a file that"
            if _no_file("FACILITRON_API_KEY_FILE", path)
            else f"is {path!r}, which"
        )
        raise ConfigurationError(
            f"FACILITRON_API_KEY_FILE {shown} cannot be read as text."
        ) from None
    if not key:
        raise ConfigurationError(
            f"FACILITRON_API_KEY_FILE is {path!r}, which is empty; put the key into it."
        )
    try:
        readers.key(key)
    except ValueError as error:
        raise ConfigurationError(
            f"FACILITRON_API_KEY_FILE is {path!r}, which must hold {error}."
        ) from None
    return {"FACILITRON_API_KEY": key}


def table() -> list[tuple[str, str, str]]:
    """Return name, default and help of every setting, in the order of docs/operate.md."""
    return [
        (field_.metadata["name"], field_.metadata["default"], field_.metadata["help"])
        for field_ in fields(Settings)
    ]
