"""`/status`: how up to date everything is, in words for people; machines have `/readyz` and
`/metrics`.

It shows which schools are behind and since when, and how much of the day's requests is used: no
sentence of the vendor's, no ids of calls, no names of keys. Only what is listed is here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Blueprint, Response, render_template

from icalbridge import timezones
from icalbridge.feeds import display_text
from icalbridge.models import is_future
from icalbridge.web import formatting, responses

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.models import ZoneSource
    from icalbridge.store import Freshness, Health
    from icalbridge.web.site import Site

FRESH = timedelta(hours=2)
KINDS = ("failing", "waiting", "resting", "fresh")
"""How a school can stand, worst first: it could not be read last time; it was never read; it was
read more than two hours ago, as is usual where nobody looks; it was read just now.
"""
CACHE_CONTROL = "public, max-age=5"


@dataclass(frozen=True, slots=True)
class SchoolStatus:
    """How one school stands."""

    id: str
    name: str
    kind: str
    read: str
    """How long ago it was last read, empty where it never was."""
    failed: str
    """When reading it failed, by its own clock, empty where it did not."""
    moment: str
    """When it was last read, for programs."""
    zone: str = ""
    """The zone in which its times are shown."""
    zone_source: ZoneSource = ""
    """Where that zone comes from."""
    is_district: bool = False
    """Whether it holds other schools; then it counts as none."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """When anything last could not be read, which may be long over."""

    when: str
    """By the clock of the school that it was about."""
    age: str
    moment: str
    """The same for programs."""


@dataclass(frozen=True, slots=True)
class Left:
    """A school that the booking system no longer lists."""

    id: str
    name: str
    since: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Most of a school's bookings, withdrawn by the booking system."""

    id: str
    name: str
    when: str
    count: int
    known: int


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """Everything that the page says."""

    schools: tuple[SchoolStatus, ...]
    counts: dict[str, int]
    """How many schools are of each kind, districts left out."""
    running: bool
    """Whether something fetches at all."""
    refused: bool
    """Whether the booking system turns one of the keys away, or the list of schools could not be
    read.
    """
    catalogue: str
    """How long ago the list of schools was read."""
    quota_used: int
    quota_per_day: int
    stretched: bool
    trouble: Trouble | None
    """The last; None where none is known."""
    left: tuple[Left, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()

    @property
    def school_count(self) -> int:
        return sum(self.counts.values())

    @property
    def failing(self) -> bool:
        """Whether a school or district could not be read the last time."""
        return any(school.kind == "failing" for school in self.schools)

    @property
    def district_failing(self) -> bool:
        return any(school.kind == "failing" and school.is_district for school in self.schools)

    @property
    def good(self) -> bool:
        return self.running and not self.refused and bool(self.schools) and not self.failing


def status_of(health: Health, now: datetime) -> SystemStatus:
    """Arrange how everything stands at `now`, what is worst first, else in the vendor's order."""
    listed = {school.property_id for school in health.properties}
    schools = sorted(
        (_school(school, now, listed) for school in health.properties),
        key=lambda school: KINDS.index(school.kind),
    )
    kinds = [school.kind for school in schools if not school.is_district]
    return SystemStatus(
        schools=tuple(schools),
        counts={kind: kinds.count(kind) for kind in KINDS},
        running=health.workers_alive > 0,
        refused=bool(health.catalogue_error) or any(key.error for key in health.keys),
        catalogue=_age(health.catalogue_synced, now),
        quota_used=health.quota_used,
        quota_per_day=sum(key.quota_per_day for key in health.keys),
        stretched=health.stretch > 1,
        trouble=_last_trouble(health, now),
        left=tuple(
            Left(
                school.property_id,
                display_text(school.name),
                formatting.long_date(school.since, _known_zone(school.zone)),
            )
            for school in health.left
        ),
        withdrawn=tuple(
            Withdrawn(
                school.property_id,
                display_text(school.name),
                _moment(school.at, _known_zone(school.zone)),
                school.count,
                school.known,
            )
            for school in health.withdrawals
        ),
    )


def _last_trouble(health: Health, now: datetime) -> Trouble | None:
    zone = _zone(health.properties[0]) if health.properties else "UTC"
    known = [(school.failed_at, _zone(school)) for school in health.properties] + [
        (key.failed_at, zone) for key in health.keys
    ]
    failed = max(
        ((moment, there) for moment, there in known if moment and not is_future(moment, now)),
        default=None,
    )
    return (
        Trouble(_moment(*failed), _age(failed[0], now), failed[0].isoformat()) if failed else None
    )


def _school(school: Freshness, now: datetime, listed: set[str]) -> SchoolStatus:
    return SchoolStatus(
        id=school.property_id,
        name=display_text(school.name),
        kind=_kind(school, now),
        read=_age(school.today_synced, now),
        failed=_moment(school.error_at, _zone(school)) if school.error and school.error_at else "",
        moment=school.today_synced.isoformat() if school.today_synced else "",
        zone=formatting.zone_name(_zone(school)),
        zone_source=school.zone_source,
        is_district=bool(listed.intersection(school.child_ids) - {school.property_id}),
    )


def _zone(school: Freshness) -> str:
    return _known_zone(school.zone)


def _known_zone(zone: str) -> str:
    return timezones.known_or_utc(zone)


def _moment(moment: datetime, zone: str) -> str:
    return f"{formatting.clock_time(moment, zone)}, {formatting.long_date(moment, zone)}"


def _kind(school: Freshness, now: datetime) -> str:
    if school.error:
        return "failing"
    if school.today_synced is None or is_future(school.today_synced, now):
        return "waiting"
    return "fresh" if now - school.today_synced <= FRESH else "resting"


def _age(moment: datetime | None, now: datetime) -> str:
    """Return how long ago a moment was; empty where it is unknown: a moment in the future is no
    evidence.
    """
    return (
        ""
        if moment is None or is_future(moment, now)
        else formatting.age((now - moment).total_seconds())
    )


def status_page(site: Site) -> Blueprint:
    """Return the route of the status page."""
    routes = Blueprint("status", __name__)

    @routes.get("/status")
    def status() -> Response:
        now = site.now()
        html = render_template("status.html", status=status_of(site.health(now), now)).encode()
        made = responses.document(html, "text/html; charset=utf-8", cache_control=CACHE_CONTROL)
        return responses.respond(made)

    return routes
