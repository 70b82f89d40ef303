"""What docs/monitoring.md and deploy/monitoring say, held against the code."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.metrics import Info, MetricWrapperBase

from slackbot import metrics
from slackbot.platforms.calls import kind_of_request
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from tests.conftest import MovableClock
from tests.port import Port
from tests.test_docs import PAGES, ROOT, sections
from tests.tools import required
from tests.town import town as build_town

PAGE = ROOT / "docs/monitoring.md"
FOLDER = ROOT / "deploy/monitoring"
ALERTS, TRIED, DASHBOARD = (
    FOLDER / name for name in ("alerts.yml", "alerts_test.yml", "dashboard.json")
)
SUFFIX = {"counter": "_total", "info": "_info"}
OF_PROMETHEUS = {"instance", "job", "le"}
"""Labels that a scrape adds, and that a histogram has."""


def kept() -> dict[str, tuple[str, set[str]]]:
    """Return type and labels of each metric, by the name that Prometheus knows."""
    found = {}
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase):
            [family] = metric.describe()
            name = family.name.removesuffix("_info") + SUFFIX.get(family.type, "")
            labels = {"version"} if isinstance(metric, Info) else set(metric._labelnames)
            found[name] = (family.type, labels)
    return found


KEPT = kept()


def rows(heading: str) -> Iterator[list[str]]:
    """Yield the rows of the first table of a section."""
    _, _, rest = PAGE.read_text().partition(f"\n## {heading}\n")
    table = re.search(r"(?:^\|.*\n)+", rest, re.MULTILINE)
    assert table is not None
    for line in table[0].splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split(" | ")]


def test_every_metric_is_in_the_table_with_its_type_and_labels_and_no_other() -> None:
    told = {
        name.strip("`"): (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels, *_ in rows("Metrics")
    }
    assert told == KEPT


def test_every_metric_says_whose_it_is_and_gauges_of_the_record_are_those_that_are_measured() -> (
    None
):
    of = {name.strip("`"): whose for name, _, _, whose, _ in rows("Metrics")}
    assert set(of.values()) == {"record", "replica"}
    assert all(KEPT[name][0] == "gauge" for name, whose in of.items() if whose == "record")


@pytest.mark.parametrize("name", KEPT)
def test_a_metric_is_named_by_the_conventions_of_prometheus(name: str) -> None:
    kind, labels = KEPT[name]
    assert re.fullmatch(r"ssat(_[a-z]+)+", name)
    assert name.endswith("_total") == (kind == "counter")
    assert name.endswith("_info") == (kind == "info")
    assert not re.search(r"_(ms|milliseconds|minutes|hours|kb|mb)(_|$)", name)
    if kind == "histogram":
        assert name.endswith("_seconds")
    assert not labels & OF_PROMETHEUS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_metric_that_a_page_names_exists(page: Path) -> None:
    before_the_old, _, old = page.read_text().partition("\n| old | new |\n")
    new = "\n".join(row.rpartition(" | ")[2] for row in old.splitlines())
    assert metrics_of_ours(before_the_old + new) <= KEPT.keys()


def metrics_of_ours(text: str) -> set[str]:
    return {each for each in metrics_in(text.replace('"', "")) if each.startswith("ssat_")}


# Alerts and dashboard


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> dict[str, str]:
    """Return all expressions, and the labels that texts about their results name."""
    found = {}
    for rule in rules():
        named = " ".join(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        found[rule["alert"]] = f"{rule['expr']} by ({named.replace(' ', ', ')})"
    for panel in panels():
        for target in panel.get("targets", ()):
            named = ", ".join(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            found[f"{panel['title']} {target['refId']}"] = f"{target['expr']} by ({named})"
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
        found[f"${variable['name']}"] = variable.get("definition", "")
    return found


def metrics_in(expression: str) -> set[str]:
    without_texts = re.sub(r'"[^"]*"', "", expression)
    named = set(re.findall(r"\b(?:ssat|process|python)_\w+", without_texts))
    return {re.sub(r"_(bucket|sum|count)$", "", each) for each in named}


def labels_in(expression: str) -> set[str]:
    lists = re.findall(r"\b(?:by|without|on|ignoring) \(([^)]*)\)", expression)
    grouped = {label.strip() for each in lists for label in each.split(",") if label.strip()}
    return grouped | set(re.findall(r"(\w+)(?:=~|!~|!=|=)\s*\"", expression))


def values_in(expression: str) -> Iterator[tuple[str, str]]:
    for label, values in re.findall(r"(\w+)=~?\"([^\"$]*)\"", expression):
        for value in values.split("|"):
            yield label, value


def exposed() -> set[str]:
    return {sample.name for family in REGISTRY.collect() for sample in family.samples}


@pytest.mark.parametrize("name", expressions())
def test_every_metric_and_label_that_alerts_and_dashboard_name_exists(name: str) -> None:
    expression = expressions()[name]
    named = metrics_in(expression)
    assert named or name == "$datasource"
    of_client = {each for each in named if not each.startswith("ssat_")}
    assert of_client <= exposed()
    own = named - of_client
    assert own <= KEPT.keys()
    labels = {label for each in own for label in KEPT[each][1]}
    assert labels_in(expression) <= labels | OF_PROMETHEUS


def told_outcomes(promised: str) -> set[str]:
    """Return the values that the table has for what a metric's outcomes are."""
    return {
        value
        for name, _, _, _, meaning in rows("Metrics")
        if name.strip("`") in promised
        for value in re.findall(r"`(\w+)`", meaning)
    }


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_the_outcomes_that_an_alert_names_are_those_that_are_told(rule: dict[str, Any]) -> None:
    for label, value in values_in(rule["expr"]):
        assert label in ("outcome", "kind")
        assert value in told_outcomes(rule["expr"])


def test_every_alert_says_what_to_do_and_leads_to_a_section_of_the_docs() -> None:
    for rule in rules():
        told = rule["annotations"]
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert set(told) == {"summary", "description", "runbook"}
        assert len(told["description"]) > 40
        file, _, section = told["runbook"].partition("#")
        assert section in sections(ROOT / file), told["runbook"]
        assert "://" not in str(rule)


def test_every_alert_is_in_the_docs_with_its_severity_and_is_tried_both_ways() -> None:
    told = {name.strip("`"): severity for name, severity, _ in rows("Alerts")}
    assert told == {rule["alert"]: rule["labels"]["severity"] for rule in rules()}
    cases = yaml.safe_load(TRIED.read_text())["tests"]
    tried = {
        (each["alertname"], bool(each["exp_alerts"]))
        for case in cases
        for each in case["alert_rule_test"]
    }
    assert tried == {(name, fires) for name in told for fires in (True, False)}


def test_the_dashboard_is_one_that_grafana_imports_and_names_no_host() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    assert dashboard["schemaVersion"] >= 36
    assert dashboard["id"] is None
    [source, *_] = dashboard["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    titles = [panel["title"] for panel in panels() if panel["type"] == "row"]
    assert titles == ["Customers waiting", "Choices", "Platforms", "Jobs", "Process"]
    assert "://" not in DASHBOARD.read_text()
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    for panel in panels():
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            sources = [panel["datasource"], *(each["datasource"] for each in panel["targets"])]
            assert {each["uid"] for each in sources} == {"${datasource}"}


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    shown = {each for text in expressions().values() for each in metrics_in(text)}
    assert KEPT.keys() - shown == set()


# By Prometheus' own tool


@pytest.fixture(scope="session")
def promtool() -> str:
    return required("promtool")


def run(*command: str | Path, said: str | None = None) -> str:
    ended = subprocess.run(command, input=said, capture_output=True, text=True)
    told = ended.stdout + ended.stderr
    assert ended.returncode == 0, told
    return told


def test_prometheus_reads_the_alerts_and_each_does_what_it_should(promtool: str) -> None:
    assert f"{len(rules())} rules found" in run(promtool, "check", "rules", ALERTS)
    assert "SUCCESS" in run(promtool, "test", "rules", TRIED)


@pytest.mark.parametrize("name", [each for each in expressions() if not each.startswith("$")])
def test_prometheus_reads_every_expression_of_the_dashboard(promtool: str, name: str) -> None:
    if name in {rule["alert"] for rule in rules()}:
        return
    expression = expressions()[name].rpartition(" by (")[0]
    for variable, value in {"$job": ".*", "$__rate_interval": "5m"}.items():
        expression = expression.replace(variable, value)
    rule = {"groups": [{"name": "a", "rules": [{"record": "a", "expr": expression}]}]}
    run(promtool, "check", "rules", "/dev/stdin", said=yaml.safe_dump(rule))


@pytest.fixture
async def port(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Port]:
    async with (
        build_town(clock, tmp_path, sqlite) as town,
        town.bot_running(),
        aiohttp.ClientSession() as session,
    ):
        yield Port(town=town, session=session)


async def test_prometheus_has_no_objection_to_what_a_bot_shows_that_has_worked(
    promtool: str, port: Port
) -> None:
    issue, card = await port.town.request()
    assert (await port.town.slack.click(port.town.avery, card, "Claim")).ok
    await port.town.claimed(issue, "Avery Example")
    answer = await port.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert await asyncio.to_thread(run, promtool, "check", "metrics", said=answer.text) == ""


# Labels


@given(st.sampled_from(["GET", "PUT"]), st.lists(st.text("abz09%-", min_size=1), max_size=6))
def test_no_id_or_name_gets_into_the_kind_of_a_request(method: str, ids: list[str]) -> None:
    path = "/api/v4/projects/" + "/issues/".join(ids)
    kind = kind_of_request(method, f"{path}?search=avery%40example.com")
    assert set(re.split(r"[ /]", kind)) <= {method, "", "projects", "issues", ":id"}


def test_a_request_to_gitlab_is_known_by_its_kind() -> None:
    project = "/api/v4/projects/gitlab-com%2Fsupport%2Ffeedback"
    assert kind_of_request("GET", f"{project}/issues?page=2") == "GET /projects/:id/issues"
    notes = kind_of_request("POST", f"/gitlab{project}/issues/12/notes")
    assert notes == "POST /projects/:id/issues/:id/notes"
    for each in ("authorize_device", "token", "revoke"):
        assert kind_of_request("POST", f"/gitlab/oauth/{each}") == f"POST /oauth/{each}"
    hook = f"{project}/hooks/7"
    assert kind_of_request("GET", f"{hook}/events") == "GET /projects/:id/hooks/:id/events"
    tested = kind_of_request("POST", f"{hook}/test/issues_events")
    assert tested == "POST /projects/:id/hooks/:id/test/issues_events"


def test_queues_are_named_as_the_code_names_them() -> None:
    assert {each.word for each in IssueQueue} == {"sync", "card", "reminders"}
    assert {each.word for each in PeriodicQueue} >= {"poll", "homes", "links"}


# The log


def test_every_event_and_field_that_is_told_of_the_log_is_in_the_code() -> None:
    code = "".join(path.read_text() for path in (ROOT / "slackbot").rglob("*.py"))
    _, _, log = PAGE.read_text().partition("\n## The log\n")
    log, _, _ = log.partition("\n## Traces\n")
    _, _, events = log.partition("| begins with | ends with |")
    told = re.findall(r"^\| (.*?) \|(?: (`\w+`) \|)?", events, re.MULTILINE)
    named = {each for cells in told for cell in cells for each in re.findall(r"`(\w+)`", cell)}
    assert len(named) > 20
    assert {each for each in named - {"part"} if f'"{each}"' not in code} == set()
