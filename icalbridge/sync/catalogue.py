"""Properties and facilities: fetched together once a day, compared with what is known, written in one transaction.

Texts are cleaned here, once. Which zone a property has is settled in `zone_evidence`, when the catalogue is written.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from icalbridge.errors import ImplausibleAnswer, MalformedAnswer, VendorError
from icalbridge.feeds import display_text
from icalbridge.model import Changes
from icalbridge.sync.reconcile import Places, relocate
from icalbridge.sync.zone_evidence import settle_zones

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.model import Facility, Property
    from icalbridge.store import Store

REQUEST = "GET /properties"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What the vendor listed; `facilities_of` lacks the properties whose facilities could not be fetched."""

    properties: tuple[Property, ...]
    """With the vendor's own words for their zones."""
    facilities_of: dict[str, tuple[Facility, ...]]
    failures: tuple[VendorError, ...]


def fetch(
    client: Client, known: Mapping[str, int], on_step: Callable[[int, int], None], *, full: bool = False
) -> Catalogue:
    """Ask for all properties, and for the facilities of each; a failed list of facilities does not stop the others.

    `known` says how many facilities each property listed so far has. An empty list where there were some is a failure,
    unless `full` takes it at its word. Raises `VendorError` when the properties cannot be had, which includes an answer
    with none of them, and one that lacks some while it could not be read in full.
    """
    answer = client.properties()
    listed = tuple(map(_clean_property, answer.items))
    if not listed:
        raise ImplausibleAnswer(REQUEST, "the key sees no property", 200, invocation_id=answer.invocation_id)
    if answer.skipped and known.keys() - {each.id for each in listed}:
        reason = "properties known so far are missing, and some could not be read; keeping them all"
        raise MalformedAnswer(REQUEST, reason, 200, invocation_id=answer.invocation_id)
    facilities_of: dict[str, tuple[Facility, ...]] = {}
    failures: list[VendorError] = []
    on_step(0, len(listed))
    for done, each in enumerate(listed, start=1):
        try:
            found = _facilities(client, each.id, expected=0 if full else known.get(each.id, 0))
        except VendorError as error:
            failures.append(error)
        else:
            if found is not None:
                facilities_of[each.id] = found
        on_step(done, len(listed))
    return Catalogue(listed, facilities_of, tuple(failures))


def _facilities(client: Client, property_id: str, *, expected: int) -> tuple[Facility, ...] | None:
    """Return a property's facilities; None when some could not be read, so that the list says nothing of the others."""
    found = client.facilities(property_id)
    if expected and not found.items:
        reason = (
            f"came back empty where {expected} facilities were; keeping them (`icalbridge sync --full` believes it)"
        )
        request = f"GET /property/{property_id}/facilities"
        raise ImplausibleAnswer(request, reason, 200, invocation_id=found.invocation_id)
    return None if found.skipped else tuple(_clean_facility(each, property_id) for each in found.items)


def apply(store: Store, api_user_id: str, fetched: Catalogue, *, now: datetime) -> None:
    """Write a catalogue, and what a rename or a move of a place changes in entries that are known already."""
    with store.alone(api_user_id) as alone:
        _apply(alone, api_user_id, fetched, now)


def _apply(store: Store, api_user_id: str, fetched: Catalogue, now: datetime) -> None:
    old_properties, old_facilities = store.write.catalogue(api_user_id)
    listed = settle_zones(fetched.properties, store.write.places()[0])
    properties = {each.id: _with_known_order(each, old_properties.get(each.id)) for each in listed}
    facilities = {each.id: each for some in fetched.facilities_of.values() for each in some}
    places = Places({**old_properties, **properties}, {**old_facilities, **facilities})
    other_properties = [key for key, each in properties.items() if old_properties.get(key) not in {None, each}]
    other_facilities = [key for key, each in facilities.items() if old_facilities.get(key) != each]
    changes = Changes()
    if other_properties or other_facilities:
        entries = store.write.entries_of(other_properties, other_facilities)
        rezoned = {key for key in other_properties if old_properties[key].timezone != properties[key].timezone}
        guessed = {key: old_properties[key].timezone for key in rezoned if not old_properties[key].zone_known}
        changes = replace(
            relocate(entries, places, now, zones_before=guessed),
            forgotten=frozenset(entry.key for entry in entries if entry.property_id in rezoned),
        )
        store.windows.make_due(sorted(rezoned), now=now)
    listed = tuple(properties.values())
    store.write.apply_catalogue(api_user_id, listed, fetched.facilities_of, changes, now=now)


def _with_known_order(each: Property, known: Property | None) -> Property:
    """Return a property whose children are in the known order, if they are the same: their order tells nothing."""
    same = known is not None and set(known.child_ids) == set(each.child_ids)
    return replace(each, child_ids=known.child_ids) if known and same else each


def _clean_property(each: Property) -> Property:
    return replace(
        each,
        name=display_text(each.name),
        address=display_text(each.address),
        city=display_text(each.city),
        state=display_text(each.state),
        zip=display_text(each.zip),
    )


def _clean_facility(each: Facility, property_id: str) -> Facility:
    return replace(
        each,
        property_id=property_id,
        name=display_text(each.name),
        type=display_text(each.type),
        search_term=display_text(each.search_term),
    )
