"""`status --check`: one line and an exit code, as Nagios plug-ins have them ("Plugin Output for
Nagios", "Plugin Return Codes").

CRITICAL: readers see old bookings or soon will. WARNING: somebody should look today. The vendor's
own sentences are not repeated, since such lines are sent by mail; `status` shows them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.cli.status import span
from icalbridge.errors import IcalbridgeError, SchemaOutdated, StoreError
from icalbridge.models import utcnow
from icalbridge.store.age_limits import (
    CATALOG_LIMIT,
    CRITICAL_FACTOR,
    STRETCH_LIMIT,
    AgeLimits,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from icalbridge.settings import Settings
    from icalbridge.store import Health, KeyHealth


class Level(IntEnum):
    """State of a service; the value is the exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class Finding(NamedTuple):
    """Something that is not as it should be, in a few words."""

    level: Level
    text: str


class LateData(NamedTuple):
    """Data of a property that is older than its limit allows."""

    share: float
    """Its age as a part of the limit."""
    property_name: str
    age: float
    limit: float

    @property
    def level(self) -> Level:
        return Level.CRITICAL if self.share > CRITICAL_FACTOR else Level.WARNING


@dataclass(frozen=True, slots=True)
class CheckResult:
    """State of the whole service at one moment."""

    findings: tuple[Finding, ...]
    summary: str
    """What to print when nothing was found."""
    data: tuple[str, ...] = ()
    """Performance data: `label=value[unit];[warn];[crit];[min];[max]`."""

    @property
    def level(self) -> Level:
        return max((finding.level for finding in self.findings), default=Level.OK)

    def line(self) -> str:
        """Return the line to print, worst first."""
        ordered = sorted(self.findings, key=lambda finding: -finding.level)
        text = "; ".join(finding.text for finding in ordered) or self.summary
        data = f" | {' '.join(self.data)}" if self.data else ""
        return f"{self.level.name} - {_one_line(text)}{data}"


def run_check() -> CheckResult:
    """Check the service that the environment's settings name; an error is a result, too."""
    from icalbridge.cli.runtime import load_settings, open_current

    try:
        settings = load_settings(quiet=True)
        with open_current(settings) as store:
            now = utcnow()
            return check_health(store.read.health(now), settings, now)
    except SchemaOutdated as error:
        return _failed(Level.UNKNOWN, str(error))
    except StoreError:
        sentence = "the database cannot be used; `icalbridge doctor` says why"
        return _failed(Level.CRITICAL, sentence)
    except IcalbridgeError as error:
        return _failed(Level.UNKNOWN, str(error))
    except Exception as error:  # noqa: BLE001  # whatever happens, the line and its exit code come
        return _failed(Level.UNKNOWN, f"the check itself failed: {type(error).__name__}")


def _failed(level: Level, text: str) -> CheckResult:
    return CheckResult((Finding(level, text),), "")


def check_health(health: Health, settings: Settings, now: datetime) -> CheckResult:
    """Judge how the whole stands at `now`."""
    quota = sum(key.quota_per_day or _granted(settings, key) for key in health.keys)
    late_today, late_oldest = _ages(health, AgeLimits(settings, health, now), now)
    findings = [
        *_sync_findings(health),
        *_late_findings("today's bookings", late_today),
        *_late_findings("later bookings", late_oldest),
        *_catalog_findings(health, now),
        *(finding for key in health.keys for finding in _key_findings(key, settings, now)),
    ]
    properties = len(health.properties)
    return CheckResult(
        tuple(findings),
        f"all properties ({properties}) are up to date",
        (
            f"workers={health.workers_alive};;1:",
            f"properties={properties}",
            _share("today", late_today),
            _share("later", late_oldest),
            f"stretch={health.stretch:g};{STRETCH_LIMIT};;1",
            f"quota_used={health.quota_used};;{max(quota - 1, 0)};0;{quota}",
        ),
    )


def _granted(settings: Settings, key: KeyHealth) -> int:
    """Return the quota of a key that no worker has reported yet."""
    quotas = {user.name: user.quota_per_day for user in settings.api_users()}
    return quotas.get(key.name, settings.quota_per_day)


def _sync_findings(health: Health) -> Iterator[Finding]:
    if not health.workers_alive:
        yield Finding(Level.CRITICAL, "no sync worker is alive")
    if health.ahead_seconds:
        yield Finding(Level.CRITICAL, "stored times are in the future: set the clock by NTP")
    if health.catalogue_synced is None:
        yield Finding(Level.CRITICAL, "the catalog was never fetched")
    elif not health.properties:
        yield Finding(Level.CRITICAL, "the catalog lists no property")
    never = [
        state.name or state.property_id for state in health.properties if not state.month_synced
    ]
    if never:
        level = Level.CRITICAL if len(never) == len(health.properties) else Level.WARNING
        yield Finding(level, f"never fetched: {_names(never)}")


def _ages(
    health: Health, limits: AgeLimits, now: datetime
) -> tuple[list[LateData], list[LateData]]:
    """Return the ages of what holds today, and of what waits longest, of each property."""
    today, oldest = [], []
    for state in health.properties:
        name = state.name or state.property_id
        if state.today_synced:
            today.append(_late(name, now - state.today_synced, limits.today(state)))
        if state.oldest_synced:
            oldest.append(_late(name, now - state.oldest_synced, limits.oldest(state)))
    return today, oldest


def _late(name: str, age: timedelta, limit: float) -> LateData:
    seconds = max(0.0, age.total_seconds())
    return LateData(seconds / limit, name, seconds, limit)


def _late_findings(what: str, ages: list[LateData]) -> Iterator[Finding]:
    late = sorted((data for data in ages if data.share > 1), reverse=True)
    if late:
        worst = late[0]
        names = _names([data.property_name for data in late])
        span = f"up to {_span(worst.age)} old (limit {_span(worst.limit)})"
        yield Finding(worst.level, f"{what} {span}: {names}")


def _catalog_findings(health: Health, now: datetime) -> Iterator[Finding]:
    if health.catalogue_synced is not None:
        data = _late("", now - health.catalogue_synced, CATALOG_LIMIT)
        if data.share > 1:
            limit = _span(data.limit)
            yield Finding(data.level, f"the catalog is {_span(data.age)} old (limit {limit})")


def _key_findings(key: KeyHealth, settings: Settings, now: datetime) -> Iterator[Finding]:
    granted = key.quota_per_day or _granted(settings, key)
    if key.quota_used >= granted:
        yield Finding(Level.CRITICAL, f"key {key.name}: all {granted} requests of the day are used")
    if key.error:
        since = f", last {_span((now - key.error_at).total_seconds())} ago" if key.error_at else ""
        text = f"key {key.name}: Facilitron refuses it or does not respond{since}"
        yield Finding(Level.WARNING, text)
    if key.stretch > STRETCH_LIMIT:
        text = f"key {key.name}: the quota is too small, all is fetched {key.stretch:g} times later"
        yield Finding(Level.WARNING, text)


def _share(label: str, ages: list[LateData]) -> str:
    """Return the worst age as a percentage of its limit."""
    share = max((data.share for data in ages), default=0.0)
    return f"{label}={100 * share:.0f}%;100;{100 * CRITICAL_FACTOR};0"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _span(seconds: float) -> str:
    return span(timedelta(seconds=seconds))


def _one_line(text: str) -> str:
    """Return a text without what would end it: a line break, or the bar before the data."""
    return re.sub(r"[\x00-\x1f\x7f|]+", " ", text)
