"""`icalbridge.store`: one suite, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event as sa_event
from sqlalchemy import text

from icalbridge.errors import SchemaOutdated, StoreClosed, StoreError
from icalbridge.models import Changes, EventKey, Feed
from icalbridge.store import Store
from icalbridge.store.entries import TimeRange
from tests.fixtures.stores import DISTRICT, SOON, USER, apply_changes, list_catalogue
from tests.samples import GYM, NOW, POOL, SCHOOL, entry, event


def _revisions(store: Store) -> dict[str, int]:
    feeds = {
        "district": Feed("property", "district"),
        "school": Feed("property", "school"),
        "gym": Feed("facility", "gym"),
        "pool": Feed("facility", "pool"),
        "e1": Feed("event", "e1", "reservation"),
    }
    states = {name: store.read.feed_state(feed) for name, feed in feeds.items()}
    return {name: state.revision for name, state in states.items() if state}


def _raised(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name in after if before.get(name) != after[name]}


# the schema


def test_schema_upgrade_may_run_again(school: Store) -> None:
    """Bringing a current database up to date changes nothing in it."""
    apply_changes(school, Changes(added=(entry(24),), parsed=(event(),)))
    school.upgrade()
    school.check()
    assert school.read.entries(Feed("facility", "gym"), TimeRange(NOW)) == [entry(24)]


def test_schema_check_refuses_another_version(database_url: str) -> None:
    """An empty database and one that a newer program made are both told apart from a current one."""
    store = Store.connect(database_url)
    with pytest.raises(SchemaOutdated, match="nothing in the database yet"):
        store.check()
    store.upgrade()
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaOutdated, match="newer icalbridge"):
        store.upgrade()
    store.close()


@pytest.mark.parametrize(
    "url", ["sqlite:////no/such/folder/bridge.db", "postgresql+psycopg://me:secret@127.0.0.1:1/x"]
)
def test_store_says_that_a_database_cannot_be_used(url: str) -> None:
    """One sentence, without the password."""
    store = Store.connect(url)
    with pytest.raises(StoreError, match=r"^The database cannot be used: ") as caught:
        store.check()
    assert "secret" not in str(caught.value)
    store.close()


# the catalogue


def test_catalogue_is_read_back(school: Store) -> None:
    """What was listed is read back, in the vendor's order."""
    assert school.read.properties() == [DISTRICT, SCHOOL]
    assert school.read.facilities() == [GYM, POOL]
    assert school.read.facilities(["district"]) == []
    assert (school.read.property("school"), school.read.property("nope")) == (SCHOOL, None)
    assert (school.read.facility("gym"), school.read.facility("nope")) == (GYM, None)


def test_catalogue_that_stays_raises_no_revision(school: Store) -> None:
    """The same catalogue again writes nothing."""
    before = _revisions(school)
    list_catalogue(school)
    assert _revisions(school) == before


def test_catalogue_raises_the_revision_of_what_changed(school: Store) -> None:
    """A renamed school changes its own feed, its district's, and its facilities', which bear its
    name.
    """
    before = _revisions(school)
    list_catalogue(school, school=replace(SCHOOL, name="Roosevelt High"))
    assert _raised(before, _revisions(school)) == {"school", "district", "gym", "pool"}


def test_catalogue_keeps_what_a_write_names_a_facility_by(school: Store) -> None:
    """Told, told otherwise or told no more, it is read back; no feed shows it, so that no revision
    is raised.
    """
    before = _revisions(school)
    kept = []
    for told in ("139d71e8662595e3ba37", "other", ""):
        renewed = [replace(GYM, u_id=told), POOL]
        school.write.apply_catalog(
            USER, [DISTRICT, SCHOOL], {"school": renewed}, Changes(), now=SOON
        )
        kept.append([each.u_id for each in school.read.facilities()])
    assert kept == [["139d71e8662595e3ba37", ""], ["other", ""], ["", ""]]
    assert _revisions(school) == before


def test_property_belongs_to_a_key(school: Store) -> None:
    """Its name; None for an unknown property."""
    assert [school.read.api_user_of(each) for each in ("school", "nope")] == [USER, None]


def test_catalogue_keeps_what_is_no_longer_listed(school: Store) -> None:
    """An unlisted facility leaves the directory, and its feed lives on."""
    school.write.apply_catalog(USER, [DISTRICT], {"school": [POOL]}, Changes(), now=NOW)
    assert school.read.properties() == [DISTRICT]
    assert school.read.facilities() == [POOL]
    assert school.read.feed_state(Feed("facility", "gym")) is not None
    assert school.read.feed_state(Feed("property", "school")) is not None


def test_catalogue_leaves_facilities_that_were_not_answered(school: Store) -> None:
    """Where a list of facilities could not be had, the known ones stay."""
    school.write.apply_catalog(USER, [DISTRICT, SCHOOL], {}, Changes(), now=NOW)
    assert school.read.facilities() == [GYM, POOL]


# feeds


def test_feed_state_tells_title_zone_and_whether_synced(school: Store) -> None:
    """A known feed that was never fetched says so; an unknown id is None."""
    state = school.read.feed_state(Feed("facility", "gym"))
    assert state is not None
    assert (state.title, state.zone, state.property_id, state.synced) == (
        "Main Gym, Lincoln High",
        "America/Los_Angeles",
        "school",
        False,
    )
    apply_changes(school, Changes())
    for feed in (Feed("facility", "gym"), Feed("property", "school")):
        synced = school.read.feed_state(feed)
        assert synced is not None
        assert synced.synced
    for feed in (Feed("facility", "x"), Feed("property", "x"), Feed("event", "x", "reservation")):
        assert school.read.feed_state(feed) is None


def test_feed_state_of_a_district_waits_until_every_school_was_tried(school: Store) -> None:
    """A roll-up does not start out half full; a school that fails does not hold it back for ever."""
    district = Feed("property", "district")
    apply_changes(school, Changes())
    state = school.read.feed_state(district)
    assert state is not None
    assert not state.synced
    claim = school.windows.claim(USER, "w", now=NOW, property_ids=["district"])
    assert claim is not None
    school.windows.fail(claim, "503", "id", now=NOW, due=SOON)
    state = school.read.feed_state(district)
    assert state is not None
    assert state.synced


def test_entries_are_those_of_the_feed(school: Store) -> None:
    """A feed has its facility's entries, its property's, those of all schools of its district, or
    its event's.
    """
    gym, pool, other = (
        entry(24),
        entry(24, uid="u2", facility=POOL),
        entry(48, uid="u3", event_id="e2"),
    )
    apply_changes(school, Changes(added=(gym, pool, other), parsed=(event(), event(event_id="e2"))))
    asked = {
        "gym": Feed("facility", "gym"),
        "school": Feed("property", "school"),
        "district": Feed("property", "district"),
        "e2": Feed("event", "e2", "reservation"),
    }
    assert {name: school.read.entries(feed, TimeRange(NOW)) for name, feed in asked.items()} == {
        "gym": [gym, other],
        "school": [gym, pool, other],
        "district": [gym, pool, other],
        "e2": [other],
    }


def test_entries_hide_what_a_feed_does_not_show(school: Store) -> None:
    """Pending, suspended and withdrawn entries are kept, and shown to nobody."""
    hidden = (
        entry(24, uid="a", status="pending"),
        entry(24, uid="b", timeslot_status="suspended"),
        entry(24, uid="c", withdrawn=NOW),
    )
    apply_changes(school, Changes(added=(*hidden, entry(24, uid="d")), parsed=(event(),)))
    assert [each.uid for each in school.read.entries(Feed("facility", "gym"), TimeRange(NOW))] == [
        "d@icalbridge"
    ]
    assert (
        len(school.sync_reads.known([EventKey("reservation", "e1")])[EventKey("reservation", "e1")])
        == 4
    )


def test_entries_begin_after_a_moment(school: Store) -> None:
    """An entry that ends at the moment is not after it, and is the last that ended."""
    apply_changes(
        school,
        Changes(
            added=(entry(-4, uid="a"), entry(-2, uid="b"), entry(-1, uid="c")), parsed=(event(),)
        ),
    )
    gym = Feed("facility", "gym")
    assert [each.uid for each in school.read.entries(gym, TimeRange(NOW))] == ["c@icalbridge"]
    assert school.read.latest_end(gym, NOW) == NOW
    assert school.read.latest_end(gym, NOW - timedelta(seconds=1)) == NOW - timedelta(hours=2)
    assert school.read.latest_end(Feed("facility", "pool"), NOW) is None


def test_event_feed_takes_the_external_id_too(school: Store) -> None:
    """The vendor's id wins where both name something."""
    heard = (
        event(external_id="practice-7"),
        event(event_id="practice-8", external_id="x"),
        event(event_id="e3"),
    )
    other = event(event_id="e4", external_id="practice-8", name="Other")
    on = tuple(entry(24, uid=each, event_id=each) for each in ("e1", "practice-8"))
    apply_changes(school, Changes(added=on, parsed=(*heard, other)))
    by_external = school.read.feed_state(Feed("event", "practice-7", "reservation"))
    by_id = school.read.feed_state(Feed("event", "practice-8", "reservation"))
    assert by_external is not None
    assert by_id is not None
    assert (by_external.title, by_id.title) == ("Practice", "Practice")


def test_event_that_never_was_on_does_not_tell_its_name(school: Store) -> None:
    """A wedding that is still pending, or was declined, is nobody's business; one that was called
    off was on.
    """
    apply_changes(
        school, Changes(added=(entry(24, status="pending"),), parsed=(event(name="Wedding"),))
    )
    feed = Feed("event", "e1", "reservation")
    pending = school.read.feed_state(feed)
    off = (entry(24, status="cancelled", cancelled=NOW),)
    apply_changes(school, Changes(changed=off))
    cancelled = school.read.feed_state(feed)
    assert pending is not None
    assert cancelled is not None
    assert (pending.title, cancelled.title) == ("Reserved", "Wedding")


def test_questions_take_a_fixed_number_of_statements(school: Store) -> None:
    """A feed costs as many statements with thirty entries as with one."""
    counted: list[str] = []
    sa_event.listen(school.engine, "before_cursor_execute", lambda *args: counted.append(args[2]))

    def cost() -> int:
        counted.clear()
        school.read.feed_state(Feed("property", "district"))
        school.read.entries(Feed("property", "district"), TimeRange(NOW))
        school.read.health(NOW)
        return sum("SELECT" in statement for statement in counted)

    apply_changes(school, Changes(added=(entry(24),), parsed=(event(),)))
    one = cost()
    more = tuple(entry(24 + hour, uid=f"m{hour}", event_id=f"m{hour}") for hour in range(30))
    apply_changes(
        school, Changes(added=more, parsed=tuple(event(event_id=f"m{hour}") for hour in range(30)))
    )
    assert cost() == one


# changes and revisions


def test_changes_raise_the_revisions_of_what_shows_them(school: Store) -> None:
    """An entry that moves from the gym to the pool changes both, their school, its district and its
    event, once.
    """
    apply_changes(school, Changes(added=(entry(24),), parsed=(event(),)))
    before = _revisions(school)
    apply_changes(school, Changes(changed=(entry(24, facility=POOL, sequence=1),)))
    after = _revisions(school)
    assert _raised(before, after) == {"gym", "pool", "school", "district", "e1"}
    assert len(set(after.values())) == 1
    assert school.read.entries(Feed("facility", "gym"), TimeRange(NOW)) == []
    assert school.read.entries(Feed("facility", "pool"), TimeRange(NOW)) == [
        entry(24, facility=POOL, sequence=1)
    ]


def test_changes_of_nothing_raise_nothing(school: Store) -> None:
    """Events read anew without a change of what is shown raise no revision."""
    apply_changes(school, Changes(added=(entry(24),), parsed=(event(),)))
    before = _revisions(school)
    apply_changes(school, Changes(parsed=(event(digest="other"),)))
    assert _revisions(school) == before


def test_renamed_event_raises_its_own_feed(school: Store) -> None:
    """An event's feed bears its name, even when it has no entry."""
    apply_changes(school, Changes(parsed=(event(),)))
    before = _revisions(school)
    apply_changes(school, Changes(parsed=(event(name="Match"),)))
    assert _raised(before, _revisions(school)) == {"e1"}


def test_digests_are_of_events_that_need_not_be_parsed_again(school: Store) -> None:
    """An event with an entry in the span is known by its bytes until it is forgotten."""
    key, day = EventKey("reservation", "e1"), timedelta(days=1)
    span = (NOW, NOW + day)
    heard = (event(), event(event_id="e2"), event(event_id="e3", digest=""), event(event_id="e4"))
    added = (
        entry(23),
        entry(-24, uid="u2", event_id="e2"),
        entry(1, uid="u3", event_id="e3"),
        entry(24 * 4, uid="u4", event_id="e4"),
    )
    apply_changes(school, Changes(added=added, parsed=heard))
    assert school.sync_reads.digests(["district", "school"], *span) == {
        "digest-e1": key,
        "digest-e2": EventKey("reservation", "e2"),
    }
    apply_changes(school, Changes(withdrawn=(entry(23, withdrawn=NOW),), reparse=frozenset({key})))
    assert set(school.sync_reads.digests(["school"], *span)) == {"digest-e2"}
    assert school.sync_reads.digests(["district"], *span) == {}


def test_present_is_by_start_and_property(school: Store) -> None:
    """since <= start < until; withdrawn entries are not present."""
    apply_changes(
        school,
        Changes(
            added=(entry(24), entry(48, uid="u2", event_id="e2", withdrawn=NOW)),
            parsed=(event(), event(event_id="e2")),
        ),
    )
    start = NOW + timedelta(hours=24)
    key = EventKey("reservation", "e1")
    second = timedelta(seconds=1)
    assert school.sync_reads.present("school", start, start + second) == {key}
    assert school.sync_reads.present("school", start - second, start) == frozenset()
    assert school.sync_reads.present("school", NOW, NOW + timedelta(days=9)) == {key}
    assert school.sync_reads.present("district", NOW, NOW + timedelta(days=9)) == frozenset()


def test_known_takes_any_number_of_events(school: Store) -> None:
    """More events than one statement can name are asked for in parts."""
    many = [entry(24, uid=f"u{number}", event_id=f"e{number}") for number in range(1000)]
    apply_changes(
        school,
        Changes(
            added=tuple(many), parsed=tuple(event(event_id=f"e{number}") for number in range(1000))
        ),
    )
    known = school.sync_reads.known(each.key for each in many)
    assert {key: some for key, some in known.items() if some} == {each.key: [each] for each in many}


# several keys


def test_key_that_splits_nights_is_noted_alone(school: Store) -> None:
    """Not for another key, nor for one that is not known; noted twice it is the same."""
    school.write.add_api_user("other")
    assert not school.api_keys.splits_nights(USER)
    for name in (USER, USER, "unknown"):
        school.api_keys.note_split_nights(name)
    names = (USER, "other", "unknown")
    assert [school.api_keys.splits_nights(name) for name in names] == [True, False, False]


def test_property_that_two_keys_see_belongs_to_the_first(school: Store) -> None:
    """Its rows, windows and revision stay as they are; when the first lists it no more, the other
    takes it over.
    """
    school.write.add_api_user("other")
    school.api_keys.claim_catalog(USER, "w", now=NOW)
    school.api_keys.finish_catalog(USER, now=NOW, due=SOON)
    before = school.read.feed_state(Feed("property", "school"))
    seen = replace(SCHOOL, name="As the other key calls it")
    school.write.apply_catalog(
        "other", [seen], {"school": [replace(GYM, name="Other")]}, Changes(), now=SOON
    )
    assert school.read.feed_state(Feed("property", "school")) == before
    assert [each.id for each in school.read.properties(USER)] == ["district", "school"]
    assert school.read.properties("other") == []
    assert {each.property_id for each in school.windows.state("other").windows} == set()
    school.write.apply_catalog(USER, [DISTRICT], {}, Changes(), now=SOON)
    school.write.apply_catalog("other", [seen], {}, Changes(), now=SOON)
    assert [each.name for each in school.read.properties("other")] == ["As the other key calls it"]


def test_key_that_is_no_longer_used_gives_up_its_properties(school: Store) -> None:
    """An operator who renames a key, or takes one away, loses nothing: the other takes over after
    two days.
    """
    school.api_keys.claim_catalog(USER, "w", now=NOW)
    school.api_keys.finish_catalog(USER, now=NOW, due=SOON)
    school.write.add_api_user("renamed")
    for days, names in ((1, []), (3, ["district", "school"])):
        later = NOW + timedelta(days=days)
        school.write.apply_catalog("renamed", [DISTRICT, SCHOOL], {}, Changes(), now=later)
        assert [each.id for each in school.read.properties("renamed")] == names


def test_closed_store_opens_no_connection_again(store: Store) -> None:
    """What a thread asks or writes after the end is refused, and leaves nothing open."""
    store.close()
    with pytest.raises(StoreClosed):
        store.read.properties()
    with pytest.raises(StoreClosed):
        store.write.note_read(["school"], now=SOON)
    assert store.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
