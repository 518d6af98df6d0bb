"""`icalbridge.store.readers`: distinct clients of a day, and nothing but numbers afterwards."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, insert, make_url, select

from icalbridge.store import Store, readers
from icalbridge.store.backup import back_up
from icalbridge.store.readers import KEEP_DAYS, Reader, ReaderCount
from icalbridge.store.tables import reader_counts, reader_days, reader_hashes
from tests.samples import NOW

if TYPE_CHECKING:
    from datetime import datetime

pytestmark = pytest.mark.both_databases

TODAY = date(2026, 11, 21)
TOMORROW = NOW + timedelta(days=1)
GYM, POOL = "facility/gym", "facility/pool"


def clients(
    *names: str, feed: str = GYM, family: str = "apple", agent: str = "iOS/18.5 dataaccessd/1.0"
) -> list[Reader]:
    return [Reader(feed, family, f"{name}\0{agent}") for name in names]


def numbers(store: Store, since: date = TODAY) -> list[tuple[str, str, str, int]]:
    return [(str(day), *rest) for day, *rest in store.readers.counts(since=since)]  # type: ignore[misc]


def count_rows(store: Store) -> tuple[int, int]:
    with store.engine.connect() as connection:
        days = connection.scalar(select(func.count()).select_from(reader_days))
        hashes = connection.scalar(select(func.count()).select_from(reader_hashes))
    return days or 0, hashes or 0


def test_clients_are_counted_once(store: Store) -> None:
    """By calendar and family, however often and in whatever parts they come."""
    store.readers.add(clients("198.51.100.1", "198.51.100.2"), now=NOW)
    store.readers.add(clients("198.51.100.2", "198.51.100.3"), now=NOW + timedelta(hours=3))
    store.readers.add(clients("198.51.100.1", feed=POOL), now=NOW)
    store.readers.add(clients("198.51.100.9", family="outlook", agent="Outlook"), now=NOW)
    assert numbers(store) == [
        ("2026-11-21", GYM, "apple", 3),
        ("2026-11-21", GYM, "outlook", 1),
        ("2026-11-21", POOL, "apple", 1),
    ]


def test_processes_count_a_client_once(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several stores, as of several processes and machines, that begin the day at the same time."""
    monkeypatch.setattr(readers, "LOCK_MILLISECONDS", 30_000)  # the machine may be slow
    stores = [Store.connect(database_url) for _ in range(4)]
    start = threading.Barrier(len(stores))

    def read(opened: Store) -> None:
        start.wait()
        for part in range(5):
            opened.readers.add(clients(*(f"10.0.{part}.{n}" for n in range(20))), now=NOW)

    threads = [threading.Thread(target=read, args=(opened,)) for opened in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for opened in stores:
        opened.close()
    assert numbers(store) == [("2026-11-21", GYM, "apple", 100)]
    assert count_rows(store) == (1, 100)


def test_processes_close_a_day_once(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes first counts it; nobody counts it twice."""
    monkeypatch.setattr(readers, "LOCK_MILLISECONDS", 30_000)  # the machine may be slow
    store.readers.add(clients("a", "b", "c"), now=NOW)
    stores = [Store.connect(database_url) for _ in range(4)]
    start = threading.Barrier(len(stores))

    def read(opened: Store) -> None:
        start.wait()
        opened.readers.add(clients("a"), now=TOMORROW)
        opened.readers.close_day(now=TOMORROW)

    threads = [threading.Thread(target=read, args=(opened,)) for opened in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for opened in stores:
        opened.close()
    assert numbers(store) == [
        ("2026-11-21", GYM, "apple", 3),
        ("2026-11-22", GYM, "apple", 1),
    ]


def test_day_is_closed_without_another_reader(store: Store) -> None:
    """The worker does it; then there is neither a key nor a hash."""
    store.readers.add(clients("a", "b"), now=NOW)
    store.readers.close_day(now=NOW + timedelta(hours=3))
    assert count_rows(store) == (1, 2)
    store.readers.close_day(now=TOMORROW)
    assert count_rows(store) == (0, 0)
    assert numbers(store) == [("2026-11-21", GYM, "apple", 2)]


def test_hashes_of_two_days_have_nothing_in_common(store: Store) -> None:
    """The same client cannot be followed from day to day, nor from calendar to calendar."""

    def hashes() -> set[int]:
        with store.engine.connect() as connection:
            return set(connection.scalars(select(reader_hashes.c.digest)))

    store.readers.add([*clients("a"), *clients("a", feed=POOL)], now=NOW)
    first = hashes()
    store.readers.add([*clients("a"), *clients("a", feed=POOL)], now=TOMORROW)
    assert len(first) == len(hashes()) == 2
    assert first.isdisjoint(hashes())


def test_clocks_that_differ_do_not_close_the_new_day(store: Store) -> None:
    """A machine that is slow at midnight counts for the day that another has begun."""
    store.readers.add(clients("a"), now=TOMORROW)
    store.readers.add(clients("b"), now=NOW)
    assert numbers(store) == [("2026-11-22", GYM, "apple", 2)]


def test_clock_far_ahead_is_mended(store: Store) -> None:
    """Its day is closed, and what was counted of a day that is opened again is added."""
    store.readers.add(clients("a"), now=NOW + timedelta(days=90))
    store.readers.add(clients("b"), now=NOW)
    store.readers.close_day(now=TOMORROW)
    store.readers.add(clients("c", "d"), now=NOW - timedelta(days=9))
    store.readers.close_day(now=TOMORROW)
    store.readers.add(clients("e"), now=NOW - timedelta(days=9))
    store.readers.close_day(now=TOMORROW)
    assert numbers(store, TODAY - timedelta(days=30)) == [
        ("2026-11-12", GYM, "apple", 3),
        ("2026-11-21", GYM, "apple", 1),
        ("2027-02-19", GYM, "apple", 1),
    ]


def test_attackers_fill_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Random clients are counted up to a number of them a day; those that are counted stay."""
    monkeypatch.setattr(readers, "MAX_READERS", 50)
    store.readers.add(clients("198.51.100.1"), now=NOW)
    for part in range(4):
        store.readers.add(clients(*(f"10.{part}.0.{n}" for n in range(30))), now=NOW)
    assert count_rows(store) == (1, 50)
    assert numbers(store) == [("2026-11-21", GYM, "apple", 50)]


def test_only_the_largest_counts_are_kept_apart(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are one sum for each family."""
    monkeypatch.setattr(readers, "MAX_COUNTS", 2)
    store.readers.add(clients("a", "b", "c"), now=NOW)
    store.readers.add(clients("a", "b", feed=POOL), now=NOW)
    for number in range(5):
        store.readers.add(clients("a", feed=f"facility/{number}"), now=NOW)
        store.readers.add(clients("a", feed=f"facility/{number}", family="other"), now=NOW)
    store.readers.close_day(now=TOMORROW)
    assert numbers(store) == [
        ("2026-11-21", GYM, "apple", 3),
        ("2026-11-21", POOL, "apple", 2),
        ("2026-11-21", "other", "apple", 5),
        ("2026-11-21", "other", "other", 5),
    ]


def test_old_counts_are_deleted(store: Store) -> None:
    """After 400 days."""
    old = [NOW.date() - timedelta(days=days) for days in (KEEP_DAYS - 1, KEEP_DAYS)]
    with store.engine.begin() as connection:
        rows = [{"day": day, "feed": GYM, "family": "apple", "readers": 1} for day in old]
        connection.execute(insert(reader_counts), rows)
    store.readers.add(clients("a"), now=NOW)
    assert len(store.readers.counts(since=date(2000, 1, 1))) == 3
    store.readers.close_day(now=TOMORROW)
    assert store.readers.counts(since=date(2000, 1, 1)) == [
        ReaderCount(old[0], GYM, "apple", 1),
        ReaderCount(TODAY, GYM, "apple", 1),
    ]


ADDRESS, AGENT = "203.0.113.77", "iOS/18.5 (22F76) dataaccessd/1.0"


def secrets_of(store: Store, now: datetime) -> list[bytes]:
    """Count a client; return its address and agent, the day's key and the hash, as they would be in
    a file.
    """
    store.readers.add(clients(ADDRESS, agent=AGENT), now=now)
    with store.engine.connect() as connection:
        key: str = connection.execute(select(reader_days.c.key)).scalar_one()
        digests = list(connection.scalars(select(reader_hashes.c.digest)))
    hashes = [form for each in digests for form in (each.to_bytes(8, signed=True), b"%d" % each)]
    return [ADDRESS.encode(), AGENT.encode(), key.encode(), bytes.fromhex(key), *hashes]


def found_in(secrets: list[bytes], folder: Path, pattern: str) -> list[bytes]:
    content = b"".join(path.read_bytes() for path in folder.glob(pattern) if path.is_file())
    return [secret for secret in secrets if secret in content]


def test_no_byte_of_a_client_stays_in_the_file(store: Store, database_url: str) -> None:
    """Once the day is over, neither the database's file nor its write-ahead log has an address, a
    user agent, a hash, or the key with which one could try addresses.
    """
    if store.engine.dialect.name != "sqlite":
        return
    file = Path(make_url(database_url).database or "")
    secrets = secrets_of(store, NOW)
    key, digest = secrets[2], secrets[4]
    assert found_in(secrets, file.parent, f"{file.name}*") == [key, digest]
    store.readers.close_day(now=TOMORROW)
    assert numbers(store) == [("2026-11-21", GYM, "apple", 1)]
    assert found_in(secrets, file.parent, f"{file.name}*") == []


def test_log_is_emptied_later_if_somebody_reads(store: Store, database_url: str) -> None:
    """A long read does not keep the key for ever."""
    if store.engine.dialect.name != "sqlite":
        return
    file = Path(make_url(database_url).database or "")
    secrets = secrets_of(store, NOW)
    with store.engine.connect() as reader:
        reader.execute(select(reader_counts)).all()
        store.readers.close_day(now=TOMORROW)
        assert found_in(secrets, file.parent, f"{file.name}*") != []
    store.readers.close_day(now=TOMORROW)
    assert found_in(secrets, file.parent, f"{file.name}*") == []


def test_backup_has_no_hashes(store: Store, database_url: str, tmp_path: Path) -> None:
    """A copy of the running day would keep key and hashes for good; the counts are in it."""
    if store.engine.dialect.name != "sqlite":
        return
    store.readers.add(clients("a", "b"), now=NOW)
    secrets = secrets_of(store, TOMORROW)
    copy = tmp_path / "copies" / "backup.db"
    copy.parent.mkdir()
    back_up(Path(make_url(database_url).database or ""), copy, force=False)
    assert found_in(secrets, copy.parent, "*") == []
    restored = Store.connect(f"sqlite:///{copy}")
    assert numbers(restored) == [("2026-11-21", GYM, "apple", 2)]
    restored.close()
    assert count_rows(store) == (1, 1)


def test_rows_of_postgresql_are_gone_with_their_files(store: Store) -> None:
    """A deleted row would stay in its file until the next vacuum; these tables get new files."""
    if store.engine.dialect.name != "postgresql":
        return

    def files() -> list[str]:
        names = ["reader_days", "reader_hashes"]
        with store.engine.connect() as connection:
            return [
                str(connection.exec_driver_sql(f"SELECT pg_relation_filepath('{name}')").scalar())
                for name in names
            ]

    store.readers.add(clients("a"), now=NOW)
    before = files()
    store.readers.close_day(now=TOMORROW)
    assert set(before).isdisjoint(files())
    assert count_rows(store) == (0, 0)
