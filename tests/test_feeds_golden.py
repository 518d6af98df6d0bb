"""Golden calendars: one a rule of the contract, byte for byte. `tests/golden` says how to renew
them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.golden import CASES

FOLDER = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    """What is rendered is what was reviewed."""
    path = FOLDER / f"{name}.ics"
    body = CASES[name]().body
    if os.environ.get("GOLDEN") == "write":
        path.write_bytes(body)
    assert body == path.read_bytes()


def test_every_golden_file_has_its_case() -> None:
    """No file is left over from a case that went."""
    assert sorted(path.stem for path in FOLDER.glob("*.ics")) == sorted(CASES)
