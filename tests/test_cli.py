"""`icalbridge.cli`: what each command says, and with which code it ends."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from icalbridge import sandbox
from icalbridge.cli import COMMANDS as LISTED
from icalbridge.cli import main
from icalbridge.models import utcnow
from icalbridge.store import Store
from tests.fixtures.commands import environment, run, run_process

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("cli")  # one first sync serves all of them
COMMANDS = [
    "demo",
    "serve",
    "worker",
    "sync",
    "doctor",
    "event",
    "feed",
    "status",
    "places",
    "history",
    "push",
    "sandbox",
    "db",
    "backup",
    "restore",
    "export",
]
KEY = "key-that-nobody-may-see"


@pytest.fixture(scope="module")
def world() -> sandbox.World:
    """A small district, which nothing changes."""
    return sandbox.build_world(
        seed=3,
        today=sandbox.district_day(utcnow()),
        schools=1,
        facilities=2,
        events_per_day=1,
        hostile=True,
    )


@pytest.fixture(scope="module")
def api(world: sandbox.World) -> Iterator[str]:
    """The simulated vendor, generous, over HTTP."""
    app = sandbox.create_app(world, keys=(KEY,), rate_per_minute=100_000, quota_per_day=1_000_000)
    with sandbox.serve_in_thread(app) as url:
        yield url


@pytest.fixture
def settings(api: str, tmp_path: Path) -> dict[str, str]:
    """What the operator of that district sets."""
    return _settings(api, tmp_path)


@pytest.fixture(scope="module")
def first_sync(
    api: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A database that was synced once, and how that ended."""
    folder = tmp_path_factory.mktemp("synced")
    return folder / "bridge.db", run_process("sync", **_settings(api, folder))


def _settings(api: str, folder: Path) -> dict[str, str]:
    return {
        "FACILITRON_API_KEY": KEY,
        "FACILITRON_API_URL": api,
        "FACILITRON_RATE_PER_MINUTE": "60000",
        "FACILITRON_QUOTA_PER_DAY": "1000000",
        "DATABASE_URL": f"sqlite:///{folder / 'bridge.db'}",
    }


def test_help_names_every_command() -> None:
    """`--help` lists the commands of the contract."""
    shown = run_process("--help")
    assert shown.returncode == 0
    listed = re.findall(r"^  (\w+)  ", shown.stdout.partition("Commands:")[2], re.MULTILINE)
    assert sorted(listed) == sorted(COMMANDS)


HEAVY = {"alembic", "flask", "icalendar", "msgspec", "requests", "rich", "sqlalchemy"}
SCRIPT = """
import sys
import click
from icalbridge.cli import main

def loaded():
    return [name for name in sys.modules if name.startswith("icalbridge.cli.") or "." not in name]

main(["--help"], standalone_mode=False)
print("@", *loaded())
for name in sys.argv[1:]:
    main.get_command(click.Context(main), name)
print("@", *loaded())
"""


def test_help_imports_neither_commands_nor_what_they_need() -> None:
    """It answers at once: that of all commands loads none, that of one loads its module only; the
    sandbox's tables are the sandbox's own.
    """
    names = [name for name in COMMANDS if name != "sandbox"]
    shown = subprocess.run(
        [sys.executable, "-c", SCRIPT, *names],
        capture_output=True,
        text=True,
        check=True,
        env=environment({}),
    )
    first, then = (set(line.split()) for line in shown.stdout.splitlines() if line[:1] == "@")
    assert {name for name in first if name.startswith("icalbridge.cli.")} == set()
    assert {f"icalbridge.cli.{name}" for name in names} <= then
    assert HEAVY & then == set()


LOADED = """
import sys
from icalbridge.cli import main

for command in sys.argv[1:]:
    main(command.split(), standalone_mode=False)
    print("@", *sys.modules)
"""
ONLY_TO_SERVE = {"flask", "gunicorn", "icalbridge.web", "jinja2", "prometheus_client"}
ONLY_TO_ASK = {"requests", "icalbridge.facilitron.http"}
ONLY_ELSEWHERE = {"alembic", "psycopg", "icalbridge.sandbox", "segno"}
UNUSED = {
    "status": ONLY_TO_SERVE | ONLY_TO_ASK | ONLY_ELSEWHERE | {"icalendar"},
    "db upgrade": ONLY_TO_SERVE | ONLY_TO_ASK | ONLY_ELSEWHERE | {"icalendar"},
    "feed list": ONLY_TO_SERVE | ONLY_TO_ASK | ONLY_ELSEWHERE,
    "history --from 2026-11-01 --to 2026-11-02": ONLY_TO_SERVE | ONLY_ELSEWHERE,
}
"""What neither a command nor those above it may load."""


def test_command_imports_only_what_it_needs(tmp_path: Path) -> None:
    """Libraries take most of the time of a short command; the database is up to date already."""
    store = Store.connect(url := f"sqlite:///{tmp_path}/made.db")
    store.upgrade()
    store.close()
    shown = subprocess.run(
        [sys.executable, "-c", LOADED, *UNUSED],
        capture_output=True,
        text=True,
        check=True,
        env=environment({"DATABASE_URL": url, "FACILITRON_API_KEY": "key"}),
    )
    loaded = [line.split() for line in shown.stdout.splitlines() if line.startswith("@ ")]
    for (command, unused), names in zip(UNUSED.items(), loaded, strict=True):
        assert unused & {*names} == set(), command


@pytest.mark.parametrize("name", COMMANDS)
def test_listed_sentence_is_the_first_of_the_help(name: str) -> None:
    """`--help` imports no command, and still says of each what it says of itself."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert (
        LISTED[name]
        == " ".join((command.help or "").split("\n\n")[0].split())
        .partition(". ")[0]
        .removesuffix(".")
        + "."
    )


@pytest.mark.parametrize(
    "command",
    [
        *([each] for each in COMMANDS),
        *(["event", each] for each in ("get", "create", "cancel", "move")),
        *(["db", "upgrade"], ["feed", "edit"], ["feed", "token", "add"]),
    ],
    ids=" ".join,
)
def test_every_command_has_help(command: list[str]) -> None:
    """Each explains itself and ends with 0."""
    shown = run(*command, "--help")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(f"Usage: icalbridge {' '.join(command)}")


@pytest.mark.parametrize(
    ("args", "given", "sentence"),
    [
        (["sync"], {}, "FACILITRON_API_KEY is not set"),
        (["serve"], {}, "FACILITRON_API_KEY is not set"),
        (["worker"], {}, "FACILITRON_API_KEY is not set"),
        (
            ["serve"],
            {"FACILITRON_API_KEY": KEY, "ICALBRIDGE_HISTORY_DAYS": "x"},
            "ICALBRIDGE_HISTORY_DAYS is 'x'",
        ),
        (["sandbox", "--fault", "explode"], {}, "--fault: "),
    ],
)
def test_bad_configuration_is_one_sentence_and_code_2(
    args: list[str], given: dict[str, str], sentence: str
) -> None:
    """The setting is named on stderr, without a traceback and without the key."""
    ended = run(*args, **given)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"icalbridge: {sentence}")
    assert ended.stderr.count("\n") == 1
    assert KEY not in ended.stderr


def test_debug_shows_the_traceback() -> None:
    """`--debug` is the one way to see it."""
    assert "Traceback" in run("--debug", "sync").stderr


def test_sync_fetches_everything(
    settings: dict[str, str],
    first_sync: tuple[Path, subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """Two properties have two times twelve windows; code 0; a second run changes nothing."""
    file, first = first_sync
    assert (first.returncode, first.stderr) == (0, "")
    assert re.fullmatch(r"24 windows fetched, [1-9]\d* changes, 0 failures\.\n", first.stdout)
    shutil.copy(file, tmp_path)
    second = run("sync", **settings)
    assert (second.returncode, second.stdout) == (0, "24 windows fetched, 0 changes, 0 failures.\n")


def test_sync_of_one_property_fetches_its_windows_only(
    settings: dict[str, str], world: sandbox.World
) -> None:
    """`--property` takes an id or a name and may be repeated; an unknown one is named, and the
    others are fetched all the same.
    """
    school = world.properties[1]["name"]
    ended = run("sync", "--property", school.upper(), "--property", "nowhere", **settings)
    assert (ended.returncode, ended.stderr) == (
        1,
        "icalbridge: property nowhere is not in the catalog\n",
    )
    assert ended.stdout.startswith("12 windows fetched, ")


def test_sync_with_a_refused_key_says_so_once(settings: dict[str, str]) -> None:
    """401: code 1, one clear sentence, and the key is nowhere."""
    ended = run("sync", **{**settings, "FACILITRON_API_KEY": "wrong-key"})
    assert ended.returncode == 1
    assert ended.stderr.startswith("icalbridge: GET ")
    assert "401" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert "wrong-key" not in ended.stderr + ended.stdout


def test_status_tells_people_and_programs(
    settings: dict[str, str],
    first_sync: tuple[Path, subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    """A table, or one JSON object; neither asks the vendor or needs the key."""
    shutil.copy(first_sync[0], tmp_path)
    del settings["FACILITRON_API_KEY"]
    shown, told = run("status", **settings), run("status", "--json", **settings)
    assert (shown.returncode, shown.stderr, told.returncode, told.stderr) == (0, "", 0, "")
    parsed = json.loads(told.stdout)
    assert parsed["ready"] is True
    assert parsed["quota_used"] == 27
    assert len(parsed["properties"]) == 2
    assert "Quota       27 of 1000000 requests used today (UTC)" in shown.stdout


def test_status_of_no_database_says_what_to_do(tmp_path: Path) -> None:
    """A database that was never made is a sentence."""
    ended = run("status", DATABASE_URL=f"sqlite:///{tmp_path / 'new.db'}")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.endswith("run `icalbridge sync`, or `icalbridge serve`, which syncs too.\n")


def test_db_upgrade_makes_the_database(tmp_path: Path) -> None:
    """It may run again."""
    given = {"DATABASE_URL": f"sqlite:///{tmp_path / 'new.db'}"}
    for _ in range(2):
        ended = run("db", "upgrade", **given)
        assert (ended.returncode, ended.stdout, ended.stderr) == (
            0,
            "The database is up to date.\n",
            "",
        )


def test_doctor_finds_a_healthy_bridge_healthy(settings: dict[str, str]) -> None:
    """One line each; code 0."""
    ended = run("doctor", **settings)
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["ok"] * len(lines)
    names = [line.split()[1] for line in lines]
    assert names == [
        *("configuration", "database", "integrity", "disk"),
        *("key", "clock", "scope", "zones", "quota"),
    ]


@pytest.mark.parametrize(
    ("wrong", "failed"),
    [
        ({"FACILITRON_API_KEY": "wrong-key"}, ["key", "clock", "scope", "zones"]),
        ({"FACILITRON_API_URL": "http://127.0.0.1:1/v1"}, ["key", "clock", "scope", "zones"]),
        (
            {"DATABASE_URL": "sqlite:////no/such/folder/bridge.db"},
            ["database", "integrity", "disk", "key", "clock", "scope", "zones", "quota"],
        ),
        ({"FACILITRON_RATE_PER_MINUTE": "many"}, ["configuration"]),
        ({"FACILITRON_API_KEY": ""}, ["configuration"]),
    ],
)
def test_doctor_says_what_to_do_about_each_failure(
    settings: dict[str, str], wrong: dict[str, str], failed: list[str]
) -> None:
    """Code 1; each failed line has a sentence; what cannot be checked without it is said to be
    unchecked.
    """
    ended = run("doctor", **{**settings, **wrong})
    assert (ended.returncode, ended.stderr) == (1, "")
    lines = [line.split(maxsplit=2) for line in ended.stdout.splitlines()]
    assert [name for state, name, _ in lines if state != "ok"] == failed
    assert KEY not in ended.stdout
    assert "wrong-key" not in ended.stdout


def test_bash_completes_commands_as_the_docs_say() -> None:
    """The line of docs/operate.md, typed in bash, completes `hist` to `history`."""
    (line,) = re.findall(
        r"^    (eval .*)$", Path("docs/operate.md").read_text("utf-8"), re.MULTILINE
    )
    script = f"""{line}
        COMP_WORDS=(icalbridge hist) COMP_CWORD=1
        _icalbridge_completion icalbridge
        echo "${{COMPREPLY[@]}}"
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env={"PATH": path}, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "history\n", "")
