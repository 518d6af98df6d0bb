"""Properties and facilities: fetched together once a day, compared with what is known, written in
one transaction.

Texts are cleaned here, once. Which zone a property has is settled in `zone_evidence`, when the
catalogue is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from icalbridge.errors import ImplausibleAnswer, MalformedAnswer, VendorError
from icalbridge.models import Changes, Facility, Property
from icalbridge.sync.plausibility import NO_DOUBT, Doubt, Loss, judge, together, withdrawal
from icalbridge.sync.reconcile import Places, end, relocate
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


@dataclass(frozen=True, slots=True)
class Known:
    """What a key's catalogue had so far, in the vendor's order, and what of it was missing the last
    time.
    """

    properties: tuple[Property, ...] = ()
    facilities_of: Mapping[str, Sequence[Facility]] = field(default_factory=dict)
    doubt: Doubt = NO_DOUBT


@dataclass(frozen=True, slots=True)
class Catalogue:
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
    known: Known,
    on_step: Callable[[int, int], None],
    *,
    now: datetime,
    full: bool = False,
) -> Catalogue:
    """Ask for all properties, and for the facilities of each; a failed list of facilities does not
    stop the others.

    A property that is missing, and most of a property's facilities, stay until a later catalogue
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
    if answer.skipped and {each.id for each in known.properties} - {each.id for each in listed}:
        reason = "properties known so far are missing, and some could not be read; keeping them all"
        raise MalformedAnswer(REQUEST, reason, 200, invocation_id=answer.invocation_id)
    reading = _Reading(known.doubt, now, full=full)
    properties = reading.read(
        REQUEST, "properties", listed, known.properties, answer.invocation_id, empty=True
    )
    facilities_of: dict[str, tuple[Facility, ...]] = {}
    on_step(0, len(listed))
    for done, each in enumerate(listed, start=1):
        try:
            found = _facilities(client, each.id, known.facilities_of.get(each.id, ()), reading)
        except VendorError as error:
            reading.failures.append(error)
        else:
            if found is not None:
                facilities_of[each.id] = found
        on_step(done, len(listed))
    return Catalogue(properties, facilities_of, tuple(reading.failures), together(reading.doubts))


def _facilities(
    client: Client, property_id: str, known: Sequence[Facility], reading: _Reading
) -> tuple[Facility, ...] | None:
    """Return a property's facilities; None when some could not be read, so that the list says
    nothing of the others.
    """
    try:
        found = client.facilities(property_id)
    except MalformedAnswer as error:
        if known or not error.null_list:
            raise
        return ()
    if found.skipped:
        return None
    listed = tuple(_clean_facility(each, property_id) for each in found.items)
    request = f"GET /property/{property_id}/facilities"
    return reading.read(request, "facilities", listed, known, found.invocation_id, empty=not listed)


class _Reading:
    """The lists of one catalogue, each compared with what is known of it."""

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
        listed_ids = {each.id for each in listed}
        missing: dict[str, T] = {
            f"{what}:{each.id}": each for each in known if each.id not in listed_ids
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
        place = {each.id: position for position, each in enumerate(known)}
        every = [*listed, *(missing[name] for name in doubt.missing)]
        return tuple(sorted(every, key=lambda each: place.get(each.id, len(place))))


@dataclass(frozen=True, slots=True)
class Applied:
    """What a catalogue did to properties as a whole."""

    left: tuple[MassWithdrawal, ...]
    """Of each property that left with bookings to come: what was withdrawn."""
    returned: tuple[str, ...]
    """The properties that are listed again."""


def apply(store: Store, api_user_id: str, fetched: Catalogue, *, now: datetime) -> Applied:
    """Write a catalogue, and what a rename or a move of a place changes in entries that are known
    already.
    """
    with store.alone(api_user_id) as alone:
        return _apply(alone, api_user_id, fetched, now)


def _apply(store: Store, api_user_id: str, fetched: Catalogue, now: datetime) -> Applied:
    old_properties, old_facilities = store.sync_reads.catalog(api_user_id)
    listed = settle_zones(fetched.properties, store.sync_reads.places()[0])
    properties = {each.id: _with_known_order(each, old_properties.get(each.id)) for each in listed}
    facilities = {each.id: each for some in fetched.facilities_of.values() for each in some}
    places = Places({**old_properties, **properties}, {**old_facilities, **facilities})
    other_properties = [
        key for key, each in properties.items() if old_properties.get(key) not in {None, each}
    ]
    other_facilities = [key for key, each in facilities.items() if old_facilities.get(key) != each]
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
            relocate(entries, places, now, zones_before=guessed),
            forgotten=frozenset(entry.key for entry in entries if entry.property_id in rezoned),
        )
        store.windows.make_due(sorted(rezoned), now=now)
    returned = tuple(sorted(store.sync_reads.unlisted() & properties.keys()))
    gone = end(store.sync_reads.upcoming(old_properties.keys() - properties.keys(), now), now)
    changes = replace(
        changes, withdrawn=gone.withdrawn, forgotten=changes.forgotten | gone.forgotten
    )
    listed = tuple(properties.values())
    store.write.apply_catalog(api_user_id, listed, fetched.facilities_of, changes, now=now)
    store.doubts.note_catalog(api_user_id, fetched.doubt.since, fetched.doubt.missing)
    return Applied(_withdrawals(store, gone, old_properties, now), returned)


def _withdrawals(
    store: Store, gone: Changes, properties: Mapping[str, Property], now: datetime
) -> tuple[MassWithdrawal, ...]:
    """Note what was withdrawn of each property that left."""
    entries_of: dict[str, list[Entry]] = {}
    for entry in gone.withdrawn:
        entries_of.setdefault(entry.property_id, []).append(entry)
    found = tuple(
        withdrawal(properties[key], some, len(some), at=now)
        for key, some in sorted(entries_of.items())
    )
    for each in found:
        store.doubts.note_withdrawal(each, 0)
    return found


def _with_known_order(each: Property, known: Property | None) -> Property:
    """Return a property whose children are in the known order, if they are the same: their order
    tells nothing.
    """
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
