"""What the README tells people to type: the way to a running service is walked, and every command
there is.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import requests

from icalbridge import sandbox
from icalbridge.cli import main
from icalbridge.models import utcnow
from tests.fixtures.commands import ROOT, answer, free_port, until

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "key-of-the-readme"
README = (ROOT / "README.md").read_text("utf-8")
PORT = "--port 8000"


def section(title: str) -> str:
    """Return a section of the README, without its heading."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def lines_to_type(text: str) -> list[str]:
    """Return the lines of the indented blocks of a text, in their order."""
    return [line.strip() for line in re.findall(r"^(?: {4}| {7})(\S.*)$", text, re.MULTILINE)]


def checkout(folder: Path) -> Path:
    """Copy what a checkout has, but for the tests."""
    for name in ("icalbridge", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.txt", "README.md", "LICENSE", "Procfile"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def bare_environment(home: Path) -> dict[str, str]:
    """Return an environment with nothing in it but a home, a path with no `icalbridge` on it, and
    the packages that pip would fetch: it finds them installed in this test's own environment, and
    may ask no index.
    """
    lent = [path for path in sys.path if path.endswith("-packages")]
    path = f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin"
    assert shutil.which("icalbridge", path=path) is None
    return {
        "HOME": str(home),
        "PATH": path,
        "LANG": "C.UTF-8",
        "PYTHONPATH": ":".join(lent),
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_BUILD_ISOLATION": "0",  # means --no-build-isolation: its parts would be fetched too
        "PIP_NO_CACHE_DIR": "1",
    }


@pytest.fixture
def vendor() -> Iterator[str]:
    """A small district in place of Facilitron."""
    world = sandbox.build_world(
        seed=3, today=utcnow().date(), schools=1, facilities=2, events_per_day=3, hostile=True
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
        for line in lines_to_type(section("Going live in five minutes"))
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
            env=bare,
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


def commands_of_the_readme() -> list[str]:
    """Return every `icalbridge …` line that the README has in a block or between backquotes,
    without its comment.
    """
    spans = re.findall(r"`(icalbridge [^`]+)`", README) + lines_to_type(README)
    return sorted(
        {line.partition("  #")[0].strip() for line in spans if line.startswith("icalbridge ")}
    )


@pytest.mark.parametrize("line", commands_of_the_readme())
def test_command_of_the_readme_exists(line: str) -> None:
    """Each is a command, or several with `|` between them, that has the options which the README
    gives it.
    """
    first, *words = shlex.split(line)
    assert first == "icalbridge"
    at: list[click.Command] = [main]
    while words and not words[0].startswith("--") and isinstance(at[0], click.Group):
        names = words.pop(0).split("|")
        assert set(names) <= set(at[0].commands)
        at = [at[0].commands[name] for name in names]
    taken = {
        option for each in at for one in each.params for option in one.opts + one.secondary_opts
    }
    assert {word.partition("=")[0] for word in words if word.startswith("--")} - {"--help"} <= taken
