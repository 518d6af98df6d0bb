"""docs/deploy: systemd's way, typed as the page has it, and the units, checked by systemd's own
programs and started as it would.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from icalbridge import sandbox
from icalbridge.models import utcnow
from tests.fixtures.commands import ROOT, answer, free_port, until
from tests.fixtures.documents import section, typed_lines
from tests.fixtures.parts import require
from tests.fixtures.strangers import bare_environment, checkout, clock_variables, stop
from tests.fixtures.units import Unit, environment_file

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("systemd")  # what is installed serves all of them
KEY = "key-of-a-service"
UNITS = sorted((ROOT / "docs/deploy/systemd").glob("*.service"))
EXPOSURE = 3
PROGRAM = "/opt/icalbridge/.venv/bin/icalbridge"
NOTE = 'echo "$(basename "$0") $*" >> {root}/administered'


@pytest.fixture(scope="module")
def vendor() -> Iterator[str]:
    """A small district in place of Facilitron."""
    today = sandbox.district_day(utcnow())
    world = sandbox.build_world(seed=3, today=today, schools=1, facilities=2, events_per_day=1)
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        yield url


@pytest.fixture(scope="module")
def port() -> int:
    """Where the service listens, in place of 8000."""
    return free_port()


@pytest.fixture(scope="module")
def root(vendor: str, port: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in place of `/`, in which everything was typed that the page has before its check:
    whatever needs an administrator is written down, and the editor adds the settings.
    """
    root = tmp_path_factory.mktemp("root")
    checkout(root / "opt/icalbridge")
    for name in ("etc/systemd/system", "var/lib", "home"):
        (root / name).mkdir(parents=True)
    settings = {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": vendor,
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "ICALBRIDGE_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "WEB_CONCURRENCY": "1",
    }
    lines = "\n".join(f"{name}={value}" for name, value in settings.items())
    programs = {
        "sudo": 'exec "$@"',
        "sudoedit": f'cat >> "$1" <<END\n{lines}\nEND',
        "useradd": NOTE.format(root=root),
        "systemctl": NOTE.format(root=root),
    }
    for name, script in programs.items():
        file = root / "programs" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)
    bare = bare_environment(root / "home")
    bare["PATH"] = f"{root}/programs:{bare['PATH']}"
    script = "\n".join(["set -e", *(_below(root, line) for line in _steps())])
    done = subprocess.run(["/bin/sh", "-c", script], env=bare, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return root


def _steps() -> list[str]:
    """Return the lines of the page before those that check."""
    *steps, opens, _ = typed_lines(section("docs/deploy/README.md", "systemd"))
    assert "systemd-run" in opens
    return steps


def _below(root: Path, line: str) -> str:
    """Move the absolute paths of a line into a folder."""
    return re.sub(r"(?<![\w.])/(?=(?:opt|etc|var)/)", f"{root}/", line)


def lent(root: Path) -> dict[str, str]:
    """Return where the packages are that pip would have fetched, and the tests' clock."""
    return {"PYTHONPATH": bare_environment(root)["PYTHONPATH"], **clock_variables()}


def unit(root: Path, name: str) -> Unit:
    """Return a unit of the checkout that was installed."""
    folder = root / "opt/icalbridge/docs/deploy/systemd"
    return Unit((folder / f"{name}.service").read_text(), root)


def test_steps_of_the_page_install_a_service_that_runs(root: Path, port: int) -> None:
    """It is active when it answers, gets ready, passes all checks, reloads and ends cleanly; its
    database is in the state directory, which is its own.
    """
    assert (root / "administered").read_text().splitlines() == [
        f"useradd --system --home-dir {root}/var/lib/icalbridge --shell /usr/sbin/nologin icalbridge",
        "systemctl daemon-reload",
        "systemctl enable --now icalbridge",
    ]
    assert (root / "etc/icalbridge/icalbridge.env").stat().st_mode & 0o777 == 0o600
    installed = (root / "etc/systemd/system/icalbridge.service").read_text()
    service = Unit(installed, root)
    base = f"http://127.0.0.1:{port}"
    with service.running(lent(root), port) as process:
        assert requests.get(f"{base}/healthz", timeout=30).text == "ok\n"
        until(lambda: answer(f"{base}/readyz"), "readiness")
        checked = _typed_check(root)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        lines = checked.stdout.splitlines()
        assert [line for line in lines if not line.startswith("ok ")] == []
        assert f"{root}/var/lib/icalbridge/icalbridge.db" in checked.stdout
        reload = service.value("ExecReload").replace("$MAINPID", str(process.pid))
        subprocess.run(shlex.split(reload), check=True)
        assert requests.get(f"{base}/healthz", timeout=30).text == "ok\n"
        assert KEY not in stop(process)
    state = root / "var/lib/icalbridge"
    assert state.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in state.iterdir()] == ["icalbridge.db"]
    assert (state / "icalbridge.db").stat().st_mode & 0o777 == 0o600


def _typed_check(root: Path) -> subprocess.CompletedProcess[str]:
    """Type the page's last line into the shell that the line before opens."""
    opens, typed = typed_lines(section("docs/deploy/README.md", "systemd"))[-2:]
    words = shlex.split(_below(root, opens))
    given = [(before, word.partition("=")) for before, word in pairwise(words)]
    properties = {name: value for before, (name, _, value) in given if before == "-p"}
    assert properties.keys() == {"User", "EnvironmentFile"}
    environment = {
        **{name: value for before, (name, _, value) in given if before == "-E"},
        **environment_file(Path(properties["EnvironmentFile"])),
        **lent(root),
    }
    return subprocess.run(
        [words[-1], "-c", typed],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_web_and_worker_are_services_of_their_own(root: Path) -> None:
    """Over one database; the web server alone does not sync."""
    chosen = free_port()
    ready = f"http://127.0.0.1:{chosen}/readyz"
    (root / "var/lib/icalbridge/icalbridge.db").unlink(missing_ok=True)
    with unit(root, "icalbridge-web").running(lent(root), chosen) as web:
        assert requests.get(ready, timeout=30).json()["worker_alive"] is False
        with unit(root, "icalbridge-worker").running(lent(root)) as worker:
            until(lambda: answer(ready), "readiness")
            stop(worker)
        assert requests.get(ready, timeout=30).status_code == 200
        stop(web)


def _with_programs(folder: Path) -> list[str]:
    """Copy the units, with programs that are there: systemd looks for them."""
    for file in UNITS:
        (folder / file.name).write_text(file.read_text().replace(PROGRAM, "/bin/true"))
    return [str(folder / file.name) for file in UNITS]


def _ask_systemd(*words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "SYSTEMD_COLORS": "0", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        [require("systemd-analyze"), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """Not a word, of any unit; a setting that there is not would be one."""
    done = _ask_systemd("verify", "--man=no", *_with_programs(tmp_path))
    assert (done.returncode, done.stdout) == (0, "")
    wrong = tmp_path / "wrong.service"
    wrong.write_text("[Service]\nExecStart=/bin/true\nProtectHoome=yes\n")
    assert "ProtectHoome" in _ask_systemd("verify", "--man=no", str(wrong)).stdout


@pytest.mark.parametrize("file", UNITS, ids=[file.stem for file in UNITS])
def test_exposure_is_low(file: Path) -> None:
    """By systemd's own measure, of which 10 is the most; the page promises less."""
    done = _ask_systemd(
        "security", "--offline=true", f"--threshold={EXPOSURE * 10}", "--no-pager", str(file)
    )
    assert done.returncode == 0, done.stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found
    said = re.search(r"exposure below (\d) of 10", section("docs/deploy/README.md", "systemd"))
    assert said
    assert float(found[1]) < int(said[1]) <= EXPOSURE


def test_units_differ_in_what_they_run_only() -> None:
    """What holds for one service, its limits above all, holds for all of them."""
    texts = [file.read_text().partition("User=")[2] for file in UNITS]
    assert len({*texts}) == 1
    assert len(texts) == 3
