"""What every test may ask for: the plugins in `tests/fixtures`, each of which brings one real thing to test against."""

from __future__ import annotations

pytest_plugins = [
    "tests.fixtures.isolation",
    "tests.fixtures.postgresql",
    "tests.fixtures.chromium",
    "tests.fixtures.stores",
]
