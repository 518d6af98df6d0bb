"""The project's frame keeps its promises: locks, wheel, and the shape of the tree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ["requirements.txt", "tests/requirements.txt"]
FAST_LOCK = "requirements-fast.txt"
TOP_LEVEL = [
    "CHANGELOG.md",
    "Dockerfile",
    "LICENSE",
    "Makefile",
    "Procfile",
    "README.md",
    "compose.yaml",
    "docs",
    "icalbridge",
    "pyproject.toml",
    "requirements-fast.txt",
    "requirements.txt",
    "templates",
    "tests",
    ".ci",
    ".dockerignore",
    ".env.example",
    ".git*",
]
LOCKED = re.compile(
    r"[a-z0-9][a-z0-9.-]*(\[[a-z0-9,-]+\])?==\S+( ; [^\\\n]+)? \\\n( {4}--hash=sha256:[0-9a-f]{64}("
    r" \\)?\n)+"
)


def _modules() -> list[Path]:
    return sorted(
        path for folder in ("icalbridge", "tests") for path in (ROOT / folder).rglob("*.py")
    )


def _names(path: Path) -> list[str]:
    """Files below a folder, relative to it, without what Python leaves there when it runs."""
    files = (file.relative_to(path) for file in path.rglob("*") if file.is_file())
    return [str(file) for file in files if "__pycache__" not in file.parts]


@pytest.mark.parametrize("lock", [*LOCKS, FAST_LOCK])
def test_lock_pins_every_requirement_with_a_hash(lock: str) -> None:
    """A lock is nothing but exact versions and their hashes: no address, no option, no comment."""
    assert LOCKED.sub("", (ROOT / lock).read_text()) == ""


def test_test_lock_holds_the_product_lock() -> None:
    """What the tests run against is what users install, to the version and hash."""
    product, test = (
        {match[0] for match in LOCKED.finditer((ROOT / lock).read_text())} for lock in LOCKS
    )
    assert product - test == set()


def test_fast_lock_holds_the_extra_and_nothing_else() -> None:
    """In a version that the extra allows."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    (requirement,) = (Requirement(each) for each in extras["fast"])
    (locked,) = re.findall(r"^(\S+)==(\S+)", (ROOT / FAST_LOCK).read_text(), re.MULTILINE)
    assert canonicalize_name(requirement.name) == locked[0]
    assert requirement.specifier.contains(locked[1])


def test_npm_lock_pins_every_package_without_address() -> None:
    """Each npm package has a version and an integrity hash, and comes from wherever the user's npm
    looks.
    """
    packages = json.loads((ROOT / "tests/js/package-lock.json").read_text())["packages"]
    keys = {
        name: {"version", "integrity", "resolved"} & set(packages[name])
        for name in packages
        if name
    }
    assert keys == {name: {"version", "integrity"} for name in keys}


def test_ci_runs_what_a_developer_types() -> None:
    """`.ci/run` can be executed and ends in `make test`."""
    script = ROOT / ".ci/run"
    assert (os.access(script, os.X_OK), script.read_text().splitlines()[-1]) == (
        True,
        "exec make test",
    )


def test_make_without_target_lists_every_target() -> None:
    """A newcomer who types `make` is told what there is."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    }
    listing = subprocess.check_output(
        ["make", "--no-print-directory"], cwd=ROOT, encoding="utf-8", env=environment
    )
    targets = re.findall(r"^  (\w+)\t", listing, re.MULTILINE)
    assert targets == [
        "help",
        "demo",
        "test",
        "lint",
        "bench",
        "soak",
        "screenshots",
        "messages",
        "lock",
        "clean",
    ]


def test_wheel_holds_package_and_templates_and_nothing_else(tmp_path: Path) -> None:
    """Templates live at the top of the tree and inside the wheel; static files and migrations are
    in it as well.
    """
    build = [
        sys.executable,
        "-m",
        "hatchling",
        "build",
        "--target",
        "wheel",
        "--directory",
        str(tmp_path),
    ]
    subprocess.run(build, cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    package = {f"icalbridge/{name}" for name in _names(ROOT / "icalbridge")}
    templates = {f"icalbridge/templates/{name}" for name in _names(ROOT / "templates")}
    assert held == package | templates


def test_no_module_is_over_400_lines() -> None:
    """A module that has outgrown 400 lines becomes a folder; tests may have 500 and a few."""
    lines = {path.relative_to(ROOT): path.read_text().count("\n") for path in _modules()}
    most = {path: 400 if path.parts[0] == "icalbridge" else 505 for path in lines}
    assert {str(path): count for path, count in lines.items() if count > most[path]} == {}


def test_every_module_opens_with_a_docstring() -> None:
    """Each module says first what it is for."""
    opening = re.compile(r'(?:#.*\n)*r?"""\S')
    silent = [path for path in _modules() if not opening.match(path.read_text())]
    assert [str(path.relative_to(ROOT)) for path in silent] == []


AT_ONCE = re.compile(r"assert .*\.(count|inner_text|input_value|is_(visible|enabled|editable))\(\)")


def test_browser_tests_wait_for_what_they_assert() -> None:
    """A click returns before the next page is there: `expect` waits. The clock of displays stands
    still in their tests.
    """
    found = {
        path.name: at_once.group()
        for path in sorted((ROOT / "tests" / "browser").glob("test_*.py"))
        if not path.name.startswith("test_display")
        if (at_once := AT_ONCE.search(path.read_text("utf-8")))
    }
    assert found == {}


def test_top_level_holds_only_what_belongs_there() -> None:
    """The first page of the repository stays short; what .gitignore names may lie around."""
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text().split()]
    allowed = [*TOP_LEVEL, *ignored]
    strays = [
        path.name
        for path in ROOT.iterdir()
        if not any(fnmatch(path.name, pattern) for pattern in allowed)
    ]
    assert strays == []
