"""Properties and facilities: fetched together once a day, compared with what is known, written in
one transaction.

Texts are cleaned here, once. Which zone a property has is settled in `zone_evidence`, when the
catalog is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from icalbridge.errors import (
    ImplausibleAnswer,
    KeyRefused,
    MalformedAnswer,
    QuotaSpent,
    RateLimited,
    VendorError,
    VendorUnavailable,
)
from icalbridge.models import Changes, Facility, Property
from icalbridge.sync.plausibility import NO_DOUBT, Doubt, Loss, judge, together, withdrawal
from icalbridge.sync.reconcile import KnownCatalog, end, relocate
from icalbridge.sync.zone_evidence import settle_zones
from icalbridge.text import display_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from icalbridge.facilitron import Client
    from icalbridge.models import Entry
    from icalbridge.store import MassWithdrawal, Store

    class HasId(Protocol):
        """A property or a facility."""

        @property
        def id(self) -> str: ...


T = TypeVar("T", bound="HasId")

REQUEST = "GET /properties"
SILENT = 3
"""After so many schools in a row without an answer it is the vendor, not a school."""


@dataclass(frozen=True, slots=True)
class PreviousCatalog:
    """What a key's catalog had so far, in the vendor's order, and what of it was missing the last
    time.
    """

    properties: tuple[Property, ...] = ()
    facilities_of: Mapping[str, Sequence[Facility]] = field(default_factory=dict)
    doubt: Doubt = NO_DOUBT


@dataclass(frozen=True, slots=True)
class FetchedCatalog:
    """What the vendor listed, with what is missing from it and not believed to be gone.

    `facilities_of` lacks the properties whose facilities could not be fetched.
    """

    properties: tuple[Property, ...]
    """With the vendor's own words for their zones."""
    facilities_of: dict[str, tuple[Facility, ...]]
    failures: tuple[VendorError, ...]
    doubt: Doubt
    """What is missing and not believed to be gone."""


def fetch(
    client: Client,
    known: PreviousCatalog,
    on_step: Callable[[int, int], None],
    *,
    now: datetime,
    full: bool = False,
) -> FetchedCatalog:
    """Ask for all properties, and for the facilities of each; a failed list of facilities does not
    stop the others, as long as the vendor answers.

    A property that is missing, and most of a property's facilities, stay until a later catalog
    agrees, unless `full` believes it at once. Raises `VendorError` when the properties cannot be
    had, which includes an answer with none of them, and one that lacks some while it could not be
    read in full.
    """
    answer = client.properties()
    listed = tuple(map(_clean_property, answer.items))
    if not listed:
        raise ImplausibleAnswer(
            REQUEST, "the key sees no property", 200, invocation_id=answer.invocation_id
        )
    if answer.skipped and {listed_property.id for listed_property in known.properties} - {
        listed_property.id for listed_property in listed
    }:
        reason = "properties known so far are missing, and some could not be read; keeping them all"
        raise MalformedAnswer(REQUEST, reason, 200, invocation_id=answer.invocation_id)
    reading = _Reading(known.doubt, now, full=full)
    properties = reading.read(
        REQUEST, "properties", listed, known.properties, answer.invocation_id, empty=True
    )
    facilities_of: dict[str, tuple[Facility, ...]] = {}
    failed: list[VendorError] = []  # in a row
    on_step(0, len(listed))
    for done, listed_property in enumerate(listed, start=1):
        try:
            facilities = _facilities(
                client, listed_property.id, known.facilities_of.get(listed_property.id, ()), reading
            )
        except VendorError as error:
            reading.failures.append(error)
            failed.append(error)
        else:
            failed.clear()
            if facilities is not None:
                facilities_of[listed_property.id] = facilities
        on_step(done, len(listed))
        if _is_outage(failed):
            break
    return FetchedCatalog(
        properties, facilities_of, tuple(reading.failures), together(reading.doubts)
    )


def _is_outage(failed: Sequence[VendorError]) -> bool:
    """Return whether schools failed in a row so that every other one would."""
    if any(isinstance(error, KeyRefused | QuotaSpent) for error in failed):
        return True
    last = failed[-SILENT:]
    return len(last) == SILENT and all(
        isinstance(error, RateLimited | VendorUnavailable) for error in last
    )


def _facilities(
    client: Client, property_id: str, known: Sequence[Facility], reading: _Reading
) -> tuple[Facility, ...] | None:
    """Return a property's facilities; None when some could not be read, so that the list says
    nothing of the others.
    """
    try:
        answer = client.facilities(property_id)
    except MalformedAnswer as error:
        if known or not error.null_list:
            raise
        return ()
    if answer.skipped:
        return None
    listed = tuple(_clean_facility(facility, property_id) for facility in answer.items)
    request = f"GET /property/{property_id}/facilities"
    return reading.read(
        request, "facilities", listed, known, answer.invocation_id, empty=not listed
    )


class _Reading:
    """The lists of one catalog, each compared with what is known of it."""

    def __init__(self, doubt: Doubt, now: datetime, *, full: bool) -> None:
        self._doubt = doubt
        self._now = now
        self._full = full
        self.doubts: list[Doubt] = []
        self.failures: list[VendorError] = []

    def read(
        self,
        request: str,
        what: str,
        listed: Sequence[T],
        known: Sequence[T],
        invocation_id: str,
        *,
        empty: bool,
    ) -> tuple[T, ...]:
        """Return a list with what is missing from it and not believed to be gone, which has its old
        place then.

        `empty`: whether nothing may be missing unnoticed.
        """
        listed_ids = {item.id for item in listed}
        missing: dict[str, T] = {
            f"{what}:{item.id}": item for item in known if item.id not in listed_ids
        }
        loss = Loss(frozenset(missing), len(known), frozenset(missing), len(known), empty=empty)
        doubt = None if self._full else judge(loss, self._doubt, self._now).doubt
        if doubt is None:
            return tuple(listed)
        self.doubts.append(doubt)
        how = (
            f"without {len(missing)} of {len(known)} {what}"
            if listed
            else f"empty where {len(known)} {what} were"
        )
        reason = (
            f"came back {how}; keeping them until a later answer agrees (`icalbridge sync --full`"
            " believes it)"
        )
        self.failures.append(ImplausibleAnswer(request, reason, 200, invocation_id=invocation_id))
        place = {item.id: position for position, item in enumerate(known)}
        every = [*listed, *(missing[name] for name in doubt.missing)]
        return tuple(sorted(every, key=lambda item: place.get(item.id, len(place))))


@dataclass(frozen=True, slots=True)
class AppliedCatalog:
    """What a catalog did to properties as a whole."""

    left: tuple[MassWithdrawal, ...]
    """Of each property that left with bookings to come: what was withdrawn."""
    returned: tuple[str, ...]
    """The properties that are listed again."""


def apply(
    store: Store, api_user_id: str, fetched: FetchedCatalog, *, now: datetime
) -> AppliedCatalog:
    """Write a catalog, and what a rename or a move of a place changes in entries that are known
    already.
    """
    with store.alone(api_user_id) as alone:
        return _apply(alone, api_user_id, fetched, now)


def _apply(
    store: Store, api_user_id: str, fetched: FetchedCatalog, now: datetime
) -> AppliedCatalog:
    old_properties, old_facilities = store.sync_reads.catalog(api_user_id)
    listed = settle_zones(fetched.properties, store.sync_reads.catalog()[0])
    properties = {item.id: _with_known_order(item, old_properties.get(item.id)) for item in listed}
    facilities = {
        item.id: item for listed_here in fetched.facilities_of.values() for item in listed_here
    }
    catalog = KnownCatalog({**old_properties, **properties}, {**old_facilities, **facilities})
    other_properties = [
        key for key, item in properties.items() if old_properties.get(key) not in {None, item}
    ]
    other_facilities = [key for key, item in facilities.items() if old_facilities.get(key) != item]
    changes = Changes()
    if other_properties or other_facilities:
        entries = store.sync_reads.entries_of(other_properties, other_facilities)
        rezoned = {
            key
            for key in other_properties
            if old_properties[key].timezone != properties[key].timezone
        }
        guessed = {
            key: old_properties[key].timezone
            for key in rezoned
            if not old_properties[key].zone_known
        }
        changes = replace(
            relocate(entries, catalog, now, zones_before=guessed),
            reparse=frozenset(entry.key for entry in entries if entry.property_id in rezoned),
        )
        store.windows.make_due(sorted(rezoned), now=now)
    returned = tuple(sorted(store.sync_reads.unlisted() & properties.keys()))
    gone = end(store.sync_reads.upcoming(old_properties.keys() - properties.keys(), now), now)
    changes = replace(changes, withdrawn=gone.withdrawn, reparse=changes.reparse | gone.reparse)
    listed = tuple(properties.values())
    store.write.apply_catalog(api_user_id, listed, fetched.facilities_of, changes, now=now)
    store.doubts.note_catalog(api_user_id, fetched.doubt.since, fetched.doubt.missing)
    return AppliedCatalog(_withdrawals(store, gone, old_properties, now), returned)


def _withdrawals(
    store: Store, gone: Changes, properties: Mapping[str, Property], now: datetime
) -> tuple[MassWithdrawal, ...]:
    """Note what was withdrawn of each property that left."""
    entries_of: dict[str, list[Entry]] = {}
    for entry in gone.withdrawn:
        entries_of.setdefault(entry.property_id, []).append(entry)
    withdrawals = tuple(
        withdrawal(properties[key], withdrawn, len(withdrawn), at=now)
        for key, withdrawn in sorted(entries_of.items())
    )
    for mass in withdrawals:
        store.doubts.note_withdrawal(mass, 0)
    return withdrawals


def _with_known_order(listed: Property, known: Property | None) -> Property:
    """Return a property whose children are in the known order, if they are the same: their order
    means nothing.
    """
    same = known is not None and set(known.child_ids) == set(listed.child_ids)
    return replace(listed, child_ids=known.child_ids) if known and same else listed


def _clean_property(listed: Property) -> Property:
    return replace(
        listed,
        name=display_text(listed.name),
        address=display_text(listed.address),
        city=display_text(listed.city),
        state=display_text(listed.state),
        zip=display_text(listed.zip),
    )


def _clean_facility(listed: Facility, property_id: str) -> Facility:
    return replace(
        listed,
        property_id=property_id,
        name=display_text(listed.name),
        type=display_text(listed.type),
        search_term=display_text(listed.search_term),
    )
