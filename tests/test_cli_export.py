"""`icalbridge export` at the terminal: what it prints, and its sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.commands import run
from tests.samples import NOW, entry
from tests.web_world import add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """A database with one school, and the address of the files."""
    store = empty_store(tmp_path)
    add_catalogue(store)
    sync(store, "school", added([entry(1, uid="u1", event_id="e1")]), now=NOW)
    store.close()
    return {
        "DATABASE_URL": f"sqlite:///{tmp_path / 'bridge.db'}",
        "ICALBRIDGE_PUBLIC_URL": "https://calendars.example.org",
    }


def test_export_says_what_it_did(settings: dict[str, str], tmp_path: Path) -> None:
    """In one line, and in a new folder."""
    folder = tmp_path / "new" / "site"
    first = run("export", str(folder), **settings)
    assert (first.returncode, first.stderr) == (0, "")
    assert " files written, 0 removed, 0 unchanged.\n" in first.stdout
    assert (folder / "ical/property/school.ics").read_bytes().startswith(b"BEGIN:VCALENDAR")
    again = run("export", str(folder), **settings)
    assert ": 0 files written, 0 removed, " in again.stdout


def test_export_without_public_address_is_a_sentence(
    settings: dict[str, str], tmp_path: Path
) -> None:
    del settings["ICALBRIDGE_PUBLIC_URL"]
    done = run("export", str(tmp_path / "site"), **settings)
    assert done.returncode == 2
    assert done.stderr == (
        "icalbridge: ICALBRIDGE_PUBLIC_URL is not set; files cannot take it from a request.\n"
    )
    assert not (tmp_path / "site").exists()


def test_export_with_a_bad_policy_writes_nothing(settings: dict[str, str], tmp_path: Path) -> None:
    """Also where an earlier policy is still known."""
    policy = tmp_path / "policy.toml"
    policy.write_text("[schools]\nhide = 7\n")
    settings["ICALBRIDGE_POLICY_FILE"] = str(policy)
    done = run("export", str(tmp_path / "site"), **settings)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"icalbridge: ICALBRIDGE_POLICY_FILE is '{policy}', which cannot")
    assert not (tmp_path / "site").exists()


def test_export_into_a_folder_with_other_files_is_a_sentence(
    settings: dict[str, str], tmp_path: Path
) -> None:
    done = run("export", str(tmp_path), **settings)
    assert done.returncode == 1
    assert done.stderr == (
        f"icalbridge: {tmp_path} is not empty, and no export made it; name an empty or a new"
        " folder.\n"
    )


def test_export_into_a_file_is_a_sentence(settings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("export", str(tmp_path / "file"), **settings)
    assert done.returncode == 1
    assert done.stderr == f"icalbridge: {tmp_path / 'file'} cannot be used: File exists.\n"
