"""Index of a public policy over what the store has: hidden places, and which rules can decide about
which texts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sqlalchemy import and_, literal, not_, true

from icalbridge.feeds.policy import HiddenPlaces
from icalbridge.feeds.saved_feed import Action
from icalbridge.store.visibility import (
    any_of,
    deciding_rule,
    in_public_places,
    read_categories,
    read_places,
    read_text_ids,
    read_texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import ColumnElement, Connection

    from icalbridge.feeds.policy import Policy
    from icalbridge.feeds.saved_feed import Rule
    from icalbridge.store.visibility import Candidates

    KnownTexts = dict[int, Candidates]
    """Candidates by key of a text; a text never changes."""


@dataclass(frozen=True, slots=True)
class PublicIndex:
    """What a policy means for one revision of the database."""

    revision: int | None = None
    property_ids: tuple[str, ...] = ()
    hidden: HiddenPlaces = field(default_factory=HiddenPlaces)
    rules: tuple[Rule, ...] = ()
    """By number; the last is for what no other matches."""
    texts: Mapping[Candidates, list[int]] = field(default_factory=dict)
    """Keys of texts by the numbers of the rules that can decide about them."""
    known: KnownTexts = field(default_factory=dict)
    rule: ColumnElement[int] = field(default_factory=lambda: literal(0))
    """Number of the rule that decides about an entry."""
    visible: ColumnElement[bool] | None = None
    """The condition of entries that are not hidden; None where all are public."""

    @property
    def seen(self) -> ColumnElement[bool]:
        return true() if self.visible is None else self.visible

    def texts_with(self, number: int) -> list[int]:
        """Return the keys of texts about which a rule can decide."""
        return [key for numbers, keys in self.texts.items() if number in numbers for key in keys]

    def decided_by(self, action: Action) -> ColumnElement[bool]:
        """Return the condition of entries about which a rule with an action decides."""
        numbers = [number for number, rule in enumerate(self.rules) if rule.action is action]
        return any_of(self.rule == number for number in numbers)

    @property
    def renaming(self) -> list[tuple[int, Rule]]:
        return [pair for pair in enumerate(self.rules) if pair[1].action is Action.RENAME]


def build_index(
    connection: Connection, policy: Policy, revision: int | None, known: KnownTexts
) -> PublicIndex:
    """Build the index; `known` has the texts of earlier ones of the same policy, and is updated."""
    properties, facilities = read_places(connection)
    hidden = policy.hidden_places(properties, facilities)
    ids = {place.id for place in facilities}
    only = ids - hidden.facilities if policy.lists_facilities else None
    places = in_public_places(connection, hidden.properties, hidden.facilities, only)
    rules = (*policy.rules, policy.otherwise)
    property_ids = tuple(place.id for place in properties)
    index = PublicIndex(revision, property_ids, hidden, rules, visible=places)
    if not policy.rules:
        return index
    texts = _candidates(connection, policy, rules, known)
    deciding = deciding_rule(connection, texts, _categories(connection, rules))
    index = replace(index, texts=texts, known=known, rule=deciding)
    if not policy.hides_bookings:
        return index
    return replace(index, visible=and_(places, not_(index.decided_by(Action.HIDE))))


def _candidates(
    connection: Connection, policy: Policy, rules: tuple[Rule, ...], known: KnownTexts
) -> dict[Candidates, list[int]]:
    numbers = {id(rule): number for number, rule in enumerate(policy.rules)}
    text_ids = read_text_ids(connection)
    for row in read_texts(connection, [key for key in text_ids if key not in known]):
        candidates = policy.candidates(row.texts)
        known[row.id] = tuple(numbers.get(id(rule), len(rules) - 1) for rule in candidates)
    result: defaultdict[Candidates, list[int]] = defaultdict(list)
    result[(len(rules) - 1,)] = []
    for key in text_ids:
        result[known[key]].append(key)
    return dict(result)


def _categories(connection: Connection, rules: Iterable[Rule]) -> dict[int, list[str]]:
    """Return the rate categories of each rule that has some, as events have them."""
    conditional = {number: rule for number, rule in enumerate(rules) if rule.category}
    known = read_categories(connection) if conditional else ()
    return {
        number: [name for name in known if rule.matches_category(name)]
        for number, rule in conditional.items()
    }
