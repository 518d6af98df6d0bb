"""Readers: how many distinct clients read each calendar on each UTC day, by client family.

Of the current day there is a keyed hash of each calendar and client, so that processes and machines
do not count one client twice. The key is random, and deleted with the hashes when the day is over;
only counts stay. No address and no user agent is stored.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, timedelta
from hashlib import blake2b
from secrets import token_hex
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, func, select, true

from icalbridge.store.engine import Repository, reading, writing
from icalbridge.store.statements import insert_missing
from icalbridge.store.tables import reader_counts, reader_days, reader_hashes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlalchemy import Connection

MAX_READERS = 100_000
"""How many pairs of calendar and client are counted a day; what comes later is not."""
MAX_COUNTS = 2_000
"""How many counts of a day are kept, the largest; the others are summed up under `OTHER`."""
KEEP_DAYS = 400
OTHER = "other"
KEY_BYTES = 32
HASH_BYTES = 8
CHECKPOINT_SECONDS = 2
LOCK_MILLISECONDS = 500
"""How long to wait for others; what could not be done is done with the next clients."""


class Reader(NamedTuple):
    """One client of one calendar."""

    feed: str
    """Path below `/ical/` without a format; never a token."""
    family: str
    """Which program it is."""
    client: str
    """What tells it from others of this family."""


class ReaderCount(NamedTuple):
    """Number of distinct clients."""

    day: date
    feed: str
    family: str
    readers: int


class Readers(Repository):
    """Distinct clients of today, and their numbers on earlier days."""

    _log_waits = False

    def add(self, readers: Iterable[Reader], *, now: datetime) -> None:
        """Count clients for the current day, each once."""
        self.close_day(now=now)
        with writing(self._opened) as connection:
            key = _open_day(connection, now)
            rows = {
                digest: {"digest": digest, "feed": reader.feed, "family": reader.family}
                for reader in readers
                if (digest := _digest(reader, key))
            }
            counted = connection.scalar(select(func.count()).select_from(reader_hashes)) or 0
            insert_missing(
                connection, reader_hashes, list(rows.values())[: max(0, MAX_READERS - counted)]
            )

    def close_day(self, *, now: datetime) -> None:
        """Replace the hashes of a day that is over by counts."""
        day = self._value(select(reader_days.c.day))  # a transaction of its own: it locks nothing
        if not _is_over(day, _day(now)) and not self._log_waits:
            return
        with writing(self._opened) as connection:
            closed = _close_day(connection, now)
        self._overwrite_log(closed=closed)

    def counts(self, *, since: date) -> list[ReaderCount]:
        """Return the counts of the days since one, of the current day as far as it went."""
        today = (
            select(reader_days.c.day, reader_hashes.c.feed, reader_hashes.c.family, func.count())
            .join_from(reader_days, reader_hashes, true())
            .group_by(reader_days.c.day, reader_hashes.c.feed, reader_hashes.c.family)
        )
        rows = self._rows(select(reader_counts).where(reader_counts.c.day >= since), today)
        counts = [ReaderCount(*row) for row in rows]
        return sorted(count for count in counts if count.day >= since)

    def _overwrite_log(self, *, closed: bool) -> None:
        """Empty SQLite's write-ahead log, which still has the deleted hashes and their key."""
        if not (closed or self._log_waits) or self._opened.dialect.name != "sqlite":
            return
        with reading(self._opened) as connection:
            cursor = connection.connection.cursor()
            patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
            cursor.execute(f"PRAGMA busy_timeout={CHECKPOINT_SECONDS * 1000}")
            self._log_waits = bool(cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])
            cursor.execute(f"PRAGMA busy_timeout={patience}")
            cursor.close()


def _day(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _digest(reader: Reader, key: str) -> int:
    text = "\0".join(reader).encode("utf-8", "surrogatepass")
    digest = blake2b(text, key=bytes.fromhex(key), digest_size=HASH_BYTES).digest()
    return int.from_bytes(digest, signed=True)


def _open_day(connection: Connection, now: datetime) -> str:
    """Return the key of the current day, a new one where there is none."""
    row = {"day": _day(now), "key": token_hex(KEY_BYTES)}
    if connection.scalar(select(reader_days.c.key)) is None:
        insert_missing(connection, reader_days, [row])
    key: str = connection.execute(select(reader_days.c.key)).scalar_one()
    return key


def _close_day(connection: Connection, now: datetime) -> bool:
    """Replace the hashes of another day than today by counts; return whether there was one.

    For a machine whose clock is slow the day of another may begin a little early.
    """
    today = _day(now)
    if connection.dialect.name == "postgresql":
        # a dump may hold the tables for minutes, and the web takes long waits for an outage
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
        connection.exec_driver_sql("LOCK TABLE reader_days, reader_hashes")
    day = connection.scalar(select(reader_days.c.day))
    if day is None or not _is_over(day, today):  # another process was faster
        return False
    _write_counts(connection, day)
    connection.execute(delete(reader_counts).where(reader_counts.c.day < _oldest(today)))
    if connection.dialect.name == "postgresql":  # a deleted row stays in its file for a while
        connection.exec_driver_sql("TRUNCATE reader_hashes, reader_days")
        return True
    connection.exec_driver_sql("PRAGMA secure_delete=ON")
    connection.execute(delete(reader_hashes))
    connection.execute(delete(reader_days))
    connection.exec_driver_sql("PRAGMA secure_delete=OFF")
    return True


def _is_over(day: date | None, today: date) -> bool:
    return day is not None and not timedelta() <= day - today <= timedelta(days=1)


def _oldest(today: date) -> date:
    return today - timedelta(days=KEEP_DAYS)


def _write_counts(connection: Connection, day: date) -> None:
    """Write the counts of a day, the largest for themselves."""
    columns = reader_hashes.c.feed, reader_hashes.c.family
    counted: Counter[tuple[str, str]] = Counter()
    for feed, family, number in map(
        tuple, connection.execute(select(*columns, func.count()).group_by(*columns))
    ):
        counted[feed, family] += number
    earlier = reader_counts.c.day == day  # a clock that was set back opens a day again
    for row in connection.execute(select(reader_counts).where(earlier)):
        counted[row.feed, row.family] += row.readers
    ordered = counted.most_common()
    written = Counter(dict(ordered[:MAX_COUNTS]))
    for (_, family), number in ordered[MAX_COUNTS:]:
        written[OTHER, family] += number
    connection.execute(delete(reader_counts).where(earlier))
    rows = [
        {"day": day, "feed": feed, "family": family, "readers": number}
        for (feed, family), number in written.items()
    ]
    insert_missing(connection, reader_counts, rows)
