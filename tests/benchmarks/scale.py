"""A store of a large district with a very large school, filled by bulk insert; and one request to
it, measured in a process of its own.

    python -m tests.benchmarks.scale DATABASE PATH WARM_UP_PATH
"""

from __future__ import annotations

import gc
import random
import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

from icalbridge.settings import Settings
from icalbridge.store import Store
from icalbridge.store.rows import entry_values, text_row
from icalbridge.store.tables import entries as entries_table
from icalbridge.web import create_app
from tests.samples import entry

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
SCHOOLS = 200
FACILITIES = 10
DAYS_BACK, DAYS_AHEAD = 60, 365
A_DAY = 15
"""Entries of a school on each day: 1,275,000 in all."""
CAMPUS = "campus"
"""A school beside them, as large as the largest of such a district."""
CAMPUS_FACILITIES, CAMPUS_A_DAY = 80, 200
HISTORY_DAYS = 667
"""Days of history before those, where there is some: two million entries more."""
ZONE = "America/Los_Angeles"
KINDS = ("Gymnasium", "Field", "Theater", "Cafeteria", "Classroom")
NAMES = ("Basketball", "Youth Soccer", "Choir", "Volleyball", "Robotics", "Chess", "Yoga", "Band")
ACTIVITIES = ("Practice", "Game", "Rehearsal", "Meeting", "")
SLOTS_AN_EVENT = 30


def school_id(number: int) -> str:
    return f"school{number:018}"


def facility_id(school: int, number: int) -> str:
    return f"facility{school:06}{number:010}"


def build(path: Path) -> None:
    """Make the store: a district of 200 schools, and beside it a small school and a very large
    one.
    """
    store = Store.connect(f"sqlite:///{path}")
    store.upgrade()
    store.close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        _add_catalog(connection)
        add_entries(connection, -DAYS_BACK, DAYS_AHEAD)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def add_entries(connection: sqlite3.Connection, first: int, last: int) -> None:
    """Add the entries of all schools on some days, counted from today; indexes are made anew."""
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        " AND tbl_name = 'entries' ORDER BY rowid"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    columns = [column.name for column in entries_table.columns]
    marks = ",".join("?" * len(columns))
    connection.executemany(
        f"INSERT INTO entries ({','.join(columns)}) VALUES ({marks})",
        _rows(connection, columns, first, last),
    )
    for _, statement in indexes:
        connection.execute(statement)


def _add_catalog(connection: sqlite3.Connection) -> None:
    at = int(NOW.timestamp())
    connection.execute(
        "INSERT INTO api_users (id, catalogue_synced_at) VALUES ('default', ?)", (at,)
    )
    schools = [school_id(number) for number in range(SCHOOLS)]
    children = "[" + ",".join(f'"{each}"' for each in schools) + "]"
    listed = [("district", "Grand Unified District", children)]
    listed += [(each, f"School {number}", "[]") for number, each in enumerate(schools)]
    listed += [("annex", "Annex", "[]"), (CAMPUS, "Campus High School", "[]")]
    for position, (property_id, name, child_ids) in enumerate(listed):
        connection.execute(
            "INSERT INTO properties (id, api_user_id, name, zone, child_ids, position, listed,"
            " first_seen_at, revision, changed_at) VALUES (?, 'default', ?, ?, ?, ?, 1, ?, 1, ?)",
            (property_id, name, ZONE, child_ids, position, at, at),
        )
        for window in range(13):
            connection.execute(
                "INSERT INTO windows (property_id, number, synced_at, attempted_at)"
                " VALUES (?, ?, ?, ?)",
                (property_id, window, at, at),
            )
    places = [
        (facility_id(school, number), schools[school], f"{KINDS[number % 5]} {number}", number)
        for school in range(SCHOOLS)
        for number in range(FACILITIES)
    ]
    places += [
        (facility_id(SCHOOLS, number), CAMPUS, f"{KINDS[number % 5]} {number} in the North", number)
        for number in range(CAMPUS_FACILITIES)
    ]
    places.append(("room", "annex", "Room", 0))
    connection.executemany(
        "INSERT INTO facilities (id, property_id, name, type, position, listed, first_seen_at,"
        " revision, changed_at) VALUES (?, ?, ?, ?, ?, 1, ?, 1, ?)",
        [(a, b, name, KINDS[number % 5], number, at, at) for a, b, name, number in places],
    )


def _rows(
    connection: sqlite3.Connection, columns: list[str], first: int, last: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of all schools, and of the small one beside them two."""
    schools = [(school_id(number), FACILITIES, A_DAY) for number in range(SCHOOLS)]
    schools.append((CAMPUS, CAMPUS_FACILITIES, CAMPUS_A_DAY))
    chance = random.Random(first)
    known: set[int] = set()
    usual = entry_values(entry(0)) | {"first_seen_at": int(NOW.timestamp())}
    midnight = int((NOW - timedelta(hours=12)).timestamp())
    for school, (property_id, facilities, a_day) in enumerate(schools):
        for number in range((last - first) * a_day):
            place = chance.randrange(facilities)
            kind = KINDS[place % 5]
            begins = midnight + (first + number // a_day) * 86_400
            begins += chance.randrange(7 * 4, 21 * 4) * 900
            group = number // SLOTS_AN_EVENT
            name = f"{NAMES[group % 8]} {'Camp' if group % 97 == 5 else 'Club'}"
            values = usual | {
                "uid": f"{school:03}-{first:+}-{number}@icalbridge",
                "event_id": f"event{school:05}{first:+}{group:08}",
                "property_id": property_id,
                "facility_id": facility_id(school, place),
                "name": name if group % 4_001 else "Total Eclipse Watch",
                "activity": ACTIVITIES[group % 5],
                "place": f"{kind} {place}",
                "location": f"{kind} {place}, School {school}, 1 Oak St, Sunnyvale, CA, 94087",
                "category": kind,
                "start_at": begins,
                "end_at": begins + chance.choice((2_700, 3_600, 5_400, 7_200)),
                "modified_at": midnight - chance.randrange(10**6),
            }
            values["text_id"], texts = _texts(values)
            values["name_id"] = texts["name_id"]
            if values["text_id"] not in known:
                known.add(values["text_id"])
                connection.execute(INSERT_TEXTS, texts)
            yield tuple(values.get(column) for column in columns)
    if first == -DAYS_BACK:
        for number in range(2):
            begins = midnight + 86_400 + number * 3_600
            values = usual | {"uid": f"annex{number}@icalbridge", "property_id": "annex"}
            values |= {"facility_id": "room", "start_at": begins, "end_at": begins + 3_600}
            values |= {"modified_at": midnight}
            yield tuple(values.get(column) for column in columns)


INSERT_TEXTS = (
    "INSERT OR IGNORE INTO entry_texts"
    " (id, property_id, event_type, category, activity, name, name_id, search)"
    " VALUES (:id, :property_id, :event_type, :category, :activity, :name, :name_id, :search)"
)


def _texts(values: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return the row of the texts of an entry, and its key."""
    names = ("property_id", "event_type", "name", "activity", "place", "category")
    row = text_row(*(values[name] for name in names))
    return row["id"], row


def _peak_kilobytes() -> int:
    """Return the process's own peak; `ru_maxrss` has that of the process that started it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def main(database: str, path: str, warm_up: str) -> None:
    """Print what a request costs when nothing is cached: CPU in ms, peak memory in MB, status and
    size.
    """
    store = Store.connect(f"sqlite:///{database}")
    settings = Settings(public_url="https://calendars.example.org")
    client = create_app(settings, store, clock=lambda: NOW).test_client()
    client.get(warm_up)  # templates and statements are compiled
    gc.collect()
    gc.freeze()  # as `serve` does before it forks
    begun = process_time()
    answer = client.get(path)
    spent = (process_time() - begun) * 1000
    peak = _peak_kilobytes() / 1024
    print(f"{spent:.1f} {peak:.1f} {answer.status_code} {len(answer.data)}")
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
