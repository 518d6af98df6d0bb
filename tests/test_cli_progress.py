"""`icalbridge.cli.progress`: a bar where a terminal watches, and not one character where none does."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from icalbridge.cli.progress import progress
from tests.fixtures.commands import environment

SCRIPT = """
from icalbridge.cli.progress import progress
with progress() as on_progress:
    for done in range(4):
        on_progress("catalog", done, 3)
    for done in range(1, 13):
        on_progress("windows", done, 12)
"""


def _on_a_terminal(script: str) -> str:
    """Return what a program says to the terminal that is its stderr."""
    ours, theirs = pty.openpty()
    settings = {"TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=environment(settings), stderr=theirs
    ) as process:
        os.close(theirs)
        told = b""
        with suppress(OSError):  # how Linux says that the other side has closed the terminal
            while part := os.read(ours, 65_536):
                told += part
        os.close(ours)
    assert process.returncode == 0
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told.decode())


def test_terminal_sees_a_bar_for_each_step() -> None:
    """Name, bar, how many of how many, and the time left, which at the end is none."""
    *_, catalogue, windows = [
        line for line in _on_a_terminal(SCRIPT).replace("\r", "\n").split("\n") if line.strip()
    ]
    assert re.fullmatch(r"   catalog ━+ 3/3 +([\d.]+/s)? *0:00:00 *", catalogue)
    assert re.fullmatch(r"   windows ━+ 12/12 +([\d.]+/s)? *0:00:00 *", windows)


def test_no_terminal_sees_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe, a log or a cron job there is no bar."""
    with progress() as on_progress:
        on_progress("windows", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_more_than_was_announced_is_no_error() -> None:
    """Windows that became due meanwhile: the total grows with them."""
    last = _on_a_terminal(SCRIPT + "    on_progress('windows', 15, 12)\n").replace("\r", "\n")
    assert re.findall(r"windows ━+ (\d+/\d+)", last)[-1] == "15/15"


def test_error_inside_passes_through(capsys: pytest.CaptureFixture[str]) -> None:
    """The bar is taken down and hides nothing."""
    with pytest.raises(ValueError, match="boom"), progress():
        raise ValueError("boom")
    assert capsys.readouterr() == ("", "")
