"""`icalbridge.cli.logs`: what a record looks like, as text and as JSON, and that the key is in
neither.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from icalbridge import sandbox
from icalbridge.cli import logs
from icalbridge.cli.logs import start_logging
from icalbridge.models import utcnow
from tests.fixtures.commands import answer, environment, free_port, run, running, until

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = 'key"that\\nobody-may-see'
MOMENT = 1_795_291_200.75
"""2026-11-21 20:00:00.75 UTC."""
FIELDS = ["time", "level", "logger", "message"]
HOSTILE = 'two\nlines\r\x1b[31m "red" \u2028 é 体育館 🏀 \ud83c'


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Logger]:
    """A logger of ours at a standing clock; pytest's own handlers are out of reach meanwhile."""
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr("time.time", lambda: MOMENT)
    monkeypatch.setattr("time.time_ns", lambda: int(MOMENT * 1_000_000_000))
    ours, root = logging.getLogger("icalbridge"), logging.root.level
    yield logging.getLogger("icalbridge.test")
    ours.setLevel(logging.NOTSET)
    logging.root.setLevel(root)


def _fail(message: str) -> None:
    raise RuntimeError(message)


def _record_failure(log: logging.Logger, message: str) -> None:
    try:
        _fail(message)
    except RuntimeError:
        log.exception("GET / failed")


def test_text_is_one_line_a_record(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """Moment in UTC, level, who, and what."""
    start_logging("text", level="INFO")
    log.info("property %s window %d: %d changes", "école", 3, 7)
    log.warning("careful")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "2026-11-21T20:00:00Z INFO    icalbridge.test: property école window 3: 7 changes",
        "2026-11-21T20:00:00Z WARNING icalbridge.test: careful",
    ]


def test_text_forges_no_line_and_no_colour(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """The vendor's texts begin no line of their own and command no terminal; whatever prints is
    left as it is.
    """
    start_logging("text", level="INFO")
    log.info("%s", HOSTILE)
    assert capsys.readouterr().err == (
        "2026-11-21T20:00:00Z INFO    icalbridge.test: "
        r'two\nlines\r\x1b[31m "red" \u2028 é 体育館 🏀 \ud83c' + "\n"
    )


def test_text_has_the_traceback_below(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people, as Python shows it."""
    start_logging("text", level="INFO")
    _record_failure(log, "it broke\x1b[31m")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == [
        "2026-11-21T20:00:00Z ERROR   icalbridge.test: GET / failed",
        "Traceback (most recent call last):",
    ]
    assert lines[-1] == r"RuntimeError: it broke\x1b[31m"


def test_json_is_one_object_a_line(log: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    """Four texts: time, level, logger, message; a level has its usual name in small letters."""
    start_logging("json", level="DEBUG")
    for level in ("debug", "info", "warning", "error", "critical"):
        log.log(logging.getLevelNamesMapping()[level.upper()], "%s", HOSTILE)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.isascii()
    assert [json.loads(line) for line in err.splitlines()] == [
        {
            "time": "2026-11-21T20:00:00Z",
            "level": level,
            "logger": "icalbridge.test",
            "message": HOSTILE,
        }
        for level in ("debug", "info", "warning", "error", "critical")
    ]


def test_json_has_the_traceback_as_a_field(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """`exception` is there only where there was one, and still on the same line."""
    start_logging("json", level="INFO")
    _record_failure(log, "it broke")
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert list(told) == [*FIELDS, "exception"]
    assert told["message"] == "GET / failed"
    assert told["exception"].startswith("Traceback (most recent call last):\n")
    assert told["exception"].endswith("\nRuntimeError: it broke")


def test_documented_fields_are_the_fields() -> None:
    """The module's own table names every field, in order."""
    assert re.findall(r"^    (\w+) {2,}", logs.__doc__ or "", re.MULTILINE) == [
        *FIELDS,
        "exception",
    ]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_key_is_cut_out_of_messages_and_tracebacks(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    """Whatever a library puts into its exceptions, chained ones included: the key is not shown, all
    else is.
    """
    start_logging(log_format, level="INFO", secrets=[KEY])
    log.error("sent %s", f"Bearer {KEY}!")
    _record_failure(log, f"cannot send Bearer {KEY}!")
    told = capsys.readouterr().err
    if log_format == "json":
        told = "\n".join(text for line in told.splitlines() for text in json.loads(line).values())
    assert KEY not in told
    assert KEY.encode("unicode_escape").decode() not in told
    assert told.count("Bearer …!") == 2


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_without_a_key_nothing_is_cut_out(
    log: logging.Logger, capsys: pytest.CaptureFixture[str], log_format: str
) -> None:
    """An empty secret is not found between all letters."""
    start_logging(log_format, level="INFO")
    log.info("plain")
    assert "plain" in capsys.readouterr().err


def test_level_is_ours_and_others_only_warn(
    log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a library says about its doings (urllib3 names every address) is not logged, even with
    `--debug`.
    """
    start_logging("text", level="DEBUG")
    logging.getLogger("urllib3.connectionpool").debug("chatter")
    logging.getLogger("urllib3.connectionpool").warning("trouble")
    log.debug("ours")
    start_logging("text", level="WARNING")
    log.info("quiet")
    assert [line[21:] for line in capsys.readouterr().err.splitlines()] == [
        "WARNING urllib3.connectionpool: trouble",
        "DEBUG   icalbridge.test: ours",
    ]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A small district over HTTP, a database to be, and logs as JSON."""
    world = sandbox.build_world(
        seed=3,
        today=sandbox.district_day(utcnow()),
        schools=1,
        facilities=1,
        events_per_day=1,
        hostile=True,
    )
    app = sandbox.create_app(
        world, keys=("right",), rate_per_minute=100_000, quota_per_day=1_000_000
    )
    with sandbox.serve_in_thread(app) as url:
        yield {
            "FACILITRON_API_KEY": "right",
            "FACILITRON_API_URL": url,
            "FACILITRON_RATE_PER_MINUTE": "60000",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'bridge.db'}",
            "ICALBRIDGE_LOG_FORMAT": "json",
            "PORT": str(free_port()),
            "WEB_CONCURRENCY": "1",
        }


def _parsed(told: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in told.splitlines()]


def _web_workers(pid: int) -> list[int]:
    """Return the grandchildren of a server: gunicorn's workers."""

    def children(parent: int) -> list[int]:
        return [
            int(each) for each in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        ]

    return [grandchild for child in children(pid) for grandchild in children(child)]


def test_server_logs_nothing_but_json(settings: dict[str, str]) -> None:
    """Supervisor, sync worker and gunicorn alike, from start to stop, and when a web worker is
    killed, too.
    """
    with running("serve", **settings) as process:
        until(lambda: answer(f"http://127.0.0.1:{settings['PORT']}/readyz"), "readiness")
        before = _web_workers(process.pid)
        os.kill(before[0], signal.SIGKILL)
        until(lambda: (set(_web_workers(process.pid)) - set(before)) or None, "another web worker")
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=60)
    records = _parsed(told)
    assert {tuple(each) for each in records} == {tuple(FIELDS)}
    assert {each["logger"] for each in records} == {
        "icalbridge.cli.serve",
        "icalbridge.sync.worker",
        "gunicorn.error",
    }
    killed = [each["message"] for each in records if each["logger"] == "gunicorn.error"]
    assert killed == [f"Worker (pid:{before[0]}) was sent SIGKILL! Perhaps out of memory?"]


@pytest.mark.parametrize("args", [["--debug", "sync"], ["--debug", "sync", "--full"]], ids=" ".join)
def test_debug_log_of_a_refused_key_has_no_key(settings: dict[str, str], args: list[str]) -> None:
    """At the most talkative: each line before the closing sentence is an object, and the key is in
    none.
    """
    ended = run(*args, **{**settings, "FACILITRON_API_KEY": "wrong-key"})
    assert ended.returncode == 1
    *lines, sentence = ended.stderr.splitlines()
    assert {each["level"] for each in _parsed("\n".join(lines))} == {"debug"}
    assert sentence.startswith("icalbridge: GET /properties: 401")
    assert "wrong-key" not in ended.stderr + ended.stdout


@pytest.mark.parametrize(
    ("args", "change", "code"),
    [
        (["serve"], {"FACILITRON_API_KEY": ""}, 2),
        (["worker"], {"FACILITRON_QUOTA_PER_DAY": "many"}, 2),
        (["serve"], {"PORT": "many"}, 2),
        (["--debug", "worker"], {"DATABASE_URL": "sqlite:////nowhere/bridge.db"}, 1),
        (["serve"], {"DATABASE_URL": "sqlite:////nowhere/bridge.db"}, 1),
    ],
)
def test_service_that_cannot_start_says_so_in_json(
    settings: dict[str, str], args: list[str], change: dict[str, str], code: int
) -> None:
    """One object with the sentence, and a code that is not 0; also before the settings could be
    read.
    """
    ended = run(*args, **{**settings, **change})
    assert (ended.returncode, ended.stdout) == (code, "")
    *_, last = _parsed(ended.stderr)
    assert (last["level"], last["message"][-1]) == ("critical", ".") or "unable to open" in last[
        "message"
    ]


def test_what_is_printed_on_stderr_becomes_json(tmp_path: Path) -> None:
    """Warnings, uncaught exceptions of threads and of the process, and what libraries print."""
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, threading, warnings\n"
        "from icalbridge.cli.logs import log_everything, start_logging\n"
        "start_logging('json', level='INFO')\n"
        "log_everything()\n"
        "warnings.warn('beware')\n"
        "print('printed', file=sys.stderr)\n"
        "thread = threading.Thread(target=lambda: 1 / 0)\n"
        "thread.start()\n"
        "thread.join()\n"
        "raise KeyError('lost')\n"
    )
    told = {**environment({}), "PYTHONWARNINGS": "default"}
    ended = subprocess.run(
        [sys.executable, script], env=told, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 1
    lines = [
        (each["logger"], each["level"], each.get("exception", "").split("\n")[-1])
        for each in _parsed(ended.stderr)
    ]
    assert lines == [
        ("py.warnings", "warning", ""),
        ("icalbridge.stderr", "error", ""),
        ("icalbridge.stderr", "critical", "ZeroDivisionError: division by zero"),
        ("icalbridge.stderr", "critical", "KeyError: 'lost'"),
    ]
