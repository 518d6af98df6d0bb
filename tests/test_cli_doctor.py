"""`icalbridge.cli.doctor`: one line a check, each failure with what to do, code 1 if any failed,
the key nowhere.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from icalbridge import sandbox
from icalbridge.cli.doctor import Check, examine, run_doctor
from icalbridge.models import utcnow
from icalbridge.store import Store
from icalbridge.store.health import TIMES_IN_FUTURE
from icalbridge.store.tables import api_users

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "key-that-nobody-may-see"
NAMES = ["configuration", "database", "key", "clock", "scope", "zones", "quota"]
ABOVE = "not checked: see above"
OTHER_DATABASE = "; set DATABASE_URL to one that can be opened and written"
UNUSABLE_ANSWER = "the vendor gave no usable answer; check FACILITRON_API_URL, then try again later"
ANSWER = b'{"properties": [{"_id": "one", "name": "Sunny District", "timezone": "America/Denver"}]}'


@pytest.fixture
def world() -> sandbox.World:
    """A district and a school."""
    return sandbox.build_world(
        seed=3,
        today=sandbox.district_day(utcnow()),
        schools=1,
        facilities=1,
        events_per_day=1,
        hostile=True,
    )


@pytest.fixture
def vendor(world: sandbox.World) -> Iterator[tuple[str, sandbox.State]]:
    """The simulated vendor over HTTP, and what it looks like from inside."""
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        yield url, app.extensions["sandbox"]


@pytest.fixture
def environ(vendor: tuple[str, sandbox.State], database_url: str) -> dict[str, str]:
    """What an operator set, on either database."""
    return {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": vendor[0],
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "DATABASE_URL": database_url,
    }


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that makes no pauses between its attempts."""
    monkeypatch.setattr("icalbridge.facilitron.http.FIRST_PAUSE_SECONDS", 0.0)


def _told(checks: list[Check]) -> dict[str, tuple[bool | None, str]]:
    """Return each check's outcome by name; the names are always the same, in the same order."""
    assert [check.name for check in checks] == NAMES
    return {check.name: (check.good, check.message) for check in checks}


def _fail(vendor: tuple[str, sandbox.State], spec: str) -> None:
    vendor[1].faults[:] = [sandbox.parse_fault(spec)]


class _Vendor(BaseHTTPRequestHandler):
    """Answers everything alike; a ready-made server would add a Date of its own."""

    date = ""

    def do_GET(self) -> None:  # the name is http.server's
        self.send_response_only(200)
        if self.date:
            self.send_header("Date", self.date)
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, *_told: object) -> None:
        """Say nothing."""


@contextmanager
def _answering(date: str) -> Iterator[str]:
    """Serve one property under a Date, or without any."""
    with HTTPServer(("127.0.0.1", 0), type("Dated", (_Vendor,), {"date": date})) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join()


# everything is well


def test_healthy_bridge_is_all_good(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Seven lines, each with a sentence; a first look costs one request of the quota."""
    assert run_doctor({**environ, "ICALBRIDGE_PUBLIC_URL": "https://calendars.example.org/"})
    assert capsys.readouterr().out.splitlines() == [
        "ok    configuration  complete; subscribers use https://calendars.example.org",
        "ok    database       opens, can be written, and its schema is current",
        "ok    key            the vendor accepts it",
        "ok    clock          agrees with the vendor's",
        (
            "ok    scope          the key sees 2 properties, first of all Sunny Valley Unified"
            " School District"
        ),
        "ok    zones          every property has one that exists",
        "ok    quota          1 of 15000 requests used today (UTC), 60000 a minute",
    ]


def test_missing_public_url_is_good_but_said(environ: dict[str, str]) -> None:
    """It is no failure: it is what the operator may do next."""
    assert _told(examine(environ))["configuration"] == (
        True,
        "complete; set ICALBRIDGE_PUBLIC_URL so that feeds can link back here",
    )


# configuration

UNUSABLE = " cannot be used; it must be"
GIVEN = "the key {} Facilitron gave"
FILE = "a file that holds it"
DATABASES = "sqlite:///FILE, without options, or postgresql://USER:PASSWORD@HOST/NAME"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "FACILITRON_API_KEY",
            "",
            (
                f" is not set; set it to {GIVEN.format('that')} you, or FACILITRON_API_KEY_FILE to"
                f" {FILE}."
            ),
        ),
        (
            "FACILITRON_API_KEY",
            f"{KEY} twice",
            f"{UNUSABLE} {GIVEN.format('as')} it, without blanks or line breaks.",
        ),
        ("DATABASE_URL", "mysql://root:hunter2@db/bridge", f"{UNUSABLE} {DATABASES}."),
        (
            "FACILITRON_QUOTA_PER_DAY",
            "1e3",
            f" is '1e3' and{UNUSABLE} a whole number from 1 to 100000000.",
        ),
    ],
)
def test_bad_configuration_is_the_only_line(
    name: str, value: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing else can be looked at; the setting is named, and no secret repeated."""
    assert not run_doctor({"FACILITRON_API_KEY": KEY, name: value})
    assert capsys.readouterr().out == f"FAIL  configuration  {name}{sentence}\n"


# the database


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:////no/such/folder/bridge.db", "unable to open database file"),
        ("sqlite:///{folder}", "unable to open database file"),
        ("sqlite:///{folder}/text.db", "file is not a database"),
        ("sqlite:///{folder}/newer.db", "attempt to write a readonly database"),
        ("postgresql://bridge:hunter2@127.0.0.1:1/bridge", "connection failed: "),
    ],
    ids=["no folder", "a folder", "no database", "read only", "nobody there"],
)
def test_unusable_database_says_what_to_do(
    tmp_path: Path, url: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason, the setting, and no password; the vendor is not asked."""
    (tmp_path / "text.db").write_text("this is a text, and not a short one either\n" * 100)
    with closing(sqlite3.connect(tmp_path / "newer.db")) as made:
        made.execute("CREATE TABLE anything (it TEXT)")
    with (tmp_path / "newer.db").open("r+b") as file:
        file.seek(
            18
        )  # "file format write version"; SQLite writes nothing into one that is newer than itself
        file.write(b"\3")
    settings = {"FACILITRON_API_KEY": KEY, "DATABASE_URL": url.format(folder=tmp_path)}
    told = _told(examine(settings))
    assert not run_doctor(settings)
    good, sentence = told["database"]
    assert good is False
    assert sentence.startswith(f"The database cannot be used: {reason}")
    assert sentence.endswith(OTHER_DATABASE)
    assert [told[name] for name in NAMES[2:]] == [(None, ABOVE)] * 5
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 7
    assert "hunter2" not in out


def test_database_that_cannot_be_written_is_a_failed_line(
    vendor: tuple[str, sandbox.State], postgresql_url: str
) -> None:
    """A user of PostgreSQL who may only read opens a current schema; that is not enough, and is no
    crash either.
    """
    store = Store.connect(postgresql_url.replace("postgresql://", "postgresql+psycopg://"))
    store.upgrade()
    store.close()
    only_reads = f"{postgresql_url}&options=-c%20default_transaction_read_only%3Don"
    told = _told(
        examine(
            {"FACILITRON_API_KEY": KEY, "FACILITRON_API_URL": vendor[0], "DATABASE_URL": only_reads}
        )
    )
    assert told["database"] == (
        False,
        (
            "The database cannot be used: cannot execute INSERT in a read-only"
            f" transaction{OTHER_DATABASE}"
        ),
    )
    assert [told[name] for name in NAMES[2:]] == [(None, ABOVE)] * 5
    assert vendor[1].requests == []


def test_newer_database_asks_for_a_newer_program(
    environ: dict[str, str], database_url: str
) -> None:
    """Another DATABASE_URL is not what helps."""
    store = Store.connect(database_url)
    store.upgrade()
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'of-tomorrow'")
    store.close()
    assert _told(examine(environ))["database"] == (
        False,
        "The database was made by a newer icalbridge; install that version",
    )


# the vendor


def test_refused_key_says_whom_to_ask(
    environ: dict[str, str], vendor: tuple[str, sandbox.State], capsys: pytest.CaptureFixture[str]
) -> None:
    """401: asked once; what needs an answer is unchecked, the quota is not."""
    environ["FACILITRON_API_KEY"] = "wrong-key"
    assert not run_doctor(environ)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:20].split() for line in lines] == [
        [state, name]
        for state, name in zip(
            ["ok", "ok", "FAIL", "skip", "skip", "skip", "ok"], NAMES, strict=True
        )
    ]
    assert lines[2].startswith(
        "FAIL  key            ask Facilitron for a key that works, and set FACILITRON_API_KEY to it"
        " (GET /properties: 401 "
    )
    assert "wrong-key" not in "".join(lines)
    assert [status for *_, status in vendor[1].requests] == [401]


def test_missing_scope_is_not_the_keys_fault(
    environ: dict[str, str], vendor: tuple[str, sandbox.State]
) -> None:
    """403: the key is known, and may not see what it should."""
    _fail(vendor, "403")
    told = _told(examine(environ))
    good, sentence = told["scope"]
    assert good is False
    assert sentence.startswith(
        "ask Facilitron to let this key see its district (GET /properties: 403 "
    )
    assert [told[name][0] for name in NAMES] == [True, True, True, True, False, None, True]


def test_empty_scope_is_a_failure(
    environ: dict[str, str], vendor: tuple[str, sandbox.State]
) -> None:
    """A key that sees nothing syncs nothing."""
    _fail(vendor, "empty")
    told = _told(examine(environ))
    assert told["scope"] == (
        False,
        "the key sees no property; ask Facilitron which district it is for",
    )


def test_unknown_zone_names_the_property(
    environ: dict[str, str], world: sandbox.World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each property without a zone that exists, by name, in one line whatever is in the name."""
    world.properties[0].update(timezone="Mars/Base")
    world.properties[1].update(timezone=None, name="Lincoln\n\x1b[31mHigh")
    assert not run_doctor(environ)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert (
        lines[5]
        == "FAIL  zones          no time zone that exists: Sunny Valley Unified School District,"
        " Lincoln [31mHigh; ask Facilitron to set it"
    )


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("html", "200 the answer cannot be read, or lacks its properties)"),
        ("garbage", "200 the answer cannot be read, or lacks its properties)"),
        ("null", "200 "),
        ("404", "404 "),
        ("400", "400 "),
    ],
)
def test_useless_answer_points_to_the_address(
    environ: dict[str, str], vendor: tuple[str, sandbox.State], spec: str, reason: str
) -> None:
    """A page for people, a wrong path: most likely FACILITRON_API_URL is not the vendor's."""
    _fail(vendor, spec)
    told = _told(examine(environ))
    good, sentence = told["key"]
    assert good is False
    assert sentence.startswith(f"{UNUSABLE_ANSWER} (GET /properties: {reason}")
    assert [told[name] for name in ("clock", "scope", "zones")] == [(None, ABOVE)] * 3


@pytest.mark.usefixtures("impatient")
def test_dead_vendor_says_so(environ: dict[str, str]) -> None:
    """Nobody listens there."""
    environ["FACILITRON_API_URL"] = "http://127.0.0.1:1/v1"
    assert _told(examine(environ))["key"] == (
        False,
        f"{UNUSABLE_ANSWER} (GET /properties: no connection, or it broke)",
    )


@pytest.mark.usefixtures("impatient")
def test_vendor_that_is_down_says_so(
    environ: dict[str, str], vendor: tuple[str, sandbox.State]
) -> None:
    """503 three times, with what its support asks for."""
    _fail(vendor, "503")
    good, sentence = _told(examine(environ))["key"]
    assert good is False
    assert "(GET /properties: 503 SY004 Service unavailable" in sentence
    assert "(invocation_id " in sentence
    assert [status for *_, status in vendor[1].requests] == [503] * 3


@pytest.mark.usefixtures("impatient")
def test_vendors_own_limit_points_to_the_grant(
    environ: dict[str, str], vendor: tuple[str, sandbox.State]
) -> None:
    """429: the settings promise more than was granted, or another program spends it; waiting alone
    does not help.
    """
    _fail(vendor, "429")
    good, sentence = _told(examine(environ))["key"]
    assert good is False
    assert sentence.startswith(
        "set FACILITRON_RATE_PER_MINUTE and FACILITRON_QUOTA_PER_DAY to what Facilitron granted,"
        " and look for other programs with this key (GET /properties: 429 "
    )


def test_spent_quota_says_until_when(
    environ: dict[str, str], database_url: str, vendor: tuple[str, sandbox.State]
) -> None:
    """Nothing is sent then; both lines that it befalls say what to do."""
    assert run_doctor(environ)
    store = Store.connect(database_url)
    with store.engine.begin() as connection:
        connection.execute(update(api_users).values(quota_used=15_000))
    store.close()
    begun = len(vendor[1].requests)
    told = _told(examine(environ))
    good, sentence = told["key"]
    assert good is False
    assert sentence.startswith(
        "wait for midnight UTC, or ask Facilitron for more and set FACILITRON_QUOTA_PER_DAY (quota:"
        " all 15000 requests"
    )
    assert told["quota"] == (
        False,
        (
            "15000 of 15000 requests used today (UTC), 60000 a minute; wait for midnight UTC or ask"
            " Facilitron for more"
        ),
    )
    assert len(vendor[1].requests) == begun


# the clock


@pytest.mark.parametrize(("hours", "seconds"), [(1, 3600), (-24, -86_400)])
def test_skewed_clock_is_a_failure(environ: dict[str, str], hours: int, seconds: int) -> None:
    """More than a minute from the vendor's, to either side: windows and quota would begin on the
    wrong day.
    """
    date = format_datetime(utcnow() + timedelta(hours=hours), usegmt=True)
    with _answering(date) as url:
        told = _told(examine({**environ, "FACILITRON_API_URL": url}))
    good, sentence = told["clock"]
    assert good is False
    before, _, after = sentence.partition(" s; ")
    assert before.startswith("differs from the vendor's by ")
    assert abs(int(before.rpartition(" ")[2]) - seconds) <= 30
    assert after == "set this machine's clock by NTP"


def test_times_in_the_future_are_a_failure(environ: dict[str, str], database_url: str) -> None:
    """A clock stood ahead when they were written, or this machine's is behind."""
    assert _told(examine(environ))["clock"] == (True, "agrees with the vendor's")
    store = Store.connect(database_url)
    later = int((utcnow() + timedelta(days=30)).timestamp())
    with store.engine.begin() as connection:
        connection.execute(update(api_users).values(catalogue_synced_at=later))
    store.close()
    good, sentence = _told(examine(environ))["clock"]
    assert good is False
    assert sentence.startswith(f"{TIMES_IN_FUTURE} They are up to 25")
    assert not run_doctor(environ)


@pytest.mark.parametrize("date", ["", "soon"])
def test_clock_that_cannot_be_compared_is_no_failure(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str], date: str
) -> None:
    """An answer without a Date that can be read: the line says it, and the code stays 0."""
    with _answering(date) as url:
        assert run_doctor({**environ, "FACILITRON_API_URL": url})
    lines = capsys.readouterr().out.splitlines()
    assert lines[3] == "skip  clock          not checked: the vendor's answer had no Date"
    assert [line.split()[0] for line in lines] == ["ok", "ok", "ok", "skip", "ok", "ok", "ok"]
