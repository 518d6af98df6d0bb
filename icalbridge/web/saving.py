"""Saved feeds as one deployment serves them: who gets which, how far they reach, and what they
tell.

What a specification makes of entries is for `feeds.saved`; this reads what that needs, and nothing
that it does not: only a feed whose audience may see them is given the particulars of anybody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from icalbridge.errors import StoreError
from icalbridge.feeds.saved_feed import apply
from icalbridge.feeds.saved_feed_toml import BadSpec, kept_feed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icalbridge.feeds import Address, Selection
    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.metadata import FeedMetadata
    from icalbridge.feeds.saved_feed import Saved
    from icalbridge.models import EventKey, FeedState
    from icalbridge.settings import Settings
    from icalbridge.store import Store


class Telling(NamedTuple):
    """What a saved feed tells."""

    items: list[tuple[EventKey, Item]]
    changed: datetime | None
    """When anything that the store keeps apart from the entries last changed; None where nothing of
    it was read.
    """


class Saving:
    """The saved feeds of one store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._read = store.read
        self._saved = store.saved
        self._settings = settings

    def spec(self, address: Address) -> Saved | None:
        """Return what a saved feed is, within what the operator allows; None where it is not to be
        had at an address.

        What is for staff or operations is to be had at private addresses only.
        """
        kept = self._saved.feed(address.feed.id)
        if kept is None:
            return None
        try:
            spec = kept_feed(kept)
        except BadSpec as error:  # a newer version has written it
            raise StoreError(f"The saved feed {address.feed.id} cannot be read: {error}") from None
        if not (spec.public or address.private):
            return None
        shape = spec.shape.clamped(self._settings.history_days, self._settings.horizon_days)
        if spec.public and not self._settings.public_pending:
            shape = replace(shape, status=tuple(each for each in shape.status if each != "pending"))
        return replace(spec, shape=shape)

    def tell(self, spec: Saved, selection: Selection, schools: Mapping[str, str]) -> Telling:
        """Return what a saved feed tells of a selection."""
        keys = {entry.key for entry in selection.entries}
        staff = not spec.public and (spec.needs_particulars or spec.needs_categories)
        told = self._read.particulars(keys) if staff else {}
        categories = {key: (known.category, changed) for key, (known, changed) in told.items()}
        if spec.public and spec.needs_categories:
            categories = self._read.categories(keys)
        by_event = {key: category for key, (category, _) in categories.items()}
        items = apply(spec, selection, categories=by_event, told=told, schools=schools)
        return Telling(items, max((changed for _, changed in categories.values()), default=None))


def dressed(said: FeedMetadata, spec: Saved, address: Address, state: FeedState) -> FeedMetadata:
    """Return what a saved feed says of itself; a private one does not say where it lives: that is a
    secret.
    """
    return replace(
        said,
        description=" ".join(filter(None, (said.description, spec.description))),
        colour=spec.colour,
        source="" if address.private else said.source,
        page=said.page if state.property_id else "",
        utc=spec.shape.utc,
        fields=spec.view.fields,
    )
