"""`status`: how fresh each property is and when it is fetched next, as a table or as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import click

from icalbridge.cli.clients import make_grant
from icalbridge.cli.options import json_option
from icalbridge.cli.output import console, folded, print_json, table
from icalbridge.cli.runtime import describe_database, load_settings, open_current
from icalbridge.errors import ConfigurationError
from icalbridge.models import is_future, utcnow
from icalbridge.statuses import status_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from icalbridge.cli.status_plan import KeyPlan
    from icalbridge.settings import ApiUser, Settings
    from icalbridge.store import Freshness, Health, KeyHealth, Store


@click.command("status")
@json_option
@click.option(
    "--check",
    is_flag=True,
    help="Print one line for Nagios and the like; exit with 0 (OK), 1 (WARNING), 2 (CRITICAL) or 3"
    " (UNKNOWN).",
)
@click.option(
    "--readers", is_flag=True, help="Show how many clients read each calendar, by day and family."
)
@click.option(
    "--days",
    default=7,
    show_default=True,
    type=click.IntRange(1, 400),
    help="How many days --readers shows.",
)
@click.pass_context
def status_command(
    context: click.Context, as_json: bool, check: bool, readers: bool, days: int
) -> None:
    """Show how fresh each property is, the quota used today, the last errors and the workers."""
    if check:
        if as_json or readers:
            raise click.UsageError("Give --check alone.")
        from icalbridge.cli.status_check import run_check

        result = run_check()
        click.echo(result.line())
        context.exit(result.level)
    settings = load_settings(quiet=True)
    if readers:
        from icalbridge.cli.status_readers import print_readers

        print_readers(settings, as_json=as_json, days=days, now=utcnow())
    else:
        print_status(settings, as_json=as_json, now=utcnow())


def print_status(settings: Settings, *, as_json: bool, now: datetime) -> None:
    """Print the status; needs no key and sends no request."""
    with open_current(settings) as store:
        users = {item.name: item for item in settings.api_users()}
        health = store.read.health(now)
        keys = {
            key.name: users.get(key.name) or _nameless(settings, key.name) for key in health.keys
        }
        planned, plans = _planned(settings, store, keys, now)
    keys_with_quota = (
        replace(key, quota_per_day=key.quota_per_day or keys[key.name].quota_per_day)
        for key in health.keys
    )
    health = replace(health, keys=tuple(keys_with_quota))
    unknown, database = UnknownStatuses(health, settings), describe_database(settings)
    policy_error = _policy_error(settings)
    if as_json:
        more: dict[str, object] = {
            "database": database,
            "plans": [plan.values for plan in plans],
        }
        if policy_error:
            more["policy_error"] = policy_error
        print_json(_as_json(health, planned) | unknown.values | more)
        return
    _print_table(health, planned, now)
    for line in (*_lines(health, plans), *_notes(health, database), *unknown.lines()):
        click.echo(line)
    if policy_error:
        click.echo(f"Public policy: {policy_error} `serve` keeps the last good one.")


def _policy_error(settings: Settings) -> str:
    if not settings.policy_file:
        return ""
    from icalbridge.feeds.policy_file import read_policy

    try:
        read_policy(settings.policy_file)
    except ConfigurationError as error:
        return str(error)
    return ""


class UnknownStatuses:
    """Statuses of the vendor that are not known, without those that the operator counts as approved
    by now.
    """

    def __init__(self, health: Health, settings: Settings) -> None:
        approved = {*map(status_name, settings.approved_statuses)}
        self._events = {
            name: count for name, count in health.unknown_statuses.items() if name not in approved
        }
        self._timeslots = health.unknown_timeslot_statuses

    @property
    def values(self) -> dict[str, dict[str, int]]:
        """Return the counts by status, as JSON has them."""
        return {"unknown_statuses": self._events, "unknown_timeslot_statuses": self._timeslots}

    def lines(self) -> Iterator[str]:
        """Yield the lines for people."""
        if self._events:
            yield f"Unknown statuses: {_counts(self._events)}"
            yield "            set ICALBRIDGE_APPROVED_STATUSES if these count as approved"
        if self._timeslots:
            yield f"Unknown timeslot statuses: {_counts(self._timeslots)}"


def _counts(counted: Mapping[str, int]) -> str:
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f'"{name}" {count}' for name, count in ordered)


def _nameless(settings: Settings, name: str) -> ApiUser:
    """Return a key that is not set here, as on a machine that only looks, with what the settings
    grant to any.
    """
    from icalbridge.settings import ApiUser

    return ApiUser(name, "", "", settings.rate_per_minute, settings.quota_per_day)


def _planned(
    settings: Settings, store: Store, keys: dict[str, ApiUser], now: datetime
) -> tuple[dict[str, tuple[str, datetime]], list[KeyPlan]]:
    """Return each property's tier, and when it is asked for next, as the plan has it at this
    moment; and the plan of each key.
    """
    from icalbridge.cli.status_plan import KeyPlan
    from icalbridge.sync.schedule import Schedule

    planned: dict[str, tuple[str, datetime]] = {}
    plans = []
    for name, user in keys.items():
        state = store.windows.state(name, now)
        plan = Schedule(state, make_grant(user, settings), now)
        plans.append(KeyPlan(name, state, plan))
        planned |= {
            property_id: (tier.value, due) for property_id, (tier, due) in plan.outlook().items()
        }
    return planned, plans


def _as_json(health: Health, planned: dict[str, tuple[str, datetime]]) -> dict[str, object]:
    values = json.loads(json.dumps(asdict(health), default=_iso))
    if not health.ahead_seconds:
        del values["ahead_seconds"]
    for place in values["properties"]:
        del place["newest"], place["read_at"]
        tier, due = planned.get(place["property_id"], (None, None))
        place |= {"tier": tier, "next": None if due is None else _iso(due)}
    return {
        "ready": health.ready,
        "quota_per_day": sum(key.quota_per_day for key in health.keys),
        **values,
    }


def _iso(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def _print_table(health: Health, planned: dict[str, tuple[str, datetime]], now: datetime) -> None:
    error = folded("Last error")  # its end is what the vendor's support asks for
    rows = table("Property", "Tier", "Today", "31 days", "Year", "Next", error)
    for place in health.properties:
        tier, due = planned.get(place.property_id, ("–", None))
        ages = (
            age(moment, now)
            for moment in (place.today_synced, place.month_synced, place.oldest_synced)
        )
        rows.add_row(place.name or place.property_id, tier, *ages, _until(due, now), _error(place))
    console(wide=False).print(rows)
    click.echo()
    click.echo(f"Catalog     {age(health.catalogue_synced, now)}")
    if health.catalogue_error:
        click.echo(f"            {health.catalogue_error}")


def _lines(health: Health, plans: Sequence[KeyPlan]) -> Iterator[str]:
    """Yield the lines on the keys and their plans."""
    for key in health.keys:
        yield from _key_lines(key, alone=len(health.keys) == 1)
    for plan in plans:
        yield from plan.lines(alone=len(plans) == 1)


def _notes(health: Health, database: str) -> Iterator[str]:
    """Yield the lines below the table and the keys."""
    yield from (f"Left        {left}" for left in health.left)
    yield from (f"Withdrawn   {withdrawal}" for withdrawal in health.withdrawals)
    yield (
        f"Bookings    {health.entries} shown, {health.skipped} things left out that could not be"
        " read"
    )
    from icalbridge.cli.status_plan import disagreement_lines

    yield from disagreement_lines(health.counters)
    yield f"Workers     {health.workers_alive} alive"
    yield f"Database    {database}"
    for number, note in enumerate(_zone_notes(health)):
        yield f"{'' if number else 'Time zones':<12}{note}"
    if health.ahead_seconds:
        from icalbridge.store.health import TIMES_IN_FUTURE

        yield f"Clock       {TIMES_IN_FUTURE}"


def _key_lines(key: KeyHealth, *, alone: bool) -> list[str]:
    granted = f"of {key.quota_per_day} " if key.quota_per_day else ""
    of_key = "" if alone else f", key {key.name}"
    lines = [f"Quota       {key.quota_used} {granted}requests used today (UTC){of_key}"]
    if key.stretch > 1:
        lines.append(
            f"            too little for the wanted pace: distant days are fetched up to"
            f" {key.stretch:g} times less often"
        )
    if key.error:
        lines.append(f"Trouble     {key.error}{of_key}")
    return lines


def _zone_notes(health: Health) -> list[str]:
    """Return a sentence on each property whose zone the vendor does not give."""
    from icalbridge.cli.zone_notes import zone_note

    notes = (
        zone_note(place.name or place.property_id, place.zone, place.zone_source, place.vendor_zone)
        for place in health.properties
    )
    return list(filter(None, notes))


def _error(item: Freshness) -> str:
    return item.error or "–"


def _until(due: datetime | None, now: datetime) -> str:
    """Say how soon a moment is, in the largest unit that fits."""
    if due is None:
        return "–"
    return "now" if due <= now else f"in {span(due - now)}"


def age(moment: datetime | None, now: datetime) -> str:
    """Say how long ago a moment was, in the largest unit that fits."""
    if moment is None:
        return "never"
    return (
        f"{span(moment - now)} in the future"
        if is_future(moment, now)
        else f"{span(now - moment)} ago"
    )


def span(length: timedelta) -> str:
    """Return a duration in the largest unit that fits."""
    passed = max(0, int(length.total_seconds()))
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if passed >= seconds:
            return f"{passed // seconds} {unit}"
    return f"{passed} s"
