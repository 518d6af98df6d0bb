"""`icalbridge.cli.status`: a table for people, one JSON object for programs, both from the same
facts.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from icalbridge.cli.runtime import describe_database
from icalbridge.cli.status import age, print_status
from icalbridge.errors import SchemaOutdated
from icalbridge.models import Changes, RequestCost
from icalbridge.settings import from_environment
from icalbridge.store import Store
from icalbridge.sync.ledger import StoreLedger
from tests.fixtures.stores import (
    SCHOOLS_DAY,
    SOON,
    USER,
    WINDOW,
    apply_changes,
    list_catalogue,
)
from tests.samples import NOW, SCHOOL, entry, event, timeslot

if TYPE_CHECKING:
    from icalbridge.models import ZoneSource
    from icalbridge.settings import Settings

ERROR = (
    "GET /property/school/events: 503 SY004 Service unavailable (invocation_id"
    " 7c1f2a9e-0000-4111-8222-0123456789ab)"
)
LATER = NOW + timedelta(hours=3)


@pytest.fixture
def settings(database_url: str) -> Settings:
    """No key: `status` needs none."""
    return from_environment({"DATABASE_URL": database_url, "FACILITRON_QUOTA_PER_DAY": "500"})


@pytest.fixture
def bridge(school: Store) -> Store:
    """A district never fetched, a school fetched at noon and failing since; three hours later."""
    school.api_keys.claim_catalog(USER, "w", now=NOW)
    school.api_keys.finish_catalog(USER, now=NOW, due=SOON)
    for number in range(3):
        apply_changes(
            school,
            Changes(
                added=(entry(24, uid=f"u{number}", event_id=f"e{number}"),),
                parsed=(event(event_id=f"e{number}"),),
            ),
            number=number,
        )
    school.windows.make_due(["school"], now=SOON)
    claim = school.windows.claim(USER, "w", now=SOON, property_ids=["school"])
    assert claim is not None
    school.windows.fail(claim, ERROR, "abc", now=SOON, due=SOON)
    ledger = StoreLedger(school, USER, rate_per_minute=1000, quota_per_day=500)
    for _ in range(7):
        ledger.take(LATER)
    school.write.count({"skipped:no id": 2})
    school.workers.beat("w1", now=LATER)
    school.workers.beat("silent", now=NOW)
    return school


@pytest.mark.usefixtures("bridge")
def test_table_tells_people(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line a property, then catalogue, quota, bookings and workers."""
    monkeypatch.setenv("COLUMNS", "200")
    print_status(settings, as_json=False, now=LATER)
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.rstrip() for line in out.splitlines()] == [
        "Property        Tier    Today    31 days  Year     Next  Last error",
        "Sunny District  unread  never    never    never    now   –",
        f"Lincoln High    unread  3 h ago  3 h ago  3 h ago  now   {ERROR}",
        "",
        "Catalog     3 h ago",
        "Quota       7 of 500 requests used today (UTC)",
        "Bookings    3 shown, 2 things left out that could not be read",
        "Workers     1 alive",
        f"Database    {describe_database(settings)}",
    ]


@pytest.mark.usefixtures("bridge")
def test_narrow_table_loses_no_letter_of_an_error(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a small window an error goes on below; its invocation_id is what the vendor's support asks
    for.
    """
    monkeypatch.setenv("COLUMNS", "70")
    print_status(settings, as_json=False, now=LATER)
    lines = capsys.readouterr().out.partition("\n\n")[0].splitlines()
    assert max(map(len, lines)) <= 70
    column = lines[0].index("Last error")
    assert "".join(line[column:].replace(" ", "") for line in lines[2:]) == ERROR.replace(" ", "")


def test_name_in_brackets_is_a_name(
    settings: Settings,
    store: Store,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing in a name commands the table."""
    monkeypatch.setenv("COLUMNS", "160")
    list_catalogue(store, school=replace(SCHOOL, name="[/red] Gym [bold]:smile:"))
    store.windows.ensure(["school"], 1, now=NOW)
    print_status(settings, as_json=False, now=LATER)
    assert capsys.readouterr().out.splitlines()[1].split("  ")[0] == "[/red] Gym [bold]:smile:"


def test_table_tells_what_comes_next(
    settings: Settings,
    school: Store,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The district's day covers the school that somebody reads, as often as 500 requests allow."""
    monkeypatch.setenv("COLUMNS", "160")
    school.windows.ensure(["district"], 0, now=NOW, first=-1)
    everything = school.windows.state(USER).windows
    while claim := school.windows.claim_planned(everything, "w", now=NOW):
        school.windows.finish(
            claim, WINDOW, Changes(), now=NOW, day=SCHOOLS_DAY if claim.number == -1 else None
        )
        everything = tuple(
            each
            for each in everything
            if (each.property_id, each.number) != (claim.property_id, claim.number)
        )
    school.write.note_read(["school"], now=NOW)
    print_status(settings, as_json=False, now=NOW + timedelta(seconds=45))
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()][:3] == [
        "Property        Tier    Today     31 days   Year      Next      Last error",
        "Sunny District  unread  45 s ago  45 s ago  45 s ago  in 1 min  –",
        "Lincoln High    week    45 s ago  45 s ago  45 s ago  in 2 min  –",
    ]


def test_table_shows_pace_reach_and_contradictions(
    settings: Settings, school: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """How often each tier is fetched, how far ahead days are answered, and what answers took."""
    school.windows.ensure(["district"], 0, now=NOW, first=-91)
    school.write.note_read(["school"], now=NOW)
    school.api_keys.note_answered_day(USER, 30)
    school.api_keys.note_refused_day(USER, 61, now=NOW)
    school.write.note_costs(USER, {"district-day": RequestCost(4, 1, 1_250_000.0, 2.5)})
    school.write.count({"disagreements:silent school": 2})
    print_status(settings, as_json=False, now=LATER)
    lines = capsys.readouterr().out.splitlines()
    (pace,) = [line for line in lines if line.startswith("Pace ")]
    assert pace.startswith("Pace        today every ")
    (districts,) = [line for line in lines if line.startswith("Districts ")]
    assert districts.endswith(
        "; Facilitron answers up to day 30, refuses day 61; one takes 2.5 s, 1.25 MB"
    )
    assert "Contradict  2 × silent school; what was known stayed" in lines
    print_status(settings, as_json=True, now=LATER)
    (plan,) = json.loads(capsys.readouterr().out)["plans"]
    assert plan["district_days"]["answered_to"] == 30
    assert plan["district_days"]["refused_from"] == 61
    assert plan["costs"]["district-day"]["requests"] == 4


def test_table_tells_each_key_and_its_trouble(
    settings: Settings, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several keys have a line each; a plan that is stretched and a key that is not served are said
    below.
    """
    store.write.add_api_user("hills")
    store.api_keys.note_pace("hills", 2.5, 100)
    store.api_keys.note_trouble(
        "hills", "401 AU001 The key was revoked; feeds go on from what is known", now=NOW
    )
    print_status(settings, as_json=False, now=LATER)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()][3:7] == [
        "Quota       0 of 500 requests used today (UTC), key default",
        "Quota       0 of 100 requests used today (UTC), key hills",
        "            too little for the wanted pace: distant days are fetched up to 2.5 times less often",
        "Trouble     401 AU001 The key was revoked; feeds go on from what is known, key hills",
    ]


def test_table_of_an_unsynced_database(
    settings: Settings, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing yet is said as such."""
    assert store.read.properties() == []
    print_status(settings, as_json=False, now=LATER)
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()][2:] == [
        "Catalog     never",
        "Quota       0 of 500 requests used today (UTC)",
        "Bookings    0 shown, 0 things left out that could not be read",
        "Workers     0 alive",
        f"Database    {describe_database(settings)}",
    ]


def test_table_shows_the_catalogues_error(
    settings: Settings, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """Below the catalogue's age."""
    store.api_keys.finish_catalog(
        USER, now=NOW, due=SOON, error="GET /properties: 503 down", invocation_id="xyz"
    )
    print_status(settings, as_json=False, now=LATER)
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("Catalog     never") + 1] == "            GET /properties: 503 down"


ZONES: list[tuple[ZoneSource, str, str, str]] = [
    (
        "events",
        "",
        "America/New_York",
        "; times are shown in America/New_York, which its events name",
    ),
    (
        "parent",
        "Eastrn",
        "America/Denver",
        " ('Eastrn'); times are shown in America/Denver, taken from its district",
    ),
    (
        "stored",
        "",
        "America/New_York",
        "; times are shown in America/New_York, which the vendor gave before",
    ),
    ("guess", "?", "", " ('?'); times are shown in UTC, which is a guess"),
]


@pytest.mark.parametrize(("source", "given", "zone", "note"), ZONES)
def test_status_tells_of_zones_that_the_vendor_does_not_give(
    settings: Settings,
    store: Store,
    capsys: pytest.CaptureFixture[str],
    source: ZoneSource,
    given: str,
    zone: str,
    note: str,
) -> None:
    """A line for each such property, with the vendor's word and what is shown instead; in JSON
    source and word.
    """
    list_catalogue(
        store, school=replace(SCHOOL, timezone=zone, zone_source=source, vendor_zone=given)
    )
    store.windows.ensure(["district", "school"], 1, now=NOW)
    print_status(settings, as_json=False, now=LATER)
    assert (
        capsys.readouterr().out.splitlines()[-1]
        == f"Time zones  {SCHOOL.name}: no usable time zone from the vendor{note}"
    )
    print_status(settings, as_json=True, now=LATER)
    told = json.loads(capsys.readouterr().out)["properties"]
    assert [(each["zone_source"], each["vendor_zone"]) for each in told] == [
        ("", ""),
        (source, given),
    ]


@pytest.mark.usefixtures("bridge")
def test_json_tells_programs(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """One object; moments in UTC as 2026-11-21T20:00:00Z, or null for never."""
    print_status(settings, as_json=True, now=LATER)
    assert json.loads(capsys.readouterr().out) == {
        "database": describe_database(settings),
        "ready": False,
        "quota_per_day": 500,
        "catalogue_synced": "2026-11-21T20:00:00Z",
        "catalogue_error": "",
        "catalogue_invocation_id": "",
        "left": [],
        "withdrawals": [],
        "workers_alive": 1,
        "entries": 3,
        "skipped": 2,
        "counters": {"skipped:no id": 2},
        "unknown_statuses": {},
        "unknown_timeslot_statuses": {},
        "plans": [
            {
                "name": "default",
                "pace": {"unread": 86_400},
                "district_days": {"answered_to": 7, "refused_from": None, "asked_to": {}},
                "costs": {},
            }
        ],
        "quota_day": "2026-11-21",
        "quota_used": 7,
        "keys": [
            {
                "name": "default",
                "error": "",
                "error_at": None,
                "quota_used": 7,
                "quota_per_day": 500,
                "stretch": 1.0,
                "failed_at": None,
            }
        ],
        "properties": [
            {
                "property_id": "district",
                "name": "Sunny District",
                "zone": "America/Los_Angeles",
                "today_synced": None,
                "month_synced": None,
                "oldest_synced": None,
                "attempted": None,
                "error": "",
                "error_at": None,
                "invocation_id": "",
                "failed_at": None,
                "zone_source": "",
                "vendor_zone": "",
                "child_ids": ["school", "unseen"],
                "tier": "unread",
                "next": "2026-11-21T20:00:00Z",
            },
            {
                "property_id": "school",
                "name": "Lincoln High",
                "zone": "America/Los_Angeles",
                "today_synced": "2026-11-21T20:00:00Z",
                "month_synced": "2026-11-21T20:00:00Z",
                "oldest_synced": "2026-11-21T20:00:00Z",
                "attempted": "2026-11-21T20:10:00Z",
                "error": ERROR,
                "error_at": "2026-11-21T20:10:00Z",
                "invocation_id": "abc",
                "failed_at": "2026-11-21T20:10:00Z",
                "zone_source": "",
                "vendor_zone": "",
                "child_ids": [],
                "tier": "unread",
                "next": "2026-11-21T20:10:00Z",
            },
        ],
    }


def test_json_is_ready_when_all_was_fetched(
    settings: Settings, bridge: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """`ready` is what `/readyz` says; an error that is over is gone."""
    for name in ("district", "school"):
        bridge.windows.make_due([name], now=LATER)
        claim = bridge.windows.claim(USER, "w", now=LATER, property_ids=[name])
        assert claim is not None
        bridge.windows.finish(claim, WINDOW, Changes(), now=LATER, due=LATER)
    print_status(settings, as_json=True, now=LATER)
    told = json.loads(capsys.readouterr().out)
    assert (told["ready"], [each["error"] for each in told["properties"]]) == (True, ["", ""])


def test_unknown_statuses_are_named(
    settings: Settings,
    school: Store,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The most frequent first, without what the operator counts as approved; timeslots' apart."""
    monkeypatch.setenv("COLUMNS", "40")
    words = {"completed": 2, "closed": 3, "on hold": 2, "": 1}
    told = [
        event(timeslot(24, status="done"), event_id=f"{word}{number}", status=word)
        for word, count in words.items()
        for number in range(count)
    ]
    apply_changes(school, Changes(parsed=tuple(told)))
    named = replace(settings, approved_statuses=("approved", "completed"))
    print_status(named, as_json=False, now=LATER)
    assert capsys.readouterr().out.splitlines()[-3:] == [
        'Unknown statuses: "closed" 3, "on hold" 2, "(none)" 1',
        "            set ICALBRIDGE_APPROVED_STATUSES if these count as approved",
        'Unknown timeslot statuses: "done" 8',
    ]
    print_status(named, as_json=True, now=LATER)
    printed = json.loads(capsys.readouterr().out)
    assert printed["unknown_statuses"] == {"(none)": 1, "closed": 3, "on hold": 2}
    assert printed["unknown_timeslot_statuses"] == {"done": 8}


def test_old_schema_is_a_sentence(settings: Settings, database_url: str) -> None:
    """`status` only looks: it changes no database, not even an empty one."""
    for _ in range(2):
        with pytest.raises(
            SchemaOutdated, match="nothing in the database yet; run `icalbridge sync`"
        ):
            print_status(settings, as_json=True, now=LATER)
    store = Store.connect(database_url)
    with pytest.raises(SchemaOutdated):
        store.check()
    store.close()


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 s ago"),
        (0, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (3_600, "1 h ago"),
        (86_399, "23 h ago"),
        (86_400, "1 d ago"),
        (86_400 * 400, "400 d ago"),
    ],
)
def test_age_is_told_in_the_largest_unit_that_fits(seconds: int, told: str) -> None:
    """Rounded down; a moment in the future, by another machine's clock, is now."""
    assert age(NOW - timedelta(seconds=seconds), NOW) == told


def test_age_of_nothing_is_never() -> None:
    """What never happened has no age."""
    assert age(None, NOW) == "never"
