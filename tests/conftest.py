"""What every test may ask for: the plugins in `tests/fixtures`, each of which brings one real thing
to test against.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile(
    "patient", deadline=None
)  # how long an example takes says more of the machine than of us
settings.load_profile("patient")

pytest_plugins = [
    "tests.fixtures.isolation",
    "tests.fixtures.postgresql",
    "tests.fixtures.chromium",
    "tests.fixtures.stores",
]
