"""Prometheus metrics: requests, feed cache, and how fresh the data is.

Counters live in a registry of the application's own. Under several gunicorn workers
prometheus_client keeps them in files (PROMETHEUS_MULTIPROC_DIR, set by `serve` before anything is
imported) and a scrape of any worker adds up all of them. What the database knows is read at scrape
time, by `HealthCollector`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from icalbridge.errors import StoreError
from icalbridge.store.age_limits import AgeLimits
from icalbridge.web.revision_cache import RECOVERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from prometheus_client.metrics_core import Metric

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
        stored = CollectorRegistry()
        stored.register(HealthCollector(health, now, database, self._settings))
        return generate_latest(counted) + generate_latest(stored)


class HealthCollector(Collector):
    """How the whole stands at one moment, as gauges."""

    def __init__(
        self,
        health: Callable[[datetime], Health],
        now: datetime,
        database: OutageLog,
        settings: Settings,
    ) -> None:
        self._settings = settings
        self._health = health
        self._database = database
        self._now = now

    def collect(self) -> Iterator[Metric]:
        try:
            health = self._health(self._now)
        except StoreError as error:
            self._database.begin("metrics without the database: %s", error)
            yield _gauge("icalbridge_database_up", "Whether the database could be read.", 0)
            return
        self._database.end(RECOVERED)
        yield _gauge("icalbridge_database_up", "Whether the database could be read.", 1)
        yield from _whole(health, self._now)
        yield from _property_metrics(health, self._now)
        yield _limit_metrics(health, AgeLimits(self._settings, health, self._now))


def _whole(health: Health, now: datetime) -> Iterator[Metric]:
    yield _gauge("icalbridge_ready", "Whether everything was synced at least once.", health.ready)
    yield _gauge(
        "icalbridge_workers_alive", "Sync workers that gave a sign lately.", health.workers_alive
    )
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


def _counted(health: Health) -> Iterator[Metric]:
    """What the sync counted in the database, where every worker adds to it."""
    yield CounterMetricFamily(
        "icalbridge_changes", "Entries changed.", value=health.counters.get("changes", 0)
    )
    for kind, (name, help_text, label) in COUNTED.items():
        family = CounterMetricFamily(name, help_text, labels=[label])
        for counter, value in health.counters.items():
            if counter.startswith(f"{kind}:"):
                family.add_metric([counter.removeprefix(f"{kind}:")], value)
        yield family


def _key_metrics(health: Health) -> Iterator[Metric]:
    left = GaugeMetricFamily(
        "icalbridge_quota_left", "Requests left of this UTC day's quota.", labels=["key"]
    )
    troubled = GaugeMetricFamily(
        "icalbridge_key_failing",
        "Whether the vendor refuses or does not answer a whole key.",
        labels=["key"],
    )
    for key in health.keys:
        if key.quota_per_day:
            left.add_metric([key.name], key.quota_per_day - key.quota_used)
        troubled.add_metric([key.name], bool(key.error))
    yield left
    yield troubled


def _tier_metrics(health: Health, now: datetime) -> Iterator[Metric]:
    ages = GaugeMetricFamily(
        "icalbridge_tier_age_seconds",
        "Age of the property that waits longest, by tier.",
        labels=["tier"],
    )
    for tier, synced in {
        "today": [freshness.today_synced for freshness in health.properties],
        "month": [freshness.month_synced for freshness in health.properties],
        "year": [freshness.oldest_synced for freshness in health.properties],
    }.items():
        known = [moment for moment in synced if moment is not None]
        if known:
            ages.add_metric([tier], (now - min(known)).total_seconds())
    yield ages


def _property_metrics(health: Health, now: datetime) -> Iterator[Metric]:
    ages = GaugeMetricFamily(
        "icalbridge_data_age_seconds",
        "Age of a property's data: the window that holds today, and the one that waits longest.",
        labels=["property_id", "window"],
    )
    failing = GaugeMetricFamily(
        "icalbridge_property_failing",
        "Whether the last fetch of some window failed.",
        labels=["property_id"],
    )
    for freshness in health.properties:
        for window, synced in (
            ("today", freshness.today_synced),
            ("oldest", freshness.oldest_synced),
        ):
            if synced is not None:
                ages.add_metric([freshness.property_id, window], (now - synced).total_seconds())
        failing.add_metric([freshness.property_id], bool(freshness.error))
    yield ages
    yield failing


def _limit_metrics(health: Health, limits: AgeLimits) -> Metric:
    family = GaugeMetricFamily(
        "icalbridge_data_age_limit_seconds",
        "Age past which a property's data is late, by the intervals at which it is fetched.",
        labels=["property_id", "window"],
    )
    for freshness in health.properties:
        family.add_metric([freshness.property_id, "today"], limits.today(freshness))
        family.add_metric([freshness.property_id, "oldest"], limits.oldest(freshness))
    return family


def _gauge(name: str, help_text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, help_text, value=float(value))
