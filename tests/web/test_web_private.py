"""`/ical/private/<token>.<suffix>`: what staff may know, for whoever was given the address, and for
nobody else.
"""

from __future__ import annotations

import csv
import io
import json
import logging
from dataclasses import replace
from threading import Timer
from typing import TYPE_CHECKING, NoReturn

import icalendar
import pytest

from icalbridge import tokens
from icalbridge.cli.logs import start_logging
from icalbridge.feeds.audience import Audience, Field
from icalbridge.feeds.query import FeedQuery
from icalbridge.feeds.saved_feed import Action, Rule, Saved
from icalbridge.feeds.saved_feed_toml import to_keep
from icalbridge.models import Changes, Event, StaffDetails
from icalbridge.store import Store
from icalbridge.web import create_app, usage
from icalbridge.web.usage import USED_AGAIN_SECONDS, WRITE_SECONDS
from tests.samples import NOW, ZONE
from tests.web_world import PUBLIC, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from tests.web_world import Clock

RENTER = StaffDetails(
    "Renata Privada", "renata@renter.example", 77777, "R-PRIVATE", "Nonprofit Private"
)
STAFF = Saved(
    "staff",
    "For staff",
    audience=Audience.STAFF,
    facility_ids=("gym",),
    query=FeedQuery(past=0, ahead=1),
)
SENSITIVE = ("Renata", "renter.example", "77777", "R-PRIVATE", "Nonprofit")


@pytest.fixture
def timers(monkeypatch: pytest.MonkeyPatch) -> list[Timer]:
    """Every timer that was begun; none runs out by itself."""
    begun: list[Timer] = []

    class Kept(Timer):
        def start(self) -> None:
            begun.append(self)

    monkeypatch.setattr(usage, "Timer", Kept)
    return begun


@pytest.fixture
def store(store: Store) -> Store:
    """The filled database, where it is known who rents the gym."""
    heard = Event("e1", "reservation", "school", ZONE, "Practice", "approved", particulars=RENTER)
    sync(store, "school", Changes(parsed=(heard,)))
    save(store, STAFF)
    return store


@pytest.fixture
def client(store: Store, clock: Clock, timers: list[Timer]) -> FlaskClient:
    """The application, whose timers are kept."""
    assert timers == []
    return create_app(PUBLIC, store, clock=clock).test_client()


@pytest.fixture
def elsewhere(store: Store, clock: Clock, timers: list[Timer]) -> Iterator[FlaskClient]:
    """The application again, as another process has it: over the same database, with connections of
    its own.
    """
    opened = Store.connect(store.engine.url.render_as_string(hide_password=False))
    yield create_app(PUBLIC, opened, clock=clock).test_client()
    opened.close()


def save(store: Store, spec: Saved) -> None:
    store.saved.put([to_keep(spec)], now=NOW)


def hand_out(store: Store, slug: str = "staff", name: str = "Coach") -> tuple[int, str]:
    """Make a private address; return its number and the token."""
    token = tokens.new_token()
    token_id = store.saved.add_token(slug, name, tokens.digest(token), now=NOW)
    assert token_id is not None
    return token_id, token


def headers(answer: TestResponse) -> dict[str, str | None]:
    """Return the headers that keep a private address private."""
    names = ("Cache-Control", "Referrer-Policy", "X-Robots-Tag", "Access-Control-Allow-Origin")
    return {name: answer.headers.get(name) for name in names}


def test_staff_feed_tells_who_rents(client: FlaskClient, store: Store) -> None:
    """Renter, e-mail, attendance, reservation and rate category, in the description."""
    _, token = hand_out(store)
    answer = client.get(tokens.path(token))
    assert answer.status_code == 200
    told = {
        str(each["UID"]): each for each in icalendar.Calendar.from_ical(answer.data).walk("VEVENT")
    }
    assert str(told["gym0@icalbridge"]["DESCRIPTION"]).splitlines() == [
        "Renter: Renata Privada",
        "E-mail: renata@renter.example",
        "Attendance: 77777",
        "Reservation: R-PRIVATE",
        "Rate category: Nonprofit Private",
    ]
    assert "DESCRIPTION" not in told["now@icalbridge"]


def test_staff_feed_tells_who_rents_in_other_formats(client: FlaskClient, store: Store) -> None:
    """JSON has a key and CSV a column for each; Atom a line."""
    _, token = hand_out(store)
    values = ["Renata Privada", "renata@renter.example", 77777, "R-PRIVATE", "Nonprofit Private"]
    read = json.loads(client.get(tokens.path(token, "json")).data)
    (practice,) = [each for each in read["entries"] if each["uid"] == "gym0@icalbridge"]
    assert [
        practice[each] for each in ("renter", "email", "attendance", "reservation", "category")
    ] == values
    rows = csv.DictReader(
        io.StringIO(client.get(tokens.path(token, "csv")).data.decode("utf-8-sig"))
    )
    (row,) = [each for each in rows if each["UID"] == "gym0@icalbridge"]
    columns = ("Renter", "Email", "Attendance", "Reservation", "Rate category")
    assert [row[each] for each in columns] == [str(each) for each in values]
    assert "Renter: Renata Privada" in client.get(tokens.path(token, "atom")).text


@pytest.mark.parametrize(
    ("spec", "shown"),
    [
        (replace(STAFF, audience=Audience.OPERATIONS), {"77777", "R-PRIVATE"}),
        (replace(STAFF, audience=Audience.PUBLIC), set()),
        (replace(STAFF, fields=frozenset({Field.NAME, Field.RENTER})), {"Renata"}),
        (replace(STAFF, rules=(Rule(Action.RESERVE),)), set()),
        (replace(STAFF, query=replace(STAFF.query, busy=True)), set()),
        (STAFF, set(SENSITIVE)),
    ],
)
def test_feed_tells_what_its_audience_may_see(
    client: FlaskClient, store: Store, spec: Saved, shown: set[str]
) -> None:
    """Whatever the format: operations learn how many come, not who; fields and rules narrow that
    further.
    """
    save(store, spec)
    _, token = hand_out(store)
    for suffix in ("ics", "json", "csv", "atom"):
        text = client.get(tokens.path(token, suffix)).text.replace("\r\n ", "")
        assert {each for each in SENSITIVE if each in text} == shown


@pytest.mark.parametrize("audience", Audience)
def test_rule_may_go_by_rate_category(
    client: FlaskClient, store: Store, audience: Audience
) -> None:
    """Also in a feed that does not tell it."""
    rules = (Rule(Action.RENAME, category=("nonprofit private",), title="Charity"),)
    save(store, replace(STAFF, audience=audience, fields=frozenset({Field.NAME}), rules=rules))
    _, token = hand_out(store)
    text = client.get(tokens.path(token)).text
    titles = [str(each["SUMMARY"]) for each in icalendar.Calendar.from_ical(text).walk("VEVENT")]
    assert titles == ["Open Gym", "Charity"]
    assert not [each for each in SENSITIVE if each in text]


def test_answer_is_kept_by_its_reader_alone(client: FlaskClient, store: Store) -> None:
    """200, 304 and HEAD: no shared cache, no referrer, no search engine, no script of another site."""
    _, token = hand_out(store)
    first = client.get(tokens.path(token))
    answers = [
        first,
        client.get(tokens.path(token)),
        client.head(tokens.path(token)),
        client.get(tokens.path(token), headers={"If-None-Match": first.headers["ETag"]}),
    ]
    assert [each.status_code for each in answers] == [200, 200, 200, 304]
    for answer in answers:
        assert headers(answer) == {
            "Cache-Control": "private, max-age=60",
            "Referrer-Policy": "no-referrer",
            "X-Robots-Tag": "noindex",
            "Access-Control-Allow-Origin": None,
        }
        assert len(answer.headers.getlist("Referrer-Policy")) == 1


def test_token_is_in_no_answer(client: FlaskClient, store: Store) -> None:
    """Neither in a body nor in a header, of any format: there is no SOURCE."""
    _, token = hand_out(store)
    for suffix in ("ics", "json", "csv", "atom"):
        answer = client.get(tokens.path(token, suffix))
        assert answer.status_code == 200
        assert token not in answer.text + str(answer.headers)
        assert "/ical/feed/staff" not in answer.text
    assert "SOURCE" not in client.get(tokens.path(token)).text


def test_wrong_addresses_are_alike(client: FlaskClient, store: Store, clock: Clock) -> None:
    """Revoked, never made, too short, not ASCII, of no format, no token at all: one 404."""
    token_id, revoked = hand_out(store)
    _, good = hand_out(store)
    store.saved.revoke_token(token_id, now=NOW)
    paths = [
        tokens.path(revoked),
        tokens.path(tokens.new_token()),
        tokens.path(good[:-1]),
        tokens.path(good + "a"),
        tokens.path("ä" * 43),
        tokens.path("%ff" * 43),
        tokens.path(good, "pdf"),
        tokens.path(""),
        tokens.PREFIX + good,
        tokens.path(f"{good}/x"),
        "/ical/private/staff.ics",
    ]
    answers = [client.get(path) for path in paths]
    assert {each.status_code for each in answers} == {404}
    assert len({each.data for each in answers}) == 1
    assert len({str(each.headers) for each in answers}) == 1
    assert headers(answers[0]) == {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "Access-Control-Allow-Origin": None,
    }


def test_parameters_are_refused_alike(client: FlaskClient, store: Store) -> None:
    """400 for a good token as for a wrong one: it is not even looked at."""
    _, token = hand_out(store)
    answers = [
        client.get(f"{tokens.path(each)}?past=3") for each in (token, tokens.new_token(), "x")
    ]
    assert {each.status_code for each in answers} == {400}
    assert len({each.data + str(each.headers).encode() for each in answers}) == 1
    assert headers(answers[0])["Access-Control-Allow-Origin"] is None
    assert headers(answers[0])["Referrer-Policy"] == "no-referrer"


def test_other_methods_are_refused_as_privately(client: FlaskClient, store: Store) -> None:
    """405 with the same care."""
    _, token = hand_out(store)
    answer = client.post(tokens.path(token))
    assert (answer.status_code, headers(answer)["Access-Control-Allow-Origin"]) == (405, None)
    assert headers(answer)["Referrer-Policy"] == "no-referrer"


def test_revoked_token_is_dead_on_two_processes_within_a_second(
    client: FlaskClient, elsewhere: FlaskClient, store: Store, clock: Clock
) -> None:
    """Of two subscribers the other goes on reading, on both."""
    token_id, revoked = hand_out(store)
    _, kept = hand_out(store, name="Other")
    both = (client, elsewhere)
    for each in both:
        assert [each.get(tokens.path(token)).status_code for token in (revoked, kept)] == [
            200,
            200,
        ]
    store.saved.revoke_token(token_id, now=NOW)
    clock.advance(0.999)
    for each in both:
        assert each.get(tokens.path(kept)).status_code == 200
    clock.advance(0.001)
    for each in both:
        assert [each.get(tokens.path(token)).status_code for token in (revoked, kept)] == [
            404,
            200,
        ]


def test_token_is_remembered_for_a_second_at_most(
    client: FlaskClient, store: Store, clock: Clock, statements: list[str]
) -> None:
    """Until then nobody is asked; then the database is, each second once, however often it is read
    in between.
    """
    _, token = hand_out(store)
    client.get(tokens.path(token))
    statements.clear()
    for _ in range(3):
        clock.advance(0.3)
        assert client.get(tokens.path(token)).status_code == 200
    assert statements == []
    clock.advance(0.1)
    client.get(tokens.path(token))
    assert len([each for each in statements if "FROM feed_tokens" in each]) == 1


def test_subscribers_share_one_rendered_feed(
    client: FlaskClient, store: Store, statements: list[str]
) -> None:
    """It is kept by feed and not by token; what is public is kept apart from it."""
    handed_out = [hand_out(store, name=name)[1] for name in "abc"]
    bodies = {client.get(tokens.path(token)).data for token in handed_out}
    assert len(bodies) == 1
    assert len([each for each in statements if "FROM particulars" in each]) == 1


def test_public_and_private_answers_never_mix(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """Of one public feed with subscribers: the same entries, but each with the headers and the head
    of its address.
    """
    save(store, replace(STAFF, audience=Audience.PUBLIC))
    _, token = hand_out(store)
    for _ in range(2):
        public, secret = client.get("/ical/feed/staff.ics"), client.get(tokens.path(token))
        assert headers(public)["Cache-Control"] != headers(secret)["Cache-Control"]
        assert "SOURCE;VALUE=URI:https://calendars.example.org/ical/feed/staff.ics" in public.text
        assert "SOURCE" not in secret.text
        assert (
            public.text[public.text.index("BEGIN:VEVENT") :]
            == secret.text[secret.text.index("BEGIN:VEVENT") :]
        )
    save(store, STAFF)
    clock.advance(1)
    assert client.get("/ical/feed/staff.ics").status_code == 404
    assert "Renata" in client.get(tokens.path(token)).text


def test_change_of_what_is_for_staff_is_told(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """Within a second, under a new tag, and as changed by now."""
    _, token = hand_out(store)
    before = client.get(tokens.path(token))
    clock.advance(60)
    heard = Event(
        "e1",
        "reservation",
        "school",
        ZONE,
        "Practice",
        "approved",
        particulars=StaffDetails("Rudi"),
    )
    sync(store, "school", Changes(parsed=(heard,)), now=clock.now)
    conditions = {"If-Modified-Since": before.headers["Last-Modified"]}
    after = client.get(tokens.path(token), headers=conditions)
    assert after.status_code == 200
    assert "Renter: Rudi" in after.text
    assert after.headers["ETag"] != before.headers["ETag"]


def test_last_use_is_written_aside(
    client: FlaskClient, store: Store, clock: Clock, timers: list[Timer]
) -> None:
    """By a timer, once a minute a token at most; wrong tokens leave nothing."""
    token_id, token = hand_out(store)
    hand_out(store, name="Other")
    client.get(tokens.path(tokens.new_token()))
    assert timers == []
    for _ in range(3):
        client.get(tokens.path(token))
    uses = [
        timer
        for timer in timers
        if isinstance(getattr(timer.function, "__self__", None), usage.TokenUsage)
    ]
    assert [timer.interval for timer in uses] == [WRITE_SECONDS]
    assert [each.last_used for each in store.saved.tokens()] == [None, None]
    uses[0].function()
    assert {each.id: each.last_used for each in store.saved.tokens()}[token_id] == NOW
    timers.clear()
    clock.advance(USED_AGAIN_SECONDS - 1)
    client.get(tokens.path(token))
    assert timers == []
    clock.advance(1)
    client.get(tokens.path(token))
    (timer,) = timers
    timer.function()
    assert [each.last_used for each in store.saved.tokens()] == [clock.now, None]


def test_nobody_reads_while_nobody_can_tell(
    client: FlaskClient, store: Store, clock: Clock
) -> None:
    """With the database gone a token may have been revoked: 503 after a second, as privately as all
    else.
    """
    _, token = hand_out(store)
    assert client.get(tokens.path(token)).status_code == 200
    with store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE feed_tokens RENAME TO elsewhere")
    assert client.get(tokens.path(token)).status_code == 200
    clock.advance(1)
    answer = client.get(tokens.path(token))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
    assert headers(answer)["Referrer-Policy"] == "no-referrer"
    assert headers(answer)["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_token_is_in_no_log(
    client: FlaskClient,
    store: Store,
    capsys: pytest.CaptureFixture[str],
    log_format: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even when making the feed fails, with a traceback, at the most talkative level."""
    _, token = hand_out(store)
    handlers, level = logging.root.handlers[:], logging.root.level
    ours = logging.getLogger("icalbridge").level
    try:
        start_logging(log_format, level="DEBUG")
        logging.root.setLevel(logging.DEBUG)
        monkeypatch.setattr("icalbridge.web.feed_cache.render_feed", _broken)
        for each in (token, tokens.new_token()):
            client.get(tokens.path(each))
        answer = client.get(tokens.path(token))
        logging.getLogger("gunicorn.error").error(
            "Error handling request /ical/private/%s.ics", token
        )
        logging.getLogger("gunicorn.error").error(
            "Error handling request /ical/%%70rivate/%s.ics", token
        )
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        logging.getLogger("icalbridge").setLevel(ours)
    assert (answer.status_code, headers(answer)["Referrer-Policy"]) == (500, "no-referrer")
    assert headers(answer)["Access-Control-Allow-Origin"] is None
    written = capsys.readouterr().err
    assert "GET /ical/private/… failed" in written.replace("\\u2026", "…")
    assert "RuntimeError" in written
    assert token not in written


def test_path_is_redacted_where_it_is_logged(
    client: FlaskClient,
    store: Store,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The record itself holds no token, whoever formats it."""
    _, token = hand_out(store)
    monkeypatch.setattr("icalbridge.web.feed_cache.render_feed", _broken)
    assert client.get(tokens.path(token)).status_code == 500
    assert [each.getMessage() for each in caplog.records] == ["GET /ical/private/… failed"]
    assert token not in caplog.text


def _broken(*_given: object) -> NoReturn:
    raise RuntimeError
