"""`/free` and `/api/v1/free`: what is free at a time, and how it is looked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icalbridge.models import Changes, Facility, Property, Window
from icalbridge.settings import Settings
from icalbridge.store.counts import BookedSpan
from icalbridge.web import create_app
from icalbridge.web.views.free_spaces import FreeQuery, find_free_spaces
from icalbridge.web.views.open_times import local_moment
from tests.samples import GYM, NOW, POOL, SCHOOL, ZONE, entry
from tests.web.seen import Seen, look
from tests.web.test_web_operations import take_away
from tests.web_world import ALONE, PUBLIC, USER, Clock, added, empty_store, sync

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.store import Store

SATURDAY = date(2026, 11, 28)
BIG = Facility("big", "school", "Big Gym", "Gymnasium", 900)
SMALL = Facility("small", "school", "Practice Gym", "Multipurpose room", 60)
EAST = Property("east", "East Academy", timezone="America/New_York")
EAST_GYM = Facility("east-gym", "east", "East Gym", "Gymnasium", 300)


def at(hour: float, zone_hours: int = 8, day: date = SATURDAY) -> datetime:
    """Return an hour of Saturday in Los Angeles, or so many hours behind UTC."""
    return datetime.combine(day, time(), UTC) + timedelta(hours=hour + zone_hours)


def found(
    query: FreeQuery,
    booked: dict[str, list[BookedSpan]] | None = None,
    schools: Sequence[Property] = (SCHOOL, EAST),
    facilities: Sequence[Facility] = (GYM, POOL, BIG, SMALL, EAST_GYM),
    now: datetime = NOW,
) -> list[str]:
    spaces = find_free_spaces(query, schools, facilities, booked or {}, now)
    return [space.facility.id for space in spaces]


TEN_TO_TWELVE = FreeQuery(SATURDAY, time(10), time(12))


@pytest.mark.parametrize(
    ("start", "end", "free"),
    [(8, 10, True), (12, 14, True), (8, 10.25, False), (11, 11.5, False), (11.75, 13, False)],
)
def test_space_is_free_for_all_of_the_time(start: float, end: float, free: bool) -> None:
    booked = {"gym": [BookedSpan(at(start), at(end))]}
    assert ("gym" in found(TEN_TO_TWELVE, booked)) is free


def test_space_is_shown_with_the_free_span_around_the_time() -> None:
    booked = {"gym": [BookedSpan(at(7), at(9.5)), BookedSpan(at(13), at(15))]}
    space = find_free_spaces(TEN_TO_TWELVE, [SCHOOL], [GYM], booked, NOW)[0]
    assert (space.start, space.end) == (at(9.5), at(13))


@pytest.mark.parametrize(
    ("query", "free"),
    [
        (FreeQuery(SATURDAY, time(10), length=120), True),
        (FreeQuery(SATURDAY, time(10), length=150), False),
        (FreeQuery(SATURDAY, time(11, 30)), False),
        (FreeQuery(SATURDAY, time(11)), True),
        (FreeQuery(SATURDAY, length=360), True),
        (FreeQuery(SATURDAY, length=361), False),
        (FreeQuery(SATURDAY, time(11), time(16), length=60), True),
        (FreeQuery(SATURDAY, time(11), time(16), length=90), False),
        (FreeQuery(SATURDAY, end=time(10), length=240), True),
        (FreeQuery(SATURDAY, end=time(9, 30), length=240), False),
    ],
)
def test_length_is_from_a_time_on_or_at_any_time_between(query: FreeQuery, *, free: bool) -> None:
    """The gym is free from 6:00 to 12:00 and from 20:00 to 22:00."""
    booked = {"gym": [BookedSpan(at(12), at(20))]}
    assert ("gym" in found(query, booked)) is free


def test_each_school_has_its_own_clock() -> None:
    """Ten in New York is seven in Los Angeles."""
    booked = {
        "gym": [BookedSpan(at(7), at(9))],
        "east-gym": [BookedSpan(at(10, 5), at(12, 5))],
    }
    assert "gym" in found(TEN_TO_TWELVE, booked)
    assert "east-gym" not in found(TEN_TO_TWELVE, booked)


def test_exact_kind_and_size_come_first_then_schools_in_order() -> None:
    gyms = replace(TEN_TO_TWELVE, kinds=("gym",))
    assert found(gyms) == ["gym", "big", "small", "east-gym"]
    exact = replace(TEN_TO_TWELVE, kinds=("gymnasium", "multipurpose room"))
    assert found(exact) == ["gym", "big", "small", "east-gym"]
    assert found(replace(gyms, kinds=("gymnasium",))) == ["gym", "big", "east-gym"]
    assert found(replace(gyms, capacity=61)) == ["east-gym", "gym", "big"]
    assert found(replace(TEN_TO_TWELVE, capacity=901)) == []


def test_longest_span_comes_first_within_a_school() -> None:
    booked = {"gym": [BookedSpan(at(13), at(14))], "pool": [BookedSpan(at(12), at(14))]}
    assert found(TEN_TO_TWELVE, booked) == ["big", "small", "gym", "pool", "east-gym"]


def test_what_is_over_of_a_span_does_not_count() -> None:
    """At 16:00, free until 17:00 since the morning is less than free from 18:00 on."""
    booked = {
        "gym": [BookedSpan(at(17), at(22))],
        "pool": [BookedSpan(at(17), at(18))],
        "big": [BookedSpan(at(6), at(18))],
    }
    today = FreeQuery(SATURDAY)
    spaces = find_free_spaces(today, [SCHOOL], [GYM, POOL, BIG], booked, at(16))
    assert [space.facility.id for space in spaces] == ["pool", "big", "gym"]
    assert (spaces[0].start, spaces[0].end) == (at(18), at(22))


def test_nothing_is_free_that_is_over() -> None:
    now = at(11)
    assert "gym" in found(TEN_TO_TWELVE, now=now)
    assert found(TEN_TO_TWELVE, now=at(12), schools=[SCHOOL]) == []
    assert found(FreeQuery(SATURDAY, length=60), now=at(21), schools=[SCHOOL]) != []
    assert found(FreeQuery(SATURDAY, length=90), now=at(21), schools=[SCHOOL]) == []


@given(
    st.lists(st.tuples(st.integers(0, 95), st.integers(1, 16)), max_size=8),
    st.integers(24, 84),
    st.integers(2, 12),
)
def test_free_is_what_nothing_overlaps(
    spans: list[tuple[int, int]], begins: int, quarters: int
) -> None:
    """By quarters of an hour, within the hours in which schools are open."""
    booked = [BookedSpan(at(start / 4), at((start + length) / 4)) for start, length in spans]
    ends = min(begins + quarters, 88)
    query = FreeQuery(SATURDAY, time(begins // 4, begins % 4 * 15), time(ends // 4, ends % 4 * 15))
    since, until = at(begins / 4), at(ends / 4)
    overlaps = any(span.start < until and span.end > since for span in booked)
    assert ("gym" in found(query, {"gym": booked}, [SCHOOL], [GYM])) is not overlaps


@pytest.mark.parametrize("day", [date(2026, 11, 1), date(2027, 3, 14)])
def test_clocks_that_change_change_no_time_of_day(day: date) -> None:
    """Ten o'clock is ten by the school's clock, whatever it was at midnight; the day is as long."""

    def local(hour: int) -> datetime:
        return local_moment(day, time(hour), ZONE)

    query, now = replace(TEN_TO_TWELVE, day=day), local(0) - timedelta(days=1)
    free = {"gym": [BookedSpan(local(9), local(10)), BookedSpan(local(12), local(13))]}
    space = find_free_spaces(query, [SCHOOL], [GYM], free, now)[0]
    assert (space.start, space.end) == (local(10), local(12))
    for hour in (10, 11):
        taken = {"gym": [BookedSpan(local(hour), local(hour + 1))]}
        assert found(query, taken, [SCHOOL], [GYM], now) == []
    whole = FreeQuery(day, length=16 * 60)
    assert found(whole, {}, [SCHOOL], [GYM], now) == ["gym"]
    assert found(whole, {"gym": [BookedSpan(local(0), local(5))]}, [SCHOOL], [GYM], now) == ["gym"]


def test_bookings_across_midnight_take_their_part_of_the_day() -> None:
    """The end of the evening before, the begin of the next night, and a whole day in between."""
    night = [BookedSpan(at(-2), at(2)), BookedSpan(at(21), at(26))]
    assert found(FreeQuery(SATURDAY, time(6), time(21)), {"gym": night}, [SCHOOL], [GYM]) == ["gym"]
    assert found(FreeQuery(SATURDAY, time(20), length=60), {"gym": night}, [SCHOOL], [GYM])
    assert not found(FreeQuery(SATURDAY, time(20), length=90), {"gym": night}, [SCHOOL], [GYM])
    days = [BookedSpan(at(-30), at(40))]
    assert not found(FreeQuery(SATURDAY, length=30), {"gym": days}, [SCHOOL], [GYM])


def test_nothing_is_free_across_closing_time() -> None:
    """Neither past 22:00 nor past midnight."""
    for query in (
        FreeQuery(SATURDAY, time(21), length=90),
        FreeQuery(SATURDAY, time(23), length=120),
        FreeQuery(SATURDAY, time(10), time(11), length=120),
        FreeQuery(SATURDAY, length=960 + 1),
    ):
        assert found(query) == []


# the page


def test_page_finds_a_free_gym_on_a_saturday(client: FlaskClient) -> None:
    """Each leads to its own page on that day."""
    seen = look(client, "/free?date=2026-11-28&from=10:00&to=12:00&type=gymnasium")
    assert "1 space is free" in seen.texts
    assert "6:00 AM – 3:00 PM" in seen.texts
    assert "/facility/gym?view=day&date=2026-11-28" in seen.links()
    assert "This is not a booking." in seen.texts
    booked = look(client, "/free?date=2026-11-28&from=14:00&to=16:00&type=gymnasium")
    assert "0 spaces are free" in booked.texts


def test_page_begins_with_what_is_free_today(client: FlaskClient) -> None:
    """Without parameters; schools that were never fetched are left out."""
    seen = look(client, "/free")
    assert "/facility/pool?view=day&date=2026-11-21" in seen.links()
    assert "/facility/never-gym?view=day&date=2026-11-21" not in seen.links()


def test_page_keeps_what_was_asked_for_in_its_form(client: FlaskClient) -> None:
    html = client.get("/free?date=2026-11-28&from=10:00&length=90&capacity=50&type=pool").text
    for field in (
        'name="date" type="date" value="2026-11-28"',
        'name="from" type="time" value="10:00"',
        'name="to" type="time" value=""',
        'value="90"',
        'value="50"',
        '<option value="Pool" selected>Pool</option>',
    ):
        assert field in html


def test_page_looks_in_some_schools_only(client: FlaskClient) -> None:
    """A district stands for its schools."""
    path = "/free?date=2026-11-28&from=10:00&to=12:00"
    alone = look(client, f"{path}&property=alone").text
    assert "Main Gym" not in alone
    assert "1 space is free" in alone
    both = look(client, f"{path}&property=alone&property=school").text
    assert "3 spaces are free" in both
    assert "5 spaces are free" in look(client, f"{path}&property=district").text


@pytest.mark.parametrize(
    "query",
    [
        "date=tomorrow",
        "date=2026-11-20",
        "date=2028-01-01",
        "from=25:00",
        "from=10",
        "to=9:00",
        "from=12:00&to=10:00",
        "to=00:00",
        "length=15",
        "length=a",
        "capacity=0",
        "capacity=99999",
        "page=0",
        "property=nowhere",
        "view=week",
    ],
)
def test_page_refuses_bad_input_in_one_sentence(client: FlaskClient, query: str) -> None:
    for path in ("/free", "/api/v1/free"):
        answer = client.get(f"{path}?{query}")
        assert answer.status_code == 400, path
    assert client.get("/api/v1/free?" + query).get_json()["detail"].endswith(".")
    for language in ("en", "es"):
        seen = Seen(client.get(f"/free?{query}&lang={language}").text)
        assert any(query.split("=")[0] in text or "nowhere" in text for text in seen.texts)


def test_page_that_refuses_keeps_what_was_filled_in(client: FlaskClient) -> None:
    """Whoever chose the wrong time corrects that, and fills in nothing again."""
    answer = client.get("/free?date=2026-11-28&from=12:00&to=10:00&capacity=50&property=school")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (400, "no-store")
    seen = Seen(answer.text)
    values = {
        attributes["name"]: attributes["value"]
        for tag, attributes in seen.elements
        if tag == "input" and attributes.get("type") in ("date", "time", "number")
    }
    assert values == {
        "date": "2026-11-28", "from": "12:00", "to": "10:00", "length": "", "capacity": "50",
    }  # fmt: skip
    checked = [each["value"] for _, each in seen.elements if "checked" in each]
    assert checked == ["school"]
    assert "The start (from) must be before the end (to)." in seen.texts
    assert "found" not in {attributes.get("id") for _, attributes in seen.elements}


def test_page_that_refuses_keeps_schools_kind_and_an_empty_date(client: FlaskClient) -> None:
    """Schools in one list are ticked, and a field that was empty is empty."""
    query = "from=x&type=Gymnasium&property=school%2Calone"
    seen = Seen(client.get(f"/free?{query}").text)
    chosen = [each["value"] for _, each in seen.elements if {"checked", "selected"} & each.keys()]
    assert {*chosen} == {"Gymnasium", "alone", "school"}
    (given,) = (each for _, each in seen.elements if each.get("id") == "free-date")
    assert given["value"] == ""
    assert client.get('/free?from=x&type="').status_code == 400


def test_page_names_where_to_book(store: Store) -> None:
    settings = replace(PUBLIC, booking_url="https://book.example.org/{property_id}/{facility_id}")
    client = create_app(settings, store, clock=Clock()).test_client()
    assert "https://book.example.org/school/pool" in look(client, "/free").links()
    plain = create_app(PUBLIC, store, clock=Clock()).test_client()
    assert "Ask for a booking here" not in look(plain, "/free").text


def test_school_is_left_out_on_days_that_were_never_fetched(
    store: Store, client: FlaskClient
) -> None:
    """What is not known to be booked is not known to be free; the page says that it left some out."""
    sentence = (
        "Some schools are left out: what is booked there on that day has not been loaded yet."
    )
    near, far = "/free?date=2026-12-21&property=school", "/free?date=2026-12-22&property=school"
    assert sentence not in look(client, near).texts
    assert "/facility/pool?view=day&date=2026-12-21" in look(client, near).links()
    seen = look(client, far)
    assert sentence in seen.texts
    assert "0 spaces are free" in seen.texts
    answer = told(client, far.partition("?")[2])
    assert (answer["count"], answer["partial"]) == (0, True)
    assert told(client, near.partition("?")[2])["partial"] is False
    store.windows.ensure(["school"], 2, now=NOW)
    assert sentence in look(client, far).texts
    claim = store.windows.claim(USER, "worker", now=NOW, property_ids=["school"])
    assert claim is not None
    window = Window(date(2026, 12, 22), date(2027, 1, 21))
    store.windows.finish(claim, window, Changes(), now=NOW, due=NOW + timedelta(hours=1))
    seen = look(client, far)
    assert sentence not in seen.texts
    assert "/facility/pool?view=day&date=2026-12-22" in seen.links()


def test_page_says_what_a_capacity_leaves_out(client: FlaskClient) -> None:
    """A space whose size nobody stated may be large enough: nobody can tell."""
    sentence = "Spaces whose capacity is not known are left out."
    assert sentence not in look(client, "/free?date=2026-11-28").texts
    for language, said in (("en", sentence), ("es", "No se incluyen los espacios")):
        seen = look(client, f"/free?date=2026-11-28&capacity=9000&lang={language}")
        assert said in seen.text


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[Store]:
    """A school with 120 rooms, none of them booked but the first."""
    opened = empty_store(tmp_path)
    rooms = [Facility(f"room{number:03}", "alone", f"Room {number}") for number in range(120)]
    opened.write.apply_catalog("default", [ALONE], {"alone": rooms}, Changes(), now=NOW)
    opened.windows.ensure(["alone"], 1, now=NOW)
    sync(opened, "alone")
    yield opened
    opened.close()


def test_page_lists_fifty_and_leads_to_more(crowded: Store) -> None:
    client = create_app(PUBLIC, crowded, clock=Clock()).test_client()
    listed: list[str] = []
    path, pages = "/free?date=2026-11-28&from=10:00&to=12:00", 0
    while path:
        seen = look(client, path)
        listed += [link for link in seen.links() if link.startswith("/facility/")]
        assert "120 spaces are free" in seen.texts
        path = next((link for link in seen.links() if link.startswith("/free?")), "")
        pages += 1
    assert (pages, len(listed), len(set(listed))) == (3, 120, 120)


def test_page_beyond_the_last_leads_to_the_first(crowded: Store) -> None:
    """It says that something is free, and not that nothing is."""
    client = create_app(PUBLIC, crowded, clock=Clock()).test_client()
    seen = look(client, "/free?date=2026-11-28&page=9")
    assert "120 spaces are free" in seen.texts
    assert not any(text.startswith("Nothing is free") for text in seen.texts)
    first = next(link for link in seen.links() if link.startswith("/free?"))
    assert first == "/free?date=2026-11-28#found"
    assert any(link.startswith("/facility/") for link in look(client, first).links())


def test_page_says_that_a_time_is_over(client: FlaskClient) -> None:
    """It is noon at the first school; a later time may still be free."""
    over = "That time is over; choose a later one."
    for query, said in (
        ("from=08:00&to=10:00", True),
        ("to=11:00", True),
        ("from=08:00&to=12:30&capacity=9000", False),
        ("date=2026-11-28&from=08:00&to=10:00&capacity=9000", False),
    ):
        texts = look(client, f"/free?property=school&{query}").texts
        assert (over in texts) is said
        assert any(text.startswith("Nothing is free then") for text in texts) is not said


def test_page_is_served_while_the_database_is_down(
    store: Store, client: FlaskClient, clock: Clock, tmp_path: Path
) -> None:
    path = "/free?date=2026-11-28&from=10:00&to=12:00"
    before = Seen(client.get(path).text).texts
    api = client.get("/api/v1" + path).data
    take_away(store, tmp_path)
    clock.advance(10)
    assert Seen(client.get(path).text).texts == before
    assert client.get("/api/v1" + path).data == api
    assert client.get("/free?date=2026-12-01").status_code == 503
    assert client.get("/api/v1/free?date=2026-12-01").status_code == 503


def test_free_reads_bookings_by_two_statements(client: FlaskClient, statements: list[str]) -> None:
    """One for long bookings and one for others, however many facilities there are."""
    client.get("/free?date=2026-11-28")
    assert len([text for text in statements if "FROM entries" in text]) == 2


def test_free_follows_what_is_booked(store: Store, client: FlaskClient, clock: Clock) -> None:
    """And it knows nothing that is not shown."""
    path = "/free?date=2026-11-28&from=10:00&to=12:00&property=school"
    assert "Pool" in look(client, path).text
    start = (at(10) - NOW) / timedelta(hours=1)
    pending = entry(start, uid="p1", facility=POOL, event_id="p1", status="pending")
    sync(store, "school", added([pending]), now=NOW + timedelta(minutes=20))
    assert "/facility/pool?view=day&date=2026-11-28" in look(client, path).links()
    on = entry(start, uid="p2", facility=POOL, event_id="p2")
    sync(store, "school", added([on]), now=NOW + timedelta(minutes=40))
    assert "/facility/pool?view=day&date=2026-11-28" not in look(client, path).links()


# the API


def told(client: FlaskClient, query: str) -> Any:
    answer = client.get(f"/api/v1/free?{query}")
    assert answer.status_code == 200
    return answer.get_json()


def test_api_tells_what_is_free(client: FlaskClient) -> None:
    answer = told(client, "date=2026-11-28&from=10:00&to=12:00&type=gymnasium&property=school")
    assert (answer["date"], answer["count"], answer["next"]) == ("2026-11-28", 1, None)
    space = answer["spaces"][0]
    assert space["facility"]["id"] == "gym"
    assert space["facility"]["links"]["open_times"] == "/api/v1/facilities/gym/open-times"
    assert (space["start"], space["end"]) == (
        "2026-11-28T06:00:00-08:00",
        "2026-11-28T15:00:00-08:00",
    )


def test_api_names_where_to_book(store: Store, client: FlaskClient) -> None:
    """As the page does."""
    query = "date=2026-11-28&property=school&type=pool"
    assert [space["booking"] for space in told(client, query)["spaces"]] == [None]
    settings = replace(PUBLIC, booking_url="https://book.example.org/{property_id}/{facility_id}")
    booking = create_app(settings, store, clock=Clock()).test_client()
    assert [space["booking"] for space in told(booking, query)["spaces"]] == [
        "https://book.example.org/school/pool"
    ]


def test_api_turns_pages(crowded: Store) -> None:
    client = create_app(Settings(), crowded, clock=Clock()).test_client()
    path, listed = "/api/v1/free?date=2026-11-28&length=60", []
    while path:
        answer = client.get(path).get_json()
        listed += [space["facility"]["id"] for space in answer["spaces"]]
        path = answer["next"]
    assert len(listed) == len(set(listed)) == 120


def test_api_refuses_in_english(client: FlaskClient) -> None:
    """Whatever the program's language is: its answers are the same for everybody."""
    answer = client.get("/api/v1/free?length=1", headers={"Accept-Language": "es"})
    assert answer.get_json()["detail"] == (
        "length is '1' and must be a whole number from 30 to 960."
    )


def test_zone_of_the_answer_is_the_school_s(client: FlaskClient) -> None:
    answer = told(client, "date=2026-11-28&from=10:00&to=12:00&property=odd")
    assert {space["facility"]["zone"] for space in answer["spaces"]} == {"America/New_York"}
    assert ZONE not in str(answer)
    assert all(space["start"].endswith("-05:00") for space in answer["spaces"])
