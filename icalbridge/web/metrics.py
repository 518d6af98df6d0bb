"""Prometheus metrics: requests, feed cache, and how fresh the data is.

Counters live in a registry of the application's own. Under several gunicorn workers
prometheus_client keeps them in files (PROMETHEUS_MULTIPROC_DIR, set by `serve` before anything is
imported) and a scrape of any worker adds up all of them. What the database knows is read at scrape
time, and written here: prometheus_client takes three times as long for hundreds of properties.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from icalbridge.errors import StoreError
from icalbridge.store.age_limits import AgeLimits
from icalbridge.web.revision_cache import RECOVERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from icalbridge.outage import OutageLog
    from icalbridge.settings import Settings
    from icalbridge.store import Health

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """What one application counts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "icalbridge_http_requests",
            "Requests answered, by endpoint and status.",
            ["endpoint", "status"],
            registry=self._registry,
        )
        self.hits = Counter(
            "icalbridge_feed_cache_hits",
            "Feeds answered from what was rendered before.",
            registry=self._registry,
        )
        self.misses = Counter(
            "icalbridge_feed_cache_misses",
            "Feeds that had to be rendered.",
            registry=self._registry,
        )
        self.rendered = Counter(
            "icalbridge_feeds_rendered",
            "Feed files rendered, by format.",
            ["format"],
            registry=self._registry,
        )
        self.loaded = Counter(
            "icalbridge_calendars_loaded",
            "Calendars read from the database.",
            registry=self._registry,
        )
        self.cache_bytes = Gauge(
            "icalbridge_feed_cache_bytes",
            "Octets of rendered feeds kept in memory.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def exposition(
        self, health: Callable[[datetime], Health], now: datetime, database: OutageLog
    ) -> bytes:
        """Return all metrics in Prometheus' text format; a database that is down is a metric, no
        error.
        """
        counted = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            counted = CollectorRegistry()
            MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # prometheus_client leaves it untyped
        stored = "".join(_stored(health, now, database, self._settings))
        return generate_latest(counted) + stored.encode()


def _family(kind: str, name: str, help_text: str, samples: Iterable[tuple[str, float]]) -> str:
    """Return one metric in text format; samples are labels and values."""
    lines = [f"# HELP {name} {help_text}\n# TYPE {name} {kind}\n"]
    lines += [f"{name}{labels} {float(value)!r}\n" for labels, value in samples]
    return "".join(lines)


def _gauge(name: str, help_text: str, value: float) -> str:
    return _family("gauge", name, help_text, [("", value)])


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _stored(
    read_health: Callable[[datetime], Health],
    now: datetime,
    database: OutageLog,
    settings: Settings,
) -> Iterator[str]:
    """Yield what the database knows, as gauges."""
    name, help_text = "icalbridge_database_up", "Whether the database could be read."
    try:
        health = read_health(now)
    except StoreError as error:
        database.begin("metrics without the database: %s", error)
        yield _gauge(name, help_text, 0)
        return
    database.end(RECOVERED)
    yield _gauge(name, help_text, 1)
    yield from _whole(health, now)
    yield from _property_metrics(health, now)
    yield _limit_metrics(health, AgeLimits(settings, health, now))


def _whole(health: Health, now: datetime) -> Iterator[str]:
    yield _gauge("icalbridge_ready", "Whether everything was synced at least once.", health.ready)
    yield _gauge(
        "icalbridge_workers_alive", "Sync workers that gave a sign lately.", health.workers_alive
    )
    if health.entries is not None:
        yield _gauge("icalbridge_entries", "Timeslots that feeds show.", health.entries)
    yield _gauge(
        "icalbridge_quota_used", "Requests to the vendor in this UTC day.", health.quota_used
    )
    if health.catalogue_synced is not None:
        age = (now - health.catalogue_synced).total_seconds()
        yield _gauge(
            "icalbridge_catalogue_age_seconds", "Age of the catalogue that waits longest.", age
        )
    yield _gauge(
        "icalbridge_stretch",
        "By how much the plan's intervals are stretched to fit the quota.",
        health.stretch,
    )
    yield from _counted(health)
    yield from _key_metrics(health)
    yield from _tier_metrics(health, now)


COUNTED = {
    "skipped": (
        "icalbridge_skipped",
        "Things in the vendor's answers that could not be read, by reason.",
        "reason",
    ),
    "status": (
        "icalbridge_unknown_event_status",
        "Events that came to have a status that is not known, and so are not shown, by status.",
        "status",
    ),
    "timeslot_status": (
        "icalbridge_unknown_timeslot_status",
        "Timeslots of new or changed events that had a status that is not known, by status.",
        "status",
    ),
    "requests": (
        "icalbridge_vendor_requests",
        "Requests to the vendor, by outcome: a status, or none.",
        "outcome",
    ),
}


def _counted(health: Health) -> Iterator[str]:
    """What the sync counted in the database, where every worker adds to it."""
    changes = [("", health.counters.get("changes", 0))]
    yield _family("counter", "icalbridge_changes_total", "Entries changed.", changes)
    for kind, (name, help_text, label) in COUNTED.items():
        counts = [
            (_labels(**{label: counter.removeprefix(f"{kind}:")}), value)
            for counter, value in health.counters.items()
            if counter.startswith(f"{kind}:")
        ]
        yield _family("counter", f"{name}_total", help_text, counts)


def _key_metrics(health: Health) -> Iterator[str]:
    left = [
        (_labels(key=key.name), key.quota_per_day - key.quota_used)
        for key in health.keys
        if key.quota_per_day
    ]
    failing = [(_labels(key=key.name), bool(key.error)) for key in health.keys]
    help_text = "Requests left of this UTC day's quota."
    yield _family("gauge", "icalbridge_quota_left", help_text, left)
    help_text = "Whether the vendor refuses or does not answer a whole key."
    yield _family("gauge", "icalbridge_key_failing", help_text, failing)


def _tier_metrics(health: Health, now: datetime) -> Iterator[str]:
    tiers = {
        "today": [freshness.today_synced for freshness in health.properties],
        "month": [freshness.month_synced for freshness in health.properties],
        "year": [freshness.oldest_synced for freshness in health.properties],
    }
    ages = [
        (_labels(tier=tier), (now - min(known)).total_seconds())
        for tier, synced in tiers.items()
        if (known := [moment for moment in synced if moment is not None])
    ]
    help_text = "Age of the property that waits longest, by tier."
    yield _family("gauge", "icalbridge_tier_age_seconds", help_text, ages)


def _property_metrics(health: Health, now: datetime) -> Iterator[str]:
    ages: list[tuple[str, float]] = []
    failing: list[tuple[str, float]] = []
    for freshness in health.properties:
        label = f'property_id="{_escaped(freshness.property_id)}"'
        today, oldest = freshness.today_synced, freshness.oldest_synced
        if today is not None:
            ages.append((f'{{{label},window="today"}}', (now - today).total_seconds()))
        if oldest is not None:
            ages.append((f'{{{label},window="oldest"}}', (now - oldest).total_seconds()))
        failing.append((f"{{{label}}}", bool(freshness.error)))
    help_text = (
        "Age of a property's data: the window that holds today, and the one that waits longest."
    )
    yield _family("gauge", "icalbridge_data_age_seconds", help_text, ages)
    help_text = "Whether the last fetch of some window failed."
    yield _family("gauge", "icalbridge_property_failing", help_text, failing)


def _limit_metrics(health: Health, limits: AgeLimits) -> str:
    """Return the limits of `icalbridge_data_age_seconds`, with the same labels."""
    samples: list[tuple[str, float]] = []
    for freshness in health.properties:
        label = f'property_id="{_escaped(freshness.property_id)}"'
        samples.append((f'{{{label},window="today"}}', limits.today(freshness)))
        samples.append((f'{{{label},window="oldest"}}', limits.oldest(freshness)))
    help_text = "Age past which a property's data is late, by the interval at which it is fetched."
    return _family("gauge", "icalbridge_data_age_limit_seconds", help_text, samples)
