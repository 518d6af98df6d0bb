"""What the README and docs/ tell people to type is executed: the way to a running service, saved
feeds, writing bookings, and the examples of files.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from icalbridge import sandbox
from icalbridge.models import utcnow
from tests.fixtures.commands import answer, free_port, run, running_anew, until
from tests.fixtures.documents import code_blocks, section, typed_lines
from tests.fixtures.strangers import bare_environment, checkout

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("readme")  # one first sync serves all of them
KEY = "key-of-the-readme"
PORT = "--port 8000"
DAY = "2026-12-01"
"""The day of the examples of bookings."""


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    """A small district in place of Facilitron."""
    world = sandbox.build_world(
        seed=3, today=utcnow().date(), schools=1, facilities=2, events_per_day=1, hostile=True
    )
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        yield url


@pytest.fixture
def bare_checkout(tmp_path: Path) -> Path:
    """An empty home and a checkout in it."""
    return checkout(tmp_path / "icalbridge")


def test_steps_of_going_live_lead_to_a_running_service(bare_checkout: Path, vendor: str) -> None:
    """Typed one after the other in a checkout and an empty environment. In place of the three dots
    stands a key, in place of Facilitron a sandbox, in place of the port one that is free; nothing
    else is changed.
    """
    *steps, last = (
        line.replace("=…", f"={KEY}")
        for line in typed_lines(section("README.md", "Going live in five minutes"))
    )
    assert last.endswith(PORT)
    bare = bare_environment(bare_checkout.parent)
    script = "\n".join(
        ["set -e", f"export FACILITRON_API_URL={vendor}", *steps, "export -p > ../environment"]
    )
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=bare_checkout, env=bare, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok    key" in done.stdout
    installed = bare_checkout / ".venv" / "bin" / "icalbridge"
    assert installed.exists()
    port = free_port()
    serve = f". ../environment\nexec {last.replace(PORT, f'--port {port}')}"
    with (bare_checkout.parent / "log").open("w") as log:
        shell = subprocess.Popen(
            ["/bin/sh", "-c", serve],
            cwd=bare_checkout,
            env={**bare, "WEB_CONCURRENCY": "1"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until(lambda: answer(f"http://127.0.0.1:{port}/readyz"), "readiness")
        directory = requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
        facility_id = re.findall(r'href="/facility/([^"]+)"', directory)[0]
        feed = requests.get(
            f"http://127.0.0.1:{port}/ical/facility/{facility_id}.ics", timeout=10
        ).text
        assert "SOURCE;VALUE=URI:https://calendars.example.org/ical/facility/" in feed.replace(
            "\r\n ", ""
        )
        assert str(installed) in Path(f"/proc/{shell.pid}/cmdline").read_text()
        shell.send_signal(signal.SIGTERM)
        assert shell.wait() == 0
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.wait()


# docs/


@pytest.fixture(scope="module")
def synced(vendor: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that was synced once."""
    folder = tmp_path_factory.mktemp("synced")
    assert run("sync", **_environment(vendor, folder)).returncode == 0
    return folder / "bridge.db"


@pytest.fixture
def operator(vendor: str, synced: Path, tmp_path: Path) -> dict[str, str]:
    """The environment of an operator who may write, over a database that was synced once."""
    shutil.copy(synced, tmp_path)
    return _environment(vendor, tmp_path)


def _environment(vendor: str, folder: Path) -> dict[str, str]:
    return {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": vendor,
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "DATABASE_URL": f"sqlite:///{folder}/bridge.db",
        "ICALBRIDGE_PUBLIC_URL": "https://calendars.example.org",
        "ICALBRIDGE_ENABLE_WRITES": "1",
        "ICALBRIDGE_RENTER_EMAIL": "coach@school.example",
    }


def ask(vendor: str, path: str, key: str) -> list[dict[str, str]]:
    """Return a list that the vendor answers with."""
    head = {"Authorization": f"Bearer {key}"}
    found: list[dict[str, str]] = requests.get(f"{vendor}{path}", headers=head, timeout=10).json()[
        path.rpartition("/")[2]
    ]
    return found


def place(vendor: str, key: str = KEY) -> tuple[str, str]:
    """Return the ids of a school and of one of its facilities."""
    school = next(each["_id"] for each in ask(vendor, "/properties", key) if not each["properties"])
    return school, ask(vendor, f"/property/{school}/facilities", key)[0]["_id"]


def words(line: str, **replaced: str) -> list[str]:
    """Return the words after `icalbridge` of a line, without its comment and with real values for
    those in capitals.
    """
    first, *rest = shlex.split(line, comments=True)
    assert first == "icalbridge"
    for name, value in replaced.items():
        rest = [re.sub(rf"\b{name}\b", value, word) for word in rest]
    return rest


def test_lines_and_file_about_saved_feeds_work(operator: dict[str, str], tmp_path: Path) -> None:
    """Typed one after the other, with the ids of a school and a facility; then the TOML of the page
    is imported, with ids in place of the dots.
    """
    school, facility = place(operator["FACILITRON_API_URL"])
    feeds = section("docs/publish.md", "Saved feeds")
    private = section("docs/publish.md", "Private addresses")
    for line in typed_lines(feeds) + typed_lines(private):
        done = run(*words(line, ID=school if "--property" in line else facility), **operator)
        assert done.returncode == 0, f"{line}: {done.stderr}"
    (example,) = code_blocks(feeds, "toml")
    file = tmp_path / "feeds.toml"
    file.write_text(example.replace('"…"', f'"{facility}"').replace("/…", "/1"))
    done = run("feed", "import", str(file), **operator)
    assert done.returncode == 0, done.stderr
    assert 'action = "reserve"' in run("feed", "export", **operator).stdout


def test_example_of_a_keys_file_is_read(tmp_path: Path) -> None:
    """The TOML of the page, beside the file that it names."""
    (example,) = code_blocks(section("docs/operate.md", "Several districts"), "toml")
    (tmp_path / "keys.toml").write_text(example.replace("…", "valley-key"))
    (tmp_path / "hills.key").write_text("hills-key")
    database = {"DATABASE_URL": f"sqlite:///{tmp_path}/bridge.db"}
    keys = {"FACILITRON_API_KEYS_FILE": str(tmp_path / "keys.toml")}
    assert run("db", "upgrade", **database).returncode == 0
    done = run("status", **database, **keys)
    assert done.returncode == 0, done.stderr


def test_lines_about_single_bookings_work(operator: dict[str, str]) -> None:
    """Create, get, move and cancel, in this order, on a day to come. Where the page has EVENT stands
    the id that creating it printed.
    """
    _, facility = place(operator["FACILITRON_API_URL"])
    event, day = "", str(utcnow().date() + timedelta(days=300))
    for line in typed_lines(section("docs/bookings.md", "Single bookings")):
        typed = words(line.replace(DAY, day), ID=facility, EVENT=event)
        done = run(*typed, "--json", *(() if "get" in typed else ("--yes",)), **operator)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        event = json.loads(done.stdout)["event"]["event_id"]


def test_lines_about_pushing_work(operator: dict[str, str], tmp_path: Path) -> None:
    """The plan first, then the push; the file is a calendar with one event."""
    _, facility = place(operator["FACILITRON_API_URL"])
    day = utcnow().date() + timedelta(days=301)  # the day before is that of another test
    file = tmp_path / "season.ics"
    file.write_text(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//school//season//EN\r\nBEGIN:VEVENT\r\n"
        f"UID:game@school.example\r\nDTSTAMP:20260101T000000Z\r\nDTSTART:{day:%Y%m%d}T180000\r\n"
        f"DTEND:{day:%Y%m%d}T193000\r\nSUMMARY:Home game\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    lines = typed_lines(section("docs/bookings.md", "Push a calendar"))
    for line in (each for each in lines if "season.ics" in each):
        typed = [str(file) if word == file.name else word for word in words(line, ID=facility)]
        done = run(*typed, "--yes", **operator)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        assert "Home game" in done.stdout


def test_lines_about_the_sandbox_work(tmp_path: Path) -> None:
    """The sandbox as it is started there, on a free port and small, and icalbridge with the
    variables that the page exports: `doctor` accepts the key, and an event is created.
    """
    start, *exports = typed_lines(section("docs/sandbox.md", "Start it"))
    writing = typed_lines(section("docs/sandbox.md", "Write against the sandbox"))
    port, day = free_port(), str(utcnow().date() + timedelta(days=300))
    environment = {"DATABASE_URL": f"sqlite:///{tmp_path}/bridge.db"}
    for line in (*exports, *writing):
        if line.startswith("export "):
            name, _, value = line.removeprefix("export ").partition("=")
            environment[name] = value.replace(":9000", f":{port}")
    url = environment["FACILITRON_API_URL"]
    small = ["--schools", "1", "--facilities", "2", "--events-per-day", "3"]
    typed = [word.replace("9000", str(port)) for word in words(start)]
    with running_anew(*typed, *small):
        until(lambda: answer(f"http://127.0.0.1:{port}/openapi.json"), "sandbox")
        assert "ok    key" in run("doctor", **environment).stdout
        _, facility = place(url, environment["FACILITRON_API_KEY"])
        for line in (each for each in writing if not each.startswith("export ")):
            given = words(line.replace(DAY, day), ID=facility)
            done = run(*given, *(("--yes",) if "create" in given else ()), **environment)
            assert done.returncode == 0, f"{line}: {done.stderr}"
