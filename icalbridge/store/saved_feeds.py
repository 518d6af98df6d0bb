"""Saved feeds and the tokens of their private addresses: what operators write, and what the web
looks up.

A token is known here by its digest alone. A feed's specification is a text here; what it means is
for `feeds.spec`, and what it selects is read by `reading`, like any feed's.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select, update

from icalbridge.models import EventKey, FeedToken, SavedFeed
from icalbridge.store.engine import Repository, reading, writing
from icalbridge.store.revisions import Revision
from icalbridge.store.statements import in_parts, insert_missing
from icalbridge.store.tables import counters, feed_tokens, saved_feeds

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection, Row

    from icalbridge.store.rows import Values


class Written(StrEnum):
    """What became of a feed that was to be written."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


class SavedFeeds(Repository):
    """All saved feeds of one database."""

    def feeds(self) -> list[SavedFeed]:
        """Return all saved feeds, by slug."""
        saved = [_feed_of(row) for row in self._rows(select(saved_feeds))]
        return sorted(saved, key=lambda feed: feed.slug)

    def feed(self, slug: str) -> SavedFeed | None:
        with reading(self._opened) as connection:
            return saved_feed(connection, slug)

    def add(self, saved: SavedFeed, *, now: datetime) -> bool:
        """Write a new feed; say whether there was none of that slug."""
        with writing(self._opened) as connection:
            _line_up(connection)
            if saved_feed(connection, saved.slug) is not None:
                return False
            _put(connection, saved, Revision(connection, now))
            return True

    def put(self, feeds: Iterable[SavedFeed], *, now: datetime) -> dict[str, Written]:
        """Add or replace feeds by slug, all or none; return what was done with each."""
        with writing(self._opened) as connection:
            _line_up(connection)
            revision = Revision(connection, now)
            return {saved.slug: _put(connection, saved, revision) for saved in feeds}

    def remove(self, slug: str) -> bool:
        """Delete a feed and all its tokens; say whether there was one."""
        tables = feed_tokens, saved_feeds
        return bool(self._write(*(delete(table).where(table.c.slug == slug) for table in tables)))

    # private addresses

    def tokens(self, slug: str | None = None) -> list[FeedToken]:
        """Return the tokens of one feed or of all, revoked or not, oldest first."""
        query = select(feed_tokens).order_by(feed_tokens.c.id)
        if slug is not None:
            query = query.where(feed_tokens.c.slug == slug)
        return [_token_of(row) for row in self._rows(query)]

    def add_token(self, slug: str, name: str, digest: str, *, now: datetime) -> int | None:
        """Write a token's digest and return its number; None where the feed does not exist."""
        with writing(self._opened) as connection:
            if saved_feed(connection, slug) is None:
                return None
            row = {"slug": slug, "name": name, "digest": digest, "created_at": now}
            made = insert(feed_tokens).values(row).returning(feed_tokens.c.id)
            return int(connection.execute(made).scalar_one())

    def revoke_token(self, token_id: int, *, now: datetime) -> bool:
        """Let a token mean nothing from now on; say whether it did mean something."""
        valid = feed_tokens.c.id == token_id, feed_tokens.c.revoked_at.is_(None)
        return bool(self._write(update(feed_tokens).where(*valid).values(revoked_at=now)))

    def token(self, digest: str) -> tuple[FeedToken, str] | None:
        """Return the valid token with a digest, and the digest; None where there is none."""
        valid = feed_tokens.c.digest == digest, feed_tokens.c.revoked_at.is_(None)
        row = self._row(select(feed_tokens).where(*valid))
        return None if row is None else (_token_of(row), row.digest)

    def note_used(self, token_ids: Iterable[int], *, now: datetime) -> None:
        """Write when tokens were used, unless a later time is there already."""
        earlier = or_(feed_tokens.c.last_used_at.is_(None), feed_tokens.c.last_used_at < now)
        used = update(feed_tokens).where(earlier).values(last_used_at=now)
        self._write(*(used.where(feed_tokens.c.id.in_(ids)) for ids in in_parts(token_ids)))


def saved_feed(connection: Connection, slug: str) -> SavedFeed | None:
    """Return one saved feed."""
    row = connection.execute(select(saved_feeds).where(saved_feeds.c.slug == slug)).first()
    return None if row is None else _feed_of(row)


def _line_up(connection: Connection) -> None:
    """Wait for whoever else writes, so that what is read is still so when it is written."""
    insert_missing(connection, counters, [{"name": "revision", "value": 0}])
    connection.execute(
        select(counters.c.value).where(counters.c.name == "revision").with_for_update()
    )


def _put(connection: Connection, saved: SavedFeed, revision: Revision) -> Written:
    known = saved_feed(connection, saved.slug)
    if known == saved:
        return Written.UNCHANGED
    if known is None:
        row = {"slug": saved.slug, "created_at": revision.moment}
        connection.execute(insert(saved_feeds).values(**row, **_values(saved), **revision.values))
        return Written.ADDED
    changed = update(saved_feeds).where(saved_feeds.c.slug == saved.slug)
    connection.execute(changed.values(**_values(saved), **revision.values))
    return Written.CHANGED


def _values(saved: SavedFeed) -> Values:
    return {
        "title": saved.title,
        "spec": saved.spec,
        "property_ids": saved.property_ids,
        "facility_ids": saved.facility_ids,
        "event_keys": saved.event_keys,
    }


def _feed_of(row: Row[Any]) -> SavedFeed:
    return SavedFeed(
        row.slug,
        row.title,
        row.spec,
        row.property_ids,
        row.facility_ids,
        tuple(EventKey(*key) for key in row.event_keys),
    )


def _token_of(row: Row[Any]) -> FeedToken:
    return FeedToken(
        row.id,
        row.slug,
        row.name,
        row.created_at,
        row.last_used_at,
        row.revoked_at,
    )
