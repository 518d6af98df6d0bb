"""`icalbridge.feeds.policy`: the file, its mistakes, rules in order, hidden places."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.feeds.policy import BadPolicy, HiddenPlaces, Policy, parse_policy
from icalbridge.feeds.saved_feed import AS_IT_IS, Action, Rule, Saved
from icalbridge.models import Facility, Property, ReservedEntry
from icalbridge.store.texts import folded_texts
from tests.fixtures.documents import PAGES, code_blocks
from tests.samples import GYM, NOW, POOL, SCHOOL, entry

if TYPE_CHECKING:
    from icalbridge.models import Entry

EXAMPLE = code_blocks(PAGES["docs/policy.md"], "toml")[0]
DISTRICT = Property("district", "Sunny Union", child_ids=("school", "other"))
OTHER = Property("other", "Öther High")
LAB = Facility("lab", "other", "Main Gym", "Staff room")
PLACES = [DISTRICT, SCHOOL, OTHER], [GYM, POOL, LAB]


def test_policy_reads_the_example_of_the_documentation() -> None:
    policy = parse_policy(EXAMPLE)
    assert policy.schools.hide == {"district office"}
    assert policy.facilities.hide == {"lincoln high / pool", "64b7f0c2a1"}
    assert not policy.reserved
    assert policy.rules == (
        Rule(Action.HIDE, type=("staff room",)),
        Rule(Action.INCLUDE, activity=("open house",)),
        Rule(Action.HIDE, words=('"closed session"',)),
        Rule(Action.RESERVE, category=("internal", "private")),
        Rule(Action.RENAME, type=("maintenance-block",), title="Closed for maintenance"),
    )


def test_same_text_has_the_same_digest() -> None:
    assert parse_policy(EXAMPLE).digest == parse_policy(EXAMPLE).digest != ""
    assert parse_policy(EXAMPLE).digest != parse_policy(EXAMPLE + "\n").digest


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("", 0, "says nothing"),
        ("# nothing\n", 0, "says nothing"),
        ('names = "hidden"', 1, "names must be shown or reserved"),
        ('names = "shown"\nnmaes = 1', 2, "no key 'nmaes' here; there are names, schools"),
        ('names = "shown"\n\n[schools]\nhide = 3', 4, "hide must be a text, or a list"),
        ("[kinds]\nhide = []\nhidden = []", 3, "no key 'hidden' here; there are only, hide"),
        ('schools.hiden = ["x"]', 1, "no key 'hiden'"),
        ('[[rules]]\naction = "hide"\n[[rules]]\naction = "hid"', 4, "action must be one of hide"),
        ('[[rules]]\naction = "hide"\n[[rules]]\nq = "x"', 3, "lacks its action"),
        ('[[rules]]\naction = "rename"', 2, "Rule 1 lacks the title"),
        ('[[rules]]\naction = "hide"\ntitle = "x"', 2, "a title goes with the action rename"),
        ('[[rules]]\nq = " "\naction = "hide"', 2, "q must be more than nothing"),
        ('[[rules]]\naction = "hide"\nq = 5', 3, "q must be a text"),
        ('[rules]\naction = "hide"', 1, "each rule begins with [[rules]]"),
        ("names = \n", 1, "no TOML"),
        ('names = "shown"\nx = """\n', 3, "no TOML"),
    ],
)
def test_mistake_is_a_sentence_with_its_line(text: str, line: int, words: str) -> None:
    with pytest.raises(BadPolicy) as caught:
        parse_policy(text)
    assert caught.value.line == line
    assert words in str(caught.value)
    assert str(caught.value).startswith(f"line {line}: " if line else "it")


CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "words": st.sampled_from([("open",), ("gym", "open"), ('"varsity"',)]),
        "category": st.sampled_from([("internal",), ("private",)]),
        "activity": st.sampled_from([("varsity",), ("open",)]),
        "type": st.sampled_from([("gymnasium",), ("reservation",), ("pool",)]),
        "name": st.sampled_from([("practice",), ("open gym",)]),
    },
)
RULES = st.lists(
    st.builds(
        lambda action, conditions: Rule(
            action, **conditions, title="Renamed" if action is Action.RENAME else ""
        ),
        st.sampled_from(Action),
        CONDITIONS,
    ),
    max_size=5,
).map(tuple)
ENTRIES = st.builds(
    lambda name, activity, facility: entry(1, name=name, activity=activity, facility=facility),
    st.sampled_from(["Practice", "Open Gym", ""]),
    st.sampled_from(["Varsity", "open", ""]),
    st.sampled_from([GYM, POOL]),
)
CATEGORIES = st.sampled_from(["Internal", "PRIVATE", ""])


@given(RULES, ENTRIES, CATEGORIES)
def test_rules_decide_as_those_of_a_saved_feed(
    rules: tuple[Rule, ...], booked: Entry, category: str
) -> None:
    """The first that matches; and none without a policy."""
    decided = Policy(rules=rules).rule(booked, category)
    assert decided == Saved("feed", rules=rules).rule(booked, category)
    assert Policy().rule(booked, category) == AS_IT_IS


@given(RULES, ENTRIES, CATEGORIES)
def test_first_matching_rule_decides(rules: tuple[Rule, ...], booked: Entry, category: str) -> None:
    """A rule before all others wins where it matches, and changes nothing where it does not."""
    policy = Policy(rules=rules, reserved=True)
    hide, never = Rule(Action.HIDE), Rule(Action.HIDE, name=("nothing is called this",))
    assert replace(policy, rules=(hide, *rules)).publish(booked, category) is None
    before = policy.publish(booked, category)
    assert replace(policy, rules=(never, *rules)).publish(booked, category) == before
    assert replace(policy, rules=(*rules, hide)).publish(booked, category) in (before, None)


@given(RULES, ENTRIES, CATEGORIES, st.booleans())
def test_published_entry_has_no_other_texts_than_its_rule_gives(
    rules: tuple[Rule, ...], booked: Entry, category: str, reserved: bool
) -> None:
    policy = Policy(rules=rules, reserved=reserved, changed=NOW)
    result = policy.publish(booked, category)
    action = policy.rule(booked, category).action
    match action:
        case Action.HIDE:
            assert result is None
        case Action.INCLUDE:
            assert result is booked
        case Action.RENAME:
            assert result == replace(booked, name="Renamed", activity="", modified=NOW)
        case Action.RESERVE:
            assert isinstance(result, ReservedEntry)
            assert (result.name, result.activity) == ("", "")
            assert result.type == booked.type
            assert (result.start, result.facility_id) == (booked.start, booked.facility_id)


@given(RULES, ENTRIES, CATEGORIES, st.booleans())
def test_published_texts_are_those_of_the_published_entry(
    rules: tuple[Rule, ...], booked: Entry, category: str, reserved: bool
) -> None:
    """But for the type of an event that is reserved, which no filter may find."""
    policy = Policy(rules=rules, reserved=reserved)
    rule = policy.rule(booked, category)
    texts = policy.publish_texts(folded_texts(booked), rule)
    result = policy.publish(booked, category)
    if result is None or texts is None:
        assert result is None
        assert texts is None
    else:
        event_type = "" if rule.action is Action.RESERVE else "reservation"
        assert texts == folded_texts(result)._replace(event_type=event_type)


def test_reserved_names_are_the_rule_where_no_other_matches() -> None:
    policy = parse_policy('names = "reserved"\n[[rules]]\nq = "open gym"\naction = "include"\n')
    shown = policy.publish(entry(1, name="Open Gym"), "")
    other = policy.publish(entry(1, name="Practice"), "")
    assert shown is not None
    assert other is not None
    assert (shown.name, other.name) == ("Open Gym", "")


def test_changed_entry_is_as_new_as_the_policy() -> None:
    """Or programs that compare would keep the name that is hidden now."""
    policy = Policy(reserved=True, changed=NOW)
    old, new = entry(1, modified=NOW - timedelta(days=1)), entry(1, modified=NOW + timedelta(1))
    published = [policy.publish(row, "") for row in (old, new)]
    assert [row.modified for row in published if row] == [NOW, NOW + timedelta(1)]


@pytest.mark.parametrize(
    ("text", "properties", "facilities"),
    [
        ('[schools]\nhide = ["other"]', {"other"}, {"lab"}),
        ('[schools]\nhide = ["LINCOLN high"]', {"school"}, {"gym", "pool"}),
        ('[schools]\nhide = ["Other High"]', {"other"}, {"lab"}),
        ('[schools]\nhide = ["district"]', {"district", "school", "other"}, {"gym", "pool", "lab"}),
        ('[schools]\nonly = ["district"]', set(), set()),
        ('[schools]\nonly = ["school"]', {"district", "other"}, {"lab"}),
        ('[schools]\nonly = ["district"]\nhide = ["school"]', {"school"}, {"gym", "pool"}),
        ("[schools]\nonly = []", {"district", "school", "other"}, {"gym", "pool", "lab"}),
        ('[facilities]\nhide = ["main gym"]', set(), {"gym", "lab"}),
        ('[facilities]\nhide = ["Other High / Main Gym"]', set(), {"lab"}),
        ('[facilities]\nhide = ["pool"]', set(), {"pool"}),
        ('[facilities]\nonly = ["pool"]', set(), {"gym", "lab"}),
        ('[kinds]\nhide = ["staff ROOM"]', set(), {"lab"}),
        ('[kinds]\nonly = ["Pool", "Gymnasium"]\n[facilities]\nhide = ["gym"]', set(),
         {"gym", "lab"}),
    ],
)  # fmt: skip
def test_places_are_hidden_by_id_name_and_kind(
    text: str, properties: set[str], facilities: set[str]
) -> None:
    hidden = parse_policy(text).hidden_places(*PLACES)
    assert hidden == HiddenPlaces(frozenset(properties), frozenset(facilities))


def test_names_of_no_place_are_found() -> None:
    policy = parse_policy(
        '[schools]\nhide = ["Lincoln High", "Lincon High"]\n[facilities]\nonly = ["gym"]\n'
        '[kinds]\nhide = ["Pools", "Pool"]'
    )
    assert policy.unknown_places(*PLACES) == ["lincon high", "pools"]
