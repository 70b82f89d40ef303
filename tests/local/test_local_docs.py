"""docs/local.md names what there is: scenes, steps, troubles, faults, the control, variables."""

import inspect
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from slackbot.local.control import Control, control_routes
from slackbot.local.gitlab.faults import Faults as GitLabFaults
from slackbot.local.pagerduty.faults import Faults as PagerDutyFaults
from slackbot.local.scenario import SCENES, Feedback, InGitLab, Step
from slackbot.local.slack.faults import Faults as SlackFaults
from slackbot.local.troubles import TROUBLES
from tests.contract.conftest import GITLAB, SLACK

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/local.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table whose head begins with these words."""
    table = PAGE.partition(f"\n| {heading}")[2].partition("\n\n")[0]
    lines = [line for line in table.split("\n") if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_each_scene_has_its_address() -> None:
    assert [quoted(row[0]) for row in rows("scene |")] == [[f"/?scene={one}"] for one in SCENES]


def test_each_step_of_a_scenario_is_described() -> None:
    verbs = [verb for row in rows("step |") for verb in quoted(row[0])]
    assert sorted([*verbs, "says", "who"]) == sorted(Step.model_fields)
    described = {quoted(row[0])[0]: quoted(row[1]) for row in rows("step |")}
    assert set(Feedback.model_fields) <= set(described["feedback"])
    assert set(InGitLab.model_fields) <= set(described["gitlab"])
    assert described["trouble"] == [trouble.name for trouble in TROUBLES]


@pytest.mark.parametrize(
    ("platform", "faults"),
    [("Slack", SlackFaults), ("GitLab", GitLabFaults), ("PagerDuty", PagerDutyFaults)],
)
def test_the_arguments_of_a_fault_are_listed(platform: str, faults: type) -> None:
    [row] = [row for row in rows("| a fault may have") if row[0] == platform]
    known = inspect.signature(faults.add).parameters  # type: ignore[attr-defined]
    values = {"*", "before", "after", "late"}
    assert set(quoted(row[1])) - values == set(known) - {"self"}


def test_each_request_of_the_control_is_listed() -> None:
    control = Control(
        clock=lambda: datetime.now(UTC),
        reset=lambda: None,
        requests=list,
        refusals=list,
        add_fault=lambda: None,
        faults=list,
        clear_faults=lambda: None,
    )
    known = {f"{route.method} {route.path}" for route in control_routes(control)}
    assert {quoted(row[0])[0] for row in rows("request |")} == known


def test_each_credential_of_the_contract_is_listed() -> None:
    known = [*SLACK, "SLACK_CONTRACT_CONFIG_TOKEN", *GITLAB]
    assert [quoted(row[0])[0] for row in rows("variable |")] == known
