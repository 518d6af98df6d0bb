"""`icalbridge.cli.sandbox`: what its help says of faults is what it takes."""

from __future__ import annotations

import re

import pytest

from icalbridge.sandbox import GRAMMAR, SCENARIOS, parse_fault
from icalbridge.sandbox.faults import ENDPOINTS, KINDS, SECONDS
from tests.fixtures.commands import run


@pytest.fixture(scope="module")
def shown() -> str:
    """What `icalbridge sandbox --help` prints."""
    ended = run("sandbox", "--help")
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


def test_help_ends_with_the_grammar_of_faults(shown: str) -> None:
    """As it stands, in a hundred columns."""
    assert shown.endswith(f"\n\n{GRAMMAR}")
    assert max(map(len, shown.splitlines())) <= 100


def test_help_has_every_kind_and_no_other() -> None:
    """Statuses on one line, each other kind on its own, with its default where it waits."""
    table = GRAMMAR.partition("KIND is one of\n\n")[2].partition("\n\n")[0]
    statuses, *others = [re.split(" {2,}", line.strip()) for line in table.splitlines()]
    assert [*statuses[0].split(), *(kind for kind, _ in others)] == list(KINDS)
    defaults = {
        kind: float(found[1])
        for kind, told in others
        if (found := re.search(r"default ([\d.]+)", told))
    }
    assert defaults == SECONDS


def test_help_has_every_endpoint(shown: str) -> None:
    """In the order of the vendor's pages."""
    listed = re.findall(r"endpoint=NAME +(.*\n.*)", shown)[0]
    assert tuple(re.split(r",\s+| or ", listed)) == ENDPOINTS


def test_every_option_in_the_help_is_taken() -> None:
    """Each with a value such as it asks for; one that is not there is refused."""
    named = re.findall(r"^    (\w+)=(\S+)", GRAMMAR, re.MULTILINE)
    values = {"NAME": "event", "N": "3", "S": "1.5"}
    fault = parse_fault(
        "slow:" + ",".join(f"{name}={values.get(value, value)}" for name, value in named)
    )
    told = (
        fault.endpoint,
        fault.property_id,
        fault.first,
        fault.after,
        fault.days,
        fault.children,
        fault.share,
    )
    assert (*told, fault.seconds) == ("event", "ID", 3, 3, 3, True, 0.2, 1.5)
    with pytest.raises(ValueError, match="cannot be used"):
        parse_fault("slow:last=3")


@pytest.mark.parametrize("spec", re.findall(r"`(\d+:[^`]+)`", GRAMMAR))
def test_examples_in_the_help_are_taken(spec: str) -> None:
    """They may be copied."""
    assert parse_fault(spec).kind == spec[:3]


def test_help_has_every_scenario(shown: str) -> None:
    """By name, with what it is, one on a line."""
    table = shown.partition("scenario is one of\n\n")[2].partition("\n\n")[0]
    listed = [tuple(re.split(" {2,}", line.strip())) for line in table.splitlines()]
    assert listed == [(name, each.summary) for name, each in SCENARIOS.items()]


def test_unknown_scenario_is_refused() -> None:
    """With the names of those that there are, and exit code 2."""
    ended = run("sandbox", "--scenario", "snow-day")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"'snow-day' is no scenario; use one of {', '.join(SCENARIOS)}." in ended.stderr
