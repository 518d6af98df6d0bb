"""`icalbridge.feeds.public_reading` on both databases: what SQL leaves out is what the rules say."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icalbridge.feeds.policy import EVERYTHING, PlaceFilter, Policy
from icalbridge.feeds.policy_file import PolicyFile
from icalbridge.feeds.public_reading import PublicReading
from icalbridge.feeds.saved_feed import Action, Rule
from icalbridge.models import Changes, Event, Feed, StaffDetails
from icalbridge.store.entries import TimeRange
from icalbridge.store.reading import Reading
from icalbridge.store.rows import text_id
from icalbridge.store.rows import texts_of as store_texts_of
from icalbridge.store.texts import TextCriteria, folded_texts
from icalbridge.text import name_key
from tests.fixtures.stores import apply_changes
from tests.samples import GYM, NOW, POOL, ZONE, entry
from tests.test_policy import RULES

if TYPE_CHECKING:
    from pathlib import Path

    from icalbridge.models import Entry
    from icalbridge.store import Store

DAY = timedelta(days=1)
SCHOOL = Feed("property", "school")
ALL = TimeRange(NOW - 9 * DAY)
RATES = {"e0": "Internal", "e1": "PRIVATE", "e2": ""}
NEUTRAL = {"api_user_of", "began", "categories", "event_marks", "revision"}
"""Queries of `Reading` whose answers name no place, time or text that the public may not see."""


class FixedPolicy(PolicyFile):
    """A policy that a test sets."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.error = ""

    def current(self) -> Policy:
        return self.policy


def _public(store: Store, policy: Policy) -> PublicReading:
    return PublicReading(store, FixedPolicy(policy))


def _book(store: Store) -> list[Entry]:
    """Book three events of each name and activity in two facilities and in none."""
    booked = [
        replace(
            entry(
                number - 5,
                uid=f"u{number}",
                event_id=f"e{number % 3}",
                facility=(GYM, POOL)[number % 2],
                name=("Practice", "Open Gym", "")[number // 2 % 3],
                activity=("Varsity", "open", "")[number // 6 % 3],
            ),
            facility_id=("gym", "pool", "")[number % 2 if number % 7 else 2],
        )
        for number in range(36)
    ]
    events = [
        Event(key, "reservation", "school", ZONE, "Practice", "approved", particulars=details)
        for key, rate in RATES.items()
        for details in [StaffDetails(category=rate)]
    ]
    apply_changes(store, Changes(added=tuple(booked), parsed=tuple(events)))
    return store.read.entries(SCHOOL, ALL)


POLICIES = st.builds(
    Policy,
    digest=st.just("digest"),
    reserved=st.booleans(),
    facilities=st.sampled_from(
        [
            PlaceFilter(),
            PlaceFilter(hide=frozenset({"pool"})),
            PlaceFilter(only=frozenset({"main gym"})),
            PlaceFilter(only=frozenset()),
        ]
    ),
    rules=RULES,
)


def _expected(policy: Policy, booked: list[Entry]) -> list[Entry]:
    """Return what the public may see, one by one and without SQL."""
    hidden = policy.hidden_places([], [GYM, POOL]).facilities
    return [
        shown
        for row in booked
        if row.facility_id not in hidden
        and (row.facility_id in ("gym", "pool") or not policy.lists_facilities)
        and (shown := policy.publish(row, RATES[row.event_id]))
    ]


@pytest.fixture
def booked(school: Store) -> list[Entry]:
    return _book(school)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policy=POLICIES)
def test_sql_leaves_what_the_rules_leave(
    school: Store, booked: list[Entry], policy: Policy
) -> None:
    """Entries, numbers, spans, moments and names alike; with a limit as many as without hidden
    entries between them.
    """
    public = _public(school, policy)
    expected = _expected(policy, booked)
    assert public.entries(SCHOOL, ALL) == expected
    assert public.entries(SCHOOL, ALL, limit=3) == expected[:3]
    assert public.count(SCHOOL, ALL) == len(expected)
    spans = public.count_by_span(SCHOOL, ALL)
    assert sum(span.number for span in spans) == len(expected)
    assert public.first_start(SCHOOL, NOW) == min(
        (row.start for row in expected if row.start >= NOW), default=None
    )
    assert public.latest_end(SCHOOL, NOW) == max(
        (row.end for row in expected if row.end <= NOW), default=None
    )
    since, until = NOW, NOW + timedelta(hours=5)
    now = [row for row in expected if row.end > since and row.start < until]
    assert public.counts(since, until) == Counter(row.facility_id for row in now)
    free = {key: len(spans) for key, spans in public.booked_spans(since, until).items()}
    assert free == public.counts(since, until)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policy=POLICIES)
def test_names_are_those_that_the_rules_leave(
    school: Store, booked: list[Entry], policy: Policy
) -> None:
    public = _public(school, policy)
    expected = [row for row in _expected(policy, booked) if row.end > NOW and row.name]
    counts = Counter(name_key(row.name) for row in expected)
    ids = {match.name_id for match in public.match_names(["school"])}
    coming = public.coming_names(ids, NOW).values()
    assert {name_key(row.name): row.count for row in coming} == counts
    in_gym = Counter(name_key(row.name) for row in expected if row.facility_id == "gym")
    names = public.names_in_facility("gym", NOW).values()
    assert {name_key(row.name): row.count for row in names} == in_gym
    for word in ("varsity", "renamed", "practice", "pool"):
        for match in public.match_names(["school"], [word]):
            assert match.name in {"renamed", "practice", "open gym"}
            if policy.reserved and not policy.rules:
                pytest.fail("a reserved name was found")


CRITERIA = st.builds(
    TextCriteria,
    type=st.sampled_from([(), ("gymnasium",), ("reservation",)]),
    activity=st.sampled_from([(), (), ("varsity",)]),
    name=st.sampled_from([(), (), ("practice", "renamed")]),
    words=st.sampled_from([(), ("open",), ("renamed",), ("pool",)]),
    unwanted=st.sampled_from([(), ("varsity",)]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(policy=POLICIES, criteria=CRITERIA)
def test_texts_are_found_by_their_public_form(
    school: Store, booked: list[Entry], policy: Policy, criteria: TextCriteria
) -> None:
    """All that match, and no others unless the rate category decides."""
    public = _public(school, policy)
    ids = set(public.text_ids("school", criteria)[0])
    found, others = set[int](), set[int]()
    for row in booked:
        decided = policy.publish_texts(folded_texts(row), policy.rule(row, RATES[row.event_id]))
        is_match = decided is not None and criteria.matches_texts(decided)
        (found if is_match else others).add(text_id(*store_texts_of(row)))
    assert found <= ids
    if public.finds_texts_exactly and not policy.hides_bookings:
        assert ids.isdisjoint(others)


def test_words_that_are_not_public_find_no_name(school: Store, booked: list[Entry]) -> None:
    """Also where bookings of the same name are public."""
    assert booked
    rules = (
        Rule(Action.HIDE, activity=("varsity",)),
        Rule(Action.RENAME, title="New", name=("open gym",)),
    )
    public = _public(school, Policy(digest="digest", rules=rules))
    assert public.match_names(["school"], ["varsity"]) == []
    assert {row.name for row in public.match_names(["school"], ["new"])} == {"new"}
    assert {row.name for row in public.match_names(["school"])} == {"new", "practice"}
    assert public.match_names(["school"], (), ["open gym"]) == []


def test_new_texts_are_judged_as_soon_as_they_are_stored(school: Store) -> None:
    _book(school)
    policy = Policy(digest="digest", rules=(Rule(Action.HIDE, words=("secret",)),))
    public = _public(school, policy)
    before = public.count(SCHOOL, ALL)
    apply_changes(school, Changes(added=(entry(1, uid="new", name="Secret Club"),)))
    assert public.count(SCHOOL, ALL) == before
    apply_changes(school, Changes(added=(entry(1, uid="other", name="Chess Club"),)))
    assert public.count(SCHOOL, ALL) == before + 1


def test_event_is_gone_when_all_of_it_is_hidden(school: Store, booked: list[Entry]) -> None:
    """Its name is that of what is left of it."""
    assert booked
    event = Feed("event", "e1", "reservation")

    def state(*rules: Rule) -> str | None:
        found = _public(school, Policy(digest="digest", rules=rules)).feed_state(event)
        return None if found is None else found.title

    assert state(Rule(Action.HIDE)) is None
    assert state(Rule(Action.HIDE, category=("private",))) is None
    assert state(Rule(Action.RESERVE)) is None
    assert state(Rule(Action.RESERVE, name=("practice",))) == "Reserved"  # the rest has no name
    assert state(Rule(Action.RENAME, title="New")) == "New"
    assert state(Rule(Action.HIDE, name=("practice",))) == "Reserved"  # what is left has no name
    assert state() == "Practice"


def test_state_changes_with_the_policy(school: Store) -> None:
    """It is a cache's key, and as new as the policy."""
    later = NOW + DAY
    before = _public(school, EVERYTHING).feed_state(SCHOOL)
    after = _public(school, Policy(digest="digest", changed=later)).feed_state(SCHOOL)
    assert before == school.read.feed_state(SCHOOL)
    assert before is not None
    assert after == replace(before, policy="digest", changed=later)


def test_every_query_of_readers_honors_the_policy() -> None:
    """A new query of `Reading` must be here, or among those that tell nothing."""
    queries = {name for name in vars(Reading) if not name.startswith("_")}
    assert queries - NEUTRAL <= set(vars(PublicReading))


def test_process_that_missed_a_policy_takes_it_when_the_file_turns_bad(
    store: Store, tmp_path: Path
) -> None:
    """What the last good policy is does not hang on which process read the file in time."""
    path = tmp_path / "policy.toml"
    one, other = (PolicyFile(str(path), store.policies, lambda: NOW) for _ in range(2))
    for written, (text, readers) in enumerate(
        [
            ('names = "shown"\n', (one, other)),
            ('names = "reserved"\n', (one,)),
            ("names = 7\n", (one, other)),
        ]
    ):
        path.write_text(text)
        os.utime(path, (1_700_000_000 + written,) * 2)
        policies = [reader.current() for reader in readers]
    assert [policy.reserved for policy in policies] == [True, True]
    assert one.error == other.error != ""
