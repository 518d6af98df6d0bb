"""`icalbridge.cli.doctor`: one line a check, each failure with what to do, code 1 if any failed,
the key nowhere.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from icalbridge import sandbox
from icalbridge.cli.doctor import examine, run_doctor
from icalbridge.models import utcnow
from icalbridge.store import Store
from icalbridge.store.health import TIMES_IN_FUTURE
from icalbridge.store.tables import api_users
from tests.fixtures.examined import KEY, NAMES, checks_by_name, simulated_vendor

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    with simulated_vendor(world) as started:
        yield started


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


@pytest.mark.both_databases
def test_healthy_bridge_is_all_good(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each check, with a sentence; a first look costs one request of the quota."""
    assert run_doctor({**environ, "ICALBRIDGE_PUBLIC_URL": "https://calendars.example.org/"})
    lines = capsys.readouterr().out.splitlines()
    assert lines.pop(1).startswith(
        "ok    database       opens, can be written, and its schema is current: "
    )
    disk = [line for line in lines if line.startswith("ok    disk ")]
    assert len(disk) == environ["DATABASE_URL"].startswith("sqlite")
    lines = [line for line in lines if line not in disk]
    assert lines == [
        "ok    configuration  complete; subscribers use https://calendars.example.org",
        "ok    integrity      the database is intact",
        (
            "skip  address        not checked: icalbridge is not running; start it, then run doctor"
            " again"
        ),
        "skip  proxy          not checked: see above",
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
    assert checks_by_name(examine(environ))["configuration"] == (
        True,
        "complete; set ICALBRIDGE_PUBLIC_URL so that feeds can link back here",
    )


# the vendor


def test_refused_key_says_whom_to_ask(
    environ: dict[str, str], vendor: tuple[str, sandbox.State], capsys: pytest.CaptureFixture[str]
) -> None:
    """401: asked once; what needs an answer is unchecked, the quota is not."""
    environ["FACILITRON_API_KEY"] = "wrong-key"
    assert not run_doctor(environ)
    lines = capsys.readouterr().out.splitlines()
    assert [line[:20].split() for line in lines[-5:]] == [
        [state, name]
        for state, name in zip(["FAIL", "skip", "skip", "skip", "ok"], NAMES[6:], strict=True)
    ]
    assert lines[-5].startswith(
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
    told = checks_by_name(examine(environ))
    good, sentence = told["scope"]
    assert good is False
    assert sentence.startswith(
        "ask Facilitron to let this key see its district (GET /properties: 403 "
    )
    assert [told[name][0] for name in NAMES[6:]] == [True, True, False, None, True]


def test_empty_scope_is_a_failure(
    environ: dict[str, str], vendor: tuple[str, sandbox.State]
) -> None:
    """A key that sees nothing syncs nothing."""
    _fail(vendor, "empty")
    told = checks_by_name(examine(environ))
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
    assert (
        lines[-2]
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
    told = checks_by_name(examine(environ))
    good, sentence = told["key"]
    assert good is False
    assert sentence.startswith(f"{UNUSABLE_ANSWER} (GET /properties: {reason}")
    assert [told[name] for name in ("clock", "scope", "zones")] == [(None, ABOVE)] * 3


@pytest.mark.usefixtures("impatient")
def test_dead_vendor_says_so(environ: dict[str, str]) -> None:
    """Nobody listens there."""
    environ["FACILITRON_API_URL"] = "http://127.0.0.1:1/v1"
    assert checks_by_name(examine(environ))["key"] == (
        False,
        f"{UNUSABLE_ANSWER} (GET /properties: no connection, or it broke)",
    )


@pytest.mark.usefixtures("impatient")
def test_vendor_that_is_down_says_so(
    environ: dict[str, str], vendor: tuple[str, sandbox.State]
) -> None:
    """503 three times, with what its support asks for."""
    _fail(vendor, "503")
    good, sentence = checks_by_name(examine(environ))["key"]
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
    good, sentence = checks_by_name(examine(environ))["key"]
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
    told = checks_by_name(examine(environ))
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
        told = checks_by_name(examine({**environ, "FACILITRON_API_URL": url}))
    good, sentence = told["clock"]
    assert good is False
    before, _, after = sentence.partition(" s; ")
    assert before.startswith("differs from the vendor's by ")
    assert abs(int(before.rpartition(" ")[2]) - seconds) <= 30
    assert after == "set this machine's clock by NTP"


def test_times_in_the_future_are_a_failure(environ: dict[str, str], database_url: str) -> None:
    """A clock stood ahead when they were written, or this machine's is behind."""
    assert checks_by_name(examine(environ))["clock"] == (True, "agrees with the vendor's")
    store = Store.connect(database_url)
    later = utcnow() + timedelta(days=30)
    with store.engine.begin() as connection:
        connection.execute(update(api_users).values(catalogue_synced_at=later))
    store.close()
    good, sentence = checks_by_name(examine(environ))["clock"]
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
    assert lines[-4] == "skip  clock          not checked: the vendor's answer had no Date"
    assert [line.split()[0] for line in lines[-5:]] == ["ok", "skip", "ok", "ok", "ok"]
