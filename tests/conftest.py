"""Plugins of `tests/fixtures`, and which tests run on both databases in `make test`."""

from __future__ import annotations

import gc
import os
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import settings

gc.disable()  # until all is collected

# How long an example takes says more of the machine than of the product.
settings.register_profile("short", deadline=None, max_examples=10)
settings.register_profile("soak", deadline=None, max_examples=400)
settings.load_profile("short")

pytest_plugins = [
    "tests.fixtures.compiled",
    "tests.fixtures.isolation",
    "tests.fixtures.postgresql",
    "tests.fixtures.chromium",
    "tests.fixtures.compiling",
    "tests.fixtures.stores",
    "tests.fixtures.origins",
]

BOTH_DATABASES = (
    "test_cli_doctor_database",
    "test_cli_event",
    "test_cli_push",
    "test_end_to_end",
    "test_fixtures",
    "test_frozen_database",
    "test_outage",
    "test_settings",
    "test_store",
    "test_sync_clock",
    "test_sync_kill",
    "test_sync_many",
    "test_sync_particulars",
    "test_sync_unchanged",
)
"""Modules whose subject is SQL, locks or connections, by the beginning of their names. Single tests
in others are marked `both_databases`.
"""


def pytest_configure(config: pytest.Config) -> None:
    """In `make soak` let Hypothesis try forty times as many examples."""
    if config.option.markexpr == "soak":
        settings.load_profile("soak")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    """Where processes collect all tests at once, let each import other modules first: it compiles
    the asserts of a share of them, and finds those of the rest compiled.
    """
    here, process = Path(__file__).parent, os.environ.get("PYTEST_XDIST_WORKER", "")
    if not process or [Path(each).absolute() for each in session.config.args] != [here]:
        return
    files = [each for each in sorted(here.rglob("test_*.py")) if "benchmarks" not in each.parts]
    count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    share = int(process.removeprefix("gw")) * len(files) // count
    for file in files[share:] + files[:share]:
        import_module(".".join(file.relative_to(here.parent).with_suffix("").parts))


def pytest_collection_finish() -> None:
    """Let no garbage collection look through thousands of tests and modules, which all stay, and
    let it begin after as many new objects as a test makes.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave PostgreSQL to `make soak` where a test's subject does not depend on the database; let
    it run the properties once more, with its many examples.
    """
    for item in items:
        if config.option.markexpr == "soak" and getattr(
            getattr(item, "obj", None), "is_hypothesis_test", False
        ):
            item.add_marker(pytest.mark.soak)
        callspec = getattr(item, "callspec", None)
        if (
            callspec is not None
            and callspec.params.get("database_url") == "postgresql"
            and not item.path.name.startswith(BOTH_DATABASES)
            and item.get_closest_marker("both_databases") is None
        ):
            item.add_marker(pytest.mark.soak)
