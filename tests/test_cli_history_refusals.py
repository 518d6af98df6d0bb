"""`icalbridge history`: what it refuses, and what it says that records cannot tell."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import pytest

from icalbridge.cli.history import limits
from icalbridge.cli.records import HistoryQuery
from icalbridge.store import Store
from tests.fixtures.commands import run
from tests.samples import NOW

DAY = date(2024, 3, 9)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a database with nothing in it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('empty')}/bridge.db"
    with closing(Store.connect(url)) as store:
        store.upgrade()
    return url


@pytest.mark.parametrize(
    ("last", "began", "told"),
    [
        (DAY, None, ["Nothing was ever synced; run `icalbridge sync` first."]),
        (DAY, datetime(2024, 3, 8, tzinfo=UTC), []),
        (
            date(2026, 11, 21),
            datetime(2024, 3, 8, tzinfo=UTC),
            ["What is later than 2026-11-21 is booked, and has not taken place yet."],
        ),
    ],
)
def test_records_say_what_they_cannot_tell(
    last: date, began: datetime | None, told: list[str]
) -> None:
    """Silence would read as a district in which nothing took place."""
    assert [*limits(HistoryQuery(DAY, last), began, NOW)] == told


ANGELES, YORK = "America/Los_Angeles", "America/New_York"
EARLY = datetime(2026, 12, 1, 6, tzinfo=UTC)
"""In UTC and in New York it is December already, in Los Angeles not yet."""


@pytest.mark.parametrize(
    ("last", "zone_names", "said"),
    [
        ("2026-11-29", [ANGELES], ""),
        ("2026-11-30", [ANGELES], "2026-11-30"),
        ("2026-11-30", [YORK], ""),
        ("2026-12-01", [YORK], "2026-12-01"),
        ("2026-11-30", [YORK, ANGELES], "2026-11-30"),
        ("2026-11-30", ["UTC"], ""),
        ("2026-12-01", ["Pacific/Kiritimati"], "2026-12-01"),
    ],
)
def test_what_has_not_taken_place_yet_is_by_the_day_of_the_school(
    last: str, zone_names: list[str], said: str
) -> None:
    """The day in UTC is none of anybody's: an evening at the school is still to come on it, or
    over.
    """
    wish = HistoryQuery(DAY, date.fromisoformat(last))
    told = [f"What is later than {said} is booked, and has not taken place yet."] if said else []
    assert [*limits(wish, datetime(2024, 1, 1, tzinfo=UTC), EARLY, zone_names)] == told


@pytest.mark.parametrize(
    ("zone_names", "first"),
    [
        ([ANGELES], date(2026, 11, 30)),
        ([YORK], date(2026, 12, 1)),
        ([ANGELES, YORK], date(2026, 12, 1)),
    ],
)
def test_records_begin_on_the_day_of_the_school(zone_names: list[str], first: date) -> None:
    """On the day after it they are whole."""
    since = (
        f"Records are kept since {first}; of what was over by then they hold only what belonged to"
        " bookings that"
    )
    later = EARLY + timedelta(days=9)
    for day, told in ((first, [f"{since} went on."]), (first + timedelta(days=1), [])):
        assert [*limits(HistoryQuery(day, day), EARLY, later, zone_names)] == told


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (
            ["--from", "yesterday", "--to", "2024-03-09"],
            2,
            "'yesterday' is no day; write it as YYYY-MM-DD.",
        ),
        (
            ["--from", "2024-03-09", "--to", "2024-02-30"],
            2,
            "'2024-02-30' is no day; write it as YYYY-MM-DD.",
        ),
        (
            ["--from", "0001-01-01", "--to", "2024-02-28"],
            2,
            "'0001-01-01' is no day; write it as YYYY-MM-DD.",
        ),
        (
            ["--from", "2024-03-10", "--to", "2024-03-09"],
            2,
            "--from is after --to; give the earlier day first.",
        ),
        (["--to", "2024-03-09"], 2, "Missing option '--from'."),
        (
            ["--from", "2024-03-09", "--to", "2024-03-09", "--csv", "--json"],
            2,
            "--csv and --json exclude each other",
        ),
        (
            ["--from", "2024-03-09", "--to", "2024-03-09", "--property", "x"],
            2,
            "There is no school 'x' here; look it up with `icalbridge places`",
        ),
        (
            ["--from", "2024-03-09", "--to", "2024-03-09", "--facility", "x"],
            2,
            "There is no facility 'x' here; look it up with `icalbridge places`",
        ),
        (
            ["--from", "2024-03-09", "--to", "2024-03-09", "--output", "/nowhere/x.csv"],
            1,
            "/nowhere/x.csv cannot be written: No such file or directory.",
        ),
    ],
)
def test_command_refuses_with_a_sentence(
    arguments: list[str], code: int, said: str, empty: str
) -> None:
    """What is wrong, on stderr's last line, and nothing on stdout."""
    found = run("history", *arguments, DATABASE_URL=empty)
    assert (found.returncode, found.stdout) == (code, "")
    last = found.stderr.splitlines()[-1]
    assert said in last
    assert last.startswith(("icalbridge: ", "Error: "))
