"""`.env.example`: every setting, as it is without the file, in the notation that systemd, Docker and
shells have in common.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

from icalbridge.settings import from_environment, table
from icalbridge.settings.env_example import env_example
from tests.fixtures.commands import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FILE = ROOT / ".env.example"


def test_file_is_what_the_table_gives() -> None:
    """`python -m icalbridge.settings.env_example > .env.example` writes it anew."""
    assert FILE.read_text("utf-8") == env_example()


def test_file_has_every_setting_once() -> None:
    """In the order of the table; lines are short, but for addresses."""
    lines = FILE.read_text("utf-8").splitlines()
    names = [found[1] for line in lines if (found := re.match(r"#?([A-Z_]+)=", line))]
    assert names == [name for name, _, _ in table()]
    assert max(map(len, lines)) <= 100


def test_file_changes_nothing(tmp_path: Path) -> None:
    """Read by a shell with every line switched on, it gives the settings of an empty environment."""
    switched_on = re.sub(r"^#(?=[A-Z_]+=)", "", FILE.read_text("utf-8"), flags=re.MULTILINE)
    assert switched_on.count("\nICALBRIDGE_") > 10
    (tmp_path / "env").write_text(switched_on)
    (tmp_path / "a file").touch()  # a shell would find it by a name with an asterisk
    out = subprocess.check_output(
        ["/bin/sh", "-c", "set -a; . ./env; env"], cwd=tmp_path, env={}, text=True
    )
    read = dict(line.split("=", 1) for line in out.splitlines())
    home = {"HOME": "/home/someone"}
    assert from_environment({**read, **home}) == from_environment(home)
