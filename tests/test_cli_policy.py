"""`ICALBRIDGE_POLICY_FILE` with the real commands: `serve` checks and follows it, `doctor` and
`status` report what is wrong with it.
"""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from icalbridge import sandbox
from icalbridge.cli.doctor import examine
from icalbridge.feeds.policy_file import NOT_USED
from icalbridge.models import utcnow
from tests.fixtures.commands import free_port, run, running, until
from tests.fixtures.examined import KEY, simulated_vendor

if TYPE_CHECKING:
    from collections.abc import Iterator

BAD = '[[rules]]\nq = "secret club"\naction = "hyde"\n'
REASON = "line 3: action must be one of hide, reserve, rename, include."


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What an operator sets, over a database that was synced."""
    world = sandbox.build_world(
        seed=3,
        today=sandbox.district_day(utcnow()),
        schools=1,
        facilities=2,
        events_per_day=1,
        hostile=True,
    )
    with simulated_vendor(world) as (url, _):
        settings = {
            "FACILITRON_API_KEY": KEY,
            "FACILITRON_API_URL": url,
            "FACILITRON_RATE_PER_MINUTE": "60000",
            "DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('synced')}/bridge.db",
        }
        assert run("sync", **settings).returncode == 0
        yield settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "policy.toml"


@pytest.fixture
def settings(synced: dict[str, str], file: Path) -> dict[str, str]:
    return {**synced, "ICALBRIDGE_POLICY_FILE": str(file), "PORT": str(free_port())}


def _sentence(file: Path, reason: str = REASON) -> str:
    return f"ICALBRIDGE_POLICY_FILE is {str(file)!r}, which cannot be used: {reason}"


def _check(settings: dict[str, str]) -> tuple[bool | None, str] | None:
    """Return what `doctor` finds of the policy; None where it does not look."""
    found = (check for check in examine(settings) if check.name == "policy")
    return next(((check.good, check.message) for check in found), None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BAD, REASON),
        (None, "it cannot be read: no such file or directory."),
        ("", "it says nothing; unset the setting where everything is public"),
    ],
)
def test_serve_refuses_to_start_with_a_bad_file(
    settings: dict[str, str], file: Path, text: str | None, reason: str
) -> None:
    """With one sentence, and the code of bad settings; `doctor` has the same sentence."""
    if text is not None:
        file.write_text(text)
    ended = run("serve", **settings)
    assert (ended.returncode, ended.stderr) == (2, f"icalbridge: {_sentence(file, reason)}\n")
    check = _check(settings)
    assert check == (False, _sentence(file, reason))


def test_doctor_says_what_a_policy_hides(settings: dict[str, str], file: Path) -> None:
    """A name that nothing has would hide nothing."""
    file.write_text("[facilities]\nonly = []\n")
    check = _check(settings)
    assert check == (
        True,
        "hides 0 schools and 3 facilities, 0 rules about bookings",
    )
    file.write_text('[facilities]\nhide = ["Mian Gym"]\n')
    check = _check(settings)
    assert check == (False, "names what nothing is called here: 'mian gym'")
    del settings["ICALBRIDGE_POLICY_FILE"]
    assert _check(settings) is None


def test_status_reports_a_bad_file(settings: dict[str, str], file: Path) -> None:
    file.write_text(BAD)
    shown = run("status", **settings)
    assert shown.returncode == 0
    assert f"Public policy: {_sentence(file)}" in shown.stdout
    assert json.loads(run("status", "--json", **settings).stdout)["policy_error"] == _sentence(file)
    file.write_text('names = "shown"\n')
    assert "policy" not in run("status", **settings).stdout.lower()


def test_serve_follows_the_file(settings: dict[str, str], file: Path) -> None:
    """A saved file counts by itself in every process, and SIGHUP makes it count; a bad one keeps
    the last good policy, also in the processes that take over then.
    """
    base = f"http://127.0.0.1:{settings['PORT']}"
    file.write_text('names = "shown"\n')
    with running("serve", "--no-sync", "--workers", "2", **settings) as process:
        until(lambda: _status(f"{base}/readyz", 200), "readiness")
        page = _facility(base)
        file.write_text("[facilities]\nonly = []\n")
        until(lambda: _hidden(page), "facility that is hidden in every process, by itself")
        file.write_text('names = "shown"\n')
        process.send_signal(signal.SIGHUP)
        until(lambda: _status(page, 200), "facility after SIGHUP")
        file.write_text("[facilities]\nonly = []\n")
        until(lambda: _hidden(page), "facility that is hidden again")
        file.write_text(BAD)
        until(lambda: _policy_error(base), "error in /readyz")
        before = _web_workers(process.pid)
        process.send_signal(signal.SIGHUP)
        until(lambda: _web_workers(process.pid).isdisjoint(before) or None, "other processes")
        assert _hidden(page)
        assert _policy_error(base) == NOT_USED
        process.send_signal(signal.SIGTERM)
        log, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    assert f"{_sentence(file).rstrip('.')}; the last good policy holds" in log
    assert "Traceback" not in log


def _status(url: str, status: int) -> bool | None:
    """Return True for a status, None for any other and while there is no server."""
    try:
        return requests.get(url, timeout=10).status_code == status or None
    except requests.ConnectionError:
        return None


def _hidden(page: str) -> bool | None:
    """Return True where a page is 404 whichever process answers; they share the connections."""
    return all(requests.get(page, timeout=10).status_code == 404 for _ in range(20)) or None


def _facility(base: str) -> str:
    directory = requests.get(f"{base}/", timeout=10).text
    path = re.search(r'href="(/facility/[^"]+)"', directory)
    assert path
    return f"{base}{path[1]}"


def _policy_error(base: str) -> str | None:
    error: str | None = requests.get(f"{base}/readyz", timeout=10).json().get("policy_error")
    return error


def _web_workers(pid: int) -> set[str]:
    """Return the processes below gunicorn's master."""

    def children(parent: str) -> set[str]:
        return {
            child
            for task in Path(f"/proc/{parent}/task").iterdir()
            for child in (task / "children").read_text().split()
        }

    (master,) = children(str(pid))
    return children(master)
