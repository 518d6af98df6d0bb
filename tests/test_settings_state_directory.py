"""`icalbridge.settings.state_directory`: where the database is without `DATABASE_URL`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from icalbridge.errors import ConfigurationError
from icalbridge.settings import from_environment
from tests.fixtures.commands import run

if TYPE_CHECKING:
    from pathlib import Path

HOME = {"HOME": "/home/someone"}


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        (HOME, "/home/someone/.local/state/icalbridge"),
        ({**HOME, "DATABASE_URL": " "}, "/home/someone/.local/state/icalbridge"),
        ({**HOME, "XDG_STATE_HOME": "/srv/state"}, "/srv/state/icalbridge"),
        ({**HOME, "XDG_STATE_HOME": "state"}, "/home/someone/.local/state/icalbridge"),
        ({**HOME, "STATE_DIRECTORY": "/var/lib/icalbridge"}, "/var/lib/icalbridge"),
        ({**HOME, "STATE_DIRECTORY": "/var/lib/a:/var/lib/b"}, "/var/lib/a"),
        (
            {"STATE_DIRECTORY": "/var/lib/icalbridge", "XDG_STATE_HOME": "/srv/state"},
            "/var/lib/icalbridge",
        ),
    ],
)
def test_default_is_absolute(
    environ: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """systemd's directory first, then that of the user."""
    monkeypatch.chdir(tmp_path)
    assert from_environment(environ).database_url == f"sqlite:///{folder}/icalbridge.db"


def test_database_in_the_working_directory_is_used_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its absolute path, unless DATABASE_URL is set; a folder of that name is none."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "icalbridge.db").touch()
    assert from_environment(HOME).database_url == f"sqlite:///{tmp_path}/icalbridge.db"
    assert (
        from_environment({"DATABASE_URL": "sqlite:////srv/a.db"}).database_url
        == "sqlite:////srv/a.db"
    )
    (tmp_path / "icalbridge.db").unlink()
    (tmp_path / "icalbridge.db").mkdir()
    assert "/home/someone/" in from_environment(HOME).database_url


def test_user_without_a_home_is_told_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service's user may have none."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match="set DATABASE_URL to sqlite:////PATH/"):
        from_environment({"HOME": "nowhere"})


def test_command_makes_the_directory_for_its_owner_only(tmp_path: Path) -> None:
    """Whatever the umask; `status` names the database, for people and for programs."""
    before = os.umask(0)
    try:
        done = run("db", "upgrade", XDG_STATE_HOME=str(tmp_path))
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "icalbridge"
    assert folder.stat().st_mode & 0o777 == 0o700
    status = run("status", XDG_STATE_HOME=str(tmp_path))
    assert f"Database    {folder}/icalbridge.db\n" in status.stdout
    status = run("status", "--json", XDG_STATE_HOME=str(tmp_path))
    assert f'"database": "{folder}/icalbridge.db"' in status.stdout


def test_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    """Here a file is in the way."""
    (tmp_path / "file").touch()
    done = run("db", "upgrade", XDG_STATE_HOME=str(tmp_path / "file"))
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be created: Not a directory; set DATABASE_URL" in done.stderr
