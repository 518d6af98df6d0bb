"""Saved feeds: specification, and how its rules change the selected entries.

A specification is complete, so that an address needs only its slug. Rules read whole entries,
whoever the feed is for; afterwards, fields that the audience may not see are removed.
`saved_feed_toml` reads and writes specifications, `selection` selects by time and status.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from icalbridge.feeds.audience import BUSY, Audience, Field, View, admit, view
from icalbridge.feeds.query import PLAIN, FeedQuery
from icalbridge.store.texts import TextCriteria, folded_texts
from icalbridge.text import search_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from icalbridge.feeds.audience import Item
    from icalbridge.feeds.places import PlaceDetails
    from icalbridge.feeds.selection import Selection
    from icalbridge.models import Entry, EventKey, StaffDetails
    from icalbridge.store.texts import EntryTexts

    StaffDetailsByEvent = Mapping[EventKey, tuple[StaffDetails, datetime]]
    """What is for staff alone of some events, and when it last changed."""


class Action(StrEnum):
    """What a rule does with an entry."""

    HIDE = "hide"
    RESERVE = "reserve"
    """It is shown as a space that is in use, and nothing else."""
    RENAME = "rename"
    INCLUDE = "include"
    """It is shown as it is; useful before a rule that would say otherwise."""


@dataclass(frozen=True, slots=True)
class Rule(TextCriteria):
    """What happens to entries that meet all the conditions; without any, to every one."""

    action: Action
    _: KW_ONLY
    category: tuple[str, ...] = ()
    """Rate categories, any of them; folded."""
    title: str = ""
    """What to say in place of name and activity; for renaming only."""

    def matches(self, texts: EntryTexts, category: str) -> bool:
        """Return whether an entry of a rate category meets all conditions."""
        return self.matches_category(category) and self.matches_texts(texts)

    def matches_category(self, category: str) -> bool:
        return not self.category or search_key(category) in self.category


AS_IT_IS = Rule(Action.INCLUDE)


@dataclass(frozen=True, slots=True)
class Saved:
    """The specification of a saved feed."""

    slug: str
    name: str = ""
    description: str = ""
    colour: str = ""
    """A CSS3 name or `#rrggbb`; empty for none."""
    audience: Audience = Audience.PUBLIC
    property_ids: tuple[str, ...] = ()
    """A district stands for its schools too."""
    facility_ids: tuple[str, ...] = ()
    fields: frozenset[Field] | None = None
    """Shown fields; None: all that the audience may see."""
    query: FeedQuery = PLAIN
    rules: tuple[Rule, ...] = ()
    """The first that matches decides; an entry that none matches is shown as it is."""
    include: frozenset[EventKey] = frozenset()
    """Shown as they are, wherever they take place and whatever the rules say."""
    exclude: frozenset[EventKey] = frozenset()
    """Never shown."""

    @property
    def title(self) -> str:
        """Return the name or else the slug; never empty."""
        return self.name or self.slug

    @property
    def public(self) -> bool:
        return self.audience is Audience.PUBLIC

    @property
    def view(self) -> View:
        """Return the view of entries that no rule changes."""
        return view(self.audience, fields=self.fields, busy=self.query.busy, title=self.query.title)

    @property
    def needs_categories(self) -> bool:
        """Whether a rule needs rate categories, which are not in the entries."""
        return any(rule.category for rule in self.rules)

    @property
    def needs_particulars(self) -> bool:
        """Whether staff details are shown."""
        return self.view.needs_particulars

    def rule(self, entry: Entry, category: str) -> Rule:
        """Return the rule that decides about an entry: `exclude`, then `include`, then the first
        that matches.
        """
        if entry.key in self.exclude:
            return Rule(Action.HIDE)
        if entry.key in self.include:
            return AS_IT_IS
        if not self.rules:
            return AS_IT_IS
        texts = folded_texts(entry)
        return next((rule for rule in self.rules if rule.matches(texts, category)), AS_IT_IS)


def apply(
    spec: Saved,
    selection: Selection,
    *,
    categories: Mapping[EventKey, str],
    details: StaffDetailsByEvent,
    places: PlaceDetails,
) -> list[tuple[EventKey, Item]]:
    """Return what a saved feed shows of a selection, in its order, each item with the event that it
    is of.

    `categories`: rate categories by event, if `needs_categories`. `details`: staff details by
    event, if `needs_particulars`; only the feed's fields are taken from them.
    """
    items: list[tuple[EventKey, Item]] = []
    views = {action: _view_of(spec, action) for action in Action}
    for entry, status in selection.shown:
        rule = spec.rule(entry, categories.get(entry.key, ""))
        if rule.action is Action.HIDE:
            continue
        shown, renamed = views[rule.action], entry
        if rule.action is Action.RENAME:
            renamed = replace(entry, name=rule.title, activity="")
        known = details.get(entry.key) if shown.needs_particulars else None
        item = admit(renamed, status, shown, places=places, particulars=known)
        # Where places are hidden, a link to the facility would reveal them.
        items.append((entry.key, item if shown.fields & BUSY else item._replace(facility_ids=())))
    return items


def _view_of(spec: Saved, action: Action) -> View:
    """Return the view of entries with an action."""
    shown = spec.view
    if action is Action.RESERVE:
        return replace(shown, fields=shown.fields & BUSY)
    if action is Action.RENAME and not spec.query.busy:
        # The operator's own words: whoever may read the feed may read them.
        return View(shown.fields | {Field.NAME}, shown.title if "{name}" in shown.title else "")
    return shown
