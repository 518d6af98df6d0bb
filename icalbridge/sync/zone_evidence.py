"""Which time zone a property has, on what evidence: no guess outranks evidence, and worse evidence
changes nothing.

In this order: the zone that the catalog gives, as far as it names one; the zone already stored on
evidence of the property's own; the zone that the property's events name; its district's; and for
want of all these a guess, the zone that most of the others have. Each is stored with its source
(`models.ZoneSource`).
"""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from icalbridge import timezones
from icalbridge.sync.reconcile import relocate
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from icalbridge.facilitron import EventsResponse
    from icalbridge.models import EventKey, Property, ZoneSource
    from icalbridge.store import Store
    from icalbridge.sync.reconcile import KnownCatalog

log = logging.getLogger(__name__)

Evidence = tuple[str, "ZoneSource"]
"""An IANA name and where it comes from."""

NOTHING: Evidence = ("", "")

LONGEST_PASS = timedelta(days=1)
"""How long ago a pass over everything may have begun that is to ask again for what it has fetched
already.
"""


def settle_zones(
    listed: Sequence[Property], stored: Mapping[str, Property]
) -> tuple[Property, ...]:
    """Return the listed properties, whose zones are the vendor's words, each with the zone that
    holds and its source.

    `stored` are the properties as they are known so far, by id.
    """
    own = {owner.id: _own(owner, stored.get(owner.id)) for owner in listed}
    districts = sorted(listed, key=lambda owner: owner.id)
    parents = {
        child_id: owner.id
        for owner in districts
        for child_id in owner.child_ids
        if child_id != owner.id
    }
    usual = Counter(name for name, _ in own.values() if name)
    guess = min(usual, key=lambda name: (-usual[name], name), default="")
    settled = []
    for owner in listed:
        zone, source = own[owner.id]
        if not source:
            zone, source = (
                _borrowed(owner.id, own, parents)
                or _previous(stored.get(owner.id))
                or (guess, "guess")
            )
        if source != "property":
            log.warning(
                "property %s: no usable time zone from the vendor; showing %s (%s)",
                owner.id,
                zone,
                source,
            )
        settled.append(
            replace(
                owner, timezone=zone, zone_source=source, vendor_zone=_shortened(owner.timezone)
            )
        )
    return tuple(settled)


def _own(given: Property, stored: Property | None) -> Evidence:
    """Return the evidence of a property's own."""
    if name := timezones.resolve_name(given.timezone):
        return name, "property"
    if stored is None or not timezones.exists(stored.timezone):
        return NOTHING
    match stored.zone_source:
        case "property" | "stored":
            return stored.timezone, "stored"
        case "events":
            return stored.timezone, "events"
        case "" | "earlier":
            return stored.timezone, "earlier"
        case _:
            return NOTHING


def _borrowed(
    property_id: str, own: Mapping[str, Evidence], parents: Mapping[str, str]
) -> Evidence | None:
    """Return the zone of the nearest district above that has one of its own."""
    seen = {property_id}
    while (property_id := parents.get(property_id, "")) and property_id not in seen:
        seen.add(property_id)
        zone, _ = own[property_id]
        if zone:
            return zone, "parent"
    return None


def _previous(stored: Property | None) -> Evidence | None:
    """Return what was borrowed or guessed before: nothing better came, so nothing changes."""
    return (
        (stored.timezone, stored.zone_source)
        if stored and timezones.exists(stored.timezone)
        else None
    )


LONGEST_SHOWN = 100


def _shortened(given: str) -> str:
    text = display_text(given)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


def zones_of(properties: Mapping[str, Property]) -> tuple[dict[str, str], frozenset[str]]:
    """Return the zones of properties by their ids, and the ids of those whose events' zone comes
    first.
    """
    named = {owner.id: owner.timezone for owner in properties.values() if owner.timezone}
    return named, frozenset(owner.id for owner in properties.values() if not owner.zone_known)


def learn_zones(
    store: Store,
    catalog: KnownCatalog,
    answer: EventsResponse,
    *,
    requested_at: datetime,
    now: datetime,
) -> tuple[KnownCatalog, frozenset[EventKey]]:
    """Write the zones that an answer's events name for properties whose zone is not known, and move
    the entries that were read in another zone: their local times stay.

    `store` is one transaction. Return the places as they are now, and the events that were moved
    here and that no other worker changed since `requested_at`.
    """
    read = {event.property_id for event in answer.events} | answer.zones.keys()
    _, unsure = zones_of(
        {key: catalog.properties[key] for key in read if key in catalog.properties}
    )
    if not unsure:
        return catalog, frozenset()
    current = store.sync_reads.properties(
        unsure
    )  # another worker may have learned a zone meanwhile
    learned = {
        owner.id: replace(owner, timezone=answer.zones[owner.id], zone_source="events")
        for owner in current.values()
        if owner.id in answer.zones and not owner.zone_known
    }
    catalog = replace(catalog, properties={**catalog.properties, **current, **learned})
    named = {owner.id: owner.timezone for owner in learned.values()}
    before = {
        key: current[key].timezone for key, name in named.items() if current[key].timezone != name
    }
    for key, name in before.items():
        log.warning(
            "property %s: its events name the time zone %s; it was shown in %s",
            key,
            named[key],
            name,
        )
    entries = store.sync_reads.entries_of(list(before), []) if before else []
    changes = relocate(entries, catalog, now, zones_before=before)
    moved = frozenset(entry.key for entry in changes.changed)
    newer = store.sync_reads.changed_since(moved, requested_at, now=now)
    if named:
        store.write.learn_zones(named, changes, now=now)
    if before:
        store.windows.make_due(list(before), now=now - LONGEST_PASS)
    return catalog, moved - newer
