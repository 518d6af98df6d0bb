"""`icalbridge status --readers`: a table for people, one JSON object for programs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.cli.status_readers import NOTE, print_readers
from icalbridge.models import SavedFeed, utcnow
from icalbridge.settings import from_environment
from icalbridge.store import readers
from icalbridge.store.readers import Reader
from tests.fixtures.commands import run
from tests.samples import NOW

if TYPE_CHECKING:
    from icalbridge.settings import Settings
    from icalbridge.store import Store


@pytest.fixture
def settings(database_url: str) -> Settings:
    return from_environment({"DATABASE_URL": database_url})


@pytest.fixture
def read_store(school: Store) -> Store:
    """Yesterday two read the gym; today three, of two families, and one a private feed."""
    yesterday = NOW - timedelta(days=1)
    school.saved.add(SavedFeed("team", "Our Team", "", (), ("gym",), ()), now=NOW)
    gym = "facility/gym"
    school.readers.add([Reader(gym, "apple", "a"), Reader(gym, "apple", "b")], now=yesterday)
    today = [Reader(gym, "apple", "a"), Reader(gym, "google", ""), Reader(gym, "apple", "c")]
    school.readers.add([*today, Reader("private/team", "home assistant", "a")], now=NOW)
    return school


@pytest.mark.usefixtures("read_store")
def test_table(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The most read calendar first, the last day first."""
    monkeypatch.setenv("COLUMNS", "140")
    print_readers(settings, as_json=False, days=7, now=NOW)
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "Calendar Counted as Day Google Apple Outlook Thunderbird Home Assistant Other Total",
        "Main Gym facility/gym today 1 2 – – – – 3",
        "2026-11-20 – 2 – – – – 2",
        "Our Team private/team today – – – – 1 – 1",
        "",
        NOTE,
    ]


@pytest.mark.usefixtures("read_store")
def test_json(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """The same by name; `--days` says how far back."""
    print_readers(settings, as_json=True, days=1, now=NOW)
    none = dict.fromkeys(("outlook", "thunderbird", "other"), 0)
    assert json.loads(capsys.readouterr().out) == {
        "today": "2026-11-21",
        "calendars": [
            {
                "calendar": "facility/gym",
                "name": "Main Gym",
                "days": [
                    {
                        "day": "2026-11-21",
                        "google": 1,
                        "apple": 2,
                        "home_assistant": 0,
                        **none,
                        "total": 3,
                    }
                ],
            },
            {
                "calendar": "private/team",
                "name": "Our Team",
                "days": [
                    {
                        "day": "2026-11-21",
                        "google": 0,
                        "apple": 0,
                        "home_assistant": 1,
                        **none,
                        "total": 1,
                    }
                ],
            },
        ],
    }


def test_full_day_is_said(
    settings: Settings,
    read_store: Store,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A number that is only a bound is no number."""
    monkeypatch.setattr("icalbridge.cli.status_readers.MAX_READERS", 4)
    monkeypatch.setattr(readers, "MAX_READERS", 4)
    print_readers(settings, as_json=False, days=7, now=NOW)
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "2026-11-21: no more than 4 are counted a day; there were more."


def test_command(school: Store, database_url: str) -> None:
    """By its options; nobody is said as such."""
    done = run("status", "--readers", DATABASE_URL=database_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Nobody has read a calendar in the last 7 days.\n"
    school.readers.add([Reader("property/school", "other", "a")], now=utcnow())
    done = run("status", "--readers", "--json", "--days", "1", DATABASE_URL=database_url)
    assert json.loads(done.stdout)["calendars"][0]["name"] == "Lincoln High"
    assert run("status", "--readers", "--check", DATABASE_URL=database_url).returncode == 2
    assert run("status", "--readers", "--days", "500", DATABASE_URL=database_url).returncode == 2
