"""The tables. `column_types` converts times, days and lists.

api_users 1─n properties 1─n facilities
api_users 1─n request_costs   what requests take
              properties 1─n windows    what is fetched when, and by which worker
              properties 1─n events 1─n entries    all that was ever seen
                             events 1─1 particulars    renter and the like, for staff alone
saved_feeds 1─n feed_tokens   what somebody decided to show, and its private addresses
pushed                        which events were made out of a calendar
public_policy                 what the public may see, as last read
counters                      revision, shown entries, and what could not be read
reader_days, reader_hashes, reader_counts    how many clients read which calendar
workers                       who is alive
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    false,
    text,
)

from icalbridge.store.column_types import Day, Instant, JsonList, JsonSet

if TYPE_CHECKING:
    from datetime import date, datetime

LONG_SECONDS = 86_400
"""Longer entries have their own indexes; others overlap a time if they start a day before."""
LONG = text(f"end_at - start_at > {LONG_SECONDS}")
"""Condition of the partial index of long entries: literal, or no database would use the index."""
SHOWN_LITERAL = text("status = 'approved' AND timeslot_status = 'active' AND withdrawn_at IS NULL")
"""Condition of the partial index of shown entries by name: `rows.SHOWN`, literal."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False, server_default="")


def _number(name: str, default: int = 0) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=str(default))


def _time(name: str, *, nullable: bool = True) -> Column[datetime]:
    return Column(name, Instant, nullable=nullable)


def _day(name: str) -> Column[date]:
    return Column(name, Day, nullable=False, server_default="")


def _list(name: str) -> Column[tuple[Any, ...]]:
    return Column(name, JsonList, nullable=False, server_default="[]")


def _set(name: str) -> Column[frozenset[str]]:
    return Column(name, JsonSet, nullable=False, server_default="")


def _revision() -> tuple[Column[int], Column[datetime]]:
    return Column("revision", BigInteger, nullable=False), _time("changed_at", nullable=False)


api_users = Table(  # one vendor API key each; the key itself is never kept
    "api_users",
    metadata,
    Column("id", String, primary_key=True),
    _time("catalogue_synced_at"),
    _time("catalogue_due_at"),
    _text("catalogue_error"),
    _text("catalogue_invocation_id"),
    _text("leased_by"),
    _time("leased_until"),
    _day("quota_day"),
    _number("quota_used"),
    Column("next_at", Float, nullable=False, server_default="0"),  # seconds since 1970
    # before when the vendor wants no request (Retry-After), in the same
    Column("pause_end", Float, nullable=False, server_default="0"),
    Column("stretch", Float, nullable=False, server_default="1"),  # factor on the plan's intervals
    _text("error"),  # what keeps the whole key from being served, in one sentence
    _time("error_at"),
    _number("quota_per_day"),  # what the vendor granted; 0: not known yet
    _time("doubted_at"),  # when its catalog first came back without something that is known
    _set("missing"),  # the properties and facilities that it lacked then
    _number("reach_days", 7),  # how many days ahead a district's day is answered
    Column("reach_refused", Integer),  # the nearest that was refused
    _time("reach_refused_at"),
    # whether the vendor refused a booking past midnight, and took one a day
    Column("splits_nights", Boolean, nullable=False, server_default=false()),
)

properties = Table(
    "properties",
    metadata,
    Column("id", String, primary_key=True),
    Column("api_user_id", ForeignKey("api_users.id"), nullable=False, index=True),
    _text("name"),
    _text("address"),
    _text("city"),
    _text("state"),
    _text("zip"),
    _text("zone"),
    _text("zone_source"),  # `models.ZoneSource`
    _text("vendor_zone"),  # what the last catalog gave, as it gave it
    _list("child_ids"),  # as the vendor gave it
    Column("position", Integer, nullable=False),  # the vendor's order
    Column("listed", Boolean, nullable=False),  # whether the last catalog had it
    _time("first_seen_at", nullable=False),
    *_revision(),
    _time("read_at"),  # when somebody last read one of its feeds or pages
    _time("named_at"),  # when a district's day last had something of it
    Column("reads", Float, nullable=False, server_default="0"),  # decayed, see `store.activity`
    _time("reads_at"),
    Column("changes", Float, nullable=False, server_default="0"),
    _time("changes_at"),
    _time("unlisted_at"),  # when a second catalog agreed that it is gone; NULL: it is listed
)

facilities = Table(
    "facilities",
    metadata,
    Column("id", String, primary_key=True),
    Column("property_id", ForeignKey("properties.id"), nullable=False, index=True),
    _text("name"),
    _text("type"),
    Column("capacity", Integer),
    _text("search_term"),
    Column("u_id", String),  # what a write names it by; NULL: not known
    Column("position", Integer, nullable=False),
    Column("listed", Boolean, nullable=False),
    _time("first_seen_at", nullable=False),
    *_revision(),
)

windows = Table(
    "windows",
    metadata,
    Column("property_id", ForeignKey("properties.id"), primary_key=True),
    # 0 has today, 1 the 31 days after it, ...; -1 a district's today, -2 its tomorrow, ...
    Column("number", Integer, primary_key=True),
    _day("start_date"),
    _day("end_date"),
    _time("synced_at"),
    _time("attempted_at"),
    _time("due_at"),  # when it was set due; NULL: by its tier
    _number("failures"),
    _text("error"),
    _time("error_at"),  # of the last failure, also after it is over
    _text("invocation_id"),
    _time("doubted_at"),  # when it first came back without most of what is known
    _set("missing"),  # the entries that it lacked then; of a district's day, the silent schools
    _set("silent"),  # of a district's day: those of which the school's own window has something
    # when most of it was last withdrawn: how many of how many, which begin from when on
    _time("withdrawn_at"),
    _number("withdrawn"),
    _number("withdrawn_of"),
    _time("withdrawn_from"),
    _time("withdrawn_until"),
    _text("leased_by"),
    _time("leased_until"),
    _time("covered_at"),  # of number 0: when a district's day last covered today of the property
    _time("spanned_at"),  # since when a district's days have covered all of it
    _number("reach_days", 31),  # how long a span the vendor answers in time
    _number("reach_steady"),
    _number("reach_patience", 4),
    Index("ix_windows_due_at", "due_at"),
)

request_costs = Table(  # what requests of a kind take, the latest ones most
    "request_costs",
    metadata,
    Column("api_user_id", ForeignKey("api_users.id"), primary_key=True),
    Column("kind", String, primary_key=True),  # an endpoint, or `district-day`
    _number("requests"),
    _number("failures"),
    Column("octets", Float, nullable=False, server_default="0"),
    Column("seconds", Float, nullable=False, server_default="0"),
)

events = Table(
    "events",
    metadata,
    Column("event_type", String, primary_key=True),
    Column("event_id", String, primary_key=True),
    Column("property_id", ForeignKey("properties.id"), nullable=False, index=True),
    _text("name"),
    _text("status"),
    _text("external_id"),
    _text("zone"),
    _text("digest"),
    _list("replaced"),  # the digests of the versions before, the latest last
    Column("source", Integer),  # the number of the window that had this version first
    _time("checked_at"),  # when it was last asked for by its id
    _time("first_seen_at", nullable=False),
    *_revision(),
    Index("ix_events_external_id", "external_id"),
)

entries = Table(
    "entries",
    metadata,
    Column("uid", String, primary_key=True),
    Column("event_type", String, nullable=False),
    Column("event_id", String, nullable=False),
    Column("property_id", String, nullable=False),
    Column("facility_id", String, nullable=False),  # the catalog may never have listed it
    _text("name"),
    _text("activity"),
    _text("place"),
    _text("location"),
    _text("category"),
    _text("status"),
    _text("timeslot_status"),
    _text("external_id"),
    _text("zone"),
    _time("start_at", nullable=False),
    _time("end_at", nullable=False),
    Column("sequence", Integer, nullable=False),
    _time("modified_at", nullable=False),
    _time("first_seen_at", nullable=False),
    _time("withdrawn_at"),
    _time("cancelled_at"),  # when it ceased to be on, after it had been
    ForeignKeyConstraint(["event_type", "event_id"], ["events.event_type", "events.event_id"]),
    Column("text_id", BigInteger),  # its row in `entry_texts`
    Column("name_id", BigInteger),  # `rows.name_id`: the same name in the same property
    Index("ix_entries_text", "text_id", "start_at"),
    Index(
        "ix_entries_name",
        "name_id",
        "end_at",
        sqlite_where=SHOWN_LITERAL,
        postgresql_where=SHOWN_LITERAL,
    ),
    Index("ix_entries_event", "event_type", "event_id"),
    Index("ix_entries_property", "property_id", "end_at"),
    Index("ix_entries_facility", "facility_id", "end_at"),
    Index("ix_entries_property_start", "property_id", "start_at"),
    Index("ix_entries_facility_start", "facility_id", "start_at"),
)
for _name in ("property", "facility"):
    Index(
        f"ix_entries_{_name}_long",
        entries.c[f"{_name}_id"],
        entries.c.end_at,
        sqlite_where=LONG,
        postgresql_where=LONG,
    )

# what entries are searched by: their texts as readers compare them, each combination once
entry_texts = Table(
    "entry_texts",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # `rows.text_id`
    Column("property_id", String, nullable=False, index=True),
    _text("event_type"),
    _text("category"),
    _text("activity"),
    _text("name"),
    Column("name_id", BigInteger),
    _text("search"),  # lines of words: name, activity, place and category
)

# what the public never sees, apart from what it does: no public address reads this table
particulars = Table(
    "particulars",
    metadata,
    Column("event_type", String, primary_key=True),
    Column("event_id", String, primary_key=True),
    _text("renter"),
    _text("email"),
    Column("attendance", Integer),
    _text("reservation"),
    _text("category"),
    _time("changed_at", nullable=False),
    ForeignKeyConstraint(["event_type", "event_id"], ["events.event_type", "events.event_id"]),
)

saved_feeds = Table(
    "saved_feeds",
    metadata,
    Column("slug", String, primary_key=True),
    _text("title"),
    _text("spec"),  # TOML
    _list("property_ids"),  # what the revision hangs on
    _list("facility_ids"),
    _list("event_keys"),
    _time("created_at", nullable=False),
    *_revision(),
)

feed_tokens = Table(
    "feed_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("slug", ForeignKey("saved_feeds.slug"), nullable=False, index=True),
    _text("name"),
    Column("digest", String, nullable=False),  # SHA-256 of the token, which is kept nowhere
    _time("created_at", nullable=False),
    _time("last_used_at"),
    _time("revoked_at"),
    Index("ix_feed_tokens_digest", "digest", unique=True),
    sqlite_autoincrement=True,  # the number of a token that is gone must not come to mean another
)

pushed = Table(
    "pushed",
    metadata,
    Column("external_id", String, primary_key=True),
    Column("source", String, nullable=False, index=True),
    _text("uid"),
    _time("pushed_at", nullable=False),
    _time("dropped_at"),  # when a push was going to cancel it
    Column("settled", Boolean, nullable=False),  # cancelled or past: not fetched any more
)

counters = Table(
    "counters",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

public_policy = Table(  # one row: the policy that was last read
    "public_policy",
    metadata,
    Column("digest", String, primary_key=True),
    _text("text"),
    _time("changed_at", nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", String, primary_key=True),
    _time("started_at", nullable=False),
    _time("seen_at", nullable=False),
)

# the current UTC day; deleted with its hashes when it is over: see `readers`
reader_days = Table(
    "reader_days",
    metadata,
    Column("day", Day, primary_key=True),
    _text("key"),  # random
)

reader_hashes = Table(
    "reader_hashes",
    metadata,
    Column("digest", BigInteger, primary_key=True, autoincrement=False),
    _text("feed"),
    _text("family"),
)

reader_counts = Table(
    "reader_counts",
    metadata,
    Column("day", Day, primary_key=True),
    Column("feed", String, primary_key=True),
    Column("family", String, primary_key=True),
    _number("readers"),
)
