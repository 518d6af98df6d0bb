"""A filter is added in one place: a row in the table of `icalbridge.feeds.query`.

In a copy of the package, since every list is made of the table when it is imported.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.fixtures.commands import ROOT
from tests.web_world import filled_store

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("new parameter")  # one copy serves all of them
ROW = """\
    hour: tuple[str, ...] = _row(
        "hour",
        TEXTS,
        EVERYWHERE,
        "Hours in UTC",
        matches=lambda hours, entry, _: str(entry.start.hour) in hours,
        form=TextField("Only at these hours"),
    )
"""
NEXT_ROW = "    past: int | None = _row("
ASK = """\
import json, sys
from tests.web_world import application
client = application(sys.argv[1]).test_client()
print(json.dumps({path: client.get(path).text for path in sys.argv[2:]}))
"""
FILTERED = {
    "feed": "/ical/facility/gym.csv?hour=19",
    "district": "/ical/property/district.csv?hour=19&q=gym",
    "other": "/ical/facility/gym.csv?hour=7",
    "page": "/facility/gym?view=list&hour=19",
    "display": "/display/property/school.json?hour=19",
    "embed": "/embed/facility/gym?hour=19",
    "api": "/api/v1/facilities/gym/entries?hour=19",
}
FORMS = {
    "builder": "/build?feed=facility:gym&hour=19",
    "embed form": "/embed?feed=facility:gym&hour=19",
}
OPENAPI = "/api/v1/openapi.json"
REFUSED = {
    "feed": "/ical/facility/gym.ics?x=1",
    "page": "/facility/gym?x=1",
    "display": "/display/facility/gym.json?x=1",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What every kind of address answers where the table has one row more."""
    folder = tmp_path_factory.mktemp("copy")
    for name in ("icalbridge", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    _add_row(folder / "icalbridge" / "feeds" / "query.py")
    filled_store(folder).close()
    paths = [*FILTERED.values(), *FORMS.values(), *REFUSED.values(), OPENAPI]
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    asked = subprocess.run(
        [sys.executable, "-c", ASK, str(folder), *paths],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    read: dict[str, str] = json.loads(asked.stdout)
    return read


def _add_row(table: Path) -> None:
    text = table.read_text("utf-8")
    assert text.count(NEXT_ROW) == 1
    table.write_text(text.replace(NEXT_ROW, ROW + NEXT_ROW), "utf-8")


@pytest.mark.parametrize("where", ["feed", "district", "display", "embed", "api"])
def test_new_filter_selects_everywhere(answers: dict[str, str], where: str) -> None:
    """Of the two kinds of bookings there are, the one that begins at 19:00 UTC."""
    assert "Open Gym" in answers[FILTERED[where]]
    assert "Varsity" not in answers[FILTERED[where]]


def test_new_filter_selects_on_pages(answers: dict[str, str]) -> None:
    """Of the bookings that are listed; what is next there no filter changes."""
    listed = answers[FILTERED["page"]].partition('id="schedule"')[2]
    assert set(re.findall(r'href="/booking/(\w+)"', listed)) == {"now"}


def test_new_filter_that_nothing_matches_shows_nothing(answers: dict[str, str]) -> None:
    """Or it would show too much."""
    assert len(answers[FILTERED["other"]].splitlines()) == 1


def test_new_filter_goes_on_with_the_form_of_a_page(answers: dict[str, str]) -> None:
    """As a field that nobody sees, and in the address to subscribe to."""
    assert '<input type="hidden" name="hour" value="19">' in answers[FILTERED["page"]]
    assert "/ical/facility/gym.ics?hour=19" in answers[FILTERED["page"]]


@pytest.mark.parametrize("form", FORMS)
def test_new_filter_has_a_field_in_forms(answers: dict[str, str], form: str) -> None:
    """With its label, filled in; and the address that they make has it."""
    text = answers[FORMS[form]]
    assert '<label for="f-hour">Only at these hours</label>' in text
    assert 'name="hour" type="text" value="19"' in text
    assert "gym.ics?hour=19" in text or "/embed/facility/gym?hour=19" in text


@pytest.mark.parametrize("where", REFUSED)
def test_new_filter_is_named_where_another_is_refused(answers: dict[str, str], where: str) -> None:
    """Among those that the address takes."""
    assert ", hour" in answers[REFUSED[where]]


def test_new_filter_is_in_the_openapi_document(answers: dict[str, str]) -> None:
    """For both kinds of places."""
    paths: dict[str, Any] = json.loads(answers[OPENAPI])["paths"]
    for kind in ("properties", "facilities"):
        taken = paths[f"/api/v1/{kind}/{{id}}/entries"]["get"]["parameters"]
        (own,) = [each for each in taken if each["name"] == "hour"]
        assert own["description"] == "Hours in UTC; commas between them"
