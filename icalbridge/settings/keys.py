"""Several keys in one deployment: a TOML file with a table for each, named as the operator likes.

[sunny-valley]
key = "…"                     # or key_file = "sunny.key", beside this file
rate_per_minute = 120         # this and the following: as the other settings say, where left out
quota_per_day = 15000
url = "https://api.external.facilitron.com/v1"
event_types = ["reservation"]
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from icalbridge.settings import readers
from icalbridge.statuses import APPROVED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class ApiUser:
    """One key, under the name that the operator gave it, and what the vendor granted to it."""

    name: str
    key: str = field(repr=False)
    url: str = ""
    rate_per_minute: int = 0
    quota_per_day: int = 0
    event_types: tuple[str, ...] = ()
    approved_statuses: tuple[str, ...] = (APPROVED,)
    """Normalized statuses that count as approved; the same for every key."""


_USER_FIELDS = {"key", "key_file", "url", "rate_per_minute", "quota_per_day", "event_types"}


def keys_file(text: str) -> tuple[ApiUser, ...]:
    """Read a TOML file with a table for each key; what a table leaves out is as the other settings
    say.
    """
    try:
        tables = tomllib.loads(Path(text).read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        raise ValueError("a file that can be read") from None
    except (
        tomllib.TOMLDecodeError
    ) as error:  # its text may repeat the key; where it is wrong never does
        where = str(error).rpartition("(")[2].rstrip(")")
        raise ValueError(f"a file in TOML ({where})") from None
    if not tables or not all(isinstance(table, dict) for table in tables.values()):
        raise ValueError("a TOML file with a table such as [sunny-valley] for each key")
    users = tuple(_api_user(name, table, Path(text).parent) for name, table in tables.items())
    for number, user in enumerate(users):  # twice in the file, a key would get twice its rate
        for other in users[:number]:
            if (other.key, other.url) == (user.key, user.url):
                raise ValueError(
                    f"a file in which each key is once; [{other.name}] and [{user.name}] have the"
                    " same"
                )
    return users


def _api_user(name: str, table: Mapping[str, Any], folder: Path) -> ApiUser:
    if odd := sorted(table.keys() - _USER_FIELDS):
        raise ValueError(
            f"a file whose [{name}] has only {', '.join(sorted(_USER_FIELDS))}; it has {odd[0]!r}"
        )
    try:
        key = table.get("key") or (folder / table["key_file"]).read_text("utf-8-sig").strip()
    except KeyError:
        key = ""
    except (OSError, UnicodeDecodeError, TypeError):
        raise ValueError(f"a file whose [{name}] names a key_file that can be read") from None
    if not key or not isinstance(key, str):
        raise ValueError(f"a file whose [{name}] has a key, or a key_file that holds it")
    types = table.get("event_types", ())
    read: dict[str, Callable[[str], Any]] = {
        "key": readers.key,
        "url": readers.http_url,
        "rate_per_minute": readers.whole(1, 100_000),
        "quota_per_day": readers.whole(1, 100_000_000),
        "event_types": readers.event_types,
    }
    given = {
        **table,
        "key": key,
        **({"event_types": ",".join(map(str, types))} if isinstance(types, list) else {}),
    }
    values = {}
    for field_name, reader in read.items():
        if field_name in given:
            try:
                values[field_name] = reader(str(given[field_name]))
            except ValueError as error:
                raise ValueError(f"a file whose [{name}] has as {field_name} {error}") from None
    return ApiUser(name, **values)
