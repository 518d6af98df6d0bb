"""Where the database is while `DATABASE_URL` is unset: in the state directory of systemd or of the
user, or in the working directory where earlier versions made it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from icalbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE_NAME = "icalbridge.db"


def uses_default(environ: Mapping[str, str]) -> bool:
    """Return whether the environment leaves `DATABASE_URL` to this module."""
    return not environ.get("DATABASE_URL", "").strip()


def default_file(environ: Mapping[str, str]) -> Path:
    """Return the absolute path of the database that is used without `DATABASE_URL`."""
    return file_here() or state_directory(environ) / FILE_NAME


def file_here() -> Path | None:
    """Return the database in the working directory, if there is one."""
    file = Path(FILE_NAME)
    return file.absolute() if file.is_file() else None


def state_directory(environ: Mapping[str, str]) -> Path:
    """Return `STATE_DIRECTORY` as systemd sets it, or else the user's, as XDG has it.

    Raises `ConfigurationError` for a user without a home directory.
    """
    given = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given).absolute()
    states = Path(environ.get("XDG_STATE_HOME", ""))
    if states.is_absolute():
        return states / "icalbridge"
    home = Path(environ.get("HOME") or os.path.expanduser("~"))  # noqa: PTH111  # never raises
    if not home.is_absolute():
        raise ConfigurationError(
            "DATABASE_URL is not set and this user has no home directory; set DATABASE_URL to"
            " sqlite:////PATH/icalbridge.db."
        )
    return home / ".local" / "state" / "icalbridge"


def create_directory(environ: Mapping[str, str]) -> None:
    """Create the state directory, for its owner only, where the database is in it.

    Raises `ConfigurationError` where that cannot be.
    """
    if not uses_default(environ):
        return
    folder = default_file(environ).parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"{folder} cannot be created: {error.strerror}; set DATABASE_URL to"
            " sqlite:////PATH/icalbridge.db."
        ) from None
