"""The builder: what it shows is the very feed whose address it gives, and its form says all that an
address can.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from icalbridge.feeds import FORMATS
from icalbridge.feeds.query import PARAMETERS
from icalbridge.feeds.query_values import UNREADABLE
from icalbridge.models import Facility
from icalbridge.settings import Settings
from icalbridge.web import create_app
from tests.samples import NOW, entry
from tests.web.filling import Filling
from tests.web.seen import Seen, look
from tests.web_world import HOSTILE, PUBLIC, Clock, add_catalogue, added, empty_store, sync

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from flask.testing import FlaskClient

    from icalbridge.store import Store

SITE = "https://calendars.example.org"
OPEN = Settings(public_url=SITE, public_pending=True, public_category=True)
SCHOOL = "/build?feed=property:school"

SHAPES = {
    "": "",
    "facility=pool": "facility=pool",
    "facility=pool&facility=gym": "facility=gym,pool",
    "type=Pool": "type=pool",
    "activity=VARSITY": "activity=varsity",
    "q=Varsity gym": "q=gym%20varsity",
    "not=open": "not=open",
    "past=3": "past=3",
    "ahead=2": "ahead=2",
    "past=60&ahead=365": "",
    "status=approved,pending": "status=approved,pending",
    "status=pending": "status=pending",
    "cancelled=mark": "cancelled=mark",
    "cancelled=tombstone": "cancelled=tombstone",
    "detail=busy": "detail=busy",
    "group=event": "group=event",
    "tz=utc": "tz=utc",
    "title={facility}: {name}": "title=%7Bfacility%7D:%20%7Bname%7D",
    "title={name} / {type}": "title=%7Bname%7D%20%2F%20%7Btype%7D",
    "title={name}: {activity}": "",
    "view=occupancy": "view=occupancy",
    "view=occupancy&before=30&after=15&detail=busy": "view=occupancy&before=30&after=15",
    "tz=utc&q=gym&past=1&facility=gym&not=x,y&type=Pool": (
        "facility=gym&type=pool&q=gym&not=x%20y&past=1&tz=utc"
    ),
}
"""What is filled in for a school, and the parameters of the feed's address, which have one order.
"""


@pytest.fixture
def open_client(store: Store, clock: Clock) -> FlaskClient:
    """The application of an operator who shows what is pending; one booking is, one was called off."""
    pending = entry(4, uid="maybe", event_id="maybe", name="Maybe", status="pending")
    off = entry(5, uid="off", event_id="off", name="Called off")
    sync(store, "school", added([pending, off]))
    return create_app(OPEN, store, clock=clock).test_client()


def address_in(html: str) -> str:
    """Return the address that a page of the builder gives."""
    found = re.search(r'<textarea id="address"[^>]*>(.*?)</textarea>', html)
    assert found is not None
    return unescape(found[1])


def entries_in(html: str) -> list[tuple[datetime, datetime, str]]:
    """Return the entries that a page of the builder shows, with their titles to the letter."""
    times = [
        datetime.fromisoformat(text)
        for text in re.findall(r'<time datetime="([^"]+T[^"]+)">', html)
    ]
    titles = [
        unescape(text)
        for text in re.findall(
            r'<p class="what"><(?:span|a href="[^"]*") dir="auto">(.*?)</(?:span|a)>', html
        )
    ]
    return [(times[2 * line], times[2 * line + 1], title) for line, title in enumerate(titles)]


def coming(calendar: bytes, now: datetime) -> list[tuple[datetime, datetime, str]]:
    """Return what of an iCalendar file has not ended, in its own order."""
    events = Calendar.from_ical(calendar).events
    told = [(_moment(each.start), _moment(each.end), str(each["SUMMARY"])) for each in events]
    return [each for each in told if each[1] > now]


def _moment(told: date) -> datetime:
    assert isinstance(told, datetime)
    return told


# the feed that is shown


@pytest.mark.parametrize(
    "feed",
    [
        *("property:district", "facility:gym"),
        *(pytest.param(f"property:{each}", marks=pytest.mark.soak) for each in ("school", "odd")),
    ],
)
def test_builder_shows_the_first_ten_of_the_feed_at_its_address(
    open_client: FlaskClient, feed: str
) -> None:
    """Whatever is filled in: the feed fetched from the address has these ten entries first, in
    these words.
    """
    for query in (*SHAPES, "status=pending,approved&cancelled=mark&q=called"):
        page = open_client.get("/build", query_string=f"feed={feed}&{query}")
        fetched = open_client.get(address_in(page.text).removeprefix(SITE))
        expected = coming(fetched.data, NOW)
        assert (query, entries_in(page.text)) == (query, expected[:10])
        near = sum(start < NOW + timedelta(days=31) for start, _, _ in expected)
        noun = "entry" if near == 1 else "entries"
        assert Seen(page.text).after("Your calendar", 2) == [
            f"{near or 'No'} {noun}",
            "in the next 31 days.",
        ]


def test_builder_shows_nothing_that_was_left_out_for_size(store: Store, clock: Clock) -> None:
    """Where the feed is cut, the entries shown are those that are in it, and the page says until
    when it holds.
    """
    sync(
        store,
        "school",
        added(
            entry(24 * day, uid=f"x{day}", event_id=f"x{day}", name="x" * 200) for day in range(99)
        ),
    )
    client = create_app(
        Settings(public_url=SITE, feed_max_bytes=10_000), store, clock=clock
    ).test_client()
    page = client.get(SCHOOL + "&ahead=90&q=xxx")
    shown = coming(client.get(address_in(page.text).removeprefix(SITE)).data, NOW)
    assert entries_in(page.text) == shown[:10]
    assert f"{len(shown)} entries" in Seen(page.text).texts
    assert (
        len(
            [
                text
                for text in Seen(page.text).texts
                if text.startswith("This calendar is very large")
            ]
        )
        == 1
    )


# the form


def test_builder_form_says_all_that_an_address_can(open_client: FlaskClient) -> None:
    """Sent again as it came back, the form gives the same address, which is in the feed's own
    order.
    """
    for query, expected in SHAPES.items():
        page = open_client.get("/build", query_string=f"feed=property:school&{query}")
        address = f"{SITE}/ical/property/school.ics" + (f"?{expected}" if expected else "")
        assert address_in(page.text) == address
        again = open_client.get("/build", query_string=Filling(page.text, "builder").query)
        assert (again.status_code, address_in(again.text)) == (200, address)


def test_builder_form_has_every_parameter(open_client: FlaskClient) -> None:
    """Its fields are those of a feed's address, with the calendar, the school whose facilities
    show, the words that names are looked for by, and the format.
    """
    filling = Filling(
        open_client.get("/build?feed=property:district&school=school").text, "builder"
    )
    fields = {name for name, _ in [*filling.sent, *filling.offered]}
    assert fields == {*PARAMETERS, "feed", "school", "find", "format"}


def test_builder_keeps_a_rate_category(open_client: FlaskClient) -> None:
    """Rate categories are nowhere listed, so one is typed; it comes back as it was typed."""
    page = open_client.get("/build", query_string="feed=property:never&category=Non-profit, youth")
    assert address_in(page.text) == f"{SITE}/ical/property/never.ics?category=non-profit,youth"
    assert Filling(page.text, "builder").values("category") == ["Non-profit, youth"]


@pytest.mark.parametrize("suffix", FORMATS)
def test_builder_gives_the_address_of_each_format(client: FlaskClient, suffix: str) -> None:
    """Every format is on offer, by its own address; only calendars can be subscribed to."""
    page = client.get(f"{SCHOOL}&format={suffix}&q=gym")
    address = f"{SITE}/ical/property/school.{suffix}?q=gym"
    assert (address_in(page.text), "Subscribe" in Seen(page.text).texts) == (
        address,
        suffix == "ics",
    )
    assert client.get(address.removeprefix(SITE)).status_code == 200
    again = client.get("/build", query_string=Filling(page.text, "builder").query)
    assert address_in(again.text) == address


def test_builder_offers_every_calendar(client: FlaskClient) -> None:
    """Districts with their schools are listed; a facility is where it was chosen on its own page."""
    listed = [
        "property:district",
        "property:school",
        "property:odd",
        "property:alone",
        "property:never",
    ]
    bare, facility = (
        Filling(client.get(path).text, "builder") for path in ("/build", "/build?feed=facility:gym")
    )
    assert bare.choices("feed") == ["", *listed]
    assert (facility.choices("feed"), facility.values("feed")) == (
        ["", "facility:gym", *listed],
        ["facility:gym"],
    )


def test_builder_lists_the_facilities_of_one_school_at_a_time(client: FlaskClient) -> None:
    """Of a district's thousands one school's are ticked after another's, and what was ticked stays."""
    first = Filling(client.get("/build?feed=property:district").text, "builder")
    assert (first.choices("school"), first.choices("facility")) == (["", "school", "odd"], [])
    second = Filling(
        client.get("/build?feed=property:district&school=school&facility=pool").text, "builder"
    )
    assert (second.choices("facility"), second.values("facility")) == (["gym", "pool"], ["pool"])
    third = client.get("/build?feed=property:district&school=odd&facility=pool&facility=rtl")
    filling = Filling(third.text, "builder")
    assert filling.choices("facility") == ["pool", "long", "odd.id é/1", "rtl"]
    assert filling.values("facility") == ["pool", "rtl"]
    assert address_in(third.text) == f"{SITE}/ical/property/district.ics?facility=pool,rtl"


def test_builder_offers_the_kinds_that_exist(client: FlaskClient) -> None:
    """Each kind of facility in the calendar can be ticked, and any other that was asked for stays."""
    filling = Filling(client.get("/build?feed=property:odd&type=Rink").text, "builder")
    assert (filling.choices("type"), filling.values("type")) == (
        ["Multipurpose room", "rink", "体育館"],
        ["rink"],
    )


def test_builder_forgets_facilities_of_another_calendar(client: FlaskClient) -> None:
    """Ticked in one school and then another is chosen: the ticks go, rather than leave an empty
    calendar.
    """
    page = client.get("/build?feed=property:odd&facility=gym&facility=rtl")
    assert address_in(page.text) == f"{SITE}/ical/property/odd.ics?facility=rtl"
    assert Filling(page.text, "builder").values("facility") == ["rtl"]


def test_builder_takes_as_many_ticks_as_a_feed_does(tmp_path: Path, clock: Clock) -> None:
    """Fifty facilities, whatever their ids, are one address that is served; one more is refused and
    stays ticked.
    """
    store = empty_store(tmp_path)
    rooms = [Facility(f"r,{number}", "school", f"Room {number}", "Room") for number in range(51)]
    add_catalogue(store, {"school": rooms})
    sync(store, "school", added([entry(1, facility=rooms[7], uid="room")]))
    client = create_app(PUBLIC, store, clock=clock).test_client()
    filling = Filling(client.get(SCHOOL).text, "builder")
    ticked = [("facility", value) for value in filling.choices("facility")]
    full = client.get("/build", query_string=[*filling.sent, *ticked[:50]])
    feed = client.get(address_in(full.text).removeprefix(SITE))
    assert (feed.status_code, len(coming(feed.data, NOW)), len(entries_in(full.text))) == (
        200,
        1,
        1,
    )
    over = client.get("/build", query_string=[*filling.sent, *ticked])
    assert over.status_code == 400
    assert Filling(over.text, "builder").values("facility") == filling.choices("facility")
    store.close()


@pytest.mark.parametrize("operator", [PUBLIC, OPEN, replace(OPEN, public_pending=False)])
def test_builder_offers_only_what_is_shown_here(
    store: Store, clock: Clock, operator: Settings
) -> None:
    """Pending bookings and rate categories are in the form only where the operator allows them."""
    page = create_app(operator, store, clock=clock).test_client().get(SCHOOL)
    names = {name for name, _ in Filling(page.text, "builder").sent}
    assert ("status" in names, "category" in names) == (
        operator.public_pending,
        operator.public_category,
    )


# what is refused


TITLE_MUST = (
    "title is 'Hello {name}' and must be made of {name}, {activity}, {facility}, {school}, {type},"
    " with nothing but punctuation and spaces between them, and at most 100 characters long."
)
WIDENED = (
    "before and after widen the blocks of view=occupancy; ask for that too, or leave them out."
)


@pytest.mark.parametrize(
    ("query", "sentence", "field"),
    [
        ("past=abc", "past is 'abc' and must be a whole number from 0 to 3660.", "past"),
        ("title=Hello {name}", TITLE_MUST, "title"),
        ("before=5", WIDENED, "before"),
        (
            "status=pending",
            "Bookings that are still pending are not shown here; leave status out.",
            "",
        ),
        (
            "facility=nowhere",
            "There is no facility 'nowhere' here; look its id up in the directory.",
            "",
        ),
        ("format=xml", f"There is no format 'xml'; a feed comes as {', '.join(FORMATS)}.", ""),
        ("q=%FF", UNREADABLE, ""),
        ("q=%00", "This address has control characters in its parameters; leave them out.", ""),
        (
            "q=" + "é" * 500,
            "This address is too long; its parameters may have 2000 characters.",
            "",
        ),
    ],
)
def test_builder_says_what_it_cannot_do(
    client: FlaskClient, query: str, sentence: str, field: str
) -> None:
    """What a feed refuses comes back as a form with the feed's own sentence beside it, and is kept
    by nobody.
    """
    page = client.get(f"{SCHOOL}&{query}")
    seen = Seen(page.text)
    assert (page.status_code, page.headers["Cache-Control"]) == (400, "no-store")
    assert [
        attributes["id"] for _, attributes in seen.elements if attributes.get("role") == "alert"
    ] == ["refusal"]
    assert seen.after("Your calendar", 1) == [sentence]
    marked = [
        attributes["name"] for _, attributes in seen.elements if attributes.get("aria-invalid")
    ]
    assert marked == ([field] if field else [])
    assert "Traceback" not in page.text


def test_builder_gives_back_what_was_refused(client: FlaskClient) -> None:
    """Nothing that was typed is lost by a mistake."""
    filling = Filling(
        client.get(f"{SCHOOL}&past=abc&q=Big game&facility=gym&detail=busy").text, "builder"
    )
    kept = {name: filling.values(name) for name in ("past", "q", "facility", "detail", "feed")}
    assert kept == {
        "past": ["abc"], "q": ["Big game"], "facility": ["gym"], "detail": ["busy"], "feed": ["property:school"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "feed", ["property:unknown", "facility:school", "event:e1", "gym", "property:"]
)
def test_builder_of_no_calendar_is_not_found(client: FlaskClient, feed: str) -> None:
    """A calendar that there is not is the page that leads to the directory."""
    page = client.get(f"/build?feed={feed}")
    assert (page.status_code, "There is nothing at this address" in Seen(page.text).texts) == (
        404,
        True,
    )


def test_builder_of_a_calendar_never_fetched_has_its_address(client: FlaskClient) -> None:
    """What will be there in a moment can be subscribed to now."""
    page = client.get("/build?feed=property:never")
    sentence = (
        "This calendar is being loaded for the first time. The address is good already; look again"
        " in half a minute."
    )
    assert (page.status_code, address_in(page.text)) == (503, f"{SITE}/ical/property/never.ics")
    assert sentence in Seen(page.text).texts


NAMES = st.sampled_from([*PARAMETERS, "feed", "school", "format", "x"])
VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["property:school", "facility:gym", "occupancy", "7", "gym,pool", "\\"]),
)


FIELDS = st.lists(st.tuples(NAMES, VALUES.filter(str.isprintable)), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=FIELDS, chosen=st.booleans())
def test_builder_answers_anything(
    client: FlaskClient, fields: list[tuple[str, str]], chosen: bool
) -> None:
    """However the form is filled in, it is a page: with a calendar, with a sentence, or without a
    calendar.
    """
    page = client.get(
        "/build", query_string=[*fields, *([("feed", "property:school")] if chosen else [])]
    )
    assert page.status_code in {200, 400, *([] if chosen else [404, 503])}
    if page.status_code == 200 and chosen:
        assert client.get(address_in(page.text).removeprefix(SITE)).status_code == 200


# the page


def test_builder_shows_hostile_names_as_text(client: FlaskClient) -> None:
    """A name made of markup is read, not run, wherever the form and the preview have it."""
    seen = look(
        client,
        "/build?feed=property:district&school=odd&facility=long&title={school} {name}&q=<b>onerror",
    )
    scripts = {str(said["src"]).partition("?")[0] for tag, said in seen.elements if tag == "script"}
    assert scripts == {
        "/static/build.js", "/static/page.js",
    }  # fmt: skip
    assert {tag for tag, _ in seen.elements} & {"img", "style", "iframe", "b"} == set()
    assert HOSTILE in seen.texts
    names = {name for _, said in seen.elements for name in said}
    assert not [name for name in names if name.startswith("on") or name == "style"]


def test_builder_tells_what_is_pending_and_what_was_cancelled(
    open_client: FlaskClient, store: Store
) -> None:
    """Both are marked as such, in words."""
    seen = Seen(open_client.get(SCHOOL + "&status=pending&q=maybe").text)
    assert seen.after("4:00 PM", 4) == ["–", "6:00 PM", "Maybe", "pending"]


def test_builder_is_reached_filled_in_from_each_calendar(client: FlaskClient) -> None:
    """Beside each calendar a link leads to its builder; the directory leads to an empty one."""
    for path, link in (
        ("/", "/build"),
        ("/facility/odd.id%20%C3%A9%2F1", "/build?feed=facility:odd.id%20%C3%A9%2F1"),
        ("/property/district", "/build?feed=property:district"),
    ):
        assert [each for each in look(client, path).links() if each.startswith("/build")] == [link]
        assert client.get(link).status_code == 200
    assert Filling(client.get("/build?feed=facility:odd.id%20%C3%A9%2F1").text, "builder").values(
        "feed"
    ) == ["facility:odd.id é/1"]


def test_builder_asks_no_more_of_a_larger_district(
    client: FlaskClient, clock: Clock, statements: list[str]
) -> None:
    """The number of statements behind the page does not grow with schools, facilities or what is
    ticked.
    """
    asked = []
    for fields in (
        "property:school&q=gym",
        "property:district&school=odd&facility=gym&facility=pool&facility=rtl",
    ):
        client.get(f"/build?feed={fields}")
        statements.clear()
        clock.advance(2)
        client.get(f"/build?feed={fields}")
        asked.append(len(statements))
    assert asked[0] == asked[1]


def test_builder_script_is_served_for_ever_under_its_version(client: FlaskClient) -> None:
    """The script is the site's own file, as the policy wants it, and named by its content."""
    sources = [
        said["src"] or "" for tag, said in look(client, "/build").elements if tag == "script"
    ]
    script = next(source for source in sources if "/build.js" in source)
    assert re.fullmatch(r"/static/build\.js\?v=[0-9a-f]{16}", script)
    answer = client.get(script)
    assert answer.content_type == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_builder_names_a_title_that_is_a_choice_or_ones_own(client: FlaskClient) -> None:
    """A title of one's own wins over the one that is chosen from the list beside it."""
    page = client.get("/build?feed=facility:gym&title={name}&title={name}, {facility}")
    feed = "/ical/facility/gym.ics?title=%7Bname%7D,%20%7Bfacility%7D"
    assert address_in(page.text) == SITE + feed
    assert Filling(page.text, "builder").values("title") == ["{name}, {facility}"]
