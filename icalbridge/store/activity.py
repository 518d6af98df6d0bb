"""What is learned of schools and of requests, the latest most: how often a school is read and
changes, and what a request of a kind takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select, update

from icalbridge.models import RequestCost
from icalbridge.store.statements import in_parts, update_rows
from icalbridge.store.tables import properties, request_costs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

HALF_LIFE_SECONDS = 3 * 86_400
"""After how long something counts half."""
AVERAGED = 20
"""Over about how many requests costs are averaged."""


def decayed(value: float, since: datetime | None, now: datetime) -> float:
    """Return what a count is worth now; a time in the future counts as now."""
    if since is None:
        return 0.0
    passed = max((now - since).total_seconds(), 0.0)
    return float(value * 0.5 ** (passed / HALF_LIFE_SECONDS))


def raise_activity(
    connection: Connection, name: str, property_ids: Iterable[str], now: datetime
) -> None:
    """Add one to the decaying count `reads` or `changes` of some properties."""
    count, at = properties.c[name], properties.c[f"{name}_at"]
    for ids in in_parts(set(property_ids)):
        known = connection.execute(
            select(properties.c.id, count, at).where(properties.c.id.in_(ids))
        )
        rows = [
            {"id": property_id, name: decayed(value, since, now) + 1, f"{name}_at": now}
            for property_id, value, since in known.all()
        ]
        update_rows(connection, properties, ["id"], rows)


def write_costs(connection: Connection, api_user_id: str, costs: Mapping[str, RequestCost]) -> None:
    """Take the latest requests of a key into the averages, by kind."""
    known = read_costs(connection, api_user_id)
    for kind, latest in sorted(costs.items()):
        values = averaged(known.get(kind), latest)._asdict()
        if kind in known:
            mine = (request_costs.c.api_user_id == api_user_id, request_costs.c.kind == kind)
            connection.execute(update(request_costs).where(*mine).values(**values))
        else:
            row = {"api_user_id": api_user_id, "kind": kind, **values}
            connection.execute(insert(request_costs).values(row))


def averaged(before: RequestCost | None, latest: RequestCost) -> RequestCost:
    """Return the averages with some later requests in them; failures are only counted."""
    if before is None:
        return latest
    new = (
        0.0
        if latest.requests <= 0
        else max(latest.requests / (before.requests + latest.requests), 1 / AVERAGED)
    )
    return RequestCost(
        before.requests + latest.requests,
        before.failures + latest.failures,
        before.octets + (latest.octets - before.octets) * new,
        before.seconds + (latest.seconds - before.seconds) * new,
    )


def read_costs(connection: Connection, api_user_id: str) -> dict[str, RequestCost]:
    """Return what requests of a key take, by kind."""
    names = ("kind", *RequestCost._fields)
    columns = [request_costs.c[name] for name in names]
    rows = connection.execute(select(*columns).where(request_costs.c.api_user_id == api_user_id))
    return {kind: RequestCost(*values) for kind, *values in rows}
