"""`docs/deploy`: alert rules, Grafana's dashboard and their page, against what `/metrics` really has
and with Prometheus' own tool.
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from icalbridge.store.age_limits import CATALOG_LIMIT, CRITICAL_FACTOR, STRETCH_LIMIT
from icalbridge.web import create_app
from tests.fixtures.commands import ROOT
from tests.fixtures.parts import require
from tests.web_world import PUBLIC, USER, Clock, filled_store

if TYPE_CHECKING:
    from pathlib import Path

DEPLOY = ROOT / "docs/deploy"
RULES_FILE = DEPLOY / "prometheus/alerts.yml"
PAGE = (DEPLOY / "monitoring.md").read_text("utf-8")
RULES: list[dict[str, Any]] = yaml.safe_load(RULES_FILE.read_text("utf-8"))["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana-dashboard.json").read_text("utf-8"))
EXPRESSIONS = [
    target["expr"].replace("$job", "icalbridge")
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
OF_PROMETHEUS = {"job", "instance", "alertname", "severity"}
"""Labels that Prometheus adds."""


@pytest.fixture
def samples(tmp_path: Path) -> dict[str, set[str]]:
    """Each name in the exposition of a synced database, with its labels."""
    store = filled_store(tmp_path)
    store.api_keys.note_pace(USER, 1, 500)
    store.write.count(
        {"skipped:no id": 1, "status:x": 1, "timeslot_status:x": 1, "requests:200": 1}
    )
    client = create_app(PUBLIC, store, clock=Clock()).test_client()
    assert client.get("/ical/property/school.ics").status_code == 200
    exposition = client.get("/metrics").text
    store.close()
    seen: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            seen.setdefault(sample.name, set()).update(sample.labels)
    return {name: labels for name, labels in seen.items() if not name.endswith("_created")}


def metric_names(text: str) -> set[str]:
    return set(re.findall(r"\bicalbridge_[a-z_]+\b", text))


@pytest.mark.parametrize(
    "text",
    [RULES_FILE.read_text("utf-8"), " ".join(EXPRESSIONS), PAGE],
    ids=["rules", "dashboard", "page"],
)
def test_every_metric_exists(text: str, samples: dict[str, set[str]]) -> None:
    """A rule over a name that nothing exports would never fire."""
    names = metric_names(text)
    assert names
    assert names - samples.keys() == set()


def test_page_has_every_metric(samples: dict[str, set[str]]) -> None:
    """Its table is the only list."""
    assert metric_names(PAGE.partition("## Metrics")[2]) == samples.keys()


def test_every_metric_is_on_the_dashboard_or_in_a_rule(samples: dict[str, set[str]]) -> None:
    """What is exported is looked at."""
    used = metric_names(RULES_FILE.read_text("utf-8")) | metric_names(" ".join(EXPRESSIONS))
    assert samples.keys() - used == set()


def test_every_label_exists(samples: dict[str, set[str]]) -> None:
    """In selectors, groupings, summaries and legends."""
    known = OF_PROMETHEUS.union(*samples.values())
    legends = [
        target["legendFormat"] for panel in DASHBOARD["panels"] for target in panel["targets"]
    ]
    summaries = [rule["annotations"]["summary"] for rule in RULES]
    named = set(re.findall(r"\$labels\.(\w+)", " ".join(summaries)))
    named |= set(re.findall(r"\{\{(\w+)\}\}", " ".join(legends)))
    expressions = [*EXPRESSIONS, *(rule["expr"] for rule in RULES)]
    for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", " ".join(expressions)):
        named |= set(group.split(", "))
    assert named - known == set()
    for name, selector in re.findall(r"\b(icalbridge_\w+)\{([^}]*)\}", " ".join(expressions)):
        labels = set(re.findall(r"(\w+)[=!]~?\"", selector))
        assert labels - samples[name] - OF_PROMETHEUS == set(), name


def test_every_alert_is_explained() -> None:
    """The page has a row for each alert, and for nothing else."""
    rows = re.findall(r"^\| `(Icalbridge\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert rows == [(rule["alert"], rule["labels"]["severity"]) for rule in RULES]


def test_rules_and_check_have_the_same_limits() -> None:
    """Whoever looks at both sees one state."""
    expressions = {rule["alert"]: rule["expr"] for rule in RULES}
    assert expressions["IcalbridgeDataOld"].endswith(
        f"> {CRITICAL_FACTOR} * icalbridge_data_age_limit_seconds"
    )
    assert expressions["IcalbridgeCatalogLate"].endswith(f" > {CATALOG_LIMIT}")
    assert expressions["IcalbridgeQuotaSmall"].endswith(f" > {STRETCH_LIMIT}")


def test_dashboard_can_be_imported() -> None:
    """Panels have numbers of their own, do not lie on each other, and take the chosen source."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = [
        (x, y)
        for position in (panel["gridPos"] for panel in panels)
        for x in range(position["x"], position["x"] + position["w"])
        for y in range(position["y"], position["y"] + position["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    sources = re.findall(r'"uid": "(.+?)"', json.dumps(panels))
    assert set(sources) == {"${datasource}"}


def test_expressions_are_promql(tmp_path: Path) -> None:
    """Prometheus' own tool reads the rules, and the dashboard's expressions as if they were rules."""
    recorded = [
        {"record": f"panel:{number}", "expr": expression}
        for number, expression in enumerate(EXPRESSIONS)
    ]
    file = tmp_path / "dashboard.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    done = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES_FILE, file)
    assert done.returncode == 0, done.stderr
    assert f"SUCCESS: {len(RULES)} rules found" in done.stdout
    assert f"SUCCESS: {len(EXPRESSIONS)} rules found" in done.stdout


def promtool(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([require("promtool"), *args], capture_output=True, text=True)


class Case(NamedTuple):
    """Series of a metric with which an alert fires, and with which it does not: values by minute in
    promtool's notation.
    """

    series: str
    firing: str
    quiet: str
    labels: dict[str, str]
    summary: str
    minutes: int = 5
    beside: tuple[tuple[str, str], ...] = ()


AT = 'job="icalbridge",instance="a:8000"'
AGE = f'icalbridge_data_age_seconds{{{AT},property_id="7",window="today"}}'
AGE_LIMIT = f'icalbridge_data_age_limit_seconds{{{AT},property_id="7",window="today"}}'
PROPERTY = {"property_id": "7", "window": "today"}
DAYS = 26 * 60
ENTRIES = (f"icalbridge_entries{{{AT}}}", f"5x{DAYS}")
REQUESTS = f'icalbridge_http_requests_total{{{AT},endpoint="ical.feed",status="%s"}}'
CASES = {
    "IcalbridgeDown": Case(
        f"up{{{AT}}}", "0x9", "1x9", {}, "icalbridge at a:8000 does not respond"
    ),
    "IcalbridgeDatabaseDown": Case(
        f"icalbridge_database_up{{{AT}}}",
        "0x9",
        "1x3 0 1x9",
        {},
        "icalbridge at a:8000 cannot read its database",
    ),
    "IcalbridgeNoWorker": Case(
        f"icalbridge_workers_alive{{{AT}}}",
        "0x9",
        "0x4 1x9",
        {},
        "No sync worker is alive: nothing is fetched from Facilitron",
    ),
    "IcalbridgeNotReady": Case(
        f"icalbridge_ready{{{AT}}}",
        "0x19",
        "0x14 1x9",
        {},
        "The catalog or a school was never fetched, or a clock is wrong",
        15,
    ),
    "IcalbridgeDataOld": Case(
        AGE,
        "4260x9",
        "4200x9",
        PROPERTY,
        "Property 7 (today) was last fetched 1h 11m 0s ago",
        beside=((AGE_LIMIT, "2100x9"),),
    ),
    "IcalbridgeDataLate": Case(
        AGE,
        "2160x9",
        "2100x9",
        PROPERTY,
        "Property 7 (today) was last fetched 36m 0s ago",
        beside=((AGE_LIMIT, "2100x9"),),
    ),
    "IcalbridgeCatalogLate": Case(
        f"icalbridge_catalogue_age_seconds{{{AT}}}",
        "174000x9",
        "173000x9",
        {},
        "The catalog was last fetched 2d 0h 20m 0s ago",
    ),
    "IcalbridgeKeyFailing": Case(
        f'icalbridge_key_failing{{{AT},key="hills"}}',
        "1x19",
        "1x14 0x9",
        {"key": "hills"},
        "Facilitron refuses key hills or does not respond to it",
        15,
    ),
    "IcalbridgePropertyFailing": Case(
        f'icalbridge_property_failing{{{AT},property_id="7"}}',
        "1x369",
        "1x300 0x69",
        {"property_id": "7"},
        "A part of property 7 could not be fetched for 6 hours",
        360,
    ),
    "IcalbridgeQuotaUsed": Case(
        f'icalbridge_quota_left{{{AT},key="hills"}}',
        "0x9",
        "1x9",
        {"key": "hills"},
        "Key hills has no requests left until midnight UTC",
    ),
    "IcalbridgeQuotaSmall": Case(
        f"icalbridge_stretch{{{AT}}}",
        "12.5x69",
        "10x69",
        {},
        "The quota is too small: data is fetched 12.5 times less often than set",
        60,
    ),
    "IcalbridgeUnknownStatus": Case(
        f'icalbridge_unknown_event_status_total{{{AT},status="closed"}}',
        f"3x{DAYS - 60} 4x99",
        f"3x{DAYS}",
        {"status": "closed"},
        'Bookings with the status "closed" are not shown',
        DAYS - 10,
        (ENTRIES,),
    ),
    "IcalbridgeUnreadable": Case(
        f'icalbridge_skipped_total{{{AT},reason="no id"}}',
        f"_x{DAYS - 60} 1x99",  # the counter of a reason begins with the first of its kind
        f"1x{DAYS}",
        {"reason": "no id"},
        "Facilitron sent what could not be read: no id",
        DAYS - 10,
        (ENTRIES,),
    ),
    "IcalbridgeServerErrors": Case(
        REQUESTS % "503",
        "0+6x39",
        "0+5x39",
        {},
        "icalbridge at a:8000 answers more than 5% with an error",
        30,
        ((REQUESTS % "200", "0+100x39"),),
    ),
}


def test_every_alert_has_a_case() -> None:
    assert list(CASES) == [rule["alert"] for rule in RULES]


@pytest.mark.parametrize("slow", [False, True], ids=["every minute", "every ten minutes"])
def test_alerts_fire_when_they_should_and_only_then(tmp_path: Path, slow: bool) -> None:
    """Prometheus' tool runs each rule over simulated values: it fires with its labels and summary,
    and not just below its limit. Rules that look back for hours are run less often.
    """
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in RULES}
    tests = []
    for alert, case in CASES.items():
        if (case.minutes >= 300) is not slow:
            continue
        labels = {"severity": severities[alert], "job": "icalbridge", "instance": "a:8000"}
        fired = {
            "exp_labels": labels | case.labels,
            "exp_annotations": {"summary": case.summary},
        }
        for values, expected in ((case.firing, [fired]), (case.quiet, [])):
            series = [(case.series, values), *case.beside]
            tests.append(
                {
                    "name": alert,
                    "interval": "1m",
                    "input_series": [{"series": each, "values": of} for each, of in series],
                    "alert_rule_test": [
                        {
                            "alertname": alert,
                            "eval_time": f"{case.minutes}m",
                            "exp_alerts": expected,
                        }
                    ],
                }
            )
    file = tmp_path / "tests.yml"
    content: dict[str, Any] = {"rule_files": [str(RULES_FILE)], "tests": tests}
    content["evaluation_interval"] = "10m" if slow else "1m"
    file.write_text(yaml.safe_dump(content))
    done = promtool("test", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
