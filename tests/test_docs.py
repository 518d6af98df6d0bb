"""The documentation says what the code does: what it names exists, and what exists is in it."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click
import pytest
from click.testing import CliRunner

from icalbridge import settings
from icalbridge.cli import main
from icalbridge.sandbox.scenarios import SCENARIOS
from icalbridge.web import create_app
from icalbridge.web.views.embed_options import OWN as EMBED_PARAMETERS
from tests.fixtures.commands import ROOT
from tests.fixtures.documents import (
    OUTDATED_WORDS,
    PAGES,
    anchors,
    code_blocks,
    code_spans,
    links,
    prose,
    section,
    table,
    typed_lines,
)
from tests.screenshots import FOLDER, SHOTS
from tests.web_world import PUBLIC, Clock, filled_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from flask.testing import FlaskClient

README_BYTES = 10_240
PAGE_BYTES = 17_000
LINE_LENGTH = 100
GUIDES = [name for name in PAGES if name != "CHANGELOG.md"]
"""Pages that describe the present; the changelog keeps words of the past."""


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """The application over a filled database."""
    store = filled_store(tmp_path)
    yield create_app(PUBLIC, store, clock=Clock()).test_client()
    store.close()


def _parameters(cells: list[str]) -> set[str]:
    """Return the parameters that cells of a table name, without the values beside them."""
    spans = [span for cell in cells for span in code_spans(cell)]
    with_value = {span.partition("=")[0] for span in spans if "=" in span}
    return with_value or set(spans)


def _accepted(client: FlaskClient, address: str) -> set[str]:
    """Return the parameters that an address takes, as it lists them in its error."""
    response = client.get(f"{address}?nonsense=1")
    assert response.status_code == 400
    found = re.search(r"takes ([a-z, ]+)\.", response.text)
    assert found
    return set(found[1].split(", "))


# sizes and words


def test_readme_is_short() -> None:
    """The way in is read in a few minutes; the rest is in docs/."""
    assert (ROOT / "README.md").stat().st_size <= README_BYTES


@pytest.mark.parametrize("page", GUIDES)
def test_page_is_short(page: str) -> None:
    """One page, one subject."""
    assert len(PAGES[page].encode()) <= PAGE_BYTES


@pytest.mark.parametrize("page", GUIDES)
def test_lines_of_prose_are_short(page: str) -> None:
    """Tables, pictures and code may be wider."""
    text = re.sub(r"^```.*?^```$", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    wide = [line for line in text.splitlines() if len(line) > LINE_LENGTH]
    assert [line for line in wide if not line.startswith(("|", "![", "    "))] == []


@pytest.mark.parametrize("page", GUIDES)
def test_prose_uses_plain_american_words(page: str) -> None:
    """American spelling, and none of the words that the code once had for everything. The rows of
    the settings are the code's.
    """
    text = re.sub(r"^\| `[A-Z_]+` \|.*$", "", PAGES[page], flags=re.MULTILINE)
    assert OUTDATED_WORDS.findall(prose(text)) == []


# links


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_resolve(page: str) -> None:
    """Files exist, and anchors are headings of their pages."""
    broken = []
    for target in links(PAGES[page]):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        path = ((ROOT / page).parent / parts.path).resolve() if parts.path else ROOT / page
        headings = anchors(path.read_text("utf-8")) if parts.fragment else set()
        if not path.exists() or (parts.fragment and parts.fragment not in headings):
            broken.append(target)
    assert broken == []


def test_readme_links_every_page() -> None:
    """Whoever starts at the README finds each page of docs/, those on deployment by their own."""
    pages = {name for name in PAGES if name.startswith("docs/")}
    deploying = {f"docs/deploy/{target}" for target in links(PAGES["docs/deploy/README.md"])}
    assert pages - set(links(PAGES["README.md"])) - deploying == set()


def test_contents_list_every_section() -> None:
    """A page that begins with a list of its sections lists all of them."""
    for text in PAGES.values():
        listed = re.findall(r"^- \[(.+)\]\(#.+\)$", text, re.MULTILINE)
        sections = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert listed in ([], sections)


def test_every_picture_is_shown() -> None:
    """No picture is stored that no page shows."""
    shown = {target.rpartition("/")[2] for text in PAGES.values() for target in links(text)}
    assert {path.name for path in (ROOT / "tests/screenshots").iterdir()} - shown == set()


def test_pictures_are_those_that_are_taken() -> None:
    """`make screenshots` takes each, the page of pictures shows each, and none is heavy."""
    sizes = {path.stem: path.stat().st_size for path in FOLDER.glob("*.png")}
    shown = [Path(target).stem for target in links(PAGES["docs/pictures.md"]) if "png" in target]
    assert sorted(shown) == sorted(sizes) == sorted(SHOTS)
    assert max(sizes.values()) <= 150_000
    assert sum(sizes.values()) <= 2_500_000


@pytest.mark.parametrize("page", GUIDES)
def test_files_that_are_named_exist(page: str) -> None:
    """A path between backquotes is one of this project, unless it is an address."""
    named = [
        span for span in code_spans(PAGES[page]) if re.match(r"(icalbridge|templates|tests)/", span)
    ]
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", GUIDES)
def test_modules_that_are_named_exist(page: str) -> None:
    """`sync.run` between backquotes is a module of a package of icalbridge."""
    packages = [path.name for path in (ROOT / "icalbridge").iterdir() if path.is_dir()]
    pattern = re.compile(rf"({'|'.join(packages)})\.([a-z_]+)")
    named = [found for span in code_spans(PAGES[page]) if (found := pattern.fullmatch(span))]
    folder = ROOT / "icalbridge"
    missing = [
        found[0]
        for found in named
        if not any((folder / found[1] / name).exists() for name in (found[2], f"{found[2]}.py"))
    ]
    assert missing == []


# settings


def test_table_of_settings_is_the_table_in_the_code() -> None:
    """Row by row."""
    expected = [
        [f"`{name}`", f"`{default}`" if default else "–", text]
        for name, default, text in settings.table()
    ]
    assert table(section("docs/operate.md", "Settings")) == expected


@pytest.mark.parametrize("page", GUIDES)
def test_settings_that_are_named_exist(page: str) -> None:
    """In prose, in blocks and in tables."""
    names = {name for name, _, _ in settings.table()} | {"FACILITRON_API_KEY_FILE"}
    named = re.findall(r"\b(?:ICALBRIDGE|FACILITRON|DATABASE)_[A-Z_]+", PAGES[page])
    assert set(named) - names == set()


# commands


def _commands(group: click.Group) -> dict[str, click.Command]:
    """Return the commands of a group, lazy ones included."""
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command}


def _lines() -> list[str]:
    spans = [span for page in GUIDES for span in code_spans(PAGES[page])]
    typed = [line for page in GUIDES for line in typed_lines(PAGES[page])]
    lines = {line.partition("  #")[0].strip().replace("\\|", "|") for line in [*spans, *typed]}
    return sorted(line for line in lines if line.startswith("icalbridge "))


@pytest.mark.parametrize("line", _lines())
def test_command_that_is_named_exists(line: str) -> None:
    """Each is a command, or several with `|` between them, that has the options which the page
    gives it.
    """
    first, *words = shlex.split(line)
    assert first == "icalbridge"
    at: list[click.Command] = [main]
    while words and not words[0].startswith("--") and isinstance(at[0], click.Group):
        commands = _commands(at[0])
        names = words.pop(0).split("|")
        assert set(names) <= set(commands)
        at = [commands[name] for name in names]
    options = {
        option
        for command in at
        for parameter in command.params
        for option in parameter.opts + parameter.secondary_opts
    }
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given - {"--help"} <= options


def _options(command: click.Command) -> set[str]:
    own = {option for one in command.params for option in one.opts + one.secondary_opts}
    if isinstance(command, click.Group):
        own.update(*(_options(each) for each in _commands(command).values()))
    return own


@pytest.mark.parametrize("page", GUIDES)
def test_options_that_are_named_exist(page: str) -> None:
    """An option between backquotes is one of some command."""
    named = {
        span.split()[0].partition("=")[0]
        for span in code_spans(PAGES[page])
        if span.startswith("--")
    }
    assert named - {"--help"} <= _options(main)


def test_make_targets_that_are_named_exist() -> None:
    """And each that `make` lists is in the table of contributing.md."""
    targets = set(
        re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    )
    named = {
        target
        for page in GUIDES
        for text in (*code_spans(PAGES[page]), *typed_lines(PAGES[page]))
        for target in re.findall(r"^make ([a-z]+)", text)
    }
    assert named <= targets
    rows = table(section("docs/contributing.md", "Set-up"))
    assert {code_spans(row[0])[0].split()[1] for row in rows} == targets - {"help"}


def test_every_command_is_in_the_table() -> None:
    """Each has a row, or is named as one of a group's."""
    rows = table(section("docs/operate.md", "Commands"))
    named = {code_spans(row[0])[0].split()[1] for row in rows}
    assert named == set(_commands(main))


# addresses and parameters


def test_parameters_of_calendars_are_what_the_address_takes(client: FlaskClient) -> None:
    """The table of filters names all of them, and nothing else."""
    rows = table(section("docs/publish.md", "Filter a calendar"))
    assert _parameters([row[0] for row in rows]) == _accepted(client, "/ical/facility/gym.ics")


def _filters_on(surface: str) -> set[str]:
    """Return the parameters of calendars that the table says to be taken elsewhere too."""
    rows = table(section("docs/publish.md", "Filter a calendar"))
    return _parameters([row[0] for row in rows if surface in row[2].split(", ")])


@pytest.mark.parametrize(
    ("title", "surface", "address"),
    [
        ("Schedule pages", "pages", "/facility/gym"),
        ("Displays", "displays", "/display/facility/gym.json"),
    ],
)
def test_parameters_elsewhere_are_what_is_taken_there(
    client: FlaskClient, title: str, surface: str, address: str
) -> None:
    """Their own, and the filters of calendars that are on them too."""
    own = _parameters([row[0] for row in table(section("docs/publish.md", title))])
    assert own | _filters_on(surface) == _accepted(client, address)


def test_parameters_of_embeds_are_what_they_take(client: FlaskClient) -> None:
    """The table names all of them, with examples that work."""
    rows = table(section("docs/publish.md", "Calendars on other sites"))
    examples = [code_spans(row[0])[0] for row in rows]
    assert {example.partition("=")[0] for example in examples} == set(EMBED_PARAMETERS)
    for example in examples:
        assert client.get(f"/embed/facility/gym?{example}").status_code == 200


def test_parameters_of_the_api_are_those_of_its_openapi_document(client: FlaskClient) -> None:
    """By the last part of the address."""
    documented: dict[str, set[str]] = {}
    address = ""
    for first, parameters, _ in table(section("docs/api.md", "Parameters")):
        address = first.strip("`") or address
        documented.setdefault(address, set()).update(code_spans(parameters))
    documented["entries"] |= _filters_on("API")
    taken: dict[str, set[str]] = {}
    for path, operations in json.loads(client.get("/api/v1/openapi.json").text)["paths"].items():
        names = {
            each.get("name") for each in operations["get"]["parameters"] if each["in"] == "query"
        }
        if names:
            taken.setdefault(path.rpartition("/")[2], set()).update(names)
    assert documented == taken


def test_addresses_of_the_api_are_those_of_its_openapi_document(client: FlaskClient) -> None:
    """The table has each of them."""
    rows = table(section("docs/api.md", "Addresses"))
    named = {span for row in rows for span in code_spans(row[0])}
    assert named == set(json.loads(client.get("/api/v1/openapi.json").text)["paths"])


@pytest.mark.parametrize(
    ("page", "title"),
    [
        ("README.md", "Subscribing"),
        ("docs/publish.md", "Addresses"),
        ("docs/operate.md", "Monitoring"),
    ],
)
def test_addresses_that_are_named_exist(client: FlaskClient, page: str, title: str) -> None:
    """Each answers for a place that there is; saved feeds and tokens are not there in this
    database.
    """
    rows = re.findall(r"^\| (`/.*?) \| ", section(page, title), re.MULTILINE)
    assert rows
    for path in (span for row in rows for span in code_spans(row)):
        if "<slug>" in path or "<token>" in path:
            continue
        kind = "school" if "property" in path else "gym"
        path = path.replace("<type>/<id>", "reservation/e1").replace("<id>", kind)
        path = path.replace("<uid>", "gym0")
        assert client.get(path).status_code in ({200, 503} if path == "/readyz" else {200}), path


# the sandbox


def _help_names(title: str) -> set[str]:
    """Return the first words of the lines below a line of `icalbridge sandbox --help`."""
    shown = CliRunner().invoke(main, ["sandbox", "--help"]).output.partition(f"{title}\n")[2]
    block = re.match(r"\n?((?: {4}.*\n)+)", shown)
    assert block
    return {
        word
        for line in block[1].splitlines()
        for word in re.split(r" {2,}", line.strip())[0].split()
        if not line.startswith("     ")
    }


def test_scenarios_are_in_the_table() -> None:
    """Each has a row."""
    rows = table(section("docs/sandbox.md", "Scenarios"))
    assert {row[0].strip("`") for row in rows} == set(SCENARIOS)


def test_faults_are_in_the_tables() -> None:
    """Kinds and options are those of the help."""
    kinds, options = re.findall(
        r"(?:^\|.*\|\n)+", section("docs/sandbox.md", "Faults"), re.MULTILINE
    )
    named = {span for row in table(kinds) for span in code_spans(row[0])}
    assert named == _help_names("KIND is one of")
    limits = {span for row in table(options) for span in code_spans(row[0])}
    assert limits == _help_names("and the options narrow it:")


# the design


def test_dependencies_are_those_of_the_project() -> None:
    """The table has a row for each, the extras included, and no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    required = [*project["dependencies"], *(each for extra in extras for each in extra)]
    names = {re.match(r"[a-z0-9_-]+", each.lower())[0] for each in required}  # type: ignore[index]
    rows = table(section("docs/design.md", "Dependencies"))
    assert {row[0] for row in rows} == names


def test_packages_of_the_design_exist() -> None:
    """The drawing of the tree names packages and modules that are there."""
    tree = section("docs/design.md", "Packages").partition("icalbridge/\n")[2].partition("docs/")[0]
    named = re.findall(r"^  ([a-z_./]+)", tree, re.MULTILINE)
    folder = ROOT / "icalbridge"
    assert named
    assert [
        each
        for each in named
        if not any(path.exists() for path in (folder / each, folder / f"{each}.py"))
    ] == []


def test_layers_of_the_design_are_those_that_the_linter_enforces() -> None:
    """The drawing of imports is the contract in pyproject.toml, line by line."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["type"] == "layers")
    drawing = code_blocks(section("docs/design.md", "Packages"), "text")[1].splitlines()
    assert drawing == [layer.replace("icalbridge.", "") for layer in layers]
