"""Routes for machines: `/healthz`, `/readyz`, `/metrics`, `/robots.txt` and the JSON feeds' schema.

Their responses hold no secrets, and come whatever happens.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Blueprint, Response, request

from icalbridge.errors import StoreError
from icalbridge.feeds.formats import json_format
from icalbridge.feeds.policy_file import NOT_USED
from icalbridge.store.health import TIMES_IN_FUTURE
from icalbridge.web.cross_origin import ANYWHERE
from icalbridge.web.metrics import CONTENT_TYPE
from icalbridge.web.revision_cache import RECOVERED

if TYPE_CHECKING:
    from datetime import datetime

    from icalbridge.feeds.public_reading import PublicReading
    from icalbridge.outage import OutageLog
    from icalbridge.store import Freshness, Health
    from icalbridge.store.challenge import Challenges
    from icalbridge.web.metrics import Metrics
    from icalbridge.web.site import Site

CHALLENGE, DATABASE, ARRIVED = (
    "X-Icalbridge-Doctor",
    "X-Icalbridge-Database",
    "X-Icalbridge-Arrived",
)
"""Headers of a request for `/healthz` by `icalbridge doctor`, and of its response."""
DATABASE_NOT_USED = "The database cannot be used; the log says why."
ROBOTS = "User-agent: *\nDisallow:\n"
"""Everything may be fetched: Google Calendar obeys this file when it fetches a subscribed feed."""


def operations(
    read: PublicReading,
    challenges: Challenges,
    metrics: Metrics,
    site: Site,
    database: OutageLog,
) -> Blueprint:
    """Return the addresses that are for machines."""
    routes = Blueprint("operations", __name__)
    read_health = partial(read.health, losses=False)

    @routes.get("/healthz")
    def healthz() -> Response:
        answer = _plain("ok\n", "text/plain; charset=utf-8")
        if challenge := request.headers.get(CHALLENGE):
            answer.headers.update(_recognition(challenges, challenge))
        return answer

    @routes.get("/readyz")
    def readyz() -> Response:
        now = site.now()
        try:
            health = read_health(now)
        except StoreError as error:
            # It may name the database's host and user, so it is for the log only.
            database.begin("not ready: %s", error)
            reason = _policy(read).get("policy_error", DATABASE_NOT_USED)
            return _json({"ready": False, "error": reason}, 503)
        database.end(RECOVERED)
        return _json(readiness(health, now) | _policy(read), 200 if health.ready else 503)

    @routes.get("/metrics")
    def exposition() -> Response:
        return _plain(metrics.exposition(read_health, site.now(), database), CONTENT_TYPE)

    @routes.get("/feed.schema.json")
    def schema() -> Response:
        answer = _plain(json_format.schema(), "application/schema+json")
        answer.headers["Cache-Control"] = "public, max-age=86400"
        answer.headers[ANYWHERE[0]] = ANYWHERE[1]
        return answer

    @routes.get("/robots.txt")
    def robots() -> Response:
        map_line = f"Sitemap: {site.address('/sitemap.xml')}\n" if site.is_public else ""
        answer = _plain(ROBOTS + map_line, "text/plain; charset=utf-8")
        answer.headers["Cache-Control"] = "public, max-age=3600"
        return answer

    return routes


def _recognition(challenges: Challenges, challenge: str) -> dict[str, str]:
    """Return what `doctor` asks for: whether this is its database, and as what address a request
    arrives here.
    """
    try:
        known = challenges.is_known(challenge[:64])
    except StoreError:
        known = False
    scheme = request.headers.get("X-Forwarded-Proto", "")
    host = request.headers.get("X-Forwarded-Host", request.host)
    arrived = f"{scheme}{':' if scheme else ''}//{host}"
    return {DATABASE: "same" if known else "other", ARRIVED: arrived}


def readiness(health: Health, now: datetime) -> dict[str, Any]:
    """Return what `/readyz` says of one moment; times as ISO 8601 in UTC, ages in whole seconds."""
    return {
        "ready": health.ready,
        **({"error": TIMES_IN_FUTURE} if health.ahead_seconds else {}),
        "now": _iso(now),
        "catalogue": {
            "synced": _iso(health.catalogue_synced),
            "age_seconds": _age(health.catalogue_synced, now),
            "error": _public_error(health.catalogue_error),
            "invocation_id": health.catalogue_invocation_id,
        },
        "workers_alive": health.workers_alive,
        "worker_alive": health.workers_alive > 0,
        "entries": health.entries,
        "skipped": health.skipped,
        "quota_used": health.quota_used,
        "stretch": health.stretch,
        "keys": [
            {
                "name": key.name,
                "error": _public_error(key.error),
                "error_at": _iso(key.error_at),
                "quota_used": key.quota_used,
                "quota_per_day": key.quota_per_day,
                "stretch": key.stretch,
            }
            for key in health.keys
        ],
        "properties": [_freshness(freshness, now) for freshness in health.properties],
    }


def _policy(read: PublicReading) -> dict[str, Any]:
    """Return whether the public policy's file can be used, where it cannot."""
    return {"policy_error": NOT_USED} if read.policy_error else {}


def _freshness(freshness: Freshness, now: datetime) -> dict[str, Any]:
    return {
        "property_id": freshness.property_id,
        "name": freshness.name,
        "zone": freshness.zone,
        "zone_source": freshness.zone_source,
        "synced": _iso(freshness.today_synced),
        "age_seconds": _age(freshness.today_synced, now),
        "month_synced": _iso(freshness.month_synced),
        "month_age_seconds": _age(freshness.month_synced, now),
        "oldest_window_synced": _iso(freshness.oldest_synced),
        "oldest_window_age_seconds": _age(freshness.oldest_synced, now),
        "attempted": _iso(freshness.attempted),
        "error": _public_error(freshness.error),
        "error_at": _iso(freshness.error_at),
        "invocation_id": freshness.invocation_id,
    }


def _public_error(error: str) -> str:
    """Return what anybody may know of an error: which request, status and code; the vendor's own
    words may name people, and stay in `status` and the log.
    """
    request = _REQUEST.match(error)
    return (
        request[0]
        if request
        else ("The last request failed; `icalbridge status` says why." if error else "")
    )


_REQUEST = re.compile(r"[A-Z]+ /\S*:(?: \d{3})?(?: [A-Z]{2}\d+)?")


@lru_cache(maxsize=1 << 12)  # thousands of windows share their moments
def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _age(synced: datetime | None, now: datetime) -> int | None:
    return None if synced is None else int((now - synced).total_seconds())


def _json(content: dict[str, Any], status: int) -> Response:
    body = msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"
    return Response(
        body, status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )


def _plain(body: str | bytes, content_type: str) -> Response:
    return Response(body, content_type=content_type, headers={"Cache-Control": "no-store"})
